"""Phases by status, passes by counters; the blackout flag is never needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.passes import Band, MemoryPass, memory_passes, phase_bands, read_passes, read_progress


def progress(*rows: tuple[float, int | None, str, int | None]) -> pd.DataFrame:
    """(t_s, job_state, operational_status, pass_number) a row."""
    columns = ["t_s", "job_state", "operational_status", "pass_number"]
    return pd.DataFrame(rows, columns=columns).astype({"pass_number": "float64"})


def test_the_whole_course_in_bands_without_holes(data: Path) -> None:
    bands = phase_bands(read_progress(data / "progress.csv"))
    assert bands == (
        Band("before", 0.0, 0.5),
        Band("checking", 0.5, 1.5),
        Band("storage", 1.5, 3.5),
        Band("memory", 3.5, 5.5),
        Band("after", 5.5, 6.0),
    )


def test_numbers_and_names_of_a_status_say_the_same() -> None:
    names = [
        (0, 4, "CheckingCompatibility", None),
        (1, 4, "StorageMigrationPhaseOne", None),
        (2, 4, "MigratingVirtualMachine", 1),
    ]
    numbers = [(0, 4, "11, 32781", None), (1, 4, "11, 32778", None), (2, 4, "11, 32774", 1)]
    assert phase_bands(progress(*names)) == phase_bands(progress(*numbers))
    assert [band.phase for band in phase_bands(progress(*names))] == ["checking", "storage", "memory"]


@pytest.mark.parametrize("state", [7, 8, 10, 32768])
def test_a_job_that_is_over_is_after_whatever_the_status_still_says(state: int) -> None:
    bands = phase_bands(progress((0, 4, "MigratingVirtualMachine", 1), (1, state, "MigratingVirtualMachine", 9)))
    assert [band.phase for band in bands] == ["memory", "after"]


def test_back_to_ok_after_memory_is_after_but_ok_at_the_start_is_not() -> None:
    rows = [(0, None, "Ok", None), (1, None, "MigratingVirtualMachine", 2), (2, None, "Ok", None)]
    assert [band.phase for band in phase_bands(progress(*rows))] == ["before", "memory", "after"]


def test_no_samples_no_bands() -> None:
    assert phase_bands(progress()) == ()


def test_the_table_of_passes(data: Path) -> None:
    assert memory_passes(read_passes(data / "passes.csv")) == (
        MemoryPass(1, 3.1, 3.5, 9000, 900000, 400000, blackout_seen=False),
        MemoryPass(2, 3.9, 3.9, 4000, 300000, None, blackout_seen=False),
        MemoryPass(3, 4.3, 4.4, 700, 300000, None, blackout_seen=True),
        MemoryPass(4, 4.5, 4.5, None, None, None, blackout_seen=None),
    )


def test_no_pass_seen_is_an_empty_table(data: Path) -> None:
    frame = read_passes(data / "passes.csv")
    assert memory_passes(frame[frame["pass_number"] == 0]) == ()


@pytest.mark.parametrize("read", [read_progress, read_passes])
def test_a_file_that_is_none_is_named(tmp_path: Path, read: Callable[[Path], pd.DataFrame]) -> None:
    path = tmp_path / "samples.csv"
    with pytest.raises(RecordError, match=r"samples\.csv"):
        read(path)
    path.write_text("t_s,utc\n1,2\n", encoding="utf-8")
    with pytest.raises(RecordError, match="lacks the column"):
        read(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(RecordError, match="empty"):
        read(path)
