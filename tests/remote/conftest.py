"""A toy host behind the real wire, and a proxy that cuts connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.lab.pipeline import Caller, Invocation, Sink
from snlm_lib.lab.server import LabServer
from snlm_lib.lab.values import LabRecord, PsValue, Terminating
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import Endpoint, HostSession

_SIGN_ON_BYTES = 3000  # three small requests; an envelope alone is more
USER, PASSWORD = "CORP\\operator", "Rehearse-1!"


class ToyHost:
    """Answers by the name of a pipeline's last cmdlet; remembers every pipeline as it arrived."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[Sequence[Invocation]] = []
        self.release = threading.Event()
        self.stopped = threading.Event()

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        self.heard.append(pipeline)
        last = pipeline[-1]
        answers: dict[str, Callable[[], None]] = {
            "Get-VM": lambda: self._echo(last, sink),
            "Get-VMHost": lambda: sink.output(PsValue(("VMHost",), "host", {"Name": self.name, "User": caller.user})),
            "Get-VMSwitch": lambda: self._grumble(sink),
            "Get-VHD": self._fail,
            "Move-VM": lambda: self._work(sink, stop),
            "Get-Volume": lambda: self._many(sink),
        }
        answers.get(last.name, lambda: None)()

    def behind(self, configuration: str, caller: Caller) -> ToyHost | None:
        """One further session configuration, in which nobody has a role."""
        if configuration == "Guarded":
            raise PermissionError(configuration)
        return None

    def _echo(self, last: Invocation, sink: Sink) -> None:
        for key, value in last.parameters.items():
            sink.output(PsValue(("Echo",), key, {"Key": key, "Value": str(value)}))

    def _grumble(self, sink: Sink) -> None:
        sink.warning("mind the gap")
        sink.error(record("one is missing", "ObjectNotFound,Toy.Get", 13))
        sink.output("the other")

    def _fail(self) -> None:
        raise Terminating(record("logon failed (0x8009030e).", "AccessDenied,Toy.Vhd", 18))

    def _work(self, sink: Sink, stop: threading.Event) -> None:
        for percent in (10, 40, 70):
            sink.progress("Moving", "copying", percent)
        while not self.release.wait(0.01):
            if stop.is_set():
                self.stopped.set()
                return
        sink.output("moved")

    def _many(self, sink: Sink) -> None:
        for number in range(200):
            sink.progress("Counting", str(number), number // 2)
            sink.output(number)


def record(message: str, fq_error_id: str, category: int) -> LabRecord:
    return LabRecord(message, fq_error_id, category, "System.Exception", command="Get-Toy")


class CuttingProxy:
    """Passes bytes on to ``port``; `cut` ends every connection now open, without a word."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self._carried: dict[socket.socket, int] = {}
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
                self._carried[one] = self._carried.get(one, 0) + len(data)
        self._end(one, other)

    @property
    def settled(self) -> bool:
        """Has a connection now open carried more than a sign-on?"""
        return any(self._carried.get(near, 0) > _SIGN_ON_BYTES for near, _ in self._pairs)

    def cut(self) -> None:
        pairs, self._pairs = self._pairs, []
        self.cuts += len(pairs)
        for pair in pairs:
            self._end(*pair)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    @staticmethod
    def _end(*sockets: socket.socket) -> None:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture(scope="module")
def toy() -> ToyHost:
    return ToyHost("HV01")


@pytest.fixture(scope="module")
def server(toy: ToyHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    state: Path = tmp_path_factory.mktemp("wire")
    running = LabServer([toy], users={USER: PASSWORD}, state_dir=state)
    running.start()
    yield running
    running.close()


@pytest.fixture
def opened(server: LabServer, toy: ToyHost) -> Iterator[Callable[..., HostSession]]:
    """Make a session; ``port``, ``password`` and the rest of the ``place`` are the right ones unless given."""
    toy.heard.clear()
    toy.release.clear()
    toy.stopped.clear()
    made: list[HostSession] = []

    def make(*, port: int | None = None, password: str = PASSWORD, place: Any = (), **options: Any) -> HostSession:
        endpoint = Endpoint("HV01", "127.0.0.1", port or server.ports["HV01"], **{"auth": "ntlm", **dict(place)})
        made.append(HostSession(endpoint, Credential(USER, password), clock=SystemClock(), **options))
        return made[-1]

    yield make
    toy.release.set()
    for session in made:
        session.close()


@pytest.fixture
def session(opened: Callable[..., HostSession]) -> HostSession:
    return opened()


@pytest.fixture
def proxy(server: LabServer) -> Iterator[CuttingProxy]:
    cutting = CuttingProxy(server.ports["HV01"])
    yield cutting
    cutting.close()
