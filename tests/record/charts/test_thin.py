"""Thinning keeps peaks, breaks and order."""

from __future__ import annotations

import random

from snlm_lib.record.charts.thin import min_max, one_a_bucket


def test_few_points_stay_as_they_are() -> None:
    points = [(0.0, 1.0), (1.0, None), (2.0, 3.0)]
    assert min_max(points) == points
    assert one_a_bucket([3.0, 4.0]) == [3.0, 4.0]


def test_extremes_and_breaks_survive_and_order_stays() -> None:
    chance = random.Random(1)
    points: list[tuple[float, float | None]] = [(float(n), chance.random()) for n in range(50_000)]
    points[20_000] = (20_000.0, 99.0)
    points[20_500] = (20_500.0, -9.0)
    points[30_000] = (30_000.0, None)
    thin = min_max(points, 2_000)
    values = [value for _, value in thin]
    assert len(thin) <= 2_000
    assert 99.0 in values
    assert -9.0 in values
    assert None in values
    assert [time for time, _ in thin] == sorted(time for time, _ in thin)


def test_marks_keep_the_first_and_spread_over_the_whole_span() -> None:
    times = [float(n) for n in range(10_000)]
    kept = one_a_bucket(times, 100)
    assert len(kept) == 100
    assert kept[0] == 0.0
    assert kept[-1] >= 9_800
    assert one_a_bucket([1.0] * 500, 100) == [1.0]
