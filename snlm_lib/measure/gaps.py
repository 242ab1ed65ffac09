"""Runs of unanswered probes and how long the guest can have been away. Pure analysis.

The true absence lies between *last lost - first lost* and *alive again - last alive*, by the moments the probes
really left. The length told is the middle of the two: on an undisturbed schedule that is the count of lost probes
times the interval; when ticks came late or could not be sent it is still at most half the width of the bounds from
the truth, which count times interval is not.

An answer that took longer than the quickest proves only that the guest was alive before it arrived, so it bounds an
absence by as much less sharply (`life`). And a lost probe may have been as long on its way as the slowest ordinary
answer around it: the first one's delay lowers the lower bound, and where the way is less steady than the pace, the
last one's raises the upper bound, since answers to probes sent meanwhile may have come before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snlm_lib.measure.life import Life, life_of
from snlm_lib.measure.pings import Pings, Series, series_of

__all__ = ["Gap", "blind_after", "gaps", "gaps_of"]

Rows = NDArray[np.intp]
_BLIND_S, _BLIND_TICKS = 0.2, 1.5  # nobody looked for longer than both: what was meanwhile is no certain absence


@dataclass(frozen=True)
class Gap:
    """One absence as one probe kind saw it.

    Lengths in seconds; ``start_s`` and ``end_s`` count from the monitor's start and are the middle between a lost
    probe and the proof of life beside it. ``upper_s`` is None when the samples begin or end within the gap: then
    ``length_s`` is no more than the count of its ticks times the interval, and ``started_utc`` or ``ended_utc`` is
    None on the open side. ``not_sent`` counts ticks between lost ones that could not be sent.
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
        return None if self.upper_s is None else max(self.upper_s - self.length_s, self.length_s - self.lower_s)


def gaps(pings: Pings) -> tuple[Gap, ...]:
    """Every gap of every target and kind in ``pings``, by target, kind and time."""
    return tuple(gap for series in series_of(pings) for gap in gaps_of(series))


def gaps_of(series: Series, life: Life | None = None) -> tuple[Gap, ...]:
    """The gaps of one series, by time: lost probes with no proof of life between them."""
    life = life or life_of(series)
    lost = np.flatnonzero(series.lost)
    if not len(lost):
        return ()
    apart = life.next_s[lost[:-1]] <= life.from_s[lost[1:]]
    firsts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    lasts = np.append(firsts[1:], len(lost)) - 1
    first, last = lost[firsts], lost[lasts]
    least = _least_s(series, life, lost, firsts)
    counts = lasts - firsts + 1
    quiet = np.concatenate([[0], np.cumsum(series.not_sent)])
    unsent = quiet[last + 1] - quiet[first]
    before, after = life.last_before(life.from_s[first]), life.next_s[last]
    surely = life.next_sent_after(life.from_s[last] + life.unsteady_s[last])
    columns = (first, last, before, after, surely, least, counts, unsent)
    runs = (_Run(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
    return tuple(_gap(series, run) for run in runs)


class _Run(NamedTuple):
    """Lost probes from row ``first`` to row ``last``, alive again ``after_s``, ``surely_s`` at the latest; infinite is
    unknown."""

    first: int
    last: int
    before_s: float
    after_s: float
    surely_s: float
    least_s: float
    lost: int
    not_sent: int


def _least_s(series: Series, life: Life, lost: Rows, firsts: Rows) -> NDArray[np.float64]:
    """The longest run of lost probes in each gap with no answer at all between them, however late it came; without
    the time in it that nobody looked."""
    answers = np.cumsum(series.answered)
    starts = np.concatenate([[True], answers[lost[1:]] != answers[lost[:-1]]])
    starts[firsts] = True
    heads = np.flatnonzero(starts)
    tails = np.append(heads[1:], len(lost)) - 1
    blind_s = np.concatenate([[0.0], np.cumsum(blind_after(series, lost))])
    length = life.from_s[lost[tails]] - life.at_s[lost[heads]] - life.unsteady_s[lost[heads]]
    length -= blind_s[tails] - blind_s[heads]
    return np.maximum(np.maximum.reduceat(length, np.searchsorted(heads, firsts)), 0.0)


def blind_after(series: Series, rows: Rows) -> NDArray[np.float64]:
    """For each of ``rows`` but the last how long nobody looked from it to the next one; 0 where that is no time."""
    missing_s = (np.diff(series.seq[rows]) - 1) * series.interval_s
    return np.where(missing_s > max(_BLIND_S, _BLIND_TICKS * series.interval_s), missing_s, 0.0)


def _gap(series: Series, run: _Run) -> Gap:
    seen, back = isfinite(run.before_s), isfinite(max(run.after_s, run.surely_s))
    first_s, last_s = (float(series.from_s[row] + series.at_s[row]) / 2 for row in (run.first, run.last))
    start_s = (run.before_s + first_s) / 2 if seen else first_s - series.interval_s / 2
    end_s = (run.after_s + last_s) / 2 if back else last_s + series.interval_s / 2
    return Gap(
        target=series.name,
        kind=series.kind,
        length_s=end_s - start_s,
        lower_s=run.least_s,
        upper_s=max(run.after_s, run.surely_s) - run.before_s if seen and back else None,
        lost=run.lost,
        not_sent=run.not_sent,
        first_seq=int(series.seq[run.first]),
        last_seq=int(series.seq[run.last]),
        start_s=start_s,
        end_s=end_s,
        started_utc=series.wall.utc(start_s) if seen else None,
        ended_utc=series.wall.utc(end_s) if back else None,
    )
