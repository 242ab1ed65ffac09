"""The border between the wire and the world: what a pipeline is, who asks, where its answers go.

The wire (`snlm_lib.lab.shell`) knows no cmdlet; the world (`snlm_lib.lab.cmdlets`) knows no socket.
Both know this file.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from snlm_lib.lab.metadata import CommandFacts
from snlm_lib.lab.values import LabRecord

__all__ = ["VIRTUAL_ACCOUNT", "Caller", "Configured", "Invocation", "Listing", "PipelineHost", "Sink", "Stop"]

VIRTUAL_ACCOUNT = "virtual"


@dataclass(frozen=True)
class Invocation:
    """One command of a pipeline as the client sent it; values are plain Python or `values` types.

    Dictionaries are hashtables, lists are arrays, a PSCredential is `values.Credential`, a switch
    given without a value is True. Names of parameters are as sent (Windows ignores their case).
    The first of a pipeline may have no name: its positional values are what the client piped in.
    """

    name: str
    parameters: Mapping[str, object]
    positional: tuple[object, ...] = ()


@dataclass(frozen=True)
class Caller:
    """Who is signed on. ``protocol``: "ntlm", "kerberos" ...; a network logon cannot hop further.

    ``run_as``: the account the endpoint runs as in the caller's place, or `VIRTUAL_ACCOUNT`; "": the caller's own.
    """

    user: str  # "CORP\\operator"
    protocol: str
    run_as: str = ""

    @property
    def account(self) -> str:
        """The account that acts on this machine."""
        if self.run_as == VIRTUAL_ACCOUNT:
            return f"WinRM Virtual Users\\WinRM VA_1_{self.user.replace(chr(92), '_')}"
        return self.run_as or self.user


class Stop(threading.Event):
    """Set when a pipeline must end; ``session_lost``: because its session ended, not because somebody stopped it."""

    session_lost = False


class Sink(Protocol):
    """Where a running pipeline writes; every call may come from the pipeline's own thread only."""

    def output(self, value: object) -> None: ...

    def error(self, record: LabRecord) -> None:
        """A non-terminating error."""
        ...

    def warning(self, text: str) -> None: ...

    def verbose(self, text: str) -> None: ...

    def progress(self, activity: str, status: str, percent: int, *, completed: bool = False) -> None: ...


class PipelineHost(Protocol):
    """One simulated computer, as the wire sees it."""

    name: str

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        """Run to the end, in the calling thread; raises `values.Terminating` when it fails.

        ``stop`` is set when the client stops the pipeline or goes away: a cmdlet that waits must
        return soon after. A job of the host goes on.
        """
        ...


@runtime_checkable
class Configured(Protocol):
    """A computer that has session configurations beside the administrators' own."""

    def behind(self, configuration: str, caller: Caller) -> PipelineHost | None:
        """Who answers there; None: there is no such configuration. Raises PermissionError for a stranger."""
        ...


@runtime_checkable
class Listing(Protocol):
    """A computer that tells which commands it has."""

    def commands(self, patterns: Sequence[str]) -> Sequence[CommandFacts]:
        """Those the caller may use and whose names match a pattern; an endpoint hides the others."""
        ...
