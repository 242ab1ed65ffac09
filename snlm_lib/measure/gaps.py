"""Runs of unanswered probes and how long the guest can have been away. Pure analysis.

The true absence lies between *last lost - first lost* and *next answered - last answered*, by the
moments the probes really left. The length told is the middle of the two: on an undisturbed schedule
that is the count of lost probes times the interval; when ticks came late or could not be sent it is
still at most half the width of the bounds from the truth, which count times interval is not.

*Next answered* is the sending of an ordinary answer. One that took longer than usual may have been held
and answered only when the guest was back, so it counts by as much later, unless a probe sent after it
was answered sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from snlm_lib.measure.ledger import LOST
from snlm_lib.measure.pings import Series, Tick, series_of
from snlm_lib.measure.samples import Columns

__all__ = ["Gap", "gaps", "gaps_of"]


@dataclass(frozen=True)
class Gap:
    """One absence as one probe kind saw it.

    Lengths in seconds; ``start_s`` and ``end_s`` count from the monitor's start and are the middle
    between a lost probe and its answered neighbour. ``upper_s`` is None when the samples begin or end
    within the gap: then ``length_s`` is no more than the count of its ticks times the interval, and
    ``started_utc`` or ``ended_utc`` is None on the open side. ``not_sent`` counts ticks between lost
    ones that could not be sent.
    """

    target: str
    kind: str
    length_s: float
    lower_s: float
    upper_s: float | None
    lost: int
    not_sent: int
    first_seq: int
    last_seq: int
    start_s: float
    end_s: float
    started_utc: datetime | None
    ended_utc: datetime | None

    @property
    def plus_minus_s(self) -> float | None:
        """How far the truth can be from ``length_s``; None when a side is open."""
        return None if self.upper_s is None else (self.upper_s - self.lower_s) / 2


def gaps(samples: Columns, interval_ms: int) -> tuple[Gap, ...]:
    """Every gap of every target and kind in the samples of `read_pings`, by target, kind and time."""
    return tuple(gap for series in series_of(samples) for gap in gaps_of(series, interval_ms / 1000))


def gaps_of(series: Series, interval_s: float) -> tuple[Gap, ...]:
    """The gaps of one series, by time: runs of lost probes, with whatever was not sent between them."""
    runs = _runs(series.ticks, _signs_of_life(series.ticks))
    return tuple(_gap(series, run, interval_s) for run in runs)


def _signs_of_life(ticks: tuple[Tick, ...]) -> list[float | None]:
    """For each tick the earliest moment at which it or a later one shows the guest answering."""
    usual_ms = median([tick.rtt_ms for tick in ticks if tick.rtt_ms is not None] or [0.0])
    earliest_s: float | None = None
    signs: list[float | None] = []
    for tick in reversed(ticks):
        if tick.rtt_ms is not None:
            sign_s = tick.at_s + max(tick.rtt_ms - usual_ms, 0.0) / 1000
            earliest_s = sign_s if earliest_s is None else min(earliest_s, sign_s)
        signs.append(earliest_s)
    return signs[::-1]


@dataclass(frozen=True)
class _Run:
    before: Tick | None
    lost: list[Tick]
    not_sent: int
    back_s: float | None  # when the guest answered again


def _runs(ticks: tuple[Tick, ...], signs: list[float | None]) -> Iterator[_Run]:
    before: Tick | None = None
    lost: list[Tick] = []
    not_sent = pending = 0
    for tick, sign_s in zip(ticks, signs, strict=True):
        if tick.status == LOST:
            not_sent += pending if lost else 0
            pending = 0
            lost.append(tick)
        elif tick.answered:
            if lost:
                yield _Run(before, lost, not_sent, sign_s)
            before, lost, not_sent, pending = tick, [], 0, 0
        else:
            pending += 1
    if lost:
        yield _Run(before, lost, not_sent, None)


def _gap(series: Series, run: _Run, interval_s: float) -> Gap:
    first, last = run.lost[0], run.lost[-1]
    start_s = (run.before.at_s + first.at_s) / 2 if run.before else first.at_s - interval_s / 2
    end_s = last.at_s + interval_s / 2 if run.back_s is None else (run.back_s + last.at_s) / 2
    return Gap(
        target=series.target,
        kind=series.kind,
        length_s=end_s - start_s,
        lower_s=last.at_s - first.at_s,
        upper_s=None if run.back_s is None or run.before is None else run.back_s - run.before.at_s,
        lost=len(run.lost),
        not_sent=run.not_sent,
        first_seq=first.seq,
        last_seq=last.seq,
        start_s=start_s,
        end_s=end_s,
        started_utc=series.utc(start_s) if run.before else None,
        ended_utc=series.utc(end_s) if run.back_s is not None else None,
    )
