"""A wall clock that is set is noticed once; one that drifts, and a reading taken late, are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from snlm_lib.measure.wall_watch import WallWatch

START = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)


def looks(ahead_s: Iterator[float] | list[float], *, interval_s: float = 0.1) -> list[tuple[int, float]]:
    """What is told of a wall clock that is ``ahead_s`` of the other at each probe: (probe, step)."""
    watch = WallWatch()
    told = []
    for seq, ahead in enumerate(ahead_s):
        at_s = seq * interval_s
        step_s = watch.look(at_s, START + timedelta(seconds=at_s + ahead))
        if step_s is not None:
            told.append((seq, round(step_s, 3)))
    return told


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 0.5])
def test_a_step_is_told_once_with_its_size(step_s: float) -> None:
    assert looks([0.0] * 10 + [step_s] * 20) == [(11, step_s)]


def test_two_steps_are_two() -> None:
    assert looks([0.0] * 5 + [3600.0] * 5 + [0.0] * 5) == [(6, 3600.0), (11, -3600.0)]


def test_drift_and_slewing_are_no_step() -> None:
    assert looks([seq * 0.005 for seq in range(1000)]) == []


def test_a_reading_taken_late_is_no_step() -> None:
    assert looks([0.0] * 5 + [5.0] + [0.0] * 5 + [7.0, 3.0] + [0.0] * 5) == []
