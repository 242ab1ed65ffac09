"""One step of a change inside a notebook: begin, survey, gate, change, prove, finish.

Rules of this file: everything a step learns ends in its result; nothing that changes a host runs
outside `Step.change`; however a cell ends, the result says what this step changed. An exception is
told as one sentence and recorded; only a fault of snlm itself shows a traceback. Cells may be run
again, and out of order: what is shown twice is kept once, and what would change a host asks first
whether the step has come so far.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from snlm_lib import show
from snlm_lib.change.act import Act
from snlm_lib.change.checks.model import CheckResult
from snlm_lib.change.checks.preflight import obstacles, refusal
from snlm_lib.change.ledger import Done, carry_out, change_rows, find
from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import RecordError, Refused, SnlmError
from snlm_lib.estate.connect import Connection, open_estate
from snlm_lib.estate.model import PairFacts
from snlm_lib.estate.survey import survey_pair
from snlm_lib.lock import FileLock
from snlm_lib.opening import by_hand, find_record, kernel_parameters, refuse_too_late
from snlm_lib.parameters import ConnectionProfile, Parameters, connection_profile
from snlm_lib.process import still_runs
from snlm_lib.record.folder import Record
from snlm_lib.record.journal import Entry, Journal, open_intents
from snlm_lib.record.names import CHANGING
from snlm_lib.record.result import ChangeRow, CheckRow, StepResult, Verdict, read_result, write_result
from snlm_lib.remote.session import CommandRecord
from snlm_lib.rows import APPLIES, LATER, check_row, shown
from snlm_lib.steps.stream import PingStream
from snlm_lib.units import iso_utc

__all__ = ["Step", "begin", "card"]

# a step that ends early after the machine may have moved: nothing was changed here, but nothing is proved either
_UNPROVED = {"06_verify_migration": "05_move_vm"}
_FINISHED = "This step is finished: what is shown now is not recorded. Run its 'begin' cell to take it up again."
_LOCK_WAIT_S = 1.0
_cards: dict[str, show.Card] = {}
_begun: list[Step] = []  # in this kernel; the last one is under way


def card(name: str) -> None:
    """Show the card of step ``name`` as RUNNING, before anything can go wrong."""
    _cards[name] = show.Card(name)
    _tell_before_begin(name)


def _tell_before_begin(name: str) -> None:
    """Until a step is under way nothing can be recorded: a refusal stands on the card alone."""

    def told(error: BaseException) -> str | None:
        if not isinstance(error, SnlmError):
            return None
        _cards[name].update("refused", str(error), [])
        return f"REFUSED: {error}"

    show.on_error(told)


def begin(name: str) -> Step:
    """Read the kernel's parameters, find or open the change's record, start the step.

    In a kernel that began a step before, that one's sessions are closed and the record goes on. Raises
    InputError for a parameter or connection that is wrong, RecordError when the record cannot be used,
    Refused when the move was begun already and ``name`` belongs before it.
    """
    if name not in _cards:
        card(name)
    _tell_before_begin(name)
    while _begun:
        _begun.pop().close()
    clock = SystemClock()
    parameters, given = kernel_parameters(f"notebook {name}")
    record = find_record(parameters, clock)
    journal = record.journal(clock)
    refuse_too_late(name, journal.entries(), record=record)
    step = Step(name, parameters, record, journal, clock)
    _begun.append(step)
    show.on_error(step.ended_by)
    atexit.register(step.close)
    record.step_dir(name).mkdir(parents=True, exist_ok=True)
    journal.append("step-started", name, {"parameters": given, "by": "hand" if by_hand() else "runner"})
    return step


@dataclass
class Step:
    """A step under way."""

    name: str
    parameters: Parameters
    record: Record
    journal: Journal
    clock: Clock
    figures: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    highlights: list[str] = field(default_factory=list)
    alongside: list[PingStream] = field(default_factory=list)  # what runs beside this step and ends with it
    _gate: list[CheckRow] = field(default_factory=list)
    _proofs: dict[tuple[str, str], CheckRow] = field(default_factory=dict)
    _reads: dict[str, list[str]] = field(default_factory=dict)
    _connection: Connection | None = None
    _profile: ConnectionProfile | None = None
    _started: str = ""
    _may_go_on: bool = False
    _finished: bool = False

    def __post_init__(self) -> None:
        self._started = iso_utc(self.clock.utc_now())
        if self.name not in _cards:
            card(self.name)

    @property
    def checks(self) -> list[CheckRow]:
        """What this step checked so far."""
        return [*self._gate, *self._proofs.values()]

    # --- what we found ---------------------------------------------------------------------------

    @property
    def profile(self) -> ConnectionProfile:
        """How the hosts are reached; raises InputError when the connection is missing or wrong."""
        if self._profile is None:
            self._profile = connection_profile(self.parameters.connection, alive=still_runs)
        return self._profile

    @property
    def connection(self) -> Connection:
        """Sessions on both hosts and the directory, opened on first use; raises InputError, RemoteError."""
        if self._connection is None:
            self._connection = open_estate(self.profile, self.parameters, clock=self.clock, on_command=self._sent)
        return self._connection

    def survey(self) -> PairFacts:
        """Read everything the checks ask about, on both hosts and the directory."""
        facts = survey_pair(self.connection.estate, self.parameters.vm, self.clock)
        self._flush_reads()
        for host, protocol in self.connection.protocols.items():
            self.figures[f"protocol_{host}"] = protocol
        for host, account in self.connection.accounts.items():
            self.figures[f"account_{host}"] = account
        return facts

    def result_of(self, step: str) -> StepResult | None:
        """What an earlier step of this record left behind; None when it left nothing."""
        return read_result(self.record, step)

    # --- may we go on? ---------------------------------------------------------------------------

    def gate(self, results: Iterable[CheckResult], *, removing: Iterable[str] = ()) -> None:
        """Show the checks; raise Refused when an obstacle stands that ``removing`` steps do not remove."""
        found, own = tuple(results), tuple(removing)
        self._gate = [check_row(self._by_hand(item), own, later=self._by_hand(item) is item) for item in found]
        self._show_checks(self._gate)
        blocking = tuple(self._by_hand(item) for item in obstacles(found, removing=own))
        self._may_go_on = not blocking
        if blocking:
            raise refusal(blocking)

    def _by_hand(self, item: CheckResult) -> CheckResult:
        """An obstacle whose own step may change nothing is not removed by running that step."""
        name = APPLIES.get(item.removed_by or "")
        if name is None or self.may_apply(allowed := str(getattr(self.parameters, name))):
            return item
        remedy = f"{item.removed_by} only shows it ({name}: {allowed}): apply its list, or allow the step to"
        return replace(item, remedy=f"{remedy}.")

    def prove(self, results: Iterable[CheckResult]) -> None:
        """Show what must hold afterwards; a FAIL makes the step `failed` when it finishes."""
        rows = [check_row(item, ()) for item in results]
        self._proofs.update({(row.id, row.host): row for row in rows})
        self._show_checks(rows)

    def _show_checks(self, rows: list[CheckRow]) -> None:
        self._say_finished()
        order = ("FAIL", "WARN", "PASS")
        ordered = sorted(rows, key=lambda row: order.index(row.verdict))
        show.table([shown(row, any(item.remedy for item in rows)) for row in ordered])

    def _say_finished(self) -> None:
        if self._finished:
            show.text(_FINISHED)

    # --- the change ------------------------------------------------------------------------------

    def may_apply(self, allowed: str) -> bool:
        """Do the parameters let this step change something? ``allowed`` is "always", "lab" or "never"."""
        return allowed == "always" or (allowed == "lab" and self.profile.rehearsal)

    def change(self, acts: Iterable[Act], *, allowed: str = "always") -> list[Done]:
        """Carry the acts out one after the other, each under its intent; the only way to change a host.

        ``allowed`` is "always", "lab" (only in a rehearsal) or "never": then they are only shown. What was
        begun before is looked at, never begun again. Raises Refused for something new before the gate was
        passed or after the end, RecordError while another kernel changes something for this record.
        """
        wanted = list(acts)
        if not wanted:
            self.say("nothing to change")
            return []
        if not self.may_apply(allowed):
            show.table([{"would change": act.what, "undo": act.undo} for act in wanted])
            self.say(f"{len(wanted)} changes shown, none made: the parameters do not say apply")
            return []
        self._refuse_out_of_order(wanted)
        with FileLock(self.record.path / CHANGING, wait_s=_LOCK_WAIT_S):
            done = [carry_out(self.journal, self.name, act) for act in wanted]
        show.table(
            [
                {
                    "changed": item.act.what,
                    "undo": item.act.undo,
                    "now": "yes" if item.begun_here else "already, earlier",
                }
                for item in done
            ]
        )
        return done

    def _refuse_out_of_order(self, wanted: list[Act]) -> None:
        entries = self.journal.entries()
        new = [act for act in wanted if _is_new(*find(entries, self.name, act.key))]
        if new and (self._finished or not self._may_go_on):
            why = "the step is finished" if self._finished else "'May we go on?' was not answered with yes"
            raise Refused(
                f"not done, because {why}: {new[0].what}",
                where=self.name,
                remedy="Run the cells in order, from 'begin' on.",
            )

    # --- what happened ---------------------------------------------------------------------------

    def say(self, words: str) -> None:
        """A sentence for the reader, in the notebook and in the result."""
        if words not in self.highlights:
            self.highlights.append(words)
        show.text(words)

    def table(self, name: str, rows: list[dict[str, Any]], *, caption: str = "") -> None:
        """Show rows and keep them in the result as table ``name``."""
        self.tables[name] = [dict(row) for row in rows]
        show.table(rows, caption=caption)

    def keep(self, values: Mapping[str, Any]) -> None:
        """Keep single numbers for later steps and the report; units stand in the names."""
        self.figures.update(values)

    # --- the end ---------------------------------------------------------------------------------

    def finish(self) -> None:
        """Judge, write the result, update the card; closes the sessions. A second time it says so."""
        if self._finished:
            self._say_finished()
            return
        failed = [row for row in self.checks if row.verdict == "FAIL" and not row.remedy.startswith(LATER)]
        if failed:
            first = failed[0]
            self._end(Verdict.FAILED, f"{first.title}: {first.evidence}. {first.remedy}")
            self._finished = True
            return
        warned = sum(row.verdict == "WARN" for row in self.checks)
        checks = f"{sum(row.verdict == 'PASS' for row in self.checks)} of {len(self.checks)} checks passed"
        told = [checks] if self.checks else []
        told += [f"{warned} warning{'s' if warned > 1 else ''}"] if warned else []
        # what a step did says more than how many checks it passed; its sentences stand in the order of what happened
        done = self.highlights[-1].split(". ")[0].rstrip(".") if self.highlights else ""
        self._end(Verdict.PASSED, "; ".join(part for part in (done, ", ".join(told)) if part) or "done")
        self._finished = True

    def ended_by(self, error: BaseException) -> str | None:
        """Record how an exception ended the step; the sentence to show, None where a traceback says more.

        Not recorded: whatever comes after the end; that the record itself cannot be written (it is held, or
        sealed); and what an engineer's own cell does wrong, since the step can go on.
        """
        if isinstance(error, KeyboardInterrupt):
            return self._stopped()
        told = isinstance(error, SnlmError)
        ours = told or _through_snlm(error.__traceback__)
        if isinstance(error, RecordError) or (self._finished and told):
            return f"REFUSED: {error}"
        if self._finished or (not ours and by_hand()):
            return None
        blame = "a fault of snlm" if ours else "an error in the notebook's own code"
        reason = str(error) if told else f"{blame}: {type(error).__name__}: {error}"
        verdict = self._verdict_of(told)
        try:
            self._end(verdict, reason)
        except (RecordError, OSError) as trouble:
            reason = f"{reason.rstrip('.')}. Its result could not be written: {trouble}"
        return f"{verdict.value.upper()}: {reason}" if told else None

    def _stopped(self) -> str:
        """By hand: nothing is recorded, since the step can go on."""
        begun = [str(entry.data.get("what")) for entry in open_intents(self.journal.entries(), self.name)]
        words = "stopped by you. Run the cell again"
        if begun:
            words = (
                f"stopped by you; {'; '.join(begun)} may go on at the host. Run the cell again: it looks before it acts"
            )
        _cards[self.name].update("unknown" if begun else "refused", words, [])
        return f"STOPPED: {words}"

    def _verdict_of(self, told: bool) -> Verdict:
        entries = self.journal.entries()
        if open_intents(entries, self.name):
            return Verdict.UNKNOWN
        if change_rows(entries, self.name) or not told:
            return Verdict.FAILED
        moving = any(entry.kind == "intent" and entry.step == _UNPROVED.get(self.name) for entry in entries)
        return Verdict.UNKNOWN if moving else Verdict.REFUSED

    def _end(self, verdict: Verdict, reason: str) -> None:
        self._flush_reads()
        result = StepResult(
            step=self.name,
            verdict=verdict,
            reason=reason,
            started_utc=self._started,
            ended_utc=iso_utc(self.clock.utc_now()),
            checks=self.checks,
            changes=[ChangeRow.model_validate(row) for row in change_rows(self.journal.entries(), self.name)],
            figures=self.figures,
            tables=self.tables,
            highlights=self.highlights,
        )
        write_result(self.record, result)
        self.journal.append("verdict", self.name, {"verdict": verdict.value, "reason": reason})
        _cards[self.name].update(verdict.value, reason, self._card_rows(result))
        show.result_output(result.to_json())
        self.close()

    def _card_rows(self, result: StepResult) -> list[tuple[str, str]]:
        kind = "no connection was opened"
        if self._profile is not None:
            kind = "simulated hosts" if self._profile.rehearsal else "REAL hosts"
        wanted = self.parameters
        rows = [
            (kind + ":", f"{wanted.vm}, {wanted.source} to {wanted.destination}"),
            ("record:", f"{wanted.change_id} {self.record.path.name}"),
            ("from, to:", f"{result.started_utc} {result.ended_utc}"),
        ]
        return rows + [("changed:", f"{row.what} ({row.result})") for row in result.changes]

    def close(self) -> None:
        """End what runs alongside and close the sessions; the next use opens them anew."""
        while self.alongside:
            self.alongside.pop().stop()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- what was sent ---------------------------------------------------------------------------

    def _sent(self, record: CommandRecord) -> None:
        """Changes go to the journal before they are sent; reads are gathered, each text once."""
        if record.phase == "settled":
            told = {"host": record.host, "text": record.text, "settled": record.outcome}
            self.journal.append("note", self.name, told)
        if record.phase != "sent":
            return
        if record.changes:
            self.journal.append("command", self.name, {"host": record.host, "text": record.text, "changes": True})
        elif record.text not in self._reads.setdefault(record.host, []):
            self._reads[record.host].append(record.text)

    def _flush_reads(self) -> None:
        reads, self._reads = self._reads, {}
        if reads and self.record.open:
            self.journal.append("command", self.name, {"reads": reads, "changes": False})


_PACKAGE = str(Path(__file__).resolve().parent)


def _is_new(intent: Entry | None, ended: Entry | None) -> bool:
    """True for an act that would be begun now: never begun, or ended in a known failure."""
    return intent is None or (ended is not None and ended.data["result"] == "failed")


def _through_snlm(trace: TracebackType | None) -> bool:
    """True when an exception came out of this package, not out of a cell alone."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            return True
        trace = trace.tb_next
    return False
