"""A step outside a kernel: the same verdicts, the same record, no host."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from snlm_lib.change.act import Act, Outcome
from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.errors import HostUnreachable, LabError, OutcomeUnknown, RecordError, Refused, SessionLost
from snlm_lib.lock import FileLock
from snlm_lib.record.folder import Record, find_open_record
from snlm_lib.record.names import CHANGING
from snlm_lib.record.result import StepResult, Verdict, read_result
from snlm_lib.record.seal import seal
from snlm_lib.remote.session import CommandRecord
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
def step(outputs: Path, descriptor: Path) -> Step:
    return begin(NAME)


def opened(step: Step) -> Step:
    """The step with its gate passed."""
    step.gate([row("ready", Level.PASS)])
    return step


def result(step: Step) -> StepResult:
    found = read_result(step.record, step.name)
    assert found is not None
    return found


def test_how_a_lost_answer_was_made_up_for_stands_in_the_journal(step: Step) -> None:
    said = "the connection broke; the host has taken the command, it was not sent again"
    step._sent(CommandRecord("HV01", "Move-VM", True, "settled", step.clock.utc_now(), outcome=said))
    (note,) = [entry.data for entry in step.journal.entries() if entry.kind == "note"]
    assert note == {"host": "HV01", "text": "Move-VM", "settled": said}


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
    opened(step).change([act("x", Outcome("done"))])
    step.prove([row("a", Level.FAIL)])
    step.finish()
    assert result(step).verdict is Verdict.FAILED
    assert [(item.what, item.result) for item in result(step).changes] == [("HV01: x", "done")]


def test_changes_are_only_shown_when_the_parameters_do_not_allow_them(step: Step) -> None:
    ran: list[int] = []

    def do() -> Outcome:
        ran.append(1)
        return Outcome("done")

    only = Act("k", "HV01: k", "HV01", "back", do)
    assert step.change([only], allowed="never") == []
    assert ran == []
    assert len(opened(step).change([only], allowed="lab")) == 1
    assert ran == [1]
    assert step.change([], allowed="always") == []


def test_without_a_lab_no_record_is_opened(outputs: Path) -> None:
    with pytest.raises(LabError, match="no lab is running"):
        begin(NAME)
    assert not outputs.exists()


def test_a_host_that_does_not_answer_after_a_change_is_a_failure_with_the_change_listed(step: Step) -> None:
    opened(step).change([act("x", Outcome("done"))])
    step.ended_by(HostUnreachable("nobody answers", host="HV02"))
    assert result(step).verdict is Verdict.FAILED
    assert result(step).changes[0].undo == "HV01: undo x"


def test_an_open_intent_makes_it_unknown(step: Step) -> None:
    with pytest.raises(SessionLost) as caught:
        opened(step).change([act("x", SessionLost("cut", host="HV01"))])
    step.ended_by(caught.value)
    assert result(step).verdict is Verdict.UNKNOWN
    with pytest.raises(OutcomeUnknown):
        step.change([act("x", Outcome("done"))])


@pytest.mark.parametrize(("begun", "verdict"), [(True, Verdict.UNKNOWN), (False, Verdict.REFUSED)])
def test_verification_that_could_not_be_done_is_unknown_once_a_move_was_begun(
    outputs: Path, descriptor: Path, begun: bool, verdict: Verdict
) -> None:
    step = begin("06_verify_migration")
    if begun:
        step.journal.append("intent", "05_move_vm", {"intent_id": "i1", "what": "move VM01", "undo": "move it back"})
    step.ended_by(HostUnreachable("nobody answers", host="HV02"))
    assert result(step).verdict is verdict


def test_a_fault_of_ours_is_failed_and_keeps_its_traceback(step: Step) -> None:
    with pytest.raises(AttributeError) as caught:
        step.prove([None])  # type: ignore[list-item]
    assert step.ended_by(caught.value) is None
    assert result(step).verdict is Verdict.FAILED
    assert "a fault of snlm: AttributeError" in result(step).reason


def test_what_an_engineers_own_cell_does_wrong_does_not_end_the_step(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert step.ended_by(NameError("name 'fcats' is not defined")) is None
    assert read_result(step.record, NAME) is None
    monkeypatch.setenv("SNLM_RECORD", str(step.record.path))  # under the runner nobody goes on
    assert step.ended_by(NameError("name 'fcats' is not defined")) is None
    assert result(step).reason == "an error in the notebook's own code: NameError: name 'fcats' is not defined"


def test_cells_run_twice_are_kept_once(step: Step) -> None:
    for _ in range(2):
        step.gate([row("a", Level.PASS), row("b", Level.WARN)])
        step.say("the same words")
        step.change([act("x", Outcome("done"))])
        step.prove([row("p", Level.PASS)])
    step.finish()
    assert [item.id for item in result(step).checks] == ["a", "b", "p"]
    assert result(step).highlights == ["the same words"]
    assert [item.what for item in result(step).changes] == ["HV01: x"]


def test_a_gate_that_is_passed_at_the_second_look_counts(step: Step) -> None:
    with pytest.raises(Refused) as caught:
        step.gate([row("a", Level.FAIL)])
    step.ended_by(caught.value)
    with pytest.raises(Refused, match="not answered with yes"):
        step.change([act("x", Outcome("done"))])
    step.gate([row("a", Level.PASS)])
    step.change([act("x", Outcome("done"))])
    step.finish()
    assert result(step).verdict is Verdict.PASSED


def test_after_its_end_a_step_changes_nothing_new_and_records_nothing(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(step).change([act("x", Outcome("done"))])
    step.finish()
    told = result(step)
    (again,) = step.change([act("x", Outcome("done"))])
    assert not again.begun_here
    with pytest.raises(Refused, match="the step is finished: HV01: y") as caught:
        step.change([act("y", Outcome("done"))])
    assert step.ended_by(caught.value) == f"REFUSED: {caught.value}"
    capsys.readouterr()
    step.gate([row("a", Level.PASS)])
    step.finish()
    assert capsys.readouterr().out.count(" cell to take it up again") == 4  # HTML and text, twice
    assert result(step) == told


def test_while_one_kernel_changes_something_another_is_told_who(step: Step) -> None:
    opened(step)
    with (
        FileLock(step.record.path / CHANGING),
        pytest.raises(RecordError, match=f"held by process {os.getpid()} on ") as caught,
    ):
        step.change([act("x", Outcome("done"))])
    assert str(step.ended_by(caught.value)).startswith("REFUSED: ")
    assert read_result(step.record, NAME) is None
    assert len(step.change([act("x", Outcome("done"))])) == 1


def test_what_belongs_before_the_move_is_not_judged_anew_after_it(outputs: Path, descriptor: Path) -> None:
    mover = begin("05_move_vm")
    with pytest.raises(SessionLost):
        opened(mover).change([act("move", SessionLost("cut", host="HV01"))])
    for name in ("01_enable_live_migration", "04_start_ping_monitor"):
        with pytest.raises(Refused, match="belongs before it"):
            begin(name)
    assert begin("06_verify_migration").record == mover.record
    assert {entry.step for entry in mover.journal.entries() if entry.kind == "step-started"} == {
        "05_move_vm",
        "06_verify_migration",
    }
