"""How long the guest was away, by two clocks: what the probes saw, and what the host says. Pure analysis.

The network gap is never told in place of the host's blackout, nor the other way round. Reads the
monitor's samples and nothing else; knows no host, no record and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snlm_lib.measure.away import Downtime, Held, RttBand, Window, downtime_of, joined
from snlm_lib.measure.blackout import NO_BLACKOUT, HostBlackout, Pause, contradicts, place
from snlm_lib.measure.gaps import Gap, gaps
from snlm_lib.measure.ping_file import PingHeader
from snlm_lib.measure.pings import CONTROL, Pings, Series, read_pings, series_of
from snlm_lib.measure.residue import Cause, Residue, Seen, explain
from snlm_lib.measure.wall import ClockStep

__all__ = [
    "Cause",
    "Downtime",
    "DowntimeReport",
    "Gap",
    "Held",
    "HostBlackout",
    "Pause",
    "RttBand",
    "gaps",
    "judge_downtime",
    "judge_machines",
    "read_pings",
]


@dataclass(frozen=True)
class DowntimeReport:
    """The judgement of one machine from one vantage. Lengths in seconds; None is unknown.

    ``kinds`` are the machine's, ``control`` those of the control targets. ``told`` is the kind whose figures are
    told: single datagrams before connections, which suffer from retransmission besides. ``pause`` is the host's
    blackout on the axis of the samples. ``baseline_clean`` and ``tail_clean`` say that no kind lost a probe before
    and after the window; None without a window. ``schema`` is what wrote the samples; ``clock_steps`` are the moments
    at which somebody set the wall clock, which moves nothing.
    """

    schema: str
    header: PingHeader
    target: str | None
    kinds: tuple[Downtime, ...]
    control: tuple[Downtime, ...]
    told: Downtime | None
    blackout: HostBlackout
    pause: Pause | None
    residue: Residue
    baseline_clean: bool | None
    tail_clean: bool | None
    clock_steps: tuple[ClockStep, ...]

    @property
    def interval_ms(self) -> float:
        """From one probe of a kind to the next."""
        return self.header.interval_ms

    @property
    def host_blackout_s(self) -> float | None:
        """The host's figure."""
        return self.blackout.length_s

    @property
    def gap_kind(self) -> str | None:
        """The probe kind told: "icmp", "udp", "connect" or "tcp"."""
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
    def blamed(self) -> bool:
        """True when a control target had a gap at the same time: the absence is no fact of the machine's."""
        return Cause.PROBER_OR_PATH in (self.residue.cause, *self.residue.also)

    @property
    def doubtful(self) -> bool:
        """True when losses outside the gap, or a control target's, cast doubt on it."""
        return self.blamed or self.baseline_clean is False or any(one.lost for one in self.control)


def judge_downtime(
    pings: Pings, *, window: Window | None, blackout: HostBlackout = NO_BLACKOUT, target: str | None = None
) -> DowntimeReport:
    """Judge the samples of `read_pings`.

    ``window`` is the move's start and end in UTC by the prober's clock: what is before is the baseline, what is
    after the tail. ``target`` is the machine that moved (by default the first that is no control).
    """
    read = tuple(series_of(pings))
    moved = target if target is not None else next((one.name for one in read if one.target.role != CONTROL), None)
    return _judged(pings, read, window, blackout, moved)


def judge_machines(
    pings: Pings, *, window: Window | None, blackout: HostBlackout = NO_BLACKOUT
) -> tuple[DowntimeReport, ...]:
    """`judge_downtime` for each machine in the samples, which are laid out once for all of them."""
    read = tuple(series_of(pings))
    names = dict.fromkeys(one.name for one in read if one.target.role != CONTROL)
    return tuple(_judged(pings, read, window, blackout, name) for name in names)


def _judged(
    pings: Pings, read: Sequence[Series], window: Window | None, blackout: HostBlackout, moved: str | None
) -> DowntimeReport:
    read = [series for series in read if series.name == moved or _beside(series, pings)]
    every = [downtime_of(series, window) for series in read]
    away = joined([one for one in every if one.target == moved])
    if away is not None and away != next((one.window_s for one in every), None):
        every = [downtime_of(series, window, away) for series in read]
    kinds = tuple(one for one in every if one.target == moved)
    control = tuple(one for one in every if one.target != moved)
    told = next((one for one in kinds if one.heard), kinds[0] if kinds else None)
    gap, wall = told.gap if told else None, pings.wall
    pause = place(blackout, gap, wall, pings.header.clock_offsets_s)
    other = contradicts(pause, gap, interval_s=pings.header.interval_ms / 1000)
    return DowntimeReport(
        schema=pings.schema,
        header=pings.header,
        target=moved,
        kinds=kinds,
        control=control,
        told=told,
        blackout=blackout,
        pause=pause,
        residue=explain(Seen(told, kinds, control, blackout.length_s, other)),
        baseline_clean=_clean([one.lost_before for one in kinds]),
        tail_clean=_clean([one.lost_after for one in kinds]),
        clock_steps=wall.steps,
    )


def _beside(one: Series, pings: Pings) -> bool:
    """A file that does not say who is what was made for one machine: any other is a control."""
    return one.target.role == CONTROL or not pings.header.targets


def _clean(lost: Sequence[int | None]) -> bool | None:
    known: Iterable[int] = [count for count in lost if count is not None]
    return None if not known else not any(known)
