"""A toy host for the wire's tests, and the helpers that drive it with pypsrp."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from pypsrp.exceptions import WinRMTransportError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from snlm_lib.lab.pipeline import Caller, Invocation, Sink
from snlm_lib.lab.service import WsmanService
from snlm_lib.lab.values import LabRecord, PsValue, Terminating

OPERATOR = "CORP\\operator"
OTHER = "CORP\\auditor"
PASSWORDS = {OPERATOR: "Lab-Passw0rd", OTHER: "Another-Passw0rd"}
CONNECTION_TYPES = ("Toy.Thing", "System.Object")


def record(message: str = "Toy was unable to find it.") -> LabRecord:
    return LabRecord(
        message=message,
        fq_error_id="ObjectNotFound,Toy.Commands.GetToy",
        category=13,
        exception_type="Toy.ToyException",
        command="Get-Toy",
        target="VM01",
    )


class ToyHost:
    """A `PipelineHost` whose cmdlets are one method each; it remembers what it was asked."""

    def __init__(self, name: str = "TOY01") -> None:
        self.name = name
        self.asked: list[Invocation] = []
        self.callers: list[Caller] = []
        self.stopped = threading.Event()
        self.gate = threading.Event()  # Wait-Gate waits for it
        self.at_gate = 0
        self.most_at_gate = 0
        self._lock = threading.Lock()

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        self.callers.append(caller)
        for invocation in pipeline:
            self.asked.append(invocation)
            if not invocation.name:  # what the client piped in
                continue
            method = getattr(self, f"do_{invocation.name.lower().replace('-', '_')}")
            method(invocation, sink, stop)

    def do_write_nothing(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        """An empty pipeline."""

    def do_get_things(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        count = int(str(invocation.parameters["Count"]))
        width = int(str(invocation.parameters.get("Width", 2)))
        for number in range(count):
            properties = {f"Property{at}": f"value {number}/{at}" for at in range(width)}
            sink.output(PsValue(CONNECTION_TYPES, f"thing {number}", properties))

    def do_write_echo(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        sink.output(invocation.parameters["Value"])

    def do_wait_gate(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        with self._lock:
            self.at_gate += 1
            self.most_at_gate = max(self.at_gate, self.most_at_gate)
        while not self.gate.is_set() and not stop.is_set():
            self.gate.wait(0.01)
        if stop.is_set():
            self.stopped.set()
        with self._lock:
            self.at_gate -= 1
        sink.output("through")

    def do_show_progress(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        sink.progress("Moving", "10%", 10)
        self.do_wait_gate(invocation, sink, stop)
        sink.progress("Moving", "done", 100, completed=True)

    def do_write_streams(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        sink.warning("beware")
        sink.verbose("by the way")
        sink.error(record())
        sink.output("still here")

    def do_fail_toy(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        sink.output("before")
        raise Terminating(record("It failed (0x80070005)."))

    def do_break_toy(self, invocation: Invocation, sink: Sink, stop: threading.Event) -> None:
        raise ZeroDivisionError("a bug")


Connect = Callable[..., WSMan]


class LocalTransport:
    """pypsrp's transport without a socket: straight into a service, as an authenticated caller."""

    endpoint = "http://127.0.0.1/wsman"

    def __init__(self, service: WsmanService, user: str = OPERATOR) -> None:
        self._service = service
        self._caller = Caller(user, "ntlm")
        self.sent: list[bytes] = []
        self.answers: list[bytes] = []

    def send(self, message: bytes, **_: object) -> bytes:
        self.sent.append(message)
        status, answer = self._service.handle(message, self._caller)
        self.answers.append(answer)
        if status != 200:
            raise WinRMTransportError("http", status, answer.decode())
        return answer

    def close(self) -> None:
        """Nothing to close."""


def local_wsman(service: WsmanService, user: str = OPERATOR, *, timeout_s: float = 20) -> WSMan:
    """A pypsrp connection into ``service``; its transport is a `LocalTransport`."""
    wsman = WSMan("127.0.0.1", username=user, password="unused", ssl=False, operation_timeout=cast(int, timeout_s))
    wsman.transport = cast(Any, LocalTransport(service, user))
    return wsman


def in_background(function: Callable[[], object]) -> BackgroundCall:
    """Run ``function`` in a thread; its result or exception is fetched with ``.result()``."""
    return BackgroundCall(function)


class BackgroundCall:
    """A thread with an outcome."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._outcome: list[object] = []
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    def _run(self, function: Callable[[], object]) -> None:
        try:
            self._outcome.append(function())
        except BaseException as error:
            self._failure.append(error)

    def result(self, within_s: float = 5.0) -> object:
        self._thread.join(within_s)
        assert not self._thread.is_alive(), "still running"
        if self._failure:
            raise self._failure[0]
        return self._outcome[0]


def command(pool: RunspacePool, name: str, **parameters: object) -> PowerShell:
    """A pipeline of one cmdlet, not yet started."""
    return PowerShell(pool).add_cmdlet(name).add_parameters(parameters)


def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Poll until ``condition`` holds; fails the test when it does not within ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        threading.Event().wait(0.005)
