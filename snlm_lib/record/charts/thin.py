"""Fewer points for drawing only: per bucket the lowest and the highest, so that no peak is lost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

__all__ = ["MOST_POINTS", "min_max", "one_a_bucket"]

MOST_POINTS = 2000
Point = tuple[float, float | None]


def min_max(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most ``most`` points of a line (at least 2); a break (None) in a bucket stays as one break."""
    if len(points) <= most:
        return list(points)
    kept: list[Point] = []
    for bucket in _buckets(points, max(most // 3, 1)):
        known = [point for point in bucket if point[1] is not None]
        if known:
            ends = {min(known, key=lambda point: point[1] or 0.0), max(known, key=lambda point: point[1] or 0.0)}
            kept += sorted(ends, key=lambda point: point[0])
        if len(known) < len(bucket):
            kept.append((bucket[-1][0], None))
    return kept


def _buckets(points: Sequence[Point], count: int) -> list[Sequence[Point]]:
    edges = [round(index * len(points) / count) for index in range(count + 1)]
    return [points[start:end] for start, end in itertools.pairwise(edges) if end > start]


def one_a_bucket(times: Sequence[float], most: int = MOST_POINTS) -> list[float]:
    """At most ``most`` marks: where several would fall on the same spot of the screen, one stands for them."""
    if len(times) <= most:
        return list(times)
    first, width = times[0], (times[-1] - times[0]) / most
    kept: dict[int, float] = {}
    for time in times:
        kept.setdefault(min(int((time - first) / width), most - 1) if width else 0, time)
    return list(kept.values())
