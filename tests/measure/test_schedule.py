"""Absolute deadlines: every tick is handed out exactly once, no delay adds up, and several leave spread."""

from __future__ import annotations

import random

import pytest

from snlm_lib.measure.schedule import MOST_MISSED, Rota, Schedule


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


def test_lanes_are_spread_evenly_over_the_interval() -> None:
    rota = Rota(0.1, 4)
    assert [rota.due_s(lane, 0) for lane in range(4)] == pytest.approx([0.0, 0.025, 0.05, 0.075])
    assert [rota.due_s(lane, 3) for lane in range(4)] == pytest.approx([0.3, 0.325, 0.35, 0.375])
    order = []
    for _ in range(8):
        order += [(lane, due.tick) for lane, due in rota.due(rota.next_s)]
    assert order == [(lane, tick) for tick in (0, 1) for lane in range(4)]


def test_what_is_overdue_comes_longest_due_first_and_who_stops_goes_on_later() -> None:
    rota = Rota(0.1, 3)
    first = next(rota.due(0.08))
    assert (first[0], first[1].tick) == (0, 0)
    assert [(lane, due.tick) for lane, due in rota.due(0.08)] == [(1, 0), (2, 0)]
    assert list(rota.due(0.08)) == []
    assert rota.next_s == pytest.approx(0.1)


def test_every_lane_hands_out_each_tick_once_whatever_the_pace() -> None:
    rng = random.Random(11)
    rota, now_s = Rota(0.05, 7), 0.0
    seen: dict[int, list[int]] = {lane: [] for lane in range(7)}
    while now_s < 20:
        for lane, due in rota.due(now_s):
            seen[lane] += [*due.missed, *([] if due.tick is None else [due.tick])]
        now_s += rng.expovariate(1 / 0.04)
    assert all(ticks == list(range(len(ticks))) and len(ticks) > 390 for ticks in seen.values())


def test_a_night_is_handed_out_in_portions() -> None:
    rota, seen = Rota(0.1, 2), 0
    while (portion := [due for _, due in rota.due(28_800.0)]) and seen < 600_000:
        assert all(len(due.missed) <= MOST_MISSED for due in portion)
        seen += sum(len(due.missed) + (due.tick is not None) for due in portion)
    assert seen == 288_001 + 288_000


def test_without_a_lane_nothing_is_ever_due() -> None:
    rota = Rota(0.1, 0)
    assert rota.next_s == float("inf")
    assert list(rota.due(1e9)) == []
