"""Acts and the journal: the intent is on disk before the act, the outcome after it, nothing begun twice.

    no entry for this key            -> intent, act, outcome
    outcome "done"                   -> not begun again; the recorded outcome is the answer
    outcome "failed"                 -> known; a new intent may be written
    intent without an outcome        -> *unknown*: look (settle), never act blindly; still unknown -> refuse
    answer lost while acting         -> the same at once, and a note says so

An act whose end is unknown leaves its intent open: that is what unknown means in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from snlm_lib.change.act import Act, Outcome
from snlm_lib.errors import OutcomeUnknown, RemoteError, SessionLost, SnlmError
from snlm_lib.record.journal import Entry, Journal, open_intents
from snlm_lib.units import parse_utc

__all__ = ["Done", "carry_out", "change_rows", "find"]


@dataclass(frozen=True)
class Done:
    """An act that was carried out, now or in an earlier run of the same cell."""

    act: Act
    outcome: Outcome
    begun_here: bool


def find(entries: Iterable[Entry], step: str, key: str) -> tuple[Entry | None, Entry | None]:
    """The last intent of ``key`` in ``step``, and its outcome if it has one."""
    found = [entry for entry in entries if entry.step == step]
    intents = [entry for entry in found if entry.kind == "intent" and entry.data.get("key") == key]
    if not intents:
        return None, None
    intent = intents[-1]
    ends = (
        entry for entry in found if entry.kind == "outcome" and entry.data.get("intent_id") == intent.data["intent_id"]
    )
    return intent, next(ends, None)


def carry_out(journal: Journal, step: str, act: Act) -> Done:
    """Begin ``act`` unless it was begun before.

    Raises what the act raises (CommandFailed after its outcome "failed" is on disk; SessionLost with the intent
    left open, when looking settles nothing), and OutcomeUnknown when an earlier intent cannot be settled.
    """
    intent, ended = find(journal.entries(), step, act.key)
    if ended is not None and ended.data["result"] == "done":
        return Done(act, _recorded(ended.data), begun_here=False)
    if intent is not None and ended is None:
        return Done(act, _settle(journal, step, act, intent), begun_here=False)
    looked = act.look() if act.look is not None else {}
    begun = journal.append(
        "intent",
        step,
        {
            "intent_id": uuid4().hex[:12],
            "key": act.key,
            "what": act.what,
            "host": act.host,
            "undo": act.undo,
            "before": {**act.before, **looked},
        },
    )
    return Done(act, _act(journal, step, act, begun), begun_here=True)


def _act(journal: Journal, step: str, act: Act, intent: Entry) -> Outcome:
    try:
        outcome = act.do()
    except SessionLost as lost:
        return _after_loss(journal, step, act, intent, lost)
    except RemoteError as error:
        _close(journal, step, str(intent.data["intent_id"]), Outcome("failed", str(error)))
        raise
    return _judge(journal, step, act, str(intent.data["intent_id"]), outcome)


def _after_loss(journal: Journal, step: str, act: Act, intent: Entry, lost: SessionLost) -> Outcome:
    """What the host did is unknown: look. While nobody can say, the intent stays open."""
    if act.settle is None:
        raise lost
    journal.append("note", step, {"intent_id": intent.data["intent_id"], "host": lost.host, "lost": lost.what})
    try:
        return _settle(journal, step, act, intent)
    except RemoteError:  # also a look that the host refused: that says nothing of the act
        raise lost from None


def _settle(journal: Journal, step: str, act: Act, intent: Entry) -> Outcome:
    if act.settle is None:
        raise _unknown(act, "an earlier try has no outcome")
    outcome = act.settle(parse_utc(intent.utc))
    return _judge(journal, step, act, str(intent.data["intent_id"]), outcome)


def _judge(journal: Journal, step: str, act: Act, intent_id: str, outcome: Outcome) -> Outcome:
    if outcome.result == "unknown":
        journal.append("note", step, {"intent_id": intent_id, "unknown": outcome.detail})
        raise _unknown(act, outcome.detail)
    _close(journal, step, intent_id, outcome)
    if outcome.result == "failed":
        remedy = outcome.remedy or "Nothing is retried by itself; read the cause first."
        raise SnlmError(outcome.detail, where=act.host, remedy=remedy)
    return outcome


def _unknown(act: Act, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"it is not known how this ended: {act.what.split(': ')[0]} ({why})",
        where=act.host,
        remedy="Look at both hosts before doing anything; nothing was begun a second time.",
    )


def _close(journal: Journal, step: str, intent_id: str, outcome: Outcome) -> None:
    journal.append(
        "outcome",
        step,
        {
            "intent_id": intent_id,
            "result": outcome.result,
            "detail": outcome.detail,
            "facts": dict(outcome.facts),
        },
    )


def _recorded(data: Mapping[str, object]) -> Outcome:
    facts = data.get("facts")
    return Outcome(str(data["result"]), str(data.get("detail", "")), facts if isinstance(facts, Mapping) else {})


def change_rows(entries: Iterable[Entry], step: str) -> list[dict[str, str]]:
    """What ``step`` changed, a row an intent: ``intent_id``, ``what``, ``undo``, ``result``."""
    found = [entry for entry in entries if entry.step == step]
    results = {entry.data["intent_id"]: str(entry.data["result"]) for entry in found if entry.kind == "outcome"}
    still_open = {entry.data["intent_id"] for entry in open_intents(found)}
    return [
        {
            "intent_id": str(entry.data["intent_id"]),
            "what": str(entry.data["what"]),
            "undo": str(entry.data["undo"]),
            "result": "unknown" if entry.data["intent_id"] in still_open else results[entry.data["intent_id"]],
        }
        for entry in found
        if entry.kind == "intent"
    ]
