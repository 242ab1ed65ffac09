"""A loopback proxy that carries every byte late, as a process of its own: `python benchmarks/delaying.py MS PORT...`

Prints the ports it listens at, one for each given, and ends when its standard input does. What is under way is not
slowed down otherwise: two pieces sent at once arrive at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["delayed"]


@contextmanager
def delayed(ports: Sequence[int], *, round_trip_s: float) -> Iterator[list[int]]:
    """Ports that lead to ``ports``, each way half of ``round_trip_s`` late."""
    command = [sys.executable, __file__, str(round_trip_s * 1000), *map(str, ports)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        assert proxy.stdin is not None
        try:
            yield [int(word) for word in proxy.stdout.readline().split()]
        finally:
            proxy.stdin.close()


class _End(asyncio.Protocol):
    """One end of a connection; what comes in leaves at the other end after ``late_s``."""

    def __init__(self, late_s: float) -> None:
        self.late_s = late_s
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None
        self.waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self.late_s, self._pass_on, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            asyncio.get_running_loop().call_later(self.late_s, self.other.transport.close)

    def _pass_on(self, data: bytes) -> None:
        if self.other is None:
            self.waiting.append(data)
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def join(self, other: _End) -> None:
        self.other, other.other = other, self
        waiting, self.waiting = self.waiting, []
        for data in waiting:
            self._pass_on(data)


class _Near(_End):
    """The client's end; connects onwards as soon as it is there."""

    def __init__(self, late_s: float, port: int) -> None:
        super().__init__(late_s)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._reaching = asyncio.ensure_future(self._reach())

    async def _reach(self) -> None:
        _, far = await asyncio.get_running_loop().create_connection(lambda: _End(self.late_s), "127.0.0.1", self._port)
        self.join(far)


async def _serve(late_s: float, ports: Sequence[int]) -> None:
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda port=port: _Near(late_s, port), "127.0.0.1", 0, backlog=256)  # type: ignore[misc]
        for port in ports
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(float(sys.argv[1]) / 2000, [int(word) for word in sys.argv[2:]]))
