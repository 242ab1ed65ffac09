"""Dirty pages: several sets, bursts, passes that converge or do not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from snlm_lib.lab.dirty import PAGE_BYTES, WorkingSet, dirty_pages, plan_passes, writes_between

TOTAL = 2_000_000
EVEN = WorkingSet(pages=100_000, writes_pages_s=5_000, hot_fraction=0.1, hot_share=0.5)
BURSTS = WorkingSet(100_000, 1_000, burst_period_s=10, burst_length_s=2, burst_factor=4)


def test_no_time_no_dirt() -> None:
    assert dirty_pages([EVEN], 5.0, 5.0, total_pages=TOTAL) == 0


def test_dirt_grows_ever_slower_and_never_beyond_the_set() -> None:
    counts = [dirty_pages([EVEN], 0, seconds, total_pages=TOTAL) for seconds in (1, 2, 4, 8, 10_000)]
    assert counts == sorted(counts)
    assert counts[1] < 2 * counts[0]
    assert counts[-1] == EVEN.pages


def test_hot_pages_are_rewritten_so_fewer_become_dirty() -> None:
    spread = WorkingSet(100_000, 5_000, hot_fraction=0.5, hot_share=0.5)
    hot = WorkingSet(100_000, 5_000, hot_fraction=0.01, hot_share=0.9)
    assert dirty_pages([hot], 0, 5, total_pages=TOTAL) < dirty_pages([spread], 0, 5, total_pages=TOTAL) / 2


def test_sets_add_up_but_not_beyond_the_machine() -> None:
    one = dirty_pages([EVEN], 0, 3, total_pages=TOTAL)
    assert dirty_pages([EVEN, EVEN], 0, 3, total_pages=TOTAL) == pytest.approx(2 * one, abs=1)
    assert dirty_pages([EVEN, EVEN], 0, 10_000, total_pages=150_000) == 150_000


@pytest.mark.parametrize(
    ("start_s", "end_s", "writes"),
    [(0, 2, 8_000), (2, 10, 8_000), (1, 3, 5_000), (0, 10, 16_000), (12, 20, 8_000), (9, 11, 5_000)],
)
def test_bursts_fall_where_they_fall(start_s: float, end_s: float, writes: float) -> None:
    assert writes_between(BURSTS, start_s, end_s) == pytest.approx(writes)


def test_pass_one_sends_everything_and_each_next_what_became_dirty_meanwhile() -> None:
    passes, rest = plan_passes([EVEN], total_pages=TOTAL, bytes_per_s=400e6, threshold_pages=2_000, max_passes=10)
    assert passes[0].pages == TOTAL
    assert passes[0].length_s == pytest.approx(TOTAL * PAGE_BYTES / 400e6)
    for before, after in pairwise(passes):
        assert after.start_s == pytest.approx(before.start_s + before.length_s)
        end_s = before.start_s + before.length_s
        assert after.pages == dirty_pages([EVEN], before.start_s, end_s, total_pages=TOTAL)
    assert rest <= 2_000


def test_what_does_not_converge_stops_after_the_last_pass() -> None:
    wild = WorkingSet(TOTAL, 500_000, hot_fraction=0.5, hot_share=0.5)
    passes, rest = plan_passes([wild], total_pages=TOTAL, bytes_per_s=400e6, threshold_pages=2_000, max_passes=4)
    assert [each.number for each in passes] == [1, 2, 3, 4]
    assert rest > 2_000


def test_an_idle_machine_needs_one_pass() -> None:
    passes, rest = plan_passes([], total_pages=TOTAL, bytes_per_s=400e6, threshold_pages=2_000, max_passes=10)
    assert (len(passes), rest) == (1, 0)
