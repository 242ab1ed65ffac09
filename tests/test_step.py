"""A step outside a kernel: the same verdicts, the same record, no host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snlm_lib.change.act import Act, Outcome
from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.errors import HostUnreachable, LabError, OutcomeUnknown, RecordError, Refused, SessionLost
from snlm_lib.record.folder import Record, find_open_record
from snlm_lib.record.result import StepResult, Verdict, read_result
from snlm_lib.record.seal import seal
from snlm_lib.step import Step, begin

NAME = "01_enable_live_migration"


def row(check_id: str, level: Level, removed_by: str | None = None) -> CheckResult:
    return CheckResult(check_id, f"Title {check_id}", level, "seen", "do that", "HV02", removed_by)


def act(key: str, end: Outcome | Exception) -> Act:
    def do() -> Outcome:
        if isinstance(end, Exception):
            raise end
        return end

    return Act(key, f"HV01: {key}", "HV01", f"HV01: undo {key}", do)


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    monkeypatch.setenv("SNLM_RECORD", "")
    return tmp_path / "outputs"


@pytest.fixture
def descriptor(tmp_path: Path) -> Path:
    path = tmp_path / "lab.json"
    hosts = {name: {"address": "127.0.0.1", "port": 1} for name in ("HV01", "HV02", "DC01")}
    text = {"hosts": hosts, "directory": "DC01", "user": "CORP\\operator", "secret": "env:LAB", "guests": {}}
    path.write_text(json.dumps({**text, "truth_dir": str(tmp_path)}), encoding="utf-8")
    return path


@pytest.fixture
def step(outputs: Path) -> Step:
    return begin(NAME)


def result(step: Step) -> StepResult:
    found = read_result(step.record, step.name)
    assert found is not None
    return found


def test_begin_opens_a_record_and_a_second_step_goes_on_in_it(step: Step, outputs: Path) -> None:
    assert find_open_record(outputs, "REHEARSAL") == step.record
    assert begin("02_configure_delegation").record == step.record
    assert [entry.kind for entry in step.journal.entries()] == ["record-opened", "step-started", "step-started"]


def test_a_record_given_by_the_runner_is_used_and_a_sealed_one_refused(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNLM_RECORD", str(step.record.path))
    assert begin(NAME).record == Record(step.record.path)
    seal(step.record, step.clock)
    with pytest.raises(RecordError, match="sealed"):
        begin(NAME)


def test_a_failing_check_refuses_and_the_result_says_that_nothing_changed(step: Step) -> None:
    with pytest.raises(Refused) as caught:
        step.gate([row("a", Level.PASS), row("b", Level.FAIL)])
    assert step.ended_by(caught.value) == "REFUSED: HV02: seen. do that"
    assert (result(step).verdict, result(step).changes) == (Verdict.REFUSED, [])


def test_what_a_later_step_removes_is_a_warning_that_says_so(step: Step) -> None:
    step.gate([row("a", Level.FAIL, "01"), row("b", Level.WARN)], removing=("01", "02"))
    step.finish()
    assert result(step).verdict is Verdict.PASSED
    assert [(item.verdict, item.remedy) for item in result(step).checks] == [
        ("WARN", "Removed later by 01."),
        ("WARN", "do that"),
    ]
    assert result(step).reason == "0 of 2 checks passed, 2 warnings"


def test_a_failed_proof_fails_the_step_when_it_finishes(step: Step) -> None:
    step.change([act("x", Outcome("done"))])
    step.prove([row("a", Level.FAIL)])
    step.finish()
    assert result(step).verdict is Verdict.FAILED
    assert [(item.what, item.result) for item in result(step).changes] == [("HV01: x", "done")]


def test_changes_are_only_shown_when_the_parameters_do_not_allow_them(step: Step, descriptor: Path) -> None:
    ran: list[int] = []

    def do() -> Outcome:
        ran.append(1)
        return Outcome("done")

    only = Act("k", "HV01: k", "HV01", "back", do)
    assert step.change([only], allowed="never") == []
    assert ran == []
    assert len(step.change([only], allowed="lab")) == 1
    assert ran == [1]
    assert step.change([], allowed="always") == []


def test_no_lab_is_told_and_refused(step: Step) -> None:
    with pytest.raises(LabError, match="no lab is running") as caught:
        step.survey()
    told = step.ended_by(caught.value)
    assert told is not None
    assert told.startswith("REFUSED: ")
    assert "lab.json" in told


def test_a_host_that_does_not_answer_after_a_change_is_a_failure_with_the_change_listed(step: Step) -> None:
    step.change([act("x", Outcome("done"))])
    step.ended_by(HostUnreachable("nobody answers", host="HV02"))
    assert result(step).verdict is Verdict.FAILED
    assert result(step).changes[0].undo == "HV01: undo x"


def test_an_open_intent_makes_it_unknown(step: Step) -> None:
    with pytest.raises(SessionLost) as caught:
        step.change([act("x", SessionLost("cut", host="HV01"))])
    step.ended_by(caught.value)
    assert result(step).verdict is Verdict.UNKNOWN
    with pytest.raises(OutcomeUnknown):
        step.change([act("x", Outcome("done"))])


def test_verification_that_could_not_be_done_is_unknown_not_refused(outputs: Path) -> None:
    step = begin("06_verify_migration")
    step.ended_by(HostUnreachable("nobody answers", host="HV02"))
    assert result(step).verdict is Verdict.UNKNOWN


def test_a_fault_of_ours_is_failed_and_keeps_its_traceback(step: Step) -> None:
    assert step.ended_by(KeyError("x")) is None
    assert result(step).verdict is Verdict.FAILED
    assert "a fault of snlm: KeyError" in result(step).reason
