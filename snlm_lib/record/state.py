"""A record read as a whole, for the report: each step, each change, the verdict. Reads only; whatever is missing.

A step counts as it says itself, or worse: a journal verdict after its result, an intent without an outcome, a
result older than the step's last start each make it worse, never better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snlm_lib.errors import RecordError
from snlm_lib.record.folder import Record, read_change
from snlm_lib.record.journal import ChainReport, Entry, open_intents, read_entries, verify_chain
from snlm_lib.record.result import StepResult, Verdict, read_result, worst
from snlm_lib.units import parse_utc

__all__ = ["ChangeState", "RunState", "StepState", "read_state"]

LOST = "It ended without a result: its kernel was killed, or the machine went down."
_REPORT_STEP = "07"  # changes nothing on any host, and runs while the report is built from it


@dataclass(frozen=True)
class StepState:
    """One step that began, or was judged."""

    name: str
    verdict: Verdict
    reason: str
    result: StepResult | None = None

    @property
    def figures(self) -> Mapping[str, Any]:
        return self.result.figures if self.result else {}


@dataclass(frozen=True)
class ChangeState:
    """One intent and what became of it ("done", "failed", "unknown")."""

    step: str
    utc: str
    what: str
    undo: str
    result: str
    detail: str = ""


@dataclass(frozen=True)
class RunState:
    """Everything the report says something about."""

    facts: Mapping[str, Any]
    truth: Mapping[str, Any] | None  # the lab's word on the last move
    steps: tuple[StepState, ...]
    changes: tuple[ChangeState, ...]
    entries: tuple[Entry, ...]
    chain: ChainReport
    verdict: Verdict

    def step(self, number: str) -> StepState | None:
        """The step whose name begins with ``number``, as "05"."""
        return next((step for step in self.steps if step.name.startswith(number)), None)

    def figure(self, number: str, key: str) -> Any:
        """A figure of step ``number``; None when the step or the figure is missing."""
        step = self.step(number)
        return step.figures.get(key) if step else None

    def number(self, number: str, key: str) -> float | None:
        """The same, if it is a number."""
        value = self.figure(number, key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def parameter(self, name: str) -> Any:
        """A parameter as change.json holds it; None when it does not."""
        held = self.facts.get("parameters")
        return held.get(name) if isinstance(held, dict) else None

    @property
    def rehearsal(self) -> bool | None:
        """True for simulated hosts, False for real ones, None when the record does not say."""
        told = self.facts.get("rehearsal")
        if isinstance(told, bool):
            return told
        return True if self.truth is not None or self.parameter("connection") == "lab" else None


def read_state(record: Record) -> RunState:
    """Read the record; what is missing or unreadable is empty, and its step's verdict unknown."""
    entries = read_entries(record.journal_path)
    steps = tuple(_step(record, name, entries) for name in _step_names(record, entries))
    counted = [step.verdict for step in steps if step.result or not step.name.startswith(_REPORT_STEP)]
    return RunState(
        facts=_facts(record),
        truth=_truth(record),
        steps=steps,
        changes=(*_changes(entries), *_changes_told(steps, entries)),
        entries=entries,
        chain=verify_chain(record.journal_path),
        verdict=worst(*counted, *_told_verdict(entries, None), *_open_verdict(entries, None)),
    )


def _facts(record: Record) -> Mapping[str, Any]:
    try:
        return read_change(record)
    except RecordError:
        return {}


def _truth(record: Record) -> Mapping[str, Any] | None:
    try:
        found = json.loads((record.lab_dir / "truth.json").read_text(encoding="utf-8"))
        moves = found["moves"]
        return moves[-1] if moves and isinstance(moves[-1], dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _step_names(record: Record, entries: tuple[Entry, ...]) -> list[str]:
    folders = [path.name for path in record.steps_dir.glob("*") if path.is_dir()]
    return sorted({*folders, *(entry.step for entry in entries if entry.step)})


def _step(record: Record, name: str, entries: tuple[Entry, ...]) -> StepState:
    try:
        result = read_result(record, name)
    except RecordError as error:
        return StepState(name, Verdict.UNKNOWN, f"Its result cannot be read: {error}")
    if result is not None and _stale(result, name, entries):
        result = None
    if result is None:
        return StepState(name, Verdict.UNKNOWN, LOST)
    verdict = worst(result.verdict, *_told_verdict(entries, name), *_open_verdict(entries, name))
    reason = result.reason
    if verdict is not result.verdict:
        reason = f"Its result says {result.verdict}, but the journal says {verdict}. {reason}"
    return StepState(name, verdict, reason, result)


def _stale(result: StepResult, name: str, entries: tuple[Entry, ...]) -> bool:
    """True when the step was started again after this result was written, and left no new one."""
    started = [entry.utc for entry in entries if entry.kind == "step-started" and entry.step == name]
    try:
        return bool(started) and parse_utc(started[-1]) > parse_utc(result.ended_utc)
    except ValueError:
        return False


def _told_verdict(entries: tuple[Entry, ...], step: str | None) -> list[Verdict]:
    """The last verdict that the journal holds for a step, or for the run, since it was last started."""
    starts, ends = ("step-started", "verdict") if step else ("run-started", "run-ended")
    told: list[Verdict] = []
    for entry in entries:
        if entry.step != step:
            continue
        if entry.kind == starts:
            told = []
        elif entry.kind == ends and entry.data.get("verdict") in set(Verdict):
            told = [Verdict(entry.data["verdict"])]
    return told


def _open_verdict(entries: tuple[Entry, ...], step: str | None) -> list[Verdict]:
    return [Verdict.UNKNOWN] if open_intents(entries, step) else []


def _changes(entries: tuple[Entry, ...]) -> list[ChangeState]:
    ends = {str(entry.data.get("intent_id")): entry.data for entry in entries if entry.kind == "outcome"}
    intents = [entry for entry in entries if entry.kind == "intent"]
    return [_change(entry, ends.get(str(entry.data.get("intent_id")), {})) for entry in intents]


def _changes_told(steps: tuple[StepState, ...], entries: tuple[Entry, ...]) -> list[ChangeState]:
    """What results list and the journal does not: so that a damaged journal hides no change."""
    known = {str(entry.data.get("intent_id")) for entry in entries if entry.kind == "intent"}
    return [
        ChangeState(step.name, step.result.started_utc, row.what, row.undo, row.result)
        for step in steps
        if step.result
        for row in step.result.changes
        if row.intent_id not in known
    ]


def _change(intent: Entry, end: Mapping[str, Any]) -> ChangeState:
    result = end.get("result")
    return ChangeState(
        step=intent.step or "",
        utc=intent.utc,
        what=str(intent.data.get("what", "")),
        undo=str(intent.data.get("undo", "")),
        result=result if result in ("done", "failed") else "unknown",
        detail=str(end.get("detail") or ""),
    )
