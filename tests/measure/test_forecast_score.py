"""Facts from samples, the reason of a miss, and what is left of a move under way."""

from __future__ import annotations

import pytest

from snlm_lib.measure.forecast import MoveInputs, Span
from snlm_lib.measure.forecast.score import Fact, fact_of, left_s, miss_of, outcome_of
from snlm_lib.measure.passes import Band, MemoryPass, Phase
from snlm_lib.units import MIB

BANDS = [Band(Phase.CHECKING, 0, 1), Band(Phase.STORAGE, 1, 9), Band(Phase.MEMORY, 9, 13), Band(Phase.CUT_OVER, 13, 14)]
PASSES = [
    MemoryPass(1, 9.0, 4096 * MIB, 4096 * MIB),
    MemoryPass(2, 12.0, 500 * MIB, 500 * MIB),
    MemoryPass(4, 12.8, 100 * MIB, 100 * MIB),  # the third was too short to be sampled
]
TOLD = {
    "storage_s": Span(40, 80, 200),
    "memory_s": Span(10, 20, 40),
    "pause_s": Span(0.3, 1, 2),
    "memory_mib": Span(4200, 5000, 9000),
    "total_s": Span(60, 100, 230),
}


def test_a_labs_phases_are_told_in_its_hosts_seconds_and_its_pause_as_it_was() -> None:
    fact = fact_of(BANDS, PASSES, pause_s=0.5, time_factor=7)
    assert (fact.storage_s, fact.memory_s, fact.pause_s) == (56, 28.5, 0.5)
    assert fact.total_s == 84.5
    assert fact.memory_mib == 4696


def test_a_machine_that_is_listed_while_it_stands_still_is_not_being_copied_then() -> None:
    """The lab's pause runs in real time: told as copying it would count ``time_factor`` times."""
    still = Band(Phase.BLACKOUT, 11, 12.9)
    fact = fact_of([*BANDS, still], PASSES, pause_s=2.0, time_factor=50)
    assert (fact.storage_s, fact.memory_s, fact.total_s) == (400, 102, 502)
    late = Band(Phase.BLACKOUT, 13.5, 14)  # seen after the source had let it go
    assert fact_of([*BANDS, late], PASSES, pause_s=2.0).memory_s == 6


def test_bytes_are_known_no_better_than_the_looks_at_them() -> None:
    fact = Fact(100, 80, 21, 1, memory_mib=5000, within_s=2)
    assert fact.part("memory_mib") == (5000, 500)
    assert fact.inside("memory_mib", Span(5400, 6000, 9000))
    assert not fact.inside("memory_mib", Span(5600, 6000, 9000))
    assert Fact(None, None, None, None, memory_mib=5000, within_s=2).part("memory_mib") == (5000, 0)


def test_what_was_not_seen_is_unknown() -> None:
    fact = fact_of(BANDS[:2], [], pause_s=None)
    assert (fact.total_s, fact.memory_s, fact.pause_s, fact.memory_mib) == (None, None, None, None)
    assert fact.storage_s == 8


def test_a_pass_that_was_not_sampled_whole_is_no_lesson() -> None:
    outcome = outcome_of(fact_of(BANDS, PASSES, pause_s=0.5), PASSES, time_factor=2)
    assert [(one.mib, one.seconds) for one in outcome.passes] == [(4096, 6.0)]


def test_a_miss_names_part_direction_and_what_speaks_for_itself() -> None:
    fact = Fact(total_s=330, storage_s=300, memory_s=30, pause_s=0.1, memory_mib=5000)
    told = miss_of(TOLD, fact, MoveInputs(disk_used_mib=30_000, ram_assigned_mib=4096), ["storage speed"])
    assert "the copy of the storage took more time: 300 s, 40 to 200 expected (copied at 100 MiB/s)" in told
    assert "the pause took less time: 0.1 s" in told
    assert told.endswith("Nobody had measured: storage speed.")
    assert miss_of(TOLD, Fact(100, 80, 20, 1, 5000), MoveInputs(), ["link"]) == ""


def test_while_the_storage_is_copied_the_memory_is_still_to_come() -> None:
    assert left_s(TOLD, BANDS[:1], 0.5, sent_mib=None) is None
    left = left_s(TOLD, BANDS[:2], 21.0, sent_mib=None)
    assert left is not None
    assert (left.low, left.mid, left.high) == (20 + 10, 60 + 20, 180 + 40)


def test_a_copy_that_lasts_longer_than_expected_is_told_to_last_some_more() -> None:
    left = left_s(TOLD, BANDS[:2], 401.0, sent_mib=None)
    assert left is not None
    assert left.low == 10
    assert left.low < left.mid < left.high


def test_in_the_memory_phase_the_measured_rate_counts() -> None:
    left = left_s(TOLD, BANDS[:3], 19.0, sent_mib=2500, time_factor=1)
    assert left is not None
    assert left.mid == pytest.approx((5000 - 2500) / 250 + 1)
    quick = left_s(TOLD, BANDS[:3], 19.0, sent_mib=5000, time_factor=1)
    assert quick is not None
    assert quick.mid == pytest.approx(1)
    assert (left_s(TOLD, BANDS[:3], 19.0, sent_mib=None) or Span(0, 0, 0)).mid == 10
