"""UDP echo: one datagram a probe, with its number and this run's random id; both must come back.

On Windows a closed port shows as ConnectionResetError on the next receive (WSAECONNRESET), which says nothing
about the socket itself.
"""

from __future__ import annotations

import secrets
import socket

from snlm_lib.measure.channels.model import CHUNK_BYTES, UDP, Endpoint, Way, word_of
from snlm_lib.measure.channels.watch import READ

__all__ = ["UdpChannel"]


class UdpChannel:
    """Datagrams from one connected socket; answers of anybody else never reach us."""

    kind = UDP

    def __init__(self, at: Endpoint, way: Way) -> None:
        self.target = at.target
        self._prefix = f"snlm {secrets.token_hex(8)} ".encode("ascii")
        self._way = way
        self._open(at)

    def _open(self, at: Endpoint) -> None:
        self._socket = self._way.make_socket(at.family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(at.where)
        except OSError:  # no way there now: each send says so, and tries
            self._at: Endpoint | None = at
        else:
            self._at = None
        self._way.watch.on(self._socket, self, READ)

    def send(self, seq: int, now_s: float) -> str:
        datagram = self._prefix + str(seq).encode("ascii")
        word = ""
        for _ in range(2):  # the first try may only report the fate of an earlier datagram
            try:
                if self._at is not None:
                    self._socket.connect(self._at.where)
                    self._at = None
                self._socket.send(datagram)
                return ""
            except OSError as error:
                word = word_of(error.errno)
        return word

    def ready(self, mask: int) -> None:
        """Read one datagram and tell which probe it answers; another one wakes us again."""
        try:
            datagram = self._socket.recv(CHUNK_BYTES)
        except OSError:  # nothing, or refused or unreachable: an earlier probe's news, the socket goes on
            return
        number = datagram.removeprefix(self._prefix)
        if number != datagram and number.isdigit():
            self._way.sink.answered(self.target, self.kind, int(number))

    def maintain(self, now_s: float) -> None:
        return None

    def stalled(self, now_s: float) -> None:
        return None

    def move(self, at: Endpoint) -> None:
        self.close()
        self._open(at)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._way.watch.off(self._socket)
            self._socket.close()
