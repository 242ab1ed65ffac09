"""Runs the notebooks of a change outside their kernels: validate, execute, judge, close, seal.

Reads no host and decides nothing about one; believes a step's result file and journal, never papermill.
The order is fixed: the first step that does not pass ends the run, and then the end of the monitor, 07,
the report and the seal always follow, whoever pressed what.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from snlm_lib.clock import Clock
from snlm_lib.errors import ParameterError, RecordError, RecordLost, SnlmError
from snlm_lib.judge import judge_by_hand, judge_step, ran_by_hand, write_not_started
from snlm_lib.kernels import Kernels
from snlm_lib.lock import FileLock
from snlm_lib.measure.monitor import find_monitor, stop_monitor
from snlm_lib.parameters import Parameters, outputs_root, project_root, validate
from snlm_lib.process import identity_of, write_atomic
from snlm_lib.provenance import who_and_what
from snlm_lib.record.folder import Record, create_record, find_open_record, read_change
from snlm_lib.record.journal import Kind, runner_of
from snlm_lib.record.names import CHANGING, REPORT_STEP, STEPS
from snlm_lib.record.result import StepResult, Verdict, run_verdict
from snlm_lib.record.seal import seal
from snlm_lib.rescue import rescue
from snlm_lib.saved import Declared, Execution, declared_parameters, inspect_saved
from snlm_lib.undisturbed import forgiving, handled_by

__all__ = ["REPORT_STEP", "STEPS", "Book", "RunOutcome", "Stage", "StepEvent", "close_record", "run_change"]

_MONITOR_WAIT_S = 10.0
_RUNNING = "running.ipynb"  # papermill's saves are not atomic: the good name is given after judging
_SAVED = "notebook.ipynb"
Parameter = Mapping[str, tuple[Declared, ...]]


@dataclass(frozen=True)
class StepEvent:
    """What whoever watches is told; ``result`` stands in "ended" only."""

    kind: Literal["opened", "started", "ended"]
    record: Record
    step: str = ""
    result: StepResult | None = None


@dataclass(frozen=True)
class Book:
    """The notebooks of a change: their folder, the steps in order, and the one that gathers."""

    folder: Path | None = None  # None: notebooks/ of the project
    steps: tuple[str, ...] = STEPS
    report: str = REPORT_STEP

    def notebook(self, step: str) -> Path:
        """The file of ``step``."""
        return (self.folder or project_root() / "notebooks") / f"{step}.ipynb"


@dataclass(frozen=True)
class Stage:
    """Where a run plays: what the kernels' environment adds, what change.json adds, what comes before the seal.

    ``beside_open`` lets it run beside an open record of the same change: rehearsals share one id.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=lambda: {"rehearsal": False})
    before_seal: Callable[[Record], None] | None = None
    beside_open: bool = False


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended. ``results`` are in the order of the steps; a step that never ran is not among them."""

    record: Record
    verdict: Verdict
    results: tuple[StepResult, ...]

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 2 refused, 3 unknown."""
        return self.verdict.exit_code


@dataclass(frozen=True)
class _Desk:
    """What every part of one run needs at hand."""

    record: Record
    clock: Clock
    progress: Callable[[StepEvent], None]
    stage: Stage
    book: Book
    kernels: Kernels
    interrupted: threading.Event = field(default_factory=threading.Event)

    def note(self, kind: Kind, data: Mapping[str, Any]) -> None:
        self.record.journal(self.clock).append(kind, None, data)


def run_change(
    parameters: Parameters,
    *,
    clock: Clock,
    progress: Callable[[StepEvent], None],
    stage: Stage | None = None,
    book: Book | None = None,
) -> RunOutcome:
    """Carry out a change and leave a sealed record.

    Raises InputError or RecordError before anything is created when a notebook is missing or declares
    what the schema does not know, or when an open record of the same change stands in the way.
    Whatever the steps do afterwards ends in a verdict, a Ctrl-C too.
    """
    stage, book, progress = stage or Stage(), book or Book(), forgiving(progress)
    declared = _validated(book)
    root = outputs_root({**os.environ, **stage.environ})
    facts = {**who_and_what(project_root()), "parameters": parameters.model_dump(mode="json"), **stage.facts}
    opened = create_record if stage.beside_open else _create_alone
    record = opened(root, parameters.change_id, clock=clock, facts=facts)
    with _kernels(record, stage, book) as kernels:
        kernels.prepare()
        desk = _Desk(record, clock, progress, stage, book, kernels)
        desk.note("run-started", {"steps": list(book.steps), "runner": asdict(identity_of())})
        progress(StepEvent("opened", record))

        def run(step: str) -> StepResult:
            return _run_step(desk, step, parameters.subset(one.name for one in declared[step]))

        return _run_and_close(desk, run)


def _run_and_close(desk: _Desk, run: Callable[[str], StepResult]) -> RunOutcome:
    results: list[StepResult] = []
    try:
        with _interruptible_once(desk):
            _run_steps(desk, run, results)
            with _undisturbed(desk):
                return _close(desk, results, run)
    except BaseException as error:
        with _undisturbed(desk):
            _end_monitor(desk)
            if isinstance(error, OSError | RecordError):
                raise _lost(desk, results, error) from error
        raise


def _lost(desk: _Desk, results: Sequence[StepResult], error: Exception) -> RecordLost:
    """The record cannot be written any more: what is known goes elsewhere, and where is said."""
    told = str(error) if isinstance(error, RecordError) else str(getattr(error, "strerror", None) or error)
    place = rescue(desk.record, results, told)
    kept = f"What is known is kept in {place}." if place else "Nothing could be kept elsewhere either."
    return RecordLost(
        f"the record could not be written any more: {told}",
        where=str(desk.record.path),
        remedy=f"Look at the hosts first: what was begun may have been done. {kept}",
    )


def close_record(
    record: Record, *, clock: Clock, progress: Callable[[StepEvent], None], book: Book | None = None
) -> RunOutcome:
    """Judge, report and seal an open record whose run is over: `snlm report`.

    Only the notebook that gathers is run, if it never was; no host is asked. Raises RecordError when the
    record is sealed already, while the process that runs it lives, or while a kernel changes something for it.
    """
    record.refuse_sealed()
    _refuse_running(record, clock)
    stage, book = Stage(), book or Book()
    with FileLock(record.path / CHANGING, wait_s=0), _kernels(record, stage, book) as kernels:
        return _close_left(_Desk(record, clock, forgiving(progress), stage, book, kernels))


def _close_left(desk: _Desk) -> RunOutcome:
    record, clock = desk.record, desk.clock
    declared = _validated(desk.book)
    values = validate(read_change(record).get("parameters", {}), where=str(record.change_json))
    left = [step for step in desk.book.steps if record.step_dir(step).is_dir()]
    results = [_judge_left(desk, step) for step in left]
    never = [step for step in desk.book.steps if step not in left]
    if never and all(result.verdict is Verdict.PASSED for result in results):
        results.append(write_not_started(record, never[0], "it never began", clock=clock))

    def gather(step: str) -> StepResult:
        if record.step_dir(step).is_dir():
            return _judge_left(desk, step)
        return _run_step(desk, step, values.subset(one.name for one in declared[step]))

    with _undisturbed(desk):
        return _close(desk, results, gather)


def _kernels(record: Record, stage: Stage, book: Book) -> Kernels:
    environ = {**stage.environ, "SNLM_RECORD": str(record.path.resolve())}
    return Kernels(book.notebook(book.report).parent, environ)


def _validated(book: Book) -> Parameter:
    """What each notebook declares. A name the schema does not know would silently keep its default: refused."""
    declared = {step: declared_parameters(book.notebook(step)) for step in (*book.steps, book.report)}
    for step, parameters in declared.items():
        for one in parameters:
            if one.name not in Parameters.model_fields:
                raise ParameterError(
                    f"the notebook declares {one.name!r}, which the schema does not know",
                    where=f"{step}.ipynb",
                    remedy="Correct the name; parameters/README.md lists them.",
                )
    return declared


def _create_alone(root: Path, change_id: str, *, clock: Clock, facts: Mapping[str, Any]) -> Record:
    """Open a record unless one is open; under a lock, so that of two runs started at once one is refused."""
    folder = root / change_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # what is wrong with the folder, create_record says better
        return create_record(root, change_id, clock=clock, facts=facts)
    with FileLock(folder / ".opening"):
        found = find_open_record(root, change_id)
        if found is None:
            return create_record(root, change_id, clock=clock, facts=facts)
    raise RecordError(
        f"change {change_id!r} has a record that is still open",
        where=str(found.path),
        remedy=f"If nobody works on it any more, run 'snlm report {found.path}', which judges and seals it.",
    )


def _refuse_running(record: Record, clock: Clock) -> None:
    runner = runner_of(record.journal(clock).entries())
    if runner and runner.alive():
        raise RecordError(
            f"process {runner.pid} is running this change",
            where=str(record.path),
            remedy="Wait until it ends, or end it with Ctrl-C, which closes the record itself.",
        )


def _run_steps(desk: _Desk, run: Callable[[str], StepResult], results: list[StepResult]) -> None:
    """The steps in order into ``results``, up to the first that does not pass."""
    try:
        for step in desk.book.steps:
            if desk.interrupted.is_set():
                raise KeyboardInterrupt
            results.append(run(step))
            if results[-1].verdict is not Verdict.PASSED:
                break
    except KeyboardInterrupt:
        # the step that was under way, which may have passed just then, and the next: a run cut short is no pass
        for step in desk.book.steps[len(results) : len(results) + 2]:
            if all(result.verdict is Verdict.PASSED for result in results):
                results.append(_interrupted(desk, step))


def _interrupted(desk: _Desk, step: str) -> StepResult:
    if desk.record.step_dir(step).is_dir():
        return _judge_left(desk, step)
    return write_not_started(desk.record, step, "interrupted by the operator before it began", clock=desk.clock)


def _run_step(desk: _Desk, step: str, values: Mapping[str, Any]) -> StepResult:
    _refuse_gone(desk.record)
    folder = desk.record.step_dir(step)
    folder.mkdir(exist_ok=True)
    desk.progress(StepEvent("started", desk.record, step))
    notebooks = (*desk.book.steps, desk.book.report)
    from snlm_lib.execute import execute  # papermill is read while the first kernel starts

    ahead = desk.kernels.prepare if step != notebooks[-1] else None
    execution = execute(desk.book.notebook(step), folder / _RUNNING, values=values, kernels=desk.kernels, ahead=ahead)
    return _judged(desk, step, execution)


def _refuse_gone(record: Record) -> None:
    """A record that was moved or deleted is not begun anew in its old place: that would look whole."""
    if not record.change_json.is_file():
        raise RecordError("it was moved or deleted while it was being written", where=str(record.path))


def _show_ahead(saved: Path) -> None:
    """The report's part of a notebook is made while the next one runs."""

    def convert() -> None:
        from snlm_lib.record.page.notebooks import convert_ahead  # reads nbconvert, which takes its time

        convert_ahead(saved)

    threading.Thread(target=convert, name="snlm-convert", daemon=True).start()


def _judge_left(desk: _Desk, step: str) -> StepResult:
    """Judge what a run that is over left of ``step``."""
    if ran_by_hand(desk.record, step, clock=desk.clock):
        result = judge_by_hand(desk.record, step, clock=desk.clock)
        desk.progress(StepEvent("ended", desk.record, step, result))
        return result
    folder = desk.record.step_dir(step)
    left = next((folder / name for name in (_RUNNING, _SAVED) if (folder / name).exists()), None)
    return _judged(desk, step, Execution(inspect_saved(left) if left else ("no executed notebook is in the record",)))


def _judged(desk: _Desk, step: str, execution: Execution) -> StepResult:
    with _undisturbed(desk):
        result = judge_step(desk.record, step, execution, clock=desk.clock)
        running = desk.record.step_dir(step) / _RUNNING
        if running.exists():
            write_atomic(running.with_name(_SAVED), running.read_bytes())
            running.unlink()
            _show_ahead(running.with_name(_SAVED))
    desk.progress(StepEvent("ended", desk.record, step, result))
    return result


def _close(desk: _Desk, results: Sequence[StepResult], gather: Callable[[str], StepResult]) -> RunOutcome:
    """What follows whatever happened: end of the monitor, the lab's truth, 07, report, seal."""
    _attempt(desk, "ending the monitor", lambda: _stop_monitor(desk))
    if desk.stage.before_seal:
        _attempt(desk, "what belongs into the record before the seal", lambda: _fetch(desk))
    from snlm_lib.record.report import build_report

    told = (*results, gather(desk.book.report))
    _refuse_gone(desk.record)
    verdict = run_verdict(*told)
    desk.note("run-ended", {"verdict": verdict.value, "steps": {result.step: result.verdict.value for result in told}})
    _attempt(desk, "the report", lambda: build_report(desk.record))
    seal(desk.record, desk.clock)
    return RunOutcome(desk.record, verdict, told)


def _fetch(desk: _Desk) -> None:
    if desk.stage.before_seal:
        desk.stage.before_seal(desk.record)


def _stop_monitor(desk: _Desk) -> None:
    handle = find_monitor(desk.record.path)
    if handle is not None:
        stop_monitor(handle, wait_s=_MONITOR_WAIT_S)


def _end_monitor(desk: _Desk) -> None:
    """The same where nothing can be noted; a record that is gone ends its monitor, which looks for it."""
    with suppress(SnlmError, OSError):
        _stop_monitor(desk)


def _attempt(desk: _Desk, what: str, action: Callable[[], object]) -> None:
    """Do it; what goes wrong is noted, because a record must be sealed even without it."""
    try:
        action()
    except (SnlmError, OSError) as error:
        desk.note("note", {"problem": what, "error": str(error)})
    except Exception as error:  # a fault of ours in a page must not cost the evidence
        desk.note("note", {"problem": what, "error": f"{type(error).__name__}: {error}"})


@contextmanager
def _interruptible_once(desk: _Desk) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP ends the step that runs; another one is remembered and changes nothing."""

    def handler(*_: object) -> None:
        if not desk.interrupted.is_set():
            desk.interrupted.set()
            raise KeyboardInterrupt

    with handled_by(handler):
        yield


@contextmanager
def _undisturbed(desk: _Desk) -> Iterator[None]:
    """Judging and closing take seconds and are not cut short: who interrupts them is remembered.

    A handler of ours, not "ignore": child processes inherit the latter.
    """
    with handled_by(lambda *_: desk.interrupted.set()):
        yield
