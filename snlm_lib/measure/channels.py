"""One way to one guest: UDP echo, or lines over one long TCP connection; never blocks, writes no file.

Sockets and selectors only, so that it runs on Windows: there a closed port shows as ConnectionResetError
on the next receive of a UDP socket (WSAECONNRESET), which says nothing about the socket itself.
"""

from __future__ import annotations

import errno
import secrets
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["TCP", "UDP", "Channel", "Endpoint", "Log", "TcpChannel", "UdpChannel", "resolve"]

UDP, TCP = "udp", "tcp"
_CHUNK_BYTES = 4096
_MOST_READS = 256  # of one socket in one turn, so that a flood of answers cannot hold up a tick
_UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY}

Log = Callable[[str], None]


@dataclass(frozen=True)
class Endpoint:
    """A resolved address: ``target`` is the guest's name, ``where`` what a socket connects to."""

    target: str
    family: int
    where: tuple[Any, ...]


def resolve(target: str, address: str, port: int, *, kind: str) -> Endpoint:
    """Look ``address`` up once; raises OSError when nobody knows it."""
    sort = socket.SOCK_DGRAM if kind == UDP else socket.SOCK_STREAM
    family, _, _, _, where = socket.getaddrinfo(address, port, type=sort)[0]
    return Endpoint(target, family, where)


class Channel(Protocol):
    """What the engine drives."""

    target: str
    kind: str

    def send(self, seq: int, now_s: float) -> bool:
        """Get probe ``seq`` on its way; False when it could not leave this machine."""
        ...

    def ready(self, mask: int) -> list[int]:
        """The socket is ready: the numbers answered."""
        ...

    def maintain(self, now_s: float) -> None:
        """Give up what takes too long."""
        ...

    def take_dead(self) -> list[int]:
        """The numbers that can no longer be answered, since the last call."""
        ...

    def close(self) -> None:
        """Let go of the socket."""
        ...


class UdpChannel:
    """One datagram a probe, with its number and this run's random id; both must come back."""

    kind = UDP

    def __init__(self, at: Endpoint, selector: selectors.BaseSelector) -> None:
        self.target = at.target
        self._prefix = f"snlm {secrets.token_hex(8)} ".encode("ascii")
        self._selector = selector
        self._socket = socket.socket(at.family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(at.where)  # answers of anybody else never reach us
        selector.register(self._socket, selectors.EVENT_READ, self)

    def send(self, seq: int, now_s: float) -> bool:
        datagram = self._prefix + str(seq).encode("ascii")
        for _ in range(2):  # the first try may only report the fate of an earlier datagram
            try:
                self._socket.send(datagram)
                return True
            except OSError:
                continue
        return False

    def ready(self, mask: int) -> list[int]:
        answered: list[int] = []
        for _ in range(_MOST_READS):
            try:
                datagram = self._socket.recv(_CHUNK_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # refused or unreachable: an earlier probe's news, the socket goes on
                continue
            number = datagram.removeprefix(self._prefix)
            if number != datagram and number.isdigit():
                answered.append(int(number))
        return answered

    def maintain(self, now_s: float) -> None:
        return None

    def take_dead(self) -> list[int]:
        return []

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


class TcpChannel:
    """One line a probe over one long connection, opened again (once a tick) when it breaks.

    A probe that finds no connection waits for the one being opened; it is dead when that fails.
    """

    kind = TCP

    def __init__(self, at: Endpoint, selector: selectors.BaseSelector, *, timeout_s: float, log: Log) -> None:
        self.target = at.target
        self._at = at
        self._selector = selector
        self._timeout_s = timeout_s
        self._log = log
        self._socket: socket.socket | None = None
        self._connecting_since_s: float | None = None
        self._failing = False  # so that an hour without a listener is one line in the log
        self._waiting: dict[int, None] = {}
        self._dead: list[int] = []
        self._out = b""
        self._in = b""

    def send(self, seq: int, now_s: float) -> bool:
        self._waiting[seq] = None
        if self._socket is None and not self._open(now_s):
            return True
        self._out += b"%d\n" % seq
        if self._connecting_since_s is None:
            self._flush()
        return True

    def ready(self, mask: int) -> list[int]:
        if self._connecting_since_s is not None and not self._connected():
            return []
        if mask & selectors.EVENT_WRITE:
            self._flush()
        return self._receive() if mask & selectors.EVENT_READ else []

    def maintain(self, now_s: float) -> None:
        since_s = self._connecting_since_s
        if since_s is not None and now_s - since_s >= self._timeout_s:
            self._break("connecting timed out")

    def take_dead(self) -> list[int]:
        dead, self._dead = self._dead, []
        return dead

    def close(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _open(self, now_s: float) -> bool:
        opened = socket.socket(self._at.family, socket.SOCK_STREAM)
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = opened.connect_ex(self._at.where)
        self._socket = opened
        self._connecting_since_s = now_s
        self._selector.register(opened, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        if code not in _UNDER_WAY:
            self._break(f"connecting failed (error {code})")
        return code in _UNDER_WAY

    def _connected(self) -> bool:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._break(f"connecting failed (error {code})")
            return False
        try:
            # with nobody listening on a port of this machine, a socket can meet itself and would echo
            if self._socket.getsockname() == self._socket.getpeername():
                self._break("met itself")
                return False
        except OSError:  # not connected yet: a spurious wake-up
            return False
        self._connecting_since_s = None
        self._failing = False
        self._log(f"{self.target}: TCP connection open")
        self._flush()
        return self._socket is not None

    def _flush(self) -> None:
        if self._socket is None:
            return
        try:
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._break(f"connection lost (error {error.errno})")
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        self._selector.modify(self._socket, wanted, self)

    def _receive(self) -> list[int]:
        reason = None
        for _ in range(_MOST_READS):
            if self._socket is None:
                return []
            try:
                chunk = self._socket.recv(_CHUNK_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                reason = f"connection lost (error {error.errno})"
                break
            if not chunk:
                reason = "connection closed by the guest"
                break
            self._in += chunk
        answered = self._lines()
        if reason:
            self._break(reason)
        return answered

    def _lines(self) -> list[int]:
        *lines, self._in = self._in.split(b"\n")
        self._in = self._in[-_CHUNK_BYTES:]
        numbers = [int(line) for line in lines if line.strip().isdigit()]
        answered = [number for number in numbers if number in self._waiting]
        for number in answered:
            self._waiting.pop(number, None)
        return answered

    def _break(self, reason: str) -> None:
        self.close()
        if not self._failing:
            self._log(f"{self.target}: TCP {reason}")
        self._failing = True
        self._connecting_since_s = None
        self._dead += self._waiting
        self._waiting.clear()
        self._out = self._in = b""
