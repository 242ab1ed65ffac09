"""Waiting for sockets or for a moment, finer than a millisecond where the system can. Knows no probe.

The library's selectors round epoll's time-out up to whole milliseconds, and cost more than a probe does.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["READ", "WRITE", "Reader", "Watch"]

READ, WRITE = 1, 2
_FEW = 16  # sockets that select alone looks after; more are left to epoll, where there is one
_HIGHEST = 1024  # file numbers from here on are none for select


class Reader(Protocol):
    """Who is called when a socket is ready."""

    def ready(self, mask: int) -> None:
        """``mask``: READ, WRITE or both."""
        ...


class Watch:
    """Which sockets are waited for, and by whom. ``sleep`` waits where there is none, which Windows refuses to do."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._readers: dict[int, Reader] = {}  # by the socket's number
        self._writers: dict[int, Reader] = {}
        self._numbers: tuple[list[int], list[int], list[int]] = ([], [], [])  # as select wants them
        self._epoll = select.epoll() if sys.platform == "linux" else None
        self._few = True

    def on(self, watched: socket.socket, reader: Reader, mask: int) -> None:
        """Call ``reader`` when the socket is ready for what ``mask`` says, and for nothing else from now on."""
        number = watched.fileno()
        known = self._masked(number)
        for wanted, watchers in ((READ, self._readers), (WRITE, self._writers)):
            if mask & wanted:
                watchers[number] = reader
            else:
                watchers.pop(number, None)
        if self._epoll is not None and known != mask:
            (self._epoll.modify if known else self._epoll.register)(number, _EPOLL[mask])
        self._count()

    def off(self, watched: socket.socket) -> None:
        """Wait for this socket no more."""
        number = watched.fileno()
        if self._epoll is not None and self._masked(number):
            self._epoll.unregister(number)
        self._readers.pop(number, None)
        self._writers.pop(number, None)
        self._count()

    def __len__(self) -> int:
        """How many sockets are waited for."""
        return len(self._readers.keys() | self._writers.keys())

    def ready(self, pause_s: float) -> list[tuple[Reader, int]]:
        """Whose sockets are ready, and for what, after at most ``pause_s``."""
        if not self._readers and not self._writers:
            self._sleep(pause_s)
            return []
        if self._few or self._epoll is None:
            read, write, failed = select.select(*self._numbers, pause_s)
            found = [(self._readers[number], READ) for number in read] if read else []
            if write or failed:
                found += [(self._writers[number], WRITE) for number in {*write, *failed}]
            return found
        if pause_s and not select.select([self._epoll], [], [], pause_s)[0]:
            return []
        return list(self._polled(self._epoll.poll(0)))

    def close(self) -> None:
        """Let go; twice is fine."""
        if self._epoll is not None:
            self._epoll.close()

    def _masked(self, number: int) -> int:
        return READ * (number in self._readers) | WRITE * (number in self._writers)

    def _count(self) -> None:
        failing = self._writers if sys.platform == "win32" else ()  # a refused connect is told so there
        self._numbers = [*self._readers], [*self._writers], [*failing]
        few = len(self._readers) + len(self._writers) <= _FEW
        self._few = few and max((*self._readers, *self._writers), default=0) < _HIGHEST

    def _polled(self, events: list[tuple[int, int]]) -> Iterable[tuple[Reader, int]]:
        for number, event in events:
            if event & ~select.EPOLLOUT and number in self._readers:
                yield self._readers[number], READ
            if event & ~select.EPOLLIN and number in self._writers:
                yield self._writers[number], WRITE


_EPOLL = {READ: 1, WRITE: 4, READ | WRITE: 5}  # EPOLLIN and EPOLLOUT
