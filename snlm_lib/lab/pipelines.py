"""A running pipeline: a thread that calls the host and turns what it says into PSRP messages.

Knows no envelope and no cmdlet; the shell lends it its lock through `Outlet`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from snlm_lib.lab.clixml import to_clixml
from snlm_lib.lab.metadata import command_count, command_metadata
from snlm_lib.lab.pipeline import Caller, Listing, PipelineHost, Stop
from snlm_lib.lab.psrp import Asked, PsrpSession, Statement
from snlm_lib.lab.records import lab_fault, scripts_not_allowed, unsupported
from snlm_lib.lab.values import LabRecord, Terminating

__all__ = ["Outlet", "PipelineRun"]

_log = logging.getLogger(__name__)


class Outlet(Protocol):
    """What a shell offers to its pipelines."""

    def emit(self, pipeline_id: UUID, write: Callable[[PsrpSession], None], *, last: bool = False) -> None:
        """Write under the shell's lock and wake who waits; nothing, once the client forgot the pipeline."""
        ...

    def enter(self, run: PipelineRun) -> bool:
        """Wait for a free runspace; False when the run was stopped before it got one."""
        ...

    def leave(self, run: PipelineRun) -> None:
        """Give the runspace back."""
        ...


class PipelineRun:
    """One pipeline from its Command to its last state message."""

    def __init__(self, outlet: Outlet, asked: Asked, *, host: PipelineHost, caller: Caller) -> None:
        self.pipeline_id = asked.pipeline_id
        self.nested = asked.nested
        self.stop = Stop()
        self._outlet = outlet
        self._asked = asked
        self._host = host
        self._caller = caller
        self._thread = threading.Thread(target=self._main, name=f"lab-pipeline-{host.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end; a cmdlet that does not heed ``stop`` may outlast it."""
        self._thread.join(timeout_s)

    def _main(self) -> None:
        if not self._outlet.enter(self):
            return self._end(lambda session: session.begin(self.pipeline_id))
        try:
            self._outlet.emit(self.pipeline_id, lambda session: session.begin(self.pipeline_id))
            failure = self._run()
        finally:
            self._outlet.leave(self)
        if failure is not None and not self.stop.is_set():
            return self._last(lambda session: session.fail(self.pipeline_id, failure))
        self._end(lambda session: None)

    def _run(self) -> LabRecord | None:
        """All statements, one after another; the record of the failure that ended them, if one did."""
        try:
            if self._asked.metadata:
                return self._list_commands()
            for statement in self._asked.statements:
                self._run_statement(statement)
                if self.stop.is_set():
                    break
        except Terminating as failed:
            return failed.record
        # A cmdlet's own bug must end this pipeline, visibly, and nothing else.
        except Exception as bug:
            _log.exception("the lab failed while running a pipeline on %s", self._host.name)
            return lab_fault(f"{type(bug).__name__}: {bug}")
        return None

    def _list_commands(self) -> LabRecord | None:
        if not isinstance(self._host, Listing):
            return unsupported("command metadata")
        commands = self._host.commands(self._asked.metadata)
        sink = _RunSink(self, self._outlet)
        for value in (command_count(commands), *map(command_metadata, commands)):
            sink.output(value, depth=2)
        return None

    def _run_statement(self, statement: Statement) -> None:
        if statement.script is not None:
            raise Terminating(scripts_not_allowed(statement.script))
        self._host.run(self._caller, statement.invocations, _RunSink(self, self._outlet), self.stop)

    def _end(self, before: Callable[[PsrpSession], None]) -> None:
        """Stopped if somebody stopped it, else completed."""

        def write(session: PsrpSession) -> None:
            before(session)
            if self.stop.is_set():
                session.stopped(self.pipeline_id)
            else:
                session.complete(self.pipeline_id)

        self._last(write)

    def _last(self, write: Callable[[PsrpSession], None]) -> None:
        self._outlet.emit(self.pipeline_id, write, last=True)


class _RunSink:
    """`pipeline.Sink` of one run; what a stopped pipeline still says is dropped, as Windows drops it."""

    def __init__(self, run: PipelineRun, outlet: Outlet) -> None:
        self._run = run
        self._outlet = outlet

    def output(self, value: object, *, depth: int = 1) -> None:
        clixml = to_clixml(value, depth=depth)
        self._send(lambda session: session.output(self._run.pipeline_id, clixml))

    def error(self, record: LabRecord) -> None:
        self._send(lambda session: session.error(self._run.pipeline_id, record))

    def warning(self, text: str) -> None:
        self._send(lambda session: session.warning(self._run.pipeline_id, text))

    def verbose(self, text: str) -> None:
        self._send(lambda session: session.verbose(self._run.pipeline_id, text))

    def progress(self, activity: str, status: str, percent: int, *, completed: bool = False) -> None:
        self._send(
            lambda session: session.progress(self._run.pipeline_id, activity, status, percent, completed=completed)
        )

    def _send(self, write: Callable[[PsrpSession], None]) -> None:
        if not self._run.stop.is_set():
            self._outlet.emit(self._run.pipeline_id, write)
