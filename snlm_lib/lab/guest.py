"""The living guest: echoes UDP and TCP until it is told to be silent. Knows no host and no move.

A process of its own (``python -m snlm_lib.lab.guest``), so that the load of the lab never silences
it. Lines on stdin, each answered by one JSON line on stdout as it takes effect, after a first one with the ports:

    silent      what arrives is read and dropped, never answered late
    hold        what arrives waits, as behind a link that is down, and is answered late
    answer      the end of either; tells ``silence_s``
    quarantine  datagrams are dropped and new connections get no answer; those that stood before go on
    release     the end of that; tells ``quarantine_s``
    stop        so is the end of stdin; not answered

The kernel accepts a TCP connection whatever the guest does; only an exchanged line says that the guest lives.
"""

from __future__ import annotations

import json
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import IO

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.process import take_precedence

__all__ = ["EchoGuest", "main"]

_CHUNK = 65536


class _Line:
    """One TCP connection: whole lines out of bytes; a line begun in silence never gets an answer.

    A ``deaf`` one never gets any.
    """

    def __init__(self, connection: socket.socket, *, deaf: bool) -> None:
        self.connection = connection
        self._deaf = deaf
        self._rest = b""
        self._doomed = False

    def take(self, data: bytes, *, silent: bool) -> bytes:
        """The lines to send back for ``data``, newline included; nothing while silent."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if silent or self._deaf:
            self._doomed = bool(self._rest)
            return b""
        if lines and self._doomed:
            del lines[0]
            self._doomed = False
        return b"".join(line + b"\n" for line in lines)


class EchoGuest:
    """Sockets on 127.0.0.1, one thread, one selector; ``command`` is the reading end for orders."""

    def __init__(self, command: socket.socket, tell: Callable[[dict[str, object]], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._silent_since_s: float | None = None
        self._quarantined_since_s: float | None = None
        self._held: list[selectors.SelectorKey] = []  # what nobody reads just now
        self._running = True
        self._orders = b""
        self._selector = selectors.DefaultSelector()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._command = command
        self._watch(self._udp, self._datagrams)
        self._watch(self._tcp, self._connections)
        self._watch(command, self._read_orders)

    def serve(self) -> None:
        """Tell the ports, then answer until told to stop."""
        self._tell({"udp_port": self._udp.getsockname()[1], "tcp_port": self._tcp.getsockname()[1]})
        while self._running:
            for key, _ in self._selector.select():
                key.data()
        for key in [*self._selector.get_map().values(), *self._held]:
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _watch(self, sock: socket.socket, handler: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, handler)

    @property
    def _silent(self) -> bool:
        return self._silent_since_s is not None

    @property
    def _quarantined(self) -> bool:
        return self._quarantined_since_s is not None

    def _datagrams(self) -> None:
        while True:
            try:
                data, sender = self._udp.recvfrom(_CHUNK)
                if not (self._silent or self._quarantined):
                    self._udp.sendto(data, sender)
            except BlockingIOError:
                return
            except OSError:  # the prober's port is gone: nobody to answer
                continue

    def _connections(self) -> None:
        try:
            connection, _ = self._tcp.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(connection, deaf=self._quarantined)
        self._watch(connection, lambda: self._exchange(line))

    def _exchange(self, line: _Line) -> None:
        try:
            data = line.connection.recv(_CHUNK)
            if data:
                line.connection.sendall(line.take(data, silent=self._silent))
                return
        except BlockingIOError:
            return
        except OSError:  # a reset by the prober ends its connection, not the guest
            pass
        self._selector.unregister(line.connection)
        line.connection.close()

    def _read_orders(self) -> None:
        data = self._command.recv(_CHUNK)
        *orders, self._orders = (self._orders + data).split(b"\n")
        for order in orders or ([] if data else [b"stop"]):
            self._obey(order.strip())

    def _obey(self, order: bytes) -> None:
        if order == b"stop":
            self._running = False
        elif order in (b"silent", b"hold"):
            if self._silent_since_s is None:
                self._silent_since_s = self._clock.monotonic_s()
            if order == b"hold":
                self._stop_reading()
            self._tell({"silent": True})
        elif order == b"answer":
            self._end_silence()
            since_s, self._silent_since_s = self._silent_since_s, None
            self._tell({"silence_s": self._lasted_s(since_s)})
        elif order == b"quarantine":
            self._quarantined_since_s = self._clock.monotonic_s()
            self._tell({"quarantined": True})
        elif order == b"release":
            self._read_what_waits()
            since_s, self._quarantined_since_s = self._quarantined_since_s, None
            self._tell({"quarantine_s": self._lasted_s(since_s)})

    def _lasted_s(self, since_s: float | None) -> float | None:
        return None if since_s is None else self._clock.monotonic_s() - since_s

    def _stop_reading(self) -> None:
        for key in list(self._selector.get_map().values()):
            if key.fileobj is not self._command:
                self._held.append(key)
                self._selector.unregister(key.fileobj)

    def _end_silence(self) -> None:
        """What was held is answered from now on; what arrived in silence must not be."""
        if not self._held:
            self._read_what_waits()
        while self._held:
            key = self._held.pop()
            self._selector.register(key.fileobj, key.events, key.data)

    def _read_what_waits(self) -> None:
        for key, _ in self._selector.select(0):
            if key.fileobj is not self._command:
                key.data()


def _tell_stdout(fact: dict[str, object]) -> None:
    print(json.dumps(fact), flush=True)


def _pump(source: IO[bytes], sink: socket.socket) -> None:
    """Carry stdin to the selector's thread: Windows cannot select on a pipe."""
    try:
        for line in source:
            sink.sendall(line)
    except OSError:
        return
    finally:
        sink.close()


def main() -> int:
    """Run one guest over this process's stdin and stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the lab's; our end is the end of stdin
    take_precedence()  # the lab's load must not look like an outage
    orders, feed = socket.socketpair()
    guest = EchoGuest(orders, _tell_stdout, SystemClock())
    threading.Thread(target=_pump, args=(sys.stdin.buffer, feed), daemon=True).start()
    guest.serve()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
