"""A new TCP connection at every tick, with an exchange of bytes where the service offers one: can anybody come in?"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from snlm_lib.measure.channels.exchange import EXCHANGES, Exchange
from snlm_lib.measure.channels.model import CHUNK_BYTES, CONNECT, UNDER_WAY, Endpoint, Way, met_itself, word_of
from snlm_lib.measure.channels.watch import READ, WRITE

__all__ = ["ConnectChannel"]

_OURS = ("busy", "forbidden", "no-socket-left", "unreachable", "unreachable-here")  # at once: it never left


@dataclass(eq=False)
class _Attempt:
    """One connection, from its first packet to its answer; what the selector hands back."""

    channel: ConnectChannel
    seq: int
    since_s: float
    socket: socket.socket
    out: bytes
    connected: bool = False
    came: bytes = b""

    def ready(self, mask: int) -> None:
        self.channel.advance(self, mask)


class ConnectChannel:
    """Each probe has a connection of its own, closed as soon as its fate is known.

    What has no answer within the time-out is given up: a later packet of a connection that was asked for again and
    again by the kernel says nothing of the moment of the probe, and sockets would pile up in an outage.
    """

    kind = CONNECT

    def __init__(self, at: Endpoint, way: Way, *, exchange: str = "none") -> None:
        self.target = at.target
        self._at = at
        self._way = way
        self._exchange: Exchange = EXCHANGES[exchange]
        self._attempts: dict[int, _Attempt] = {}  # in the order begun

    def send(self, seq: int, now_s: float) -> str:
        try:
            opened = self._way.make_socket(self._at.family, socket.SOCK_STREAM)
        except OSError as error:
            return word_of(error.errno)
        opened.setblocking(False)
        code = opened.connect_ex(self._at.where)
        if code not in UNDER_WAY:
            opened.close()
            word = word_of(code)
            if word not in _OURS:
                self._way.sink.failed(self.target, self.kind, seq, word)
                return ""
            return word
        attempt = _Attempt(self, seq, now_s, opened, self._exchange.request(self._at.host, seq))
        self._attempts[seq] = attempt
        self._way.watch.on(opened, attempt, WRITE)
        return ""

    def advance(self, attempt: _Attempt, mask: int) -> None:
        """The socket of one attempt is ready: connected, or its answer is here."""
        if attempt.seq not in self._attempts:  # ended by an earlier word of the same moment
            return
        try:
            if not attempt.connected:
                self._connected(attempt)
            elif mask & READ:
                self._read(attempt)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(attempt, word_of(error.errno))

    def maintain(self, now_s: float) -> None:
        while self._attempts:
            oldest = next(iter(self._attempts.values()))
            if now_s - oldest.since_s < self._way.timeout_s:
                return
            self._fail(oldest, "no-answer" if oldest.connected else "connecting")

    def stalled(self, now_s: float) -> None:
        for attempt in list(self._attempts.values()):
            self._end(attempt)
            self._way.sink.withdrawn(self.target, self.kind, attempt.seq)

    def move(self, at: Endpoint) -> None:
        self._at = at

    def close(self) -> None:
        for attempt in list(self._attempts.values()):
            self._end(attempt)

    def _connected(self, attempt: _Attempt) -> None:
        code = attempt.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail(attempt, word_of(code))
        elif met_itself(attempt.socket):
            self._fail(attempt, "refused")
        elif not self._exchange.hears:
            self._answered(attempt)
        else:
            attempt.connected = True
            if attempt.out:
                attempt.socket.send(attempt.out)  # a few bytes into an empty buffer
            self._way.watch.on(attempt.socket, attempt, READ)

    def _read(self, attempt: _Attempt) -> None:
        chunk = attempt.socket.recv(CHUNK_BYTES)
        if not chunk:
            self._fail(attempt, "closed")
            return
        answers, attempt.came = self._exchange.split(attempt.came + chunk)
        if any(number in (None, attempt.seq) for number in answers):
            self._answered(attempt)

    def _answered(self, attempt: _Attempt) -> None:
        self._end(attempt)
        self._way.sink.answered(self.target, self.kind, attempt.seq)

    def _fail(self, attempt: _Attempt, word: str) -> None:
        self._end(attempt)
        self._way.sink.failed(self.target, self.kind, attempt.seq, word)

    def _end(self, attempt: _Attempt) -> None:
        del self._attempts[attempt.seq]
        self._way.watch.off(attempt.socket)
        attempt.socket.close()
