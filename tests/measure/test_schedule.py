"""Absolute deadlines: every tick is handed out exactly once, and no delay adds up."""

from __future__ import annotations

import random

import pytest

from snlm_lib.measure.schedule import Schedule


def test_nothing_is_due_before_its_time() -> None:
    schedule = Schedule(0.1)
    assert schedule.advance(0.0).tick == 0
    assert schedule.advance(0.0999).tick is None
    assert schedule.advance(0.1).tick == 1


def test_a_late_tick_is_sent_within_its_own_interval_and_the_next_keeps_its_place() -> None:
    schedule = Schedule(0.1)
    assert schedule.advance(0.099).tick == 0
    assert schedule.next_s == pytest.approx(0.1)


def test_ticks_whose_interval_passed_are_missed_not_sent_in_a_burst() -> None:
    schedule = Schedule(0.1)
    schedule.advance(0.0)
    due = schedule.advance(0.456)
    assert list(due.missed) == [1, 2, 3]
    assert due.tick == 4


@pytest.mark.parametrize("interval_s", [0.02, 0.1, 0.3, 1 / 3])
def test_each_tick_comes_exactly_once_whatever_the_pace(interval_s: float) -> None:
    rng = random.Random(7)
    schedule, now_s = Schedule(interval_s), 0.0
    seen: list[int] = []
    late: list[float] = []
    while now_s < 400 * interval_s:
        due = schedule.advance(now_s)
        seen += due.missed
        if due.tick is not None:
            seen.append(due.tick)
            late.append(now_s - schedule.due_s(due.tick))
        now_s += rng.expovariate(1 / interval_s)
    assert seen == list(range(len(seen)))
    assert len(seen) > 390
    assert all(-1e-9 <= delay < interval_s + 1e-9 for delay in late)


def test_exact_multiples_are_never_sent_before_they_are_due() -> None:
    schedule = Schedule(0.1)
    for seq in range(5000):
        due = schedule.advance(seq * 0.1)
        assert (list(due.missed), due.tick) == ([], seq)
