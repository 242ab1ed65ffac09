"""How long the guest was away, by two clocks: what the probes saw, and what the host says. Pure analysis.

The network gap is never told in place of the host's blackout, nor the other way round. Reads the
monitor's samples and nothing else; knows no host, no record and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snlm_lib.measure.away import Downtime, RttBand, Window, downtime_of
from snlm_lib.measure.gaps import Gap, gaps
from snlm_lib.measure.pings import CONTROL, Pings, read_pings, series_of
from snlm_lib.measure.residue import Cause, Residue, explain

__all__ = ["Cause", "Downtime", "DowntimeReport", "Gap", "RttBand", "gaps", "judge_downtime", "read_pings"]


@dataclass(frozen=True)
class DowntimeReport:
    """The judgement. Lengths in seconds; None is unknown.

    ``kinds`` are the moved machine's, ``control`` those of any other target. ``told`` is the kind whose
    figures are told: datagrams before the long connection, which suffers from retransmission besides.
    ``baseline_clean`` and ``tail_clean`` say that no kind lost a probe before and after the window;
    None without a window.
    """

    interval_ms: float
    target: str | None
    kinds: tuple[Downtime, ...]
    control: tuple[Downtime, ...]
    told: Downtime | None
    host_blackout_s: float | None
    residue: Residue
    baseline_clean: bool | None
    tail_clean: bool | None

    @property
    def gap_kind(self) -> str | None:
        """The probe kind told: "udp" or "tcp"."""
        return self.told.kind if self.told else None

    @property
    def gap(self) -> Gap | None:
        """The longest gap of the kind told; None when no probe was lost."""
        return self.told.gap if self.told else None

    @property
    def gap_s(self) -> float | None:
        """Its length; None means shorter than `gap_upper_s`, never zero."""
        return self.gap.length_s if self.gap else None

    @property
    def gap_lower_s(self) -> float | None:
        """The least the absence can have been; 0 when no probe was lost."""
        if self.gap:
            return self.gap.lower_s
        return 0.0 if self.told and self.told.heard else None

    @property
    def gap_upper_s(self) -> float | None:
        """The most the absence can have been; about one interval when no probe was lost, None when it is open."""
        if self.told is None or self.told.unseen_s is None:
            return None
        return self.gap.upper_s if self.gap else self.told.unseen_s

    @property
    def longest(self) -> Gap | None:
        """The longest gap over every kind of the machine."""
        found = (one.gap for one in self.kinds if one.gap)
        return max(found, key=lambda gap: gap.length_s, default=None)

    @property
    def residue_s(self) -> float | None:
        """Gap - host blackout."""
        return self.residue.residue_s

    @property
    def usable(self) -> bool:
        """False when clocks, matching or the probes themselves make the figure worthless."""
        return self.residue.usable

    @property
    def doubtful(self) -> bool:
        """True when losses outside the gap, or a control target's, cast doubt on it."""
        blamed = Cause.PROBER_OR_PATH in (self.residue.cause, *self.residue.also)
        return blamed or self.baseline_clean is False or any(one.lost for one in self.control)


def judge_downtime(
    pings: Pings, *, window: Window | None, host_blackout_s: float | None, target: str | None = None
) -> DowntimeReport:
    """Judge the samples of `read_pings`.

    ``window`` is the move's start and end in UTC by the prober's clock: what is before is the baseline,
    what is after the tail. ``host_blackout_s`` is the figure of event 20415 or 20417, None when there is
    none. ``target`` is the machine that moved (by default the first that is no control); any other is a control.
    """
    every = [downtime_of(series, window) for series in series_of(pings)]
    machines = [one.target for one in every if one.role != CONTROL]
    moved = target if target is not None else next(iter(machines), None)
    kinds = tuple(one for one in every if one.target == moved)
    control = tuple(one for one in every if one.target != moved)
    told = next((one for one in kinds if one.heard), kinds[0] if kinds else None)
    interval_ms = pings.header.interval_ms
    return DowntimeReport(
        interval_ms=interval_ms,
        target=moved,
        kinds=kinds,
        control=control,
        told=told,
        host_blackout_s=host_blackout_s,
        residue=explain(told, kinds, control, interval_s=interval_ms / 1000, blackout_s=host_blackout_s),
        baseline_clean=_clean([one.lost_before for one in kinds]),
        tail_clean=_clean([one.lost_after for one in kinds]),
    )


def _clean(lost: Sequence[int | None]) -> bool | None:
    known: Iterable[int] = [count for count in lost if count is not None]
    return None if not known else not any(known)
