"""Why the network's gap is longer than the host's blackout: the likely cause by its sign. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from snlm_lib.measure.away import Downtime
from snlm_lib.measure.blackout import EVENT_ROUNDING_S
from snlm_lib.measure.gaps import Gap

__all__ = ["EVENT_ROUNDING_S", "Cause", "Residue", "Seen", "explain"]

_FLOW = "tcp"  # the one kind that is a connection which was there before
_NEW = "connect"
_ROUNDED_S = 1e-6
_STALLED_INTERVALS = 1.5  # half the width of the bounds; undisturbed it is one interval


class Cause(StrEnum):
    """What the figures say; `words` says it in a sentence."""

    NO_PROBES = "no-probes"
    OPEN_ENDED = "open-ended"
    NO_BLACKOUT_FIGURE = "no-blackout-figure"
    NO_GAP = "no-gap"
    TOO_COARSE = "too-coarse"
    HELD_NOT_DROPPED = "held-not-dropped"
    QUANTISATION = "quantisation"
    MONITOR_STALLED = "monitor-stalled"
    NETWORK_RELEARN = "network-relearn"
    RELEARN_OR_QUARANTINE = "relearn-or-quarantine"
    INTERFACE_QUARANTINE = "interface-quarantine"
    TCP_BACK_OFF = "tcp-back-off"
    CONNECT_LATER = "connect-later"
    PROBER_OR_PATH = "prober-or-path"
    ONE_KIND_ONLY = "one-kind-only"
    NOT_EXPLAINED = "not-explained"
    OTHER_MOMENT = "other-moment"
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
    Cause.TOO_COARSE: "The probes were too far apart to see a pause as short as the host's.",
    Cause.HELD_NOT_DROPPED: "No probe was lost, but answers were held back and came late.",
    Cause.QUANTISATION: "Within one probe interval of the blackout: no network residue can be told from it.",
    Cause.MONITOR_STALLED: "The monitor itself did not run for a part of the gap: the blackout lies within what it "
    "could see.",
    Cause.NETWORK_RELEARN: "Longer than the blackout for all probe kinds alike: usually switches that learn the new "
    "port (not proved here).",
    Cause.RELEARN_OR_QUARANTINE: "Longer than the blackout for all probe kinds alike, and no long connection was "
    "probed: switches that learn the new port, or the guest's firewall.",
    Cause.INTERFACE_QUARANTINE: "Datagrams and new connections were dropped while the long connection went on: the "
    "guest's firewall quarantined the interface.",
    Cause.TCP_BACK_OFF: "The long connection stalled longer than datagrams: TCP waited between its retransmissions.",
    Cause.CONNECT_LATER: "New connections came back later than datagrams: the service or the guest's firewall.",
    Cause.PROBER_OR_PATH: "The control target had a gap at the same time: the prober or the path is at fault.",
    Cause.ONE_KIND_ONLY: "Only one probe kind was answered, which cannot tell one cause from another.",
    Cause.NOT_EXPLAINED: "Longer than the blackout for some probe kinds and not for others: not explained.",
    Cause.OTHER_MOMENT: "The host had logged the end of its pause before the gap began: clocks or matching are wrong, "
    "the measurement is not usable.",
    Cause.NOT_USABLE: "The gap is shorter than the host's blackout by more than one interval: clocks or matching are "
    "wrong, the measurement is not usable.",
}
_WORTHLESS = (Cause.NO_PROBES, Cause.OPEN_ENDED, Cause.OTHER_MOMENT, Cause.NOT_USABLE)


@dataclass(frozen=True)
class Residue:
    """``residue_s`` = gap - blackout, None when either is unknown; ``also`` are further signs."""

    residue_s: float | None
    cause: Cause
    also: tuple[Cause, ...] = ()

    @property
    def usable(self) -> bool:
        """False when the gap told must not be relied on."""
        return self.cause not in _WORTHLESS


@dataclass(frozen=True)
class Seen:
    """What is judged: the kind ``told``, every kind of the same target, the controls', and the host's word.

    ``other_moment``: the host's pause was over before the gap began.
    """

    told: Downtime | None
    kinds: Sequence[Downtime]
    control: Sequence[Downtime]
    blackout_s: float | None
    other_moment: bool = False


def explain(seen: Seen) -> Residue:
    """Judge the kind told by the other kinds of the same target and by the control targets."""
    told, blackout_s = seen.told, seen.blackout_s
    if told is None or not told.heard:
        return Residue(None, Cause.NO_PROBES)
    also = _also(told, seen)
    if told.gap is None:
        return Residue(None, _no_gap(told, blackout_s), also)
    if told.gap.upper_s is None or told.unseen_s is None:  # a longer one may lie where nobody looked
        return Residue(None, Cause.OPEN_ENDED, also)
    if blackout_s is None:
        blamed = Cause.PROBER_OR_PATH in also
        return Residue(None, Cause.PROBER_OR_PATH if blamed else Cause.NO_BLACKOUT_FIGURE, _rest(also))
    return _compared(told, told.gap, seen, also)


def _compared(told: Downtime, gap: Gap, seen: Seen, also: tuple[Cause, ...]) -> Residue:
    blackout_s = seen.blackout_s or 0.0
    residue_s = gap.length_s - blackout_s
    if blackout_s - EVENT_ROUNDING_S > (gap.upper_s or 0.0) + _ROUNDED_S:
        return Residue(residue_s, Cause.NOT_USABLE, also)
    if seen.other_moment:
        return Residue(residue_s, Cause.OTHER_MOMENT, also)
    if Cause.PROBER_OR_PATH in also:
        return Residue(residue_s, Cause.PROBER_OR_PATH, _rest(also))
    if gap.lower_s - EVENT_ROUNDING_S <= blackout_s + _ROUNDED_S:
        stalled = (gap.plus_minus_s or 0.0) > _STALLED_INTERVALS * told.interval_s and (told.not_sent or told.stalled)
        return Residue(residue_s, Cause.MONITOR_STALLED if stalled else Cause.QUANTISATION, also)
    return Residue(residue_s, _by_kinds(told, seen.kinds), also)


def _rest(also: tuple[Cause, ...]) -> tuple[Cause, ...]:
    return tuple(one for one in also if one != Cause.PROBER_OR_PATH)


def _no_gap(told: Downtime, blackout_s: float | None) -> Cause:
    if told.unseen_s is None:
        return Cause.OPEN_ENDED
    waited_s = max(told.stall_s or 0.0, told.latest.most_s if told.latest else 0.0)
    if told.latest and (blackout_s is None or waited_s >= blackout_s - EVENT_ROUNDING_S - told.interval_s):
        return Cause.HELD_NOT_DROPPED
    if blackout_s is None or blackout_s + EVENT_ROUNDING_S < told.interval_s:
        return Cause.NO_GAP if blackout_s is None else Cause.TOO_COARSE
    return Cause.NO_GAP if blackout_s - EVENT_ROUNDING_S <= told.unseen_s else Cause.NOT_USABLE


def _by_kinds(told: Downtime, kinds: Sequence[Downtime]) -> Cause:
    """Which kinds were away as long as the one told says what stopped them."""
    heard = [one for one in kinds if one.kind != told.kind and one.heard]
    if not heard:
        return Cause.ONE_KIND_ONLY
    slack_s = 2 * told.interval_s
    went_on = {one.kind for one in heard if _away_s(one) < _away_s(told) - slack_s}
    if not went_on:
        flow = told.kind == _FLOW or any(one.kind == _FLOW for one in heard)
        return Cause.NETWORK_RELEARN if flow else Cause.RELEARN_OR_QUARANTINE
    return Cause.INTERFACE_QUARANTINE if went_on == {_FLOW} else Cause.NOT_EXPLAINED


def _away_s(one: Downtime) -> float:
    # a line held by retransmission is answered late instead of lost: the stall shows what the gap hides
    gap_s = one.gap.length_s if one.gap else 0.0
    return max(gap_s, (one.stall_s or 0.0) - one.interval_s)


def _also(told: Downtime, seen: Seen) -> tuple[Cause, ...]:
    found = []
    slack_s = 2 * told.interval_s
    longer = {one.kind for one in seen.kinds if one.heard and _away_s(one) > _away_s(told) + slack_s}
    if _FLOW in longer:
        found.append(Cause.TCP_BACK_OFF)
    if _NEW in longer:
        found.append(Cause.CONNECT_LATER)
    if any(_together(told, one) for one in seen.control):
        found.append(Cause.PROBER_OR_PATH)
    return tuple(found)


def _together(told: Downtime, control: Downtime) -> bool:
    """Any gap of the control's, at the same time on the same clock."""
    gap = told.gap
    if gap is None or told.vantage != control.vantage:
        return False
    return any(one.start_s < gap.end_s and one.end_s > gap.start_s for one in control.gaps)
