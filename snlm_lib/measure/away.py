"""What one probe kind of one target saw: counts, its longest gap, round-trip times. Pure analysis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import quantiles

from snlm_lib.measure.gaps import Gap, gaps_of
from snlm_lib.measure.ledger import ANSWERED, LATE, LOST, NOT_SENT
from snlm_lib.measure.pings import Series, Tick

__all__ = ["Downtime", "RttBand", "Window", "downtime_of"]

Window = tuple[datetime, datetime]
_Span = tuple[float, float]


@dataclass(frozen=True)
class RttBand:
    """Round-trip times of answered and late probes, milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float


@dataclass(frozen=True)
class Downtime:
    """One kind of one target within the window (without one: over all samples).

    ``gap`` is the longest; None when no probe was lost: then an absence was shorter than ``unseen_s``,
    the longest time between two answered probes (never less than the interval). ``sum_s`` is all gaps
    together. ``stall_s`` is the longest wait between two answers that came, late ones too. ``probes``
    left; ``unrecorded`` ticks have no row (yet). ``lost_before`` and ``lost_after`` are losses outside
    the window that belong to none of its gaps, ``probes_after`` every probe that left after it; None without
    a window. ``heard``: an answer came at all, in the window or not.
    """

    target: str
    kind: str
    heard: bool
    gap: Gap | None
    gap_count: int
    sum_s: float
    unseen_s: float | None
    stall_s: float | None
    probes: int
    answered: int
    lost: int
    late: int
    not_sent: int
    unrecorded: int
    lost_before: int | None
    lost_after: int | None
    probes_after: int | None
    rtt: RttBand | None
    rtt_before: RttBand | None
    rtt_after: RttBand | None


def downtime_of(series: Series, interval_s: float, window: Window | None) -> Downtime:
    """Count ``series`` within ``window`` (UTC); a gap that reaches into the window belongs to it as a whole."""
    span = _span(series, window)
    chosen = [gap for gap in gaps_of(series, interval_s) if gap.start_s < span[1] and gap.end_s > span[0]]
    before, inside, after = _split(series.ticks, span, chosen)
    counted = Counter(tick.status for tick in inside)
    longest = max(chosen, key=lambda gap: gap.length_s, default=None)  # of equal ones the first
    return Downtime(
        target=series.target,
        kind=series.kind,
        heard=any(tick.answered for tick in series.ticks),
        gap=longest,
        gap_count=len(chosen),
        sum_s=sum(gap.length_s for gap in chosen),
        unseen_s=_unseen_s(series.ticks, span, interval_s),
        stall_s=_longest_s(sorted(tick.received_s for tick in series.ticks if tick.received_s is not None), span),
        probes=counted[ANSWERED] + counted[LATE] + counted[LOST],
        answered=counted[ANSWERED],
        lost=counted[LOST],
        late=counted[LATE],
        not_sent=counted[NOT_SENT],
        unrecorded=inside[-1].seq - inside[0].seq + 1 - len(inside) if inside else 0,
        lost_before=_lost(before) if window else None,
        lost_after=_lost(after) if window else None,
        probes_after=_sent_after(series.ticks, span) if window else None,
        rtt=_band(inside),
        rtt_before=_band(before) if window else None,
        rtt_after=_band(after) if window else None,
    )


def _span(series: Series, window: Window | None) -> _Span:
    everything = (float("-inf"), float("inf"))
    if window is None:
        return everything
    start_s, end_s = (series.seconds(moment) for moment in window)
    return everything if start_s is None or end_s is None else (start_s, end_s)


def _split(ticks: Sequence[Tick], span: _Span, chosen: Sequence[Gap]) -> tuple[list[Tick], list[Tick], list[Tick]]:
    before: list[Tick] = []
    inside: list[Tick] = []
    after: list[Tick] = []
    for tick in ticks:
        if span[0] <= tick.at_s <= span[1] or any(gap.first_seq <= tick.seq <= gap.last_seq for gap in chosen):
            inside.append(tick)
        else:
            (before if tick.at_s < span[0] else after).append(tick)
    return before, inside, after


def _unseen_s(ticks: Iterable[Tick], span: _Span, interval_s: float) -> float | None:
    """None when the answers do not reach over the whole span: what is beyond them nobody saw."""
    answered = [tick.at_s for tick in ticks if tick.answered]
    longest_s = _longest_s(answered, span)
    if longest_s is None or answered[0] > _start_s(span, interval_s) or answered[-1] < _end_s(span, interval_s):
        return None
    return max(longest_s, interval_s)


def _start_s(span: _Span, interval_s: float) -> float:
    return span[0] + interval_s if span[0] != float("-inf") else float("inf")


def _end_s(span: _Span, interval_s: float) -> float:
    return span[1] - interval_s if span[1] != float("inf") else float("-inf")


def _longest_s(moments_s: Sequence[float], span: _Span) -> float | None:
    """The longest step between two moments that reaches into ``span``."""
    steps = (late - early for early, late in pairwise(moments_s) if early < span[1] and late > span[0])
    return max(steps, default=None)


def _lost(ticks: Iterable[Tick]) -> int:
    return sum(tick.status == LOST for tick in ticks)


def _sent_after(ticks: Iterable[Tick], span: _Span) -> int:
    return sum(tick.at_s > span[1] and tick.status != NOT_SENT for tick in ticks)


def _band(ticks: Iterable[Tick]) -> RttBand | None:
    times = [tick.rtt_ms for tick in ticks if tick.rtt_ms is not None]
    if not times:
        return None
    cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    return RttBand(cuts[49], cuts[94], cuts[98], max(times))
