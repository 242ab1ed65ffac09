"""One long TCP connection with an exchange a probe: does an existing connection stall, or is it reset?"""

from __future__ import annotations

import socket

from snlm_lib.measure.channels.exchange import EXCHANGES
from snlm_lib.measure.channels.model import (
    CHUNK_BYTES,
    MOST_READS,
    TCP,
    UNDER_WAY,
    Endpoint,
    Way,
    met_itself,
    word_of,
)
from snlm_lib.measure.channels.watch import READ, WRITE

__all__ = ["TcpChannel"]

_MOST_WAITING = 4096  # probes without an answer on a connection that hangs; more would only fill memory


class TcpChannel:
    """One connection, opened again (once a tick) when it breaks.

    A probe that finds no connection waits for the one being opened; it fails when that does. A server that ends
    an HTTP connection after so many answers has done no harm: what waits is asked again over the next one.
    """

    kind = TCP

    def __init__(self, at: Endpoint, way: Way, *, exchange: str = "echo") -> None:
        self.target = at.target
        self._at = at
        self._way = way
        self._exchange = EXCHANGES[exchange]
        self._ordered = exchange == "http"  # answers carry no number
        self._socket: socket.socket | None = None
        self._connecting_since_s: float | None = None
        self._failing = False  # so that an hour without a listener is one line in the log
        self._served = 0  # answers over this connection
        self._waiting: dict[int, None] = {}
        self._out = b""
        self._in = b""

    def send(self, seq: int, now_s: float) -> str:
        if len(self._waiting) >= _MOST_WAITING:
            if self._ordered:
                return ""  # it would be asked and answered long after its time
            del self._waiting[next(iter(self._waiting))]
        self._waiting[seq] = None
        if self._socket is None:
            self._open(now_s)
            return ""
        self._out += self._exchange.request(self._at.host, seq)
        if self._connecting_since_s is None:
            self._flush()
        return ""

    def ready(self, mask: int) -> None:
        """The socket is connected, writable or readable."""
        if self._connecting_since_s is not None and not self._connected():
            return
        if mask & WRITE:
            self._flush()
        if mask & READ:
            self._receive()

    def maintain(self, now_s: float) -> None:
        since_s = self._connecting_since_s
        if since_s is not None and now_s - since_s >= self._way.timeout_s:
            self._break("connecting timed out", "connecting")

    def stalled(self, now_s: float) -> None:
        if self._connecting_since_s is None:
            return
        self._connecting_since_s = now_s
        for seq in self._waiting:
            self._way.sink.withdrawn(self.target, self.kind, seq)
        self._waiting.clear()
        self._out = b""

    def move(self, at: Endpoint) -> None:
        """A connection lives at its address: it is kept while it works, the next one goes to the new address."""
        self._at = at

    def close(self) -> None:
        if self._socket is not None:
            self._way.watch.off(self._socket)
            self._socket.close()
            self._socket = None

    def _open(self, now_s: float) -> None:
        try:
            opened = self._way.make_socket(self._at.family, socket.SOCK_STREAM)
        except OSError as error:
            self._break(f"connecting failed (error {error.errno})", word_of(error.errno))
            return
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = opened.connect_ex(self._at.where)
        self._socket = opened
        self._connecting_since_s = now_s
        self._served = 0
        self._out = b"".join(self._exchange.request(self._at.host, seq) for seq in self._waiting)
        self._in = b""
        self._way.watch.on(opened, self, READ | WRITE)
        if code not in UNDER_WAY:
            self._break(f"connecting failed (error {code})", word_of(code))

    def _connected(self) -> bool:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._break(f"connecting failed (error {code})", word_of(code))
            return False
        try:
            if met_itself(self._socket):
                self._break("met itself", "refused")
                return False
        except OSError:  # not connected yet: a spurious wake-up
            return False
        self._connecting_since_s = None
        self._failing = False
        self._way.log(f"{self.target}: TCP connection open")
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
            self._break(f"connection lost (error {error.errno})", word_of(error.errno))
            return
        self._way.watch.on(self._socket, self, READ | WRITE if self._out else READ)

    def _receive(self) -> None:
        for _ in range(MOST_READS):
            if self._socket is None:
                return
            try:
                chunk = self._socket.recv(CHUNK_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._break(f"connection lost (error {error.errno})", word_of(error.errno))
                return
            if not chunk:
                self._ended()
                return
            self._tell(chunk)

    def _tell(self, chunk: bytes) -> None:
        answers, self._in = self._exchange.split(self._in + chunk)
        for number in answers:
            seq = next(iter(self._waiting), None) if number is None else number
            if seq in self._waiting:
                del self._waiting[seq]
                self._served += 1
                self._way.sink.answered(self.target, self.kind, seq)

    def _ended(self) -> None:
        if self._ordered and self._served:
            self._way.log(f"{self.target}: TCP connection ended by the server after {self._served} answers")
            self.close()  # the next probe opens another and asks again what waits
            return
        self._break("connection closed by the guest", "closed")

    def _break(self, reason: str, word: str) -> None:
        self.close()
        if not self._failing:
            self._way.log(f"{self.target}: TCP {reason}")
        self._failing = True
        self._connecting_since_s = None
        dead, self._waiting = self._waiting, {}
        self._out = self._in = b""
        for seq in dead:
            self._way.sink.failed(self.target, self.kind, seq, word)
