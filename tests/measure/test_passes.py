"""Phases by status, passes by counters; the blackout flag is never needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from snlm_lib.measure.passes import Band, MemoryPass, Phase, last_try, memory_passes, phase_bands, phase_of
from snlm_lib.measure.samples import read_samples
from snlm_lib.units import MIB

Row = tuple[float, int | None, str, int | None]
NO_COUNTERS: dict[str, list[str]] = {}


def progress(*rows: Row) -> dict[str, list[str]]:
    """(t_s, job_state, operational_status, pass_number) a row, as it stands in the file."""
    columns = zip(*rows, strict=True) if rows else [[], [], [], []]
    names = ("t_s", "job_state", "operational_status", "pass_number")
    return {
        name: ["" if value is None else str(value) for value in column]
        for name, column in zip(names, columns, strict=True)
    }


def phases(*rows: Row) -> list[Phase]:
    return [band.phase for band in phase_bands(progress(*rows), NO_COUNTERS)]


def test_the_whole_course_in_bands_each_up_to_the_next(data: Path) -> None:
    found = phase_bands(read_samples(data / "progress.csv"), read_samples(data / "passes.csv"))
    assert found == [
        Band(Phase.CHECKING, 0.5, 1.5),
        Band(Phase.STORAGE, 1.5, 3.5),
        Band(Phase.MEMORY, 3.5, 5.0),
        Band(Phase.CUT_OVER, 5.0, 5.5),
        Band(Phase.BLACKOUT, 4.3, 4.4),
    ]


def test_numbers_and_names_of_a_status_say_the_same() -> None:
    names: list[Row] = [
        (0, 4, "InService;CheckingCompatibility", None),
        (1, 4, "InService;StorageMigrationPhaseOne", None),
        (2, 4, "InService;MigratingVirtualMachine", 1),
        (3, 4, "InService;MigratingVirtualMachine", 2),
    ]
    numbers: list[Row] = [(0, 4, "11, 32781", None), (1, 4, "11, 32778", None), (2, 4, "11, 32774", 1)]
    assert phases(*names) == [Phase.CHECKING, Phase.STORAGE, Phase.MEMORY]
    assert phases(*numbers, (3, 4, "11, 32774", 1)) == phases(*names)


@pytest.mark.parametrize("state", [7, 8, 10, 32768])
def test_a_job_that_is_over_ends_the_last_band_whatever_the_status_still_says(state: int) -> None:
    rows: list[Row] = [(0, 4, "MigratingVirtualMachine", 1), (1, state, "MigratingVirtualMachine", 9)]
    assert phase_bands(progress(*rows, (2, state, "Ok", None)), NO_COUNTERS) == [Band(Phase.MEMORY, 0, 1)]


def test_back_to_ok_after_memory_ends_it_and_ok_at_the_start_begins_nothing() -> None:
    rows: list[Row] = [(0, None, "Ok", None), (1, None, "MigratingVirtualMachine", 2), (2, None, "Ok", None)]
    assert phase_bands(progress(*rows), NO_COUNTERS) == [Band(Phase.MEMORY, 1, 2)]


def test_migrating_without_a_pass_goes_on_with_the_phase_before() -> None:
    rows: list[Row] = [(0, 4, "StorageMigrationPhaseTwo", None), (1, 4, "MigratingVirtualMachine", None)]
    assert phase_bands(progress(*rows, (2, 7, "", None)), NO_COUNTERS) == [Band(Phase.STORAGE, 0, 2)]


def test_the_memory_phase_begins_when_the_counters_were_read_not_a_look_later() -> None:
    rows: list[Row] = [(0, 4, "MigratingVirtualMachine", None), (1, 4, "MigratingVirtualMachine", None)]
    read = {"t_s": ["0.9", "1.9"], "pass_number": ["1", "2"]}
    found = phase_bands(progress(*rows, (2, 4, "MigratingVirtualMachine", 1), (3, 7, "", None)), read)
    assert found == [Band(Phase.MEMORY, 1, 3)]


def test_a_source_that_is_silent_while_nothing_is_known_of_the_job_begins_no_cut_over() -> None:
    rows: list[Row] = [(0, 4, "MigratingVirtualMachine", 1), (1, None, "", None), (2, 4, "", None), (3, 7, "", None)]
    found = phase_bands(progress(*rows), NO_COUNTERS)
    assert found == [Band(Phase.MEMORY, 0, 2), Band(Phase.CUT_OVER, 2, 3)]


def test_no_samples_no_bands_no_passes() -> None:
    assert phase_bands(progress(), NO_COUNTERS) == []
    assert memory_passes(NO_COUNTERS) == []


def test_the_first_word_that_names_a_phase_decides() -> None:
    assert phase_of(("InService", "StorageMigrationPhaseTwo")) is Phase.STORAGE
    assert phase_of(("Ok",)) is None


def test_the_table_of_passes(data: Path) -> None:
    assert memory_passes(read_samples(data / "passes.csv")) == [
        MemoryPass(1, 3.1, 65000 * 4096, 900000, 900000),
        MemoryPass(2, 3.9, 4000 * 4096, 300000, 1200000),
        MemoryPass(3, 4.3, 700 * 4096, None),  # its sum went back: unknown
        MemoryPass(4, 4.5, None, None),
    ]


def test_the_most_dirty_memory_counts_and_rows_without_a_pass_do_not() -> None:
    columns = {"t_s": ["0", "1", "2", "3"], "pass_number": ["1", "1", "2", ""], "dirty_pages": ["512", "256", "", "1"]}
    found = memory_passes({**columns, "bytes_sent": ["1048576", "2097152", "3145728", "9"]})
    assert found == [MemoryPass(1, 0, 2 * MIB, 2 * MIB, 2 * MIB), MemoryPass(2, 2, None, MIB, 3 * MIB)]


def test_a_pass_that_was_not_seen_hides_its_own_bytes_and_not_those_of_the_whole() -> None:
    columns = {"t_s": ["0", "1", "2"], "pass_number": ["1", "3", "4"], "dirty_pages": [""] * 3}
    found = memory_passes({**columns, "bytes_sent": ["100", "160", "170"]})
    assert [(one.sent_bytes, one.until_bytes) for one in found] == [(100, 100), (None, 160), (10, 170)]


def test_a_sum_of_bytes_that_went_back_is_unknown_not_negative() -> None:
    columns = {"t_s": ["0", "1"], "pass_number": ["1", "2"], "bytes_sent": ["2097152", "1048576"]}
    assert [one.sent_bytes for one in memory_passes({**columns, "dirty_pages": ["1", "1"]})] == [2 * MIB, None]


def test_what_a_pass_sent_is_unknown_when_the_one_before_was_not_seen() -> None:
    columns = {"t_s": ["0", "1"], "pass_number": ["1", "4"], "bytes_sent": ["1048576", "2097152"]}
    found = memory_passes({**columns, "dirty_pages": ["512", "256"]})
    assert [(one.number, one.sent_bytes) for one in found] == [(1, MIB), (4, None)]


def test_of_two_orders_in_one_record_the_last_is_looked_at_alone() -> None:
    utc = [f"2026-11-23T09:0{minute}:00.000Z" for minute in range(5)]
    course = {"t_s": ["0.5", "70.1", "69.9", "0.4", "60.0"], "utc": utc}
    counted = {"t_s": ["65", "0.9", "59"], "utc": [utc[1], utc[3], utc[4]], "pass_number": ["1", "1", "2"]}
    last, passes = last_try(course, counted)
    assert last["t_s"] == ["0.4", "60.0"]
    assert (passes["t_s"], passes["pass_number"]) == (["0.9", "59"], ["1", "2"])


def test_a_clock_that_was_set_back_a_little_is_no_second_order() -> None:
    course = {"t_s": ["0.5", "70.1", "69.9"], "utc": ["", "", ""]}
    assert last_try(course, {}) == (course, {})
    assert last_try({}, {}) == ({}, {})
