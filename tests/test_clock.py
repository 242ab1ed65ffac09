"""The system's clock keeps its promises, and the fake one moves only when told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from snlm_lib.clock import Clock, FakeClock, SleeplessClock, SystemClock


@pytest.mark.parametrize("clock", [SystemClock(), SleeplessClock(), FakeClock()])
def test_both_are_aware_in_utc_and_never_go_back(clock: Clock) -> None:
    assert clock.utc_now().utcoffset() == timedelta(0)
    first = clock.monotonic_s()
    clock.sleep(0.001)
    assert clock.monotonic_s() >= first + 0.0005


def test_the_systems_clock_is_now_and_fine_enough_for_round_trips() -> None:
    clock = SystemClock()
    assert abs(clock.utc_now() - datetime.now(UTC)) < timedelta(seconds=5)
    started_s = clock.monotonic_s()
    steps = {clock.monotonic_s() for _ in range(20_000)}
    assert len(steps) > 100, "a clock in steps of 15 ms would show one or two values"
    assert min(steps) >= started_s


def test_no_wait_for_nothing_or_less() -> None:
    clock = SystemClock()
    started_s = clock.monotonic_s()
    clock.sleep(0)
    clock.sleep(-30)
    assert clock.monotonic_s() - started_s < 5


def test_the_fake_moves_only_when_told_or_slept_on() -> None:
    clock = FakeClock()
    before = clock.utc_now()
    assert (clock.monotonic_s(), clock.utc_now()) == (0.0, before)
    clock.sleep(3600)
    clock.advance(0.5)
    clock.sleep(-1)
    assert clock.monotonic_s() == 3600.5
    assert clock.utc_now() - before == timedelta(seconds=3600.5)
    assert clock.slept_s == [3600, -1]


def test_the_fake_starts_where_told() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    assert FakeClock(start).utc_now() == start


def test_the_fakes_wall_clock_may_be_set_and_its_seconds_do_not_notice() -> None:
    clock = FakeClock(datetime(2030, 1, 1, tzinfo=UTC))
    clock.set_utc(3600)
    assert (clock.monotonic_s(), clock.utc_now()) == (0.0, datetime(2030, 1, 1, 1, tzinfo=UTC))


def test_a_sleep_of_the_machine_passes_on_the_sleepless_clock() -> None:
    here = time.perf_counter()
    readings = iter([500.0, 500.25, 4100.25])  # an hour's sleep before the last one
    clock = SleeplessClock(read=lambda: next(readings))
    assert clock.monotonic_s() - here == pytest.approx(0.25, abs=1)
    assert clock.monotonic_s() - here == pytest.approx(3600.25, abs=1)


def test_until_the_machine_sleeps_the_sleepless_clock_is_on_the_scale_of_the_other() -> None:
    clock = SleeplessClock()
    before_s, between_s, after_s = time.perf_counter(), clock.monotonic_s(), time.perf_counter()
    assert before_s - 0.001 <= between_s <= after_s + 0.001
