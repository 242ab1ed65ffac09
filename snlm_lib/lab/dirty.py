"""How memory gets dirty while it is copied: several sets of pages, each with its own pace and bursts.

Pure arithmetic in simulated seconds; knows no thread, no clock, no machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PAGE_BYTES", "MemoryPass", "WorkingSet", "dirty_pages", "plan_passes", "writes_between"]

PAGE_BYTES = 4096


@dataclass(frozen=True)
class WorkingSet:
    """Pages that are written at random, ``hot_fraction`` of them taking ``hot_share`` of the writes.

    ``writes_pages_s`` is the pace outside bursts; each ``burst_period_s`` the pace is multiplied by
    ``burst_factor`` for ``burst_length_s``.
    """

    pages: int
    writes_pages_s: float
    hot_fraction: float = 0.1
    hot_share: float = 0.5
    burst_period_s: float = 0.0
    burst_length_s: float = 0.0
    burst_factor: float = 1.0


@dataclass(frozen=True)
class MemoryPass:
    """One pass: ``pages`` to send from ``start_s`` on, for ``length_s`` (simulated seconds)."""

    number: int
    pages: int
    start_s: float
    length_s: float


def writes_between(work: WorkingSet, start_s: float, end_s: float) -> float:
    """Page writes of one set in an interval, bursts included."""
    plain = end_s - start_s
    extra = (work.burst_factor - 1.0) * (_burst_time_s(work, end_s) - _burst_time_s(work, start_s))
    return work.writes_pages_s * (plain + extra)


def _burst_time_s(work: WorkingSet, until_s: float) -> float:
    """Seconds spent in bursts from 0 to ``until_s``; a burst begins each period."""
    if work.burst_period_s <= 0:
        return 0.0
    whole, rest = divmod(until_s, work.burst_period_s)
    return whole * work.burst_length_s + min(rest, work.burst_length_s)


def _distinct(pages: float, writes: float) -> float:
    """Expected distinct pages hit by ``writes`` random writes to ``pages`` pages."""
    return pages * -math.expm1(-writes / pages) if pages > 0 else 0.0


def dirty_pages(sets: Sequence[WorkingSet], start_s: float, end_s: float, *, total_pages: int) -> int:
    """Distinct pages written in the interval, never more than the machine has."""
    count = 0.0
    for work in sets:
        writes = writes_between(work, start_s, end_s)
        count += _distinct(work.pages * work.hot_fraction, writes * work.hot_share)
        count += _distinct(work.pages * (1.0 - work.hot_fraction), writes * (1.0 - work.hot_share))
    return min(round(count), total_pages)


def plan_passes(
    sets: Sequence[WorkingSet], *, total_pages: int, bytes_per_s: float, threshold_pages: int, max_passes: int
) -> tuple[list[MemoryPass], int]:
    """The passes, and the pages left for the blackout.

    Pass 1 sends all memory; each later one what became dirty during the one before. It stops when
    the rest fits the threshold or after ``max_passes``.
    """
    passes: list[MemoryPass] = []
    pages, start_s = total_pages, 0.0
    while len(passes) < max_passes and (pages > threshold_pages or not passes):
        length_s = pages * PAGE_BYTES / bytes_per_s
        passes.append(MemoryPass(len(passes) + 1, pages, start_s, length_s))
        pages = dirty_pages(sets, start_s, start_s + length_s, total_pages=total_pages)
        start_s += length_s
    return passes, pages
