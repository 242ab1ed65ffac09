"""What a channel needs around it: a selector, a sink that remembers, a pump, and ports nobody listens on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.measure.channels import Way
from snlm_lib.measure.channels.watch import Watch
from tests.measure.fake_guest import Eventually


@dataclass
class FakeSink:
    """Remembers what channels tell, in order."""

    answers: list[int] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    withdrawals: list[int] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)

    def answered(self, target: str, kind: str, seq: int) -> None:
        self.targets.append(target)
        self.answers.append(seq)

    def failed(self, target: str, kind: str, seq: int, error: str) -> None:
        self.failures.append((seq, error))

    def withdrawn(self, target: str, kind: str, seq: int) -> None:
        self.withdrawals.append(seq)


@dataclass
class Bench:
    """Where a channel under test stands: ``way`` is handed to it, ``until`` serves its sockets."""

    way: Way
    sink: FakeSink
    log: list[str]
    eventually: Eventually

    def turn(self) -> None:
        """Serve what is ready."""
        for reader, mask in self.way.watch.ready(0.01):
            reader.ready(mask)

    def until(self, condition: Callable[[], object]) -> None:
        """Serve until the condition holds."""

        def reached() -> object:
            self.turn()
            return condition()

        self.eventually(reached)

    def answers(self, wanted: int) -> list[int]:
        """Serve until ``wanted`` answers are told."""
        self.until(lambda: len(self.sink.answers) >= wanted)
        return self.sink.answers

    def failures(self, wanted: int) -> list[tuple[int, str]]:
        """Serve until ``wanted`` failures are told."""
        self.until(lambda: len(self.sink.failures) >= wanted)
        return self.sink.failures


@pytest.fixture
def bench(eventually: Eventually) -> Iterator[Bench]:
    sink, log = FakeSink(), list[str]()
    watch = Watch(SystemClock().sleep)
    yield Bench(Way(watch, sink, 0.5, log.append), sink, log, eventually)
    watch.close()


@pytest.fixture
def silent_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
    return port  # closed again: nobody listens there
