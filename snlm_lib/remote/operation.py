"""One pipeline under way: polled by a thread of its own, watched and stopped from any other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pypsrp.complex_objects import PSInvocationState

from snlm_lib.clock import Clock
from snlm_lib.errors import CommandFailed, RemoteError
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.records import (
    CommandRecord,
    Progress,
    Result,
    error_record,
    failure,
    progress_record,
    unexpected,
    unread_texts,
    warning_text,
)
from snlm_lib.remote.sending import SentPipeline
from snlm_lib.remote.shell import Shell

__all__ = ["Operation", "Run"]

Listener = Callable[[CommandRecord], None]


class Run:
    """A pipeline from sending to its end; used by one thread at a time, but for `stop`.

    ``told`` gets a CommandRecord when the pipeline is sent, one when a lost answer was made up for, and
    one when it has ended.
    """

    def __init__(
        self, shell: Shell, pipeline: Pipeline, *, clock: Clock, accept: Sequence[str], told: Listener | None
    ) -> None:
        self._shell = shell
        self._pipeline = pipeline
        self._clock = clock
        self._accept = accept
        self._told = told
        self._started_s = clock.monotonic_s()
        self._tell("sent")
        try:
            self._remote: SentPipeline = shell.begin(pipeline)
        except RemoteError:
            self._tell("ended", "lost")
            raise
        if self._remote.settled is not None:
            self._tell("settled", self._remote.settled)

    @property
    def progress(self) -> tuple[Progress, ...]:
        """Every progress record so far."""
        return tuple(progress_record(raw) for raw in list(self._remote.streams.progress))

    def stop(self) -> None:
        """Ask the host to stop the pipeline."""
        self._shell.stop(self._remote)

    def finish(self) -> Result:
        """Poll to the end. Raises CommandFailed, SessionLost."""
        try:
            while not self._shell.poll(self._remote):
                pass
        except RemoteError:
            self._tell("ended", "lost")
            raise
        self._shell.finish(self._remote)
        return self._judged()

    def _judged(self) -> Result:
        remote = self._remote
        stopped = remote.state == PSInvocationState.STOPPED
        errors = tuple(error_record(raw) for raw in remote.streams.error)
        bad = unexpected(errors, (*self._accept, "PipelineStopped") if stopped else self._accept)
        if bad is not None:
            self._tell("ended", "failed", bad.fq_error_id)
            raise failure(bad, self._pipeline, host=self._shell.host)
        if remote.state == PSInvocationState.FAILED and not errors:
            self._tell("ended", "failed")
            raise CommandFailed(
                f"{self._pipeline.name} failed without a reason",
                host=self._shell.host,
                command=self._pipeline.text(),
                remedy="Read the host's own event log",
            )
        self._tell("ended", "stopped" if stopped else "completed")
        warnings = (*(warning_text(raw) for raw in remote.streams.warning), *unread_texts(remote.output))
        return Result(tuple(remote.output), errors, warnings, self.progress, stopped)

    def _tell(self, phase: str, outcome: str | None = None, error_id: str | None = None) -> None:
        if self._told is None:
            return
        now_s = self._clock.monotonic_s()
        self._told(
            CommandRecord(
                host=self._shell.host,
                text=self._pipeline.text(),
                changes=self._pipeline.changes,
                phase=phase,
                utc=self._clock.utc_now(),
                outcome=outcome,
                duration_s=None if outcome is None else now_s - self._started_s,
                error_id=error_id,
            )
        )


class Operation:
    """A pipeline that runs while the caller does something else."""

    def __init__(self, run: Run, *, name: str, on_lost: Callable[[], None]) -> None:
        self._run = run
        self._on_lost = on_lost
        self._ended = threading.Event()
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._poll, name=name, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Has it ended, one way or another?"""
        return self._ended.is_set()

    @property
    def progress(self) -> list[Progress]:
        """Every progress record so far, in the order they came."""
        return list(self._run.progress)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, at most ``timeout_s``; True when it has come."""
        return self._ended.wait(timeout_s)

    def stop(self) -> None:
        """Ask the host to stop it, from any thread; the end is told by `wait`. A job of the host
        that the cmdlet only watches may go on. Raises SessionLost."""
        if not self.done:
            self._run.stop()

    def result(self) -> Result:
        """Wait for the end and return what came. Raises CommandFailed, SessionLost."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _poll(self) -> None:
        try:
            self._result = self._run.finish()
        except CommandFailed as error:
            self._error = error
        except BaseException as error:  # whatever ends this thread must reach the one who waits
            self._error = error
            self._on_lost()
        finally:
            self._ended.set()
