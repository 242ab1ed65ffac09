"""What one move of a machine teaches about its next one, and nothing about a stranger's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.measure.forecast import Forecaster, MoveInputs, Outcome, PassSeen, Past, Span, Transport

VM1 = MoveInputs(
    machine="VM1",
    ram_assigned_mib=16384,
    ram_demand_mib=16384,
    disk_used_mib=100_000,
    link_mbit_s=10_000,
    transport=Transport.COMPRESSION,
    simultaneous=1,
)
TOOK = Outcome(memory_s=61.0, pause_s=1.4, memory_mib=22_000, storage_s=820.0)  # by slow disks: 122 MiB/s


def width(span: Span | None) -> float:
    assert span is not None
    return span.high / span.low


def test_a_machine_that_moved_before_is_forecast_in_half_the_range_and_near_what_it_took() -> None:
    before, after = Forecaster().forecast(VM1), Forecaster.trained([Past(VM1, TOOK)]).forecast(VM1)

    assert width(after.total_s) < 0.5 * width(before.total_s)
    assert width(after.memory_s) < 0.6 * width(before.memory_s)
    assert width(after.pause_s) < 0.6 * width(before.pause_s)
    assert after.total_s.mid == pytest.approx(881, rel=0.15)
    assert after.memory_s.mid == pytest.approx(61, rel=0.15)
    assert before.total_s.mid < 600


def test_the_speed_of_its_disks_is_told_by_its_earlier_copy() -> None:
    taught = Forecaster.trained([Past(VM1, TOOK)])
    told = {vm: taught.forecast(replace(VM1, machine=vm)).inputs for vm in ("VM1", "VM2")}
    speed, other = (next(one for one in told[vm] if one.name == "storage speed") for vm in told)

    assert speed.value == pytest.approx(100_000 / 820, rel=0.1)
    assert speed.low < speed.value < speed.high
    assert "by earlier moves" in speed.words
    assert "supposed" in other.words


def test_each_further_move_of_it_narrows_the_range() -> None:
    widths = [width(Forecaster.trained([Past(VM1, TOOK)] * count).forecast(VM1).total_s) for count in range(4)]
    assert widths == sorted(widths, reverse=True)


def test_a_strangers_move_leaves_the_range_about_as_wide() -> None:
    """Its disks may be others: what it took is a hint for the middle, not for the range."""
    other = replace(VM1, machine="VM2")
    before, after = Forecaster().forecast(other), Forecaster.trained([Past(VM1, TOOK)]).forecast(other)

    assert width(after.total_s) == pytest.approx(width(before.total_s), rel=0.2)


def test_what_its_passes_told_is_not_counted_twice() -> None:
    """The reading explains the longer move; the rest of the miss alone is learnt beside it."""
    passes = (PassSeen(16_384, 34), PassSeen(9000, 18.7), PassSeen(7000, 14.5), PassSeen(6000, 12.4))
    took = replace(TOOK, memory_s=90.0, memory_mib=40_000, passes=passes)
    told = Forecaster.trained([Past(VM1, took)]).forecast(VM1)

    assert told.memory_s.mid == pytest.approx(90, rel=0.15)


def test_writes_that_are_mirrored_while_it_is_copied_are_sent_too() -> None:
    quiet, busy = (Forecaster().forecast(replace(VM1, disk_write_mib_s=writes)) for writes in (0.0, 10.0))

    assert busy.sent_mib.mid - busy.memory_mib.mid - 100_000 == pytest.approx(10 * busy.total_s.mid)
    assert quiet.sent_mib.mid - quiet.memory_mib.mid == pytest.approx(100_000)


STUCK = replace(VM1, machine="VM9", link_mbit_s=1000, disk_used_mib=1000)


@pytest.fixture
def taught() -> Forecaster:
    """Quiet machines, and one whose passes told that it writes as fast as the link."""
    quiet = [replace(STUCK, machine=f"VM{at}", dirty_mib_s=1.0 + at) for at in range(8)]
    passes = (PassSeen(16_384, 340), PassSeen(9000, 187), PassSeen(7000, 145), PassSeen(6000, 124))
    busy = Past(STUCK, Outcome(900.0, 40.0, 40_000.0, 20.0, passes))
    return Forecaster.trained([*(Past(one, Outcome(100.0, 1.0, 20_000.0, 20.0)) for one in quiet), busy])


def test_what_is_recalled_of_it_is_the_same_for_the_forecast_and_for_a_what_if(taught: Forecaster) -> None:
    assert taught.forecast(STUCK, taught.recall(STUCK)) == taught.forecast(STUCK)


def test_advice_starts_from_the_machines_own_reading(taught: Forecaster) -> None:
    quieter = next(one for one in taught.shorten(STUCK) if "quieter" in one.what)
    known = taught.known(STUCK)
    assert known.dirty_mib_s is not None
    assert known.dirty_mib_s == pytest.approx(9000 / 340, rel=0.01)
    half = taught.forecast(
        replace(known, dirty_mib_s=known.dirty_mib_s / 2, disk_write_mib_s=0.25), taught.recall(STUCK)
    )
    assert quieter.total_s == pytest.approx(half.total_s.mid, rel=0.01)
    assert quieter.total_s + quieter.saved_s == pytest.approx(taught.forecast(STUCK).total_s.mid)


def test_a_pause_is_never_longer_than_the_memory_phase_that_holds_it() -> None:
    """Two figures learnt apart may contradict each other."""
    odd = Forecaster.trained([Past(VM1, Outcome(memory_s=1.0, pause_s=500.0))] * 5)
    told = odd.forecast(VM1)
    assert told.pause_s.mid <= told.memory_s.mid
    assert told.pause_s.high <= told.memory_s.high
