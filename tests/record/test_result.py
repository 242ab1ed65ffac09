"""A result is checked on write and on read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from snlm_lib.errors import RecordError
from snlm_lib.record.folder import Record
from snlm_lib.record.result import StepResult, Verdict, read_result, run_verdict, worst, write_result

UTC = "2026-11-23T21:04:00.000Z"


def result(**changes: Any) -> StepResult:
    base: dict[str, Any] = {
        "step": "05_move_vm",
        "verdict": "passed",
        "reason": "moved",
        "started_utc": UTC,
        "ended_utc": UTC,
        "figures": {"host_blackout_s": 0.4, "passes": 5, "event": None, "job_state": "7", "clean": True},
    }
    return StepResult(**{**base, **changes})


def test_a_result_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_result(Record(tmp_path), result(tables={"phases": [{"phase": "storage", "start_s": 0.5}]}))
    found = read_result(Record(tmp_path), "05_move_vm")
    assert found == result(tables={"phases": [{"phase": "storage", "start_s": 0.5}]})
    assert found is not None
    assert found.verdict is Verdict.PASSED
    assert type(found.figures["clean"]) is bool
    assert '"schema": "snlm.result/1"' in path.read_text(encoding="utf-8")


def test_no_result_is_none(tmp_path: Path) -> None:
    assert read_result(Record(tmp_path), "05_move_vm") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "green"},
        {"started_utc": "yesterday"},
        {"started_utc": "2026-11-23T21:04:00"},
        {"figures": {"gap_s": float("nan")}},
        {"extra": 1},
        {"checks": [{"id": "a", "title": "b", "verdict": "OK"}]},
        {"changes": [{"intent_id": "a", "what": "b", "undo": "c", "result": "maybe"}]},
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        result(**changes)


def test_a_figure_that_became_nan_later_is_not_written(tmp_path: Path) -> None:
    made = result()
    made.figures["gap_s"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_result(Record(tmp_path), made)
    assert not (tmp_path / "steps" / "05_move_vm" / "result.json").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "Invalid JSON"),
        ('{"schema":"snlm.result/2"}', "schema"),
        (result(step="06_verify_migration").to_json(), "is the result of step '06_verify_migration'"),
    ],
)
def test_a_file_edited_by_hand_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    write_result(Record(tmp_path), result()).write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=sentence):
        read_result(Record(tmp_path), "05_move_vm")


def test_a_sealed_record_takes_no_result(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()
    with pytest.raises(RecordError, match="sealed"):
        write_result(Record(tmp_path), result())
    assert not (tmp_path / "steps").exists()


def test_the_worst_verdict_is_the_run_s() -> None:
    assert worst(Verdict.PASSED, Verdict.REFUSED) is Verdict.REFUSED
    assert worst(Verdict.REFUSED, Verdict.FAILED) is Verdict.FAILED
    assert run_verdict(result(), result(verdict="failed")) is Verdict.FAILED
    assert run_verdict(result(), None) is Verdict.UNKNOWN
    assert run_verdict() is Verdict.UNKNOWN
    assert [verdict.exit_code for verdict in Verdict] == [0, 2, 1, 3]
