"""Did a step do what its result says? Result, saved notebook and journal against each other; runs nothing.

A step that an engineer ran by hand, or by plain papermill, has no notebook in the record: then result and journal
are all there is, and both the journal and the result say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snlm_lib.clock import Clock
from snlm_lib.errors import RecordError
from snlm_lib.record.folder import Record
from snlm_lib.record.journal import Entry, open_intents
from snlm_lib.record.result import ChangeRow, StepResult, Verdict, read_result, worst, write_result
from snlm_lib.saved import Execution
from snlm_lib.units import iso_utc, parse_utc

__all__ = ["BY_HAND", "Witness", "judge_by_hand", "judge_step", "ran_by_hand", "settle", "write_not_started"]

BY_HAND = "run by hand: no executed notebook was kept"


@dataclass(frozen=True)
class Witness:
    """What is known of a step from outside its kernel.

    ``told`` is its own result (None: it left none), ``open_intents`` say what was begun without an
    outcome, ``acted`` whether it recorded any intent at all; ``journaled`` is the last verdict that the
    journal holds since the step was last started.
    """

    told: Verdict | None
    execution: Execution
    open_intents: tuple[str, ...] = ()
    acted: bool = False
    journaled: Verdict | None = None


def settle(witness: Witness, reason: str = "") -> tuple[Verdict, str]:
    """The verdict and why. Passed only if result, notebook and journal agree; in doubt it is unknown."""
    problems = "; ".join(witness.execution.problems)
    if witness.open_intents:
        return Verdict.UNKNOWN, f"begun, with no outcome recorded: {', '.join(witness.open_intents)} ({problems})"
    if witness.told is None:
        if witness.execution.interrupted and not witness.acted:
            return Verdict.REFUSED, "interrupted by the operator before it changed anything"
        return Verdict.UNKNOWN, f"it left no result: {problems or 'its last cell wrote none'}"
    if witness.told is Verdict.PASSED and not witness.execution.whole:
        return Verdict.UNKNOWN, f"its result says passed, but {problems}"
    if witness.journaled not in (None, witness.told) and worst(witness.told, witness.journaled) is witness.journaled:
        return Verdict.UNKNOWN, f"its result says {witness.told}, but the journal says {witness.journaled}"
    return witness.told, reason


def judge_step(record: Record, step: str, execution: Execution, *, clock: Clock) -> StepResult:
    """Settle the verdict of ``step``, write it where it differs from what the step says, and journal it."""
    journal = record.journal(clock)
    told, execution = _told(record, step, execution)
    entries = [entry for entry in journal.entries() if entry.step == step]
    witness = Witness(
        told.verdict if told else None,
        execution,
        tuple(str(entry.data.get("what")) for entry in open_intents(entries, step)),
        any(entry.kind == "intent" for entry in entries),
        _journaled(entries),
    )
    verdict, reason = settle(witness, told.reason if told else "")
    result = told
    if result is None or (result.verdict, result.reason) != (verdict, reason):
        result = _corrected(told or _empty(step, clock), verdict, reason)
        result = result.model_copy(update={"changes": _rows(result.changes, entries)})
        write_result(record, result)
    journal.append("verdict", step, {"verdict": verdict.value, "reason": reason, "by": "runner"})
    return result


def ran_by_hand(record: Record, step: str, *, clock: Clock) -> bool:
    """True when ``step`` was last started by hand, whatever notebook an earlier run left."""
    started = _starts(record.journal(clock).entries(), step)
    return bool(started) and started[-1].data.get("by") == "hand"


def judge_by_hand(record: Record, step: str, *, clock: Clock) -> StepResult:
    """Settle a step whose notebook nobody kept: its own result counts, unless it was started again after that.

    A kernel that is still at work cannot be told from one that died: both left an intent open, or no result.
    """
    journal = record.journal(clock)
    started = _starts(journal.entries(), step)
    told, _ = _told(record, step, Execution(()))
    if told is not None and started and parse_utc(told.ended_utc) < parse_utc(started[-1].utc):
        judged = _corrected(told, Verdict.UNKNOWN, "it was begun again after its result, and left no new one")
        write_result(record, judged)
    result = judge_step(record, step, Execution(()), clock=clock)
    if BY_HAND not in result.highlights:
        result = result.model_copy(update={"highlights": [BY_HAND, *result.highlights]})
        write_result(record, result)
    journal.append("note", step, {"note": BY_HAND})
    return result


def _starts(entries: Sequence[Entry], step: str) -> list[Entry]:
    return [entry for entry in entries if entry.kind == "step-started" and entry.step == step]


def _journaled(entries: Sequence[Entry]) -> Verdict | None:
    """The last verdict in a step's entries since it was last started; one that is no verdict is unknown."""
    found = None
    for entry in entries:
        if entry.kind == "step-started":
            found = None
        elif entry.kind == "verdict":
            word = entry.data.get("verdict")
            found = next((one for one in Verdict if one.value == word), Verdict.UNKNOWN)
    return found


def write_not_started(record: Record, step: str, reason: str, *, clock: Clock) -> StepResult:
    """Say of ``step`` that it never began: refused, so the run cannot count as passed."""
    result = _corrected(_empty(step, clock), Verdict.REFUSED, reason)
    write_result(record, result)
    record.journal(clock).append("verdict", step, {"verdict": "refused", "reason": reason, "by": "runner"})
    return result


def _told(record: Record, step: str, execution: Execution) -> tuple[StepResult | None, Execution]:
    try:
        return read_result(record, step), execution
    except RecordError as error:  # a result that does not fit its schema is no result, but it is said why
        return None, Execution((str(error), *execution.problems), execution.interrupted)


def _rows(told: list[ChangeRow], entries: Sequence[Entry]) -> list[ChangeRow]:
    """The step's own rows, and what its journal says beyond them: a kernel that died listed nothing."""
    listed = {row.intent_id for row in told}
    ends = {str(entry.data.get("intent_id")): entry.data.get("result") for entry in entries if entry.kind == "outcome"}
    return told + [
        _row(entry.data, ends.get(str(entry.data.get("intent_id")), "unknown"))
        for entry in entries
        if entry.kind == "intent" and str(entry.data.get("intent_id")) not in listed
    ]


def _row(intent: Mapping[str, Any], result: Any) -> ChangeRow:
    return ChangeRow(
        intent_id=str(intent.get("intent_id")),
        what=str(intent.get("what", "")),
        undo=str(intent.get("undo", "")),
        result=result if result in ("done", "failed") else "unknown",
    )


def _empty(step: str, clock: Clock) -> StepResult:
    now = iso_utc(clock.utc_now())
    return StepResult(step=step, verdict=Verdict.UNKNOWN, reason="", started_utc=now, ended_utc=now)


def _corrected(result: StepResult, verdict: Verdict, reason: str) -> StepResult:
    return result.model_copy(update={"verdict": verdict, "reason": reason})
