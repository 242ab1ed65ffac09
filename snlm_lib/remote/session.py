"""How we speak to one host: open when needed, ask, stream, stop, close; knows no cmdlet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

from snlm_lib.clock import Clock
from snlm_lib.errors import RemoteError, SessionLost
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.operation import Operation, Run
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.records import CommandRecord, ErrorRecord, Progress, Result
from snlm_lib.remote.sending import NotBegun
from snlm_lib.remote.shell import Endpoint, Shell

__all__ = ["CommandRecord", "Endpoint", "ErrorRecord", "HostSession", "Operation", "Progress", "Result"]

T = TypeVar("T")
_TRIES = 3


class HostSession:
    """A session on one host, safe to use from several threads at once.

    The host runs at most eight pipelines of a session at once; more wait there for their turn.
    Nothing is sent before the first command. A session that was lost opens anew with the next
    command. A command that was lost is repeated when it changes nothing, or when the host is known not to
    have taken it; else never. ``on_command`` gets a CommandRecord when a pipeline is sent, one when a lost
    answer was made up for, and one when it has ended, in the thread that runs it. ``at_once``: for how many
    pipelines side by side connections are signed on ahead.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credential: Credential,
        *,
        clock: Clock,
        on_command: Callable[[CommandRecord], None] | None = None,
        connect_timeout_s: float = 5,
        at_once: int = 1,
    ) -> None:
        self._endpoint = endpoint
        self._credential = credential
        self._clock = clock
        self._on_command = on_command
        self._connect_timeout_s = connect_timeout_s
        self._at_once = at_once
        self._lock = threading.Lock()
        self._shell: Shell | None = None
        self._known = False  # the host has opened a shell for us before
        self._refusals = 0  # how often no shell could be opened, and why the last time
        self._refusal: RemoteError | None = None

    @property
    def host(self) -> str:
        """The operator's name for the host."""
        return self._endpoint.name

    @property
    def endpoint(self) -> Endpoint:
        """Where and how the host is reached."""
        return self._endpoint

    @property
    def user(self) -> str:
        """Who is signed on."""
        return self._credential.user

    @property
    def protocol(self) -> str | None:
        """What was really used ("ntlm", "kerberos"; under TLS "https+basic"); None before the first command."""
        shell = self._shell
        return shell.protocol if shell else None

    def open(self) -> None:
        """Sign on now, if that has not happened. Worth it before many threads ask at once: a host
        that is not there is then waited for once. Raises HostUnreachable, AuthenticationRefused."""
        self._open()

    def invoke(self, pipeline: Pipeline, *, accept: Sequence[str] = ()) -> Result:
        """Run a pipeline to its end.

        ``accept``: beginnings of FullyQualifiedErrorIds that are an answer, not a failure. Raises
        CommandFailed for any other error record, HostUnreachable, AuthenticationRefused, and
        SessionLost when the end was not seen.
        """
        return self._lasting(pipeline, lambda shell: self._run(shell, pipeline, accept).finish())

    def start(self, pipeline: Pipeline, *, accept: Sequence[str] = ()) -> Operation:
        """Send a pipeline and return while it runs; raises what `invoke` does if it cannot be sent."""

        def begin(shell: Shell) -> Operation:
            run = self._run(shell, pipeline, accept)
            return Operation(run, name=f"{self.host}-{pipeline.name}", on_lost=lambda: self._forget(shell))

        return self._lasting(pipeline, begin)

    def close(self) -> None:
        """Close the session on the host; a pipeline still running there ends. The next command opens anew."""
        with self._lock:
            shell, self._shell = self._shell, None
        if shell is not None:
            shell.close()

    def __enter__(self) -> HostSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HostSession({self.host!r}, user={self.user!r})"

    def _lasting(self, pipeline: Pipeline, do: Callable[[Shell], T]) -> T:
        """``do`` over an open shell; over a new one when that is lost and doing it again does no harm."""
        tries, seen = _TRIES, self._refusals
        while True:
            shell = self._open(seen)
            tries -= 1
            try:
                return do(shell)
            except SessionLost as lost:
                self._forget(shell)
                harmless = not pipeline.changes or isinstance(lost, NotBegun)
                if not tries or not harmless:
                    raise

    def _open(self, seen: int | None = None) -> Shell:
        """``seen``: the refusals when the command began. One that came since is its answer too: of many commands side
        by side only one waits for a host that is gone, and a password that is no longer good is tried once."""
        with self._lock:
            if self._shell is None:
                if seen is not None and self._refusals > seen and (last := self._refusal) is not None:
                    raise type(last)(last.what, host=last.host, remedy=last.remedy)
                try:
                    self._shell = self._new_shell()
                except RemoteError as error:
                    self._refusals, self._refusal = self._refusals + 1, error
                    raise
                self._known = True
            return self._shell

    def _new_shell(self) -> Shell:
        return Shell(
            self._endpoint,
            self._credential,
            clock=self._clock,
            connect_timeout_s=self._connect_timeout_s,
            at_once=self._at_once,
            known=self._known,
        )

    def _run(self, shell: Shell, pipeline: Pipeline, accept: Sequence[str]) -> Run:
        return Run(shell, pipeline, clock=self._clock, accept=accept, told=self._on_command)

    def _forget(self, shell: Shell) -> None:
        """A shell whose answers are lost is not asked again; other pipelines on it end by themselves."""
        with self._lock:
            if self._shell is shell:
                self._shell = None
