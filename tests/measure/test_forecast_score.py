"""Facts from samples, the reason of a miss, and what is left of a move under way."""

from __future__ import annotations

import pytest

from snlm_lib.measure.forecast import MoveInputs, Span
from snlm_lib.measure.forecast.score import Fact, fact_from, fact_of, left_s, miss_of, outcome_of
from snlm_lib.measure.passes import Band, MemoryPass, Phase
from snlm_lib.units import MIB

BANDS = [Band(Phase.CHECKING, 0, 1), Band(Phase.STORAGE, 1, 9), Band(Phase.MEMORY, 9, 13), Band(Phase.CUT_OVER, 13, 14)]
PASSES = [
    MemoryPass(1, 9.0, 4096 * MIB, 4096 * MIB, 4096 * MIB),
    MemoryPass(2, 12.0, 500 * MIB, 500 * MIB, 4596 * MIB),
    MemoryPass(4, 12.8, 100 * MIB, None, 4896 * MIB),  # the third was too short to be sampled
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
    assert (fact.storage_s, fact.memory_s, fact.pause_s) == (56, 35.5, 0.5)
    assert fact.total_s == 91.5
    assert (fact.setup_s, fact.copied_s) == (7, 28)  # the checks are waited for too, and sent nothing
    assert fact.memory_mib == 4896


def test_a_machine_that_is_listed_while_it_stands_still_is_not_being_copied_then() -> None:
    """The lab's pause runs in real time: told as copying it would count ``time_factor`` times."""
    still = Band(Phase.BLACKOUT, 11, 12.9)
    fact = fact_of([*BANDS, still], PASSES, pause_s=2.0, time_factor=50)
    assert (fact.storage_s, fact.memory_s, fact.total_s, fact.copied_s) == (400, 152, 552, 100)
    late = Band(Phase.BLACKOUT, 13.5, 14)  # seen after the source had let it go
    assert fact_of([*BANDS, late], PASSES, pause_s=2.0).memory_s == 7


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
    assert [(one.mib, one.seconds) for one in outcome.passes] == [(4096, 6.0), (500, 0)]


def test_a_pass_seen_in_two_looks_has_no_length_and_no_later_one_stands_in_for_a_missing_one() -> None:
    coarse = fact_of(BANDS, PASSES, pause_s=0.5, looks=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    assert [(one.mib, one.seconds) for one in outcome_of(coarse, PASSES).passes] == [(4096, 0)]
    late = [MemoryPass(2, 10.0, 500 * MIB, None), MemoryPass(3, 12.0, 400 * MIB, 400 * MIB)]
    assert outcome_of(fact_of(BANDS, late, pause_s=0.5), late).passes == ()


def test_what_a_pass_has_to_send_is_what_was_dirty_when_it_began() -> None:
    """Its bytes are those of its last look: less than it sent."""
    seen = [MemoryPass(1, 9.0, 4096 * MIB, 3900 * MIB), MemoryPass(2, 12.0, 500 * MIB, None)]
    assert [one.mib for one in outcome_of(fact_of(BANDS, seen, pause_s=0.5), seen).passes] == [4096, 500]


def test_a_phase_that_lasted_only_some_looks_is_no_lesson() -> None:
    fact = Fact(total_s=100, storage_s=80, memory_s=20, pause_s=0.5, memory_mib=5000, within_s=6)
    outcome = outcome_of(fact, [])
    assert (outcome.storage_s, outcome.memory_s, outcome.pause_s) == (80, None, 0.5)


def test_a_phase_that_ended_while_nobody_looked_is_unknown_and_so_is_the_whole() -> None:
    """The kernel was killed at 4 s of the copy; who came back at 600 s saw the move done."""
    gone = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 600.0]
    fact = fact_of([Band(Phase.STORAGE, 1.0, 600.0)], [], pause_s=0.8, looks=gone)
    assert (fact.storage_s, fact.memory_s, fact.total_s, fact.pause_s) == (None, None, None, 0.8)
    back = [*gone[:-1], *(600 + number / 2 for number in range(20))]
    bands = [Band(Phase.STORAGE, 1.0, 600.0), Band(Phase.MEMORY, 600.0, 608.0)]
    fact = fact_of(bands, [], pause_s=0.8, looks=back)
    assert (fact.storage_s, fact.memory_s, fact.total_s) == (None, None, None)


def test_a_silence_in_the_middle_of_a_long_phase_costs_nothing() -> None:
    looks = [*range(0, 500), *range(560, 1000)]
    fact = fact_of([Band(Phase.STORAGE, 1.0, 900.0), Band(Phase.MEMORY, 900.0, 960.0)], [], pause_s=0.8, looks=looks)
    assert (fact.storage_s, fact.memory_s, fact.within_s) == (899, 60.8, 1)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0, True, "x", None, 1e300])
def test_what_is_no_length_in_a_record_is_unknown(odd: object) -> None:
    kept = {"total_s": odd, "memory_s": 5.0, "within_s": odd}
    assert fact_from(kept) == Fact(None, None, 5.0, None, None, 0.0)


def test_a_miss_names_part_direction_and_what_speaks_for_itself() -> None:
    fact = Fact(total_s=330, storage_s=300, memory_s=30, pause_s=0.1, memory_mib=5000)
    told = miss_of(TOLD, fact, MoveInputs(disk_used_mib=30_000, ram_assigned_mib=4096), ["storage speed"])
    assert (
        "the copy of the storage took more time: 5 min 0 s, 40 s to 3 min 20 s expected (copied at 100 MiB/s)" in told
    )
    assert "the pause took less time: 0.10 s, 0.30 s to 2.0 s expected" in told
    assert told.endswith("Nobody had measured: storage speed.")
    assert miss_of(TOLD, Fact(100, 80, 20, 1, 5000), MoveInputs(), ["link"]) == ""


def left(bands: list[Band], now_s: float, *, sent_mib: float | None = None, time_factor: float = 1.0) -> Span:
    found = left_s(TOLD, bands, now_s, sent_mib=sent_mib, time_factor=time_factor)
    assert found is not None
    return found


def test_while_the_storage_is_copied_the_memory_is_still_to_come() -> None:
    assert left_s(TOLD, BANDS[:1], 0.5, sent_mib=None) is None
    rest = left(BANDS[:2], 21.0)
    assert (rest.low, rest.mid, rest.high) == (20 + 10, 60 + 20, 180 + 40)


def test_a_lab_is_waited_for_in_its_own_seconds_its_pause_apart() -> None:
    rest = left(BANDS[:2], 2.0, time_factor=10)
    assert rest.mid == pytest.approx((80 - 10 + 20 - 1) / 10 + 1)


def test_a_copy_that_lasts_longer_than_expected_is_told_to_last_some_more() -> None:
    rest = left(BANDS[:2], 401.0)
    assert rest.low == 10
    assert (rest.mid, rest.high) == (40 + 20, 80 + 40)


def test_in_the_memory_phase_the_measured_rate_counts() -> None:
    assert left(BANDS[:3], 19.0, sent_mib=2500).mid == pytest.approx((5000 - 2500) / 250 + 1)
    late = left(BANDS[:3], 109.0, sent_mib=20_000)
    assert (late.low, late.mid, late.high) == pytest.approx((0.3, 10 + 1, 20 + 2))
    assert left(BANDS[:3], 19.0).mid == 9 + 1


def test_the_first_bytes_of_the_memory_do_not_make_the_rest_endless() -> None:
    assert left(BANDS[:3], 11.0, sent_mib=0.01).high < 80
    assert left(BANDS[:3], 9.0, sent_mib=0.0).mid == 20


def test_when_the_machine_stands_still_the_pause_alone_is_left() -> None:
    still = [*BANDS[:2], Band(Phase.MEMORY, 9, 14), Band(Phase.BLACKOUT, 13, 14)]
    assert left(still, 13.5, sent_mib=5000, time_factor=50).mid == 0.5
    assert left(BANDS, 13.5).mid == 0.5
    assert left(still, 113.0).mid == 10


def test_what_is_left_is_in_order_and_never_negative_nor_far_beyond_what_was_told() -> None:
    for tenth in range(1, 3000):
        now_s, sent_mib = tenth / 10, max(0.0, tenth - 90) * 20
        rest = left(BANDS[:3] if now_s > 9 else BANDS[:2], now_s, sent_mib=sent_mib)
        assert 0 <= rest.low <= rest.mid <= rest.high < 300
