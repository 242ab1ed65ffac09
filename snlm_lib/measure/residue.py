"""Why the network's gap is longer than the host's blackout: the likely cause by its sign. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from snlm_lib.measure.away import Downtime

__all__ = ["EVENT_ROUNDING_S", "Cause", "Residue", "explain"]

EVENT_ROUNDING_S = 0.05  # event 20415 tells tenths of a second


class Cause(StrEnum):
    """What the figures say; `words` says it in a sentence."""

    NO_PROBES = "no-probes"
    OPEN_ENDED = "open-ended"
    NO_BLACKOUT_FIGURE = "no-blackout-figure"
    NO_GAP = "no-gap"
    HELD_NOT_DROPPED = "held-not-dropped"
    QUANTISATION = "quantisation"
    NETWORK_RELEARN = "network-relearn"
    INTERFACE_QUARANTINE = "interface-quarantine"
    TCP_BACK_OFF = "tcp-back-off"
    PROBER_OR_PATH = "prober-or-path"
    ONE_KIND_ONLY = "one-kind-only"
    NOT_USABLE = "not-usable"

    @property
    def words(self) -> str:
        """One sentence for a report."""
        return _WORDS[self]


_WORDS = {
    Cause.NO_PROBES: "No probe was ever answered, so nothing can be said.",
    Cause.OPEN_ENDED: "The samples begin or end within the gap or the move: the true length is not known.",
    Cause.NO_BLACKOUT_FIGURE: "The hosts gave no blackout figure to compare with.",
    Cause.NO_GAP: "No probe was lost: any absence was shorter than the time between two probes.",
    Cause.HELD_NOT_DROPPED: "No probe was lost, but answers were held back and came late.",
    Cause.QUANTISATION: "Within one probe interval of the blackout: no network residue can be told from it.",
    Cause.NETWORK_RELEARN: "Longer than the blackout for all probe kinds alike: usually switches that learn the new "
    "port (not proved here).",
    Cause.INTERFACE_QUARANTINE: "Datagrams were dropped while the long connection went on: the guest's firewall "
    "quarantined the interface.",
    Cause.TCP_BACK_OFF: "The long connection stalled longer than datagrams: TCP waited between its retransmissions.",
    Cause.PROBER_OR_PATH: "The control target had a gap at the same time: the prober or the path is at fault.",
    Cause.ONE_KIND_ONLY: "Only one probe kind was answered, which cannot tell one cause from another.",
    Cause.NOT_USABLE: "The gap is shorter than the host's blackout by more than one interval: clocks or matching are "
    "wrong, the measurement is not usable.",
}


@dataclass(frozen=True)
class Residue:
    """``residue_s`` = gap - blackout, None when either is unknown; ``also`` are further signs."""

    residue_s: float | None
    cause: Cause
    also: tuple[Cause, ...] = ()

    @property
    def usable(self) -> bool:
        """False when the gap told must not be relied on."""
        return self.cause not in (Cause.NO_PROBES, Cause.OPEN_ENDED, Cause.NOT_USABLE)


def explain(
    told: Downtime | None,
    others: Sequence[Downtime],
    control: Sequence[Downtime],
    *,
    interval_s: float,
    blackout_s: float | None,
) -> Residue:
    """Judge the kind ``told`` by the other kinds of the same target and by the control targets."""
    if told is None or not told.heard:
        return Residue(None, Cause.NO_PROBES)
    also = _also(told, others, control, interval_s)
    if told.gap is None:
        return Residue(None, _no_gap(told, blackout_s, interval_s), also)
    if told.gap.upper_s is None or told.unseen_s is None:  # a longer one may lie where nobody looked
        return Residue(None, Cause.OPEN_ENDED, also)
    if blackout_s is None:
        return Residue(None, Cause.NO_BLACKOUT_FIGURE, also)
    residue_s = told.gap.length_s - blackout_s
    tolerance_s = max(interval_s, told.gap.plus_minus_s or 0.0)
    if residue_s < -(tolerance_s + EVENT_ROUNDING_S):
        return Residue(residue_s, Cause.NOT_USABLE, also)
    if Cause.PROBER_OR_PATH in also:
        return Residue(residue_s, Cause.PROBER_OR_PATH, tuple(one for one in also if one != Cause.PROBER_OR_PATH))
    if residue_s <= tolerance_s:
        return Residue(residue_s, Cause.QUANTISATION, also)
    return Residue(residue_s, _by_kinds(told, others, interval_s), also)


def _no_gap(told: Downtime, blackout_s: float | None, interval_s: float) -> Cause:
    if told.unseen_s is None:
        return Cause.OPEN_ENDED
    waited_s = max(told.stall_s or 0.0, told.latest.most_s if told.latest else 0.0)
    if told.latest and (blackout_s is None or waited_s >= blackout_s - EVENT_ROUNDING_S - interval_s):
        return Cause.HELD_NOT_DROPPED
    short = blackout_s is None or blackout_s - EVENT_ROUNDING_S <= told.unseen_s
    return Cause.NO_GAP if short else Cause.NOT_USABLE


def _by_kinds(told: Downtime, others: Sequence[Downtime], interval_s: float) -> Cause:
    heard = [one for one in others if one.kind != told.kind and one.heard]
    if not heard:
        return Cause.ONE_KIND_ONLY
    went_on = any(_away_s(one, interval_s) < _away_s(told, interval_s) - 2 * interval_s for one in heard)
    return Cause.INTERFACE_QUARANTINE if went_on else Cause.NETWORK_RELEARN


def _away_s(one: Downtime, interval_s: float) -> float:
    # a line held by retransmission is answered late instead of lost: the stall shows what the gap hides
    gap_s = one.gap.length_s if one.gap else 0.0
    return max(gap_s, (one.stall_s or 0.0) - interval_s)


def _also(
    told: Downtime, others: Sequence[Downtime], control: Sequence[Downtime], interval_s: float
) -> tuple[Cause, ...]:
    found = []
    longer = (one for one in others if one.kind == "tcp" and told.kind != "tcp" and one.heard)
    if any(_away_s(one, interval_s) > _away_s(told, interval_s) + 2 * interval_s for one in longer):
        found.append(Cause.TCP_BACK_OFF)
    if any(_together(told, one) for one in control):
        found.append(Cause.PROBER_OR_PATH)
    return tuple(found)


def _together(told: Downtime, control: Downtime) -> bool:
    if told.gap is None or control.gap is None:
        return False
    return control.gap.start_s < told.gap.end_s and control.gap.end_s > told.gap.start_s
