"""The wall clock over the monitor's own: set forward, set back, drifting, and stamps that came late."""

from __future__ import annotations

import numpy as np
import pytest

from snlm_lib.measure.wall import Floats, WallClock
from tests.measure.patterns import ZERO, at

ZERO_S = ZERO.timestamp()
TICKS: Floats = np.arange(0.0, 60.0, 0.1)


def clock(ahead_s: Floats | float = 0.0) -> WallClock:
    return WallClock(TICKS, ZERO_S + TICKS + ahead_s)


def test_a_clock_that_is_never_set_has_one_zero() -> None:
    wall = clock()
    assert (wall.steps, wall.zero_utc) == ((), ZERO)
    assert wall.seconds(at(12.5)) == pytest.approx(12.5, abs=1e-3)
    assert wall.seconds(at(-5)) == pytest.approx(-5, abs=1e-3)
    assert wall.seconds(at(500)) == pytest.approx(500, abs=1e-3)


@pytest.mark.parametrize("by_s", [3600.0, -3600.0, 0.2, -0.2])
def test_a_clock_that_is_set_moves_no_moment(by_s: float) -> None:
    wall = clock(np.where(TICKS >= 30.0, by_s, 0.0))
    (step,) = wall.steps
    assert [step.at_s, step.by_s] == pytest.approx([30.0, by_s], abs=0.01)
    assert wall.utc(29.0) == at(29.0)
    assert wall.utc(31.0) == at(31.0 + by_s)
    assert wall.seconds(at(10)) == pytest.approx(10, abs=1e-3)
    assert wall.seconds(at(50 + by_s), last=True) == pytest.approx(50, abs=1e-3)


def test_what_the_clock_never_showed_is_when_it_was_set() -> None:
    wall = clock(np.where(TICKS >= 30.0, 3600.0, 0.0))
    assert wall.seconds(at(1800)) == pytest.approx(30.0, abs=0.11)


def test_what_it_showed_twice_is_the_first_or_the_last() -> None:
    wall = clock(np.where(TICKS >= 30.0, -10.0, 0.0))
    assert wall.seconds(at(25)) == pytest.approx(25, abs=1e-3)
    assert wall.seconds(at(25), last=True) == pytest.approx(35, abs=1e-3)


def test_another_machines_clock_was_not_set_with_ours() -> None:
    wall = clock(np.where(TICKS >= 30.0, 3600.0, 0.0))
    assert wall.seconds_as_set_first(at(50)) == pytest.approx(50, abs=1e-3)


def test_a_slow_drift_is_no_setting_and_is_followed() -> None:
    drift = TICKS * 1e-4
    wall = clock(drift)
    assert wall.steps == ()
    moment = wall.utc(50.0)
    assert moment is not None
    assert (moment - at(50.0)).total_seconds() == pytest.approx(0.005, abs=0.001)


def test_a_stamp_that_came_late_is_no_setting() -> None:
    late = np.zeros_like(TICKS)
    late[[100, 200, 201, 599]] = 0.3
    assert clock(late).steps == ()


def test_nothing_ever_stamped_knows_nothing() -> None:
    wall = WallClock(TICKS, np.full_like(TICKS, np.nan))
    assert (wall.utc(1.0), wall.seconds(ZERO), wall.seconds_as_set_first(ZERO), wall.steps) == (None, None, None, ())


def test_a_clock_of_which_only_the_zero_is_known() -> None:
    assert WallClock.starting(ZERO).utc(2.0) == at(2.0)
