"""A program that sends back whatever comes, by datagram and by stream, at the addresses it is given.

Usage: python benchmarks/echo.py ADDRESS...; it prints a line when it listens and ends with its input.
"""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

__all__ = ["PORT", "main"]

PORT = 7  # for both, as RFC 862 has it
_CHUNK_BYTES = 65536
_QUEUE = 1024


class _Echo:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.ended = False

    def add(self, sock: socket.socket, ready: Callable[[socket.socket], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, lambda: ready(sock))

    def until_input_ends(self) -> None:
        self._selector.register(sys.stdin, selectors.EVENT_READ, self._end)
        while not self.ended:
            for key, _ in self._selector.select():
                key.data()

    def _end(self) -> None:
        self.ended = True

    def datagram(self, sock: socket.socket) -> None:
        with suppress(OSError):  # who asked is gone again
            data, sender = sock.recvfrom(_CHUNK_BYTES)
            sock.sendto(data, sender)

    def caller(self, listener: socket.socket) -> None:
        with suppress(OSError):
            self.add(listener.accept()[0], self.stream)

    def stream(self, sock: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = sock.recv(_CHUNK_BYTES)
            sock.sendall(data)
        if not data:
            self._selector.unregister(sock)
            sock.close()


def main(addresses: list[str]) -> None:
    """Serve until the input ends."""
    echo = _Echo()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.bind((address, PORT))
        echo.add(datagrams, echo.datagram)
        echo.add(socket.create_server((address, PORT), family=family, backlog=_QUEUE), echo.caller)
    print("listening", flush=True)
    echo.until_input_ends()


if __name__ == "__main__":
    main(sys.argv[1:])
