"""The WS-Management service of one simulated host: an envelope in, a status and an envelope out.

Knows who asks but not how they signed on; no socket. Only its owner sees a shell.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from snlm_lib.clock import Clock
from snlm_lib.lab import wsman
from snlm_lib.lab.pipeline import Caller, Configured, PipelineHost
from snlm_lib.lab.pipelines import PipelineRun
from snlm_lib.lab.shell import Shell
from snlm_lib.lab.wsman import Request
from snlm_lib.lab.wsman_fault import Fault

__all__ = ["DEFAULT_ENDPOINTS", "WsmanService"]

_log = logging.getLogger(__name__)

DEFAULT_ENDPOINTS = ("Microsoft.PowerShell",)


class WsmanService:
    """Verb -> answer, for one host.

    ``endpoints`` are the session configurations that lead to the host itself, compared without case; a
    `Configured` host may have more. All are NoLanguage. `handle` may be called from many threads at once.
    """

    def __init__(self, host: PipelineHost, *, clock: Clock, endpoints: Collection[str] = DEFAULT_ENDPOINTS) -> None:
        self._host = host
        self._clock = clock
        self._endpoints = {name.casefold() for name in endpoints}
        self._lock = threading.Lock()
        self._shells: dict[str, Shell] = {}
        self._closed = False
        self._verbs: dict[str, Callable[[Request, Caller], bytes]] = {
            "Create": self._create,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
            "Delete": self._delete,
            "Disconnect": self._disconnect,
            "Reconnect": self._reconnect,
            "Connect": self._connect,
            "Enumerate": self._enumerate,
            "Get": self._get,
        }

    @property
    def name(self) -> str:
        """The host's name."""
        return self._host.name

    def handle(self, body: bytes, caller: Caller) -> tuple[int, bytes]:
        """One request -> HTTP status (200, or 500 for a fault) and the answering envelope."""
        request = None
        try:
            request = wsman.parse_request(body)
            verb = self._verbs.get(request.verb)
            if verb is None:
                raise Fault.malformed("The action is not supported.")
            return 200, verb(request, caller)
        except Fault as fault:
            answer = fault
        # A bug of the lab must reach the client as an answer: a connection that just ends looks like a network fault.
        except Exception as bug:
            _log.exception("the lab failed while answering %s", request.verb if request else "a request")
            answer = Fault.lab_failed(type(bug).__name__)
        return 500, wsman.fault_response(request, answer, machine=self._host.name)

    def close(self, within_s: float = 1.0) -> None:
        """End every shell and wait for its pipelines, at most ``within_s`` seconds in all."""
        with self._lock:
            self._closed = True
        runs = self.forget()
        deadline_s = time.monotonic() + within_s
        for run in runs:
            run.join(max(deadline_s - time.monotonic(), 0.0))

    def forget(self) -> list[PipelineRun]:
        """End every shell, as a restart does -> the runs that were told to stop."""
        with self._lock:
            shells, self._shells = list(self._shells.values()), {}
        return [run for shell in shells for run in shell.close()]

    def _shell(self, request: Request, caller: Caller) -> Shell:
        with self._lock:
            shell = self._shells.get(request.shell_id)
        if shell is None or shell.owner.user != caller.user:
            raise Fault.shell_unknown()
        return shell

    def _create(self, request: Request, caller: Caller) -> bytes:
        name = request.resource_uri.removeprefix(wsman.POWERSHELL_URI)
        host = None if name == request.resource_uri else self._behind(name, caller)
        if host is None:
            raise Fault.not_found(request.resource_uri)
        shell = Shell(request, caller, host=host, clock=self._clock)
        with self._lock:
            if self._closed or shell.shell_id in self._shells:
                raise Fault.malformed("A shell with this ShellId exists already, or the service is ending.")
            self._shells[shell.shell_id] = shell
        return wsman.create_response(request, shell.facts())

    def _behind(self, configuration: str, caller: Caller) -> PipelineHost | None:
        """Who answers in that session configuration; None: there is none."""
        if configuration.casefold() in self._endpoints:
            return self._host
        try:
            return self._host.behind(configuration, caller) if isinstance(self._host, Configured) else None
        except PermissionError:
            raise Fault.access_denied() from None

    def _command(self, request: Request, caller: Caller) -> bytes:
        return wsman.command_response(request, self._shell(request, caller).command(request))

    def _send(self, request: Request, caller: Caller) -> bytes:
        self._shell(request, caller).send(request)
        return wsman.empty_response(request)

    def _receive(self, request: Request, caller: Caller) -> bytes:
        return self._shell(request, caller).receive(request)

    def _signal(self, request: Request, caller: Caller) -> bytes:
        self._shell(request, caller).signal(request)
        return wsman.empty_response(request)

    def _delete(self, request: Request, caller: Caller) -> bytes:
        shell = self._shell(request, caller)
        with self._lock:
            self._shells.pop(shell.shell_id, None)
        shell.close()
        return wsman.empty_response(request)

    def _disconnect(self, request: Request, caller: Caller) -> bytes:
        self._shell(request, caller).disconnect()
        return wsman.empty_response(request)

    def _reconnect(self, request: Request, caller: Caller) -> bytes:
        self._shell(request, caller).reconnect()
        return wsman.empty_response(request)

    def _connect(self, request: Request, caller: Caller) -> bytes:
        return wsman.connect_response(request, self._shell(request, caller).connect(request))

    def _enumerate(self, request: Request, caller: Caller) -> bytes:
        if request.resource_uri == wsman.COMMAND_URI:
            return wsman.enumerate_response(request, commands=self._shell(request, caller).commands())
        if request.resource_uri != wsman.SHELL_URI:
            raise Fault.not_found(request.resource_uri)
        with self._lock:
            mine = [shell for shell in self._shells.values() if shell.owner.user == caller.user]
        return wsman.enumerate_response(request, shells=[shell.facts() for shell in mine])

    def _get(self, request: Request, caller: Caller) -> bytes:
        if request.resource_uri == wsman.CONFIG_URI:
            return wsman.config_response(request)
        if request.resource_uri != wsman.SHELL_URI:
            raise Fault.not_found(request.resource_uri)
        return wsman.get_response(request, self._shell(request, caller).facts())
