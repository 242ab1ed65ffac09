"""A step's verdict: result, saved notebook and journal must agree, or it is unknown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.judge import BY_HAND, Witness, judge_by_hand, judge_step, ran_by_hand, settle, write_not_started
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.result import StepResult, Verdict, read_result, write_result
from snlm_lib.saved import Execution

STEP = "05_move_vm"
WHOLE = Execution(())
DEAD = Execution(("its kernel died",))
STOPPED = Execution(("it was interrupted",), interrupted=True)
INTENT = {"intent_id": "i1", "what": "move VM01 to HV02", "undo": "move it back", "before": {}}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return create_record(tmp_path, "TEST", clock=FakeClock(), facts={})


def _told(verdict: Verdict, reason: str = "") -> StepResult:
    now = "2026-11-23T21:04:00.000Z"
    return StepResult(step=STEP, verdict=verdict, reason=reason, started_utc=now, ended_utc=now)


@pytest.mark.parametrize(
    ("witness", "verdict"),
    [
        (Witness(Verdict.PASSED, WHOLE), Verdict.PASSED),
        (Witness(Verdict.PASSED, DEAD), Verdict.UNKNOWN),
        (Witness(Verdict.PASSED, WHOLE, ("move",), True), Verdict.UNKNOWN),
        (Witness(Verdict.REFUSED, Execution(("a cell raised Refused",))), Verdict.REFUSED),
        (Witness(Verdict.FAILED, WHOLE, (), True), Verdict.FAILED),
        (Witness(Verdict.FAILED, WHOLE, ("move",), True), Verdict.UNKNOWN),
        (Witness(Verdict.UNKNOWN, WHOLE), Verdict.UNKNOWN),
        (Witness(Verdict.PASSED, WHOLE, journaled=Verdict.PASSED), Verdict.PASSED),
        (Witness(Verdict.PASSED, WHOLE, journaled=Verdict.REFUSED), Verdict.UNKNOWN),
        (Witness(Verdict.REFUSED, WHOLE, journaled=Verdict.FAILED), Verdict.UNKNOWN),
        (Witness(Verdict.FAILED, WHOLE, journaled=Verdict.PASSED), Verdict.FAILED),
        (Witness(None, DEAD), Verdict.UNKNOWN),
        (Witness(None, WHOLE), Verdict.UNKNOWN),
        (Witness(None, STOPPED), Verdict.REFUSED),
        (Witness(None, STOPPED, (), True), Verdict.UNKNOWN),
        (Witness(None, STOPPED, ("move",), True), Verdict.UNKNOWN),
    ],
)
def test_in_doubt_it_is_unknown(witness: Witness, verdict: Verdict) -> None:
    assert settle(witness)[0] is verdict


def test_a_dead_kernel_is_written_down_as_unknown_with_what_it_had_begun(record: Record) -> None:
    journal = record.journal(FakeClock())
    journal.append("intent", STEP, INTENT)

    judge_step(record, STEP, DEAD, clock=FakeClock())
    result = read_result(record, STEP)

    assert result is not None
    assert result.verdict is Verdict.UNKNOWN
    assert "move VM01 to HV02" in result.reason
    assert "its kernel died" in result.reason
    assert [(row.undo, row.result) for row in result.changes] == [("move it back", "unknown")]
    assert journal.entries()[-1].data["verdict"] == "unknown"


def test_what_a_dead_kernel_had_finished_is_listed_as_done(record: Record) -> None:
    journal = record.journal(FakeClock())
    journal.append("intent", STEP, INTENT)
    journal.append("outcome", STEP, {"intent_id": "i1", "result": "done", "detail": ""})

    result = judge_step(record, STEP, DEAD, clock=FakeClock())

    assert result.verdict is Verdict.UNKNOWN
    assert [row.result for row in result.changes] == ["done"]


def test_a_result_that_agrees_stays_as_the_step_wrote_it(record: Record) -> None:
    path = write_result(record, _told(Verdict.PASSED, "moved"))
    before = path.read_bytes()

    assert judge_step(record, STEP, WHOLE, clock=FakeClock()).reason == "moved"
    assert path.read_bytes() == before


def test_an_intent_of_another_step_does_not_count(record: Record) -> None:
    record.journal(FakeClock()).append("intent", "01_enable_live_migration", INTENT)
    write_result(record, _told(Verdict.PASSED))

    assert judge_step(record, STEP, WHOLE, clock=FakeClock()).verdict is Verdict.PASSED


def test_a_result_that_breaks_its_schema_is_none_and_it_is_said(record: Record) -> None:
    folder = record.step_dir(STEP)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"verdict": "passed"}', encoding="utf-8")

    result = judge_step(record, STEP, WHOLE, clock=FakeClock())

    assert result.verdict is Verdict.UNKNOWN
    assert "result.json" in result.reason


def test_a_step_that_never_began_is_refused(record: Record) -> None:
    write_not_started(record, STEP, "interrupted by the operator", clock=FakeClock())
    result = read_result(record, STEP)

    assert result is not None
    assert (result.verdict, result.reason) == (Verdict.REFUSED, "interrupted by the operator")


def test_by_hand_the_result_counts_and_it_is_said_that_no_notebook_was_kept(record: Record) -> None:
    journal = record.journal(FakeClock())
    journal.append("step-started", STEP, {"by": "hand"})
    write_result(record, _told(Verdict.PASSED, "moved"))

    assert ran_by_hand(record, STEP, clock=FakeClock())
    assert judge_by_hand(record, STEP, clock=FakeClock()).verdict is Verdict.PASSED
    result = read_result(record, STEP)
    assert result is not None
    assert (result.reason, result.highlights) == ("moved", [BY_HAND])
    assert journal.entries()[-1].data == {"note": BY_HAND}


def test_by_hand_an_open_intent_or_a_later_start_is_unknown(record: Record) -> None:
    journal = record.journal(FakeClock())
    write_result(record, _told(Verdict.PASSED))
    later = FakeClock()
    later.advance(60)
    record.journal(later).append("step-started", STEP, {"by": "hand"})
    again = judge_by_hand(record, STEP, clock=FakeClock())
    assert (again.verdict, again.reason) == (
        Verdict.UNKNOWN,
        "it was begun again after its result, and left no new one",
    )
    write_result(record, _told(Verdict.PASSED))
    journal.append("intent", STEP, INTENT)
    assert judge_by_hand(record, STEP, clock=FakeClock()).verdict is Verdict.UNKNOWN


def test_the_last_start_says_who_watches(record: Record) -> None:
    journal = record.journal(FakeClock())
    assert not ran_by_hand(record, STEP, clock=FakeClock())
    for who in ("hand", "runner"):
        journal.append("step-started", STEP, {"by": who})
    assert not ran_by_hand(record, STEP, clock=FakeClock())


@pytest.mark.parametrize("judge", [lambda record: judge_step(record, STEP, WHOLE, clock=FakeClock()), None])
@pytest.mark.parametrize("word", ["failed", "refused", "unknown", "splendid"])
def test_a_result_that_says_more_than_the_journal_is_not_believed(
    record: Record, word: str, judge: Callable[[Record], StepResult] | None
) -> None:
    journal = record.journal(FakeClock())
    journal.append("step-started", STEP, {"by": "hand"})
    journal.append("verdict", STEP, {"verdict": word, "reason": "VM01 stopped answering"})
    write_result(record, _told(Verdict.PASSED))  # edited afterwards

    result = judge(record) if judge else judge_by_hand(record, STEP, clock=FakeClock())

    said = "unknown" if word == "splendid" else word
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == f"its result says passed, but the journal says {said}"
    assert read_result(record, STEP) == result


def test_a_verdict_from_before_the_last_start_does_not_count(record: Record) -> None:
    journal = record.journal(FakeClock())
    journal.append("verdict", STEP, {"verdict": "failed", "reason": ""})
    journal.append("step-started", STEP, {"by": "runner"})
    journal.append("verdict", "01_enable_live_migration", {"verdict": "failed", "reason": ""})
    write_result(record, _told(Verdict.PASSED))

    assert judge_step(record, STEP, WHOLE, clock=FakeClock()).verdict is Verdict.PASSED
