"""A guest that echoes on UDP and TCP, and is silent, slow or without a listener when told.

Run as a program this file is a process of its own: it prints its two ports, then obeys one JSON line a command on
its input: {"silence_s": 0.4} answers with the silence it measured itself, as the lab's guest does.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from snlm_lib.process import take_precedence


class FakeGuest:
    """An echo guest at 127.0.0.1; ``serve`` runs in a thread of the caller's (see `in_thread`)."""

    def __init__(self) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.listener = self._listen(0)
        self.udp_port: int = self.udp.getsockname()[1]
        self.tcp_port: int = self.listener.getsockname()[1]
        self.delay_s = 0.0
        self.drop_next = 0
        self.accepted = 0
        self._silent_until_s = 0.0
        self._silence_began_s = 0.0
        self._measured: list[float] = []
        self._selector = selectors.DefaultSelector()
        self._later: list[tuple[float, int, socket.socket, bytes, tuple[str, int] | None]] = []
        self._peers: set[socket.socket] = set()
        self._order = itertools.count()
        self._ended = False
        self._lock = threading.Lock()
        for sock in (self.udp, self.listener):
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.setblocking(False)
        return listener

    def be_silent(self, seconds: float) -> None:
        """Drop what arrives from now on for ``seconds``; dropped is not answered late."""
        with self._lock:
            self._silence_began_s = time.perf_counter()
            self._silent_until_s = self._silence_began_s + seconds

    def break_connections(self) -> None:
        """Close every TCP connection, as a guest that restarts would."""
        with self._lock:
            for peer in list(self._peers):
                self._forget(peer)

    def refuse_connections(self) -> None:
        """Close the listener too: connecting is refused until `accept_again`."""
        with self._lock:
            self._selector.unregister(self.listener)
            self.listener.close()

    def accept_again(self) -> None:
        """Listen again, on the same port."""
        with self._lock:
            self.listener = self._listen(self.tcp_port)
            self._selector.register(self.listener, selectors.EVENT_READ)

    def silences(self) -> list[float]:
        """How long each ended silence really lasted, by this guest's own clock."""
        return list(self._measured)

    def serve(self) -> None:
        """Answer until `end`."""
        while not self._ended:
            events = self._selector.select(0.002)
            with self._lock:
                self._end_silence()
                for key, _ in events:
                    if key.fileobj in self._selector.get_map() and isinstance(key.fileobj, socket.socket):
                        self._read(key.fileobj)
                self._answer_later_ones()

    def _end_silence(self) -> None:
        now_s = time.perf_counter()
        if self._silence_began_s and now_s >= self._silent_until_s:
            self._measured.append(now_s - self._silence_began_s)
            self._silence_began_s = 0.0

    def _read(self, sock: socket.socket) -> None:
        if sock is self.listener:
            peer, _ = self.listener.accept()
            peer.setblocking(False)
            self._peers.add(peer)
            self._selector.register(peer, selectors.EVENT_READ)
            self.accepted += 1
            return
        try:
            data, sender = sock.recvfrom(4096)
        except ConnectionResetError:  # Windows: an earlier answer found nobody
            if sock is not self.udp:
                self._forget(sock)
            return
        if sock is not self.udp and not data:
            self._forget(sock)
        elif self._silence_began_s:
            return
        elif self.drop_next:
            self.drop_next -= 1
        else:
            moment_s = time.perf_counter() + self.delay_s
            address = sender if sock is self.udp else None
            heapq.heappush(self._later, (moment_s, next(self._order), sock, data, address))

    def _answer_later_ones(self) -> None:
        while self._later and self._later[0][0] <= time.perf_counter():
            _, _, sock, data, address = heapq.heappop(self._later)
            with contextlib.suppress(OSError):
                if address:
                    sock.sendto(data, address)
                else:
                    sock.sendall(data)

    def _forget(self, peer: socket.socket) -> None:
        self._peers.discard(peer)
        self._selector.unregister(peer)
        peer.close()

    def end(self) -> None:
        """Stop serving and close every socket."""
        self._ended = True

    def close(self) -> None:
        """After `serve` returned."""
        for peer in list(self._peers):
            self._forget(peer)
        self._selector.close()
        self.listener.close()
        self.udp.close()


@contextlib.contextmanager
def serving() -> Iterator[FakeGuest]:
    """A guest that serves in a thread until the block ends."""
    guest = FakeGuest()
    thread = threading.Thread(target=guest.serve)
    thread.start()
    try:
        yield guest
    finally:
        guest.end()
        thread.join()
        guest.close()


def main() -> None:
    """The process: ports out, commands in, measured silences out; ends with its input."""
    take_precedence()
    with serving() as guest:
        print(json.dumps({"udp_port": guest.udp_port, "tcp_port": guest.tcp_port}), flush=True)
        for line in sys.stdin:
            before = len(guest.silences())
            guest.be_silent(json.loads(line)["silence_s"])
            while len(guest.silences()) == before:
                time.sleep(0.001)
            print(json.dumps({"measured_s": guest.silences()[-1]}), flush=True)


class GuestProcess:
    """The fake guest in a process of its own, so that a busy test cannot silence it."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ports = self._answer()
        self.udp_port, self.tcp_port = int(ports["udp_port"]), int(ports["tcp_port"])

    def _answer(self) -> dict[str, float]:
        assert self._child.stdout is not None
        return dict(json.loads(self._child.stdout.readline()))

    def silence(self, seconds: float) -> float:
        """Be silent; returns when it answers again, with the silence as the guest measured it."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"silence_s": seconds}) + "\n")
        self._child.stdin.flush()
        return self._answer()["measured_s"]

    def close(self) -> None:
        """End it; its input ends, so it does."""
        self._child.communicate(timeout=10)


Eventually = Callable[..., None]


def wait_until(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Poll ``condition`` until it holds; an AssertionError after ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to pass in time"
        time.sleep(0.005)


if __name__ == "__main__":
    main()
