"""The benchmark's arithmetic: an unknown gap is never counted as a good one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import speed
from benchmarks.rehearsal import Row, main, read_row, summary
from snlm_lib.clock import FakeClock
from snlm_lib.record.folder import create_record
from snlm_lib.record.result import StepResult, Verdict
from snlm_lib.runbook import REPORT_STEP, STEPS

NOW = "2026-11-23T21:04:00.000Z"


def _row(gap_s: float | None, silence_s: float | None = 0.58) -> Row:
    return Row("passed", 0.42, silence_s, gap_s, 0.5, 0.7, 0.1, 30.0)


def test_the_largest_error_is_told_in_probe_intervals() -> None:
    told = summary([_row(0.6), _row(0.5), _row(0.58)])

    assert told["gap_error_intervals_max"] == pytest.approx(0.8)
    assert (told["runs"], told["passed"]) == (3, 3)


@pytest.mark.parametrize("rows", [[], [_row(None)], [_row(0.6), _row(None)], [_row(0.6, None)]])
def test_an_unknown_gap_makes_the_whole_unknown(rows: list[Row]) -> None:
    assert summary(rows)["gap_error_intervals_max"] is None


def test_a_row_is_read_from_the_record_and_the_result(tmp_path: Path) -> None:
    facts = {"parameters": {"probe_interval_ms": 50}}
    record = create_record(tmp_path, "REHEARSAL", clock=FakeClock(), facts=facts)
    record.lab_dir.mkdir()
    truth = {"moves": [{"blackout_s": 0.42, "silence_s": 0.58}]}
    (record.lab_dir / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    result = StepResult(
        step="06_verify_migration",
        verdict=Verdict.PASSED,
        reason="",
        started_utc=NOW,
        ended_utc=NOW,
        figures={"gap_s": 0.6},
    )
    row = read_row(record, (result,), "passed", 30.0)

    assert (row.blackout_s, row.silence_s, row.gap_s, row.lower_s, row.interval_s) == (0.42, 0.58, 0.6, None, 0.05)
    assert row.error_intervals == pytest.approx(0.4)


def test_a_record_without_truth_has_no_error(tmp_path: Path) -> None:
    facts = {"parameters": {"probe_interval_ms": 50}}
    record = create_record(tmp_path, "REHEARSAL", clock=FakeClock(), facts=facts)

    assert read_row(record, (), "refused", 1.0).error_intervals is None


def test_no_runs_at_all_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "0", "--pairs", "0", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["gap_error_intervals_max"] is None


def test_the_ratio_is_that_of_the_medians() -> None:
    pairs = [speed.Pair(8.0, 30.0, True), speed.Pair(9.0, 40.0, True), speed.Pair(50.0, 32.0, True)]

    assert speed.summary(pairs)["ratio_to_papermill_cli"] == pytest.approx(9 / 32)


@pytest.mark.parametrize("pairs", [[], [speed.Pair(8.0, 30.0, True), speed.Pair(1.0, 30.0, False)]])
def test_a_run_that_failed_is_never_a_fast_one(pairs: list[speed.Pair]) -> None:
    assert speed.summary(pairs)["ratio_to_papermill_cli"] is None


def test_both_sides_run_the_same_notebooks(tmp_path: Path) -> None:
    commands = speed._command_lines(tmp_path / "speed.yaml", tmp_path)

    assert [Path(words[-4]).stem for words in commands] == [*STEPS, REPORT_STEP]
    assert all(Path(words[-4]).is_file() for words in commands)
