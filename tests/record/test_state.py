"""The record as a whole: never better than any of its witnesses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from snlm_lib.record.folder import Record
from snlm_lib.record.result import Verdict
from snlm_lib.record.state import LOST, read_state

Build = Callable[..., Any]


def test_a_passed_run(builder: Build) -> None:
    state = read_state(builder().passed())
    assert state.verdict is Verdict.PASSED
    assert [step.name[:2] for step in state.steps] == ["01", "02", "03", "04", "05", "06", "07"]
    assert [change.result for change in state.changes] == ["done"] * 5
    assert (state.number("06", "gap_s"), state.figure("05", "blackout_event_id")) == (0.6, 20415)
    assert state.truth is not None
    assert state.rehearsal is True


def test_a_killed_kernel_is_unknown_and_names_what_was_begun(builder: Build) -> None:
    state = read_state(builder(rehearsal=False).killed())
    five = state.step("05")
    assert state.verdict is Verdict.UNKNOWN
    assert five is not None
    assert (five.verdict, five.reason) == (Verdict.UNKNOWN, LOST)
    assert [(change.step, change.result) for change in state.changes][-1] == ("05_move_vm", "unknown")
    assert state.rehearsal is False


def test_a_refused_run_is_refused(builder: Build) -> None:
    state = read_state(builder().refused())
    assert (state.verdict, state.changes) == (Verdict.REFUSED, ())


def test_an_open_intent_outweighs_a_result_that_says_passed(builder: Build) -> None:
    build = builder()
    record = build.passed()
    build.change(record, "05_move_vm", 9, outcome=None)
    state = read_state(record)
    five = state.step("05")
    assert five is not None
    assert five.verdict is Verdict.UNKNOWN
    assert five.reason.startswith("Its result says passed, but the journal says unknown.")
    assert state.verdict is Verdict.UNKNOWN


def test_a_journal_verdict_outweighs_a_better_result(builder: Build) -> None:
    build = builder()
    record = build.passed()
    build.journal(record).append("verdict", "03_verify_hosts", {"verdict": "failed", "reason": "a cell never ran"})
    assert read_state(record).verdict is Verdict.FAILED


def test_a_result_of_an_earlier_try_does_not_count(builder: Build) -> None:
    build = builder()
    record = build.passed()
    build.begin(record, "06_verify_migration")
    six = read_state(record).step("06")
    assert six is not None
    assert (six.result, six.reason) == (None, LOST)


def test_the_report_s_own_step_may_still_run(builder: Build) -> None:
    build = builder()
    record = build.open()
    build.prepare(record)
    build.begin(record, "07_change_report")
    assert read_state(record).verdict is Verdict.PASSED


def test_an_empty_record_is_unknown(builder: Build) -> None:
    record = builder().open()
    assert (read_state(record).verdict, read_state(record).steps) == (Verdict.UNKNOWN, ())


@pytest.mark.parametrize("text", ["{", '{"schema":"snlm.result/9"}', "[]"])
def test_a_result_that_does_not_fit_is_unknown_and_says_why(builder: Build, text: str) -> None:
    record = builder().passed()
    (record.step_dir("03_verify_hosts") / "result.json").write_text(text, encoding="utf-8")
    three = read_state(record).step("03")
    assert three is not None
    assert three.verdict is Verdict.UNKNOWN
    assert "cannot be read" in three.reason


@pytest.mark.parametrize("name", ["change.json", "journal.jsonl", "lab/truth.json"])
def test_a_file_that_is_missing_or_broken_stops_nothing(builder: Build, name: str) -> None:
    record: Record = builder().passed()
    (record.path / name).write_bytes(b"\xff{")
    assert len(read_state(record).steps) == 7
    (record.path / name).unlink()
    assert len(read_state(record).steps) == 7


def test_a_change_that_only_a_result_tells_is_not_lost(builder: Build) -> None:
    build = builder()
    record = build.open()
    started = build.begin(record, "01_enable_live_migration")
    row = {"intent_id": "x", "what": "HV01: settings", "undo": "put back", "result": "done"}
    build.finish(record, "01_enable_live_migration", started, changes=[row])
    assert [(change.what, change.undo, change.result) for change in read_state(record).changes] == [
        ("HV01: settings", "put back", "done")
    ]
