"""A network and its time in one: datagrams that are answered when told, so that an hour of probing takes a second.

Time passes only while somebody waits for a socket, and when this process "does not run", which a test decides.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any, cast

from snlm_lib.clock import FakeClock
from snlm_lib.measure.channels import Outside
from snlm_lib.measure.channels.watch import READ, Reader, Watch

_LOOK_S = 1e-6  # looking takes time too; without it a moment just missed by rounding would never come
Delay = Callable[[float], float | None]


class FakeNetwork:
    """One guest behind UDP sockets: ``delay_s`` says how long the answer to a datagram sent then takes; None: none."""

    def __init__(self, clock: FakeClock, delay_s: Delay = lambda _at_s: 0.001) -> None:
        self.clock = clock
        self.delay_s = delay_s
        self.sent = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._numbers = itertools.count(3)
        self._sockets: dict[int, FakeSocket] = {}

    def at(self, at_s: float, event: Callable[[], None]) -> None:
        """Plan something for a second of the clock."""
        heapq.heappush(self._events, (at_s, next(self._order), event))

    def stop(self, at_s: float, for_s: float) -> None:
        """This process does not run for so long; what arrives meanwhile waits in its sockets."""
        self.at(at_s, lambda: self.clock.advance(for_s))

    def outside(self) -> Outside:
        """What an engine takes as its world."""
        return Outside(make_socket=self._make_socket, make_watch=self._make_watch)

    def _make_socket(self, *_kind: int) -> Any:
        made = FakeSocket(next(self._numbers), self)
        self._sockets[made.number] = made
        return made

    def _make_watch(self, _sleep: Callable[[float], None]) -> Watch:
        return cast(Watch, FakeWatch(self))

    def next_s(self) -> float:
        """When the next answer arrives; infinite without one under way."""
        return min((made.inbox[0][0] for made in self._sockets.values() if made.inbox), default=float("inf"))

    def wait_until(self, moment_s: float) -> None:
        """Time passes, with what was planned."""
        while self._events and self._events[0][0] <= moment_s:
            at_s, _, event = heapq.heappop(self._events)
            self.clock.advance(max(at_s - self.clock.monotonic_s(), 0.0))
            event()
        self.clock.advance(max(moment_s - self.clock.monotonic_s(), 0.0))


class FakeSocket:
    """A connected datagram socket."""

    def __init__(self, number: int, network: FakeNetwork) -> None:
        self.number = number
        self.inbox: list[tuple[float, int, bytes]] = []
        self._network = network
        self._order = itertools.count()

    def fileno(self) -> int:
        return self.number

    def setblocking(self, _flag: bool) -> None:
        return None

    def connect(self, _where: tuple[Any, ...]) -> None:
        return None

    def send(self, data: bytes) -> int:
        now_s = self._network.clock.monotonic_s()
        self._network.sent += 1
        delay_s = self._network.delay_s(now_s)
        if delay_s is not None:
            heapq.heappush(self.inbox, (now_s + delay_s, next(self._order), data))
        return len(data)

    def recv(self, _most: int) -> bytes:
        if not self.inbox or self.inbox[0][0] > self._network.clock.monotonic_s():
            raise BlockingIOError
        return heapq.heappop(self.inbox)[2]

    def close(self) -> None:
        self.number = -1


class FakeWatch:
    """Waits in the network's time."""

    def __init__(self, network: FakeNetwork) -> None:
        self._network = network
        self._readers: dict[int, tuple[FakeSocket, Reader]] = {}

    def on(self, watched: FakeSocket, reader: Reader, _mask: int) -> None:
        self._readers[watched.number] = (watched, reader)

    def off(self, watched: FakeSocket) -> None:
        self._readers.pop(watched.number, None)

    def __len__(self) -> int:
        return len(self._readers)

    def ready(self, pause_s: float) -> list[tuple[Reader, int]]:
        clock = self._network.clock
        clock.advance(_LOOK_S)
        self._network.wait_until(min(clock.monotonic_s() + pause_s, self._network.next_s()))
        now_s = clock.monotonic_s()
        return [(reader, READ) for made, reader in self._readers.values() if made.inbox and made.inbox[0][0] <= now_s]

    def close(self) -> None:
        self._readers.clear()
