"""A bad path between two namespaces, for kernels without netem: delay, jitter, loss and duplicates, all counted.

A tunnel device on either side and a program that carries packets between them. What comes back travels undisturbed,
so that a probe's fate is decided once. With more jitter than an interval, probes overtake each other.

Usage (by `bad_path`): python benchmarks/weather.py NEAR FAR '{"delay_ms": 5, ...}'; descriptors of the two devices.
It ends with its input and then prints what it did.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from benchmarks.ground import Switch
from benchmarks.namespaces import Namespace

__all__ = ["BEYOND", "BadPath", "Carried", "Weather", "bad_path"]

BEYOND = "198.51.100.2"  # the machine at the end of the bad path
_HERE = "198.51.100.1"
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
_PACKET_BYTES = 65536
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Weather:
    """What happens to a packet on its way there; the same seed, the same fates."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    duplicate_percent: float = 0.0
    seed: int = 5


@dataclass
class Carried:
    """What became of the packets sent there. ``overtaken``: arrived after one that had set out later."""

    passed: int = 0
    dropped: int = 0
    duplicated: int = 0
    overtaken: int = 0


def _tunnel(within: Namespace, here: str, there: str) -> int:
    with within.entered():
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"bad0", _TUN_WITHOUT_HEADER))
    within.configure("net/ipv6/conf/bad0/disable_ipv6", 1)  # its greetings would be counted as probes
    within.run("ip", "addr", "add", here, "peer", there, "dev", "bad0")
    within.run("ip", "link", "set", "bad0", "up")
    return device


@dataclass(frozen=True)
class BadPath:
    """``hold``: packets wait, in order, until it lets go. ``carried`` is filled in when the path has ended."""

    hold: Switch
    carried: Carried = field(default_factory=Carried)


@contextmanager
def bad_path(near: Namespace, far: Namespace, weather: Weather) -> Iterator[BadPath]:
    """`BEYOND` answers from ``far`` through ``weather``."""
    ends = _tunnel(near, _HERE, BEYOND), _tunnel(far, BEYOND, _HERE)
    words = [sys.executable, __file__, *map(str, ends), json.dumps(asdict(weather))]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=ends)
    for end in ends:
        os.close(end)
    path = BadPath(lambda held: child.send_signal(signal.SIGSTOP if held else signal.SIGCONT))
    try:
        yield path
    finally:
        path.hold(False)
        out, _ = child.communicate(timeout=_PATIENCE_S)
        vars(path.carried).update(json.loads(out))


@dataclass
class _Carrier:
    near: int
    far: int
    weather: Weather
    carried: Carried = field(default_factory=Carried)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.weather.seed)
        self._under_way: list[tuple[float, int, bytes]] = []
        self._set_out = self._latest = 0

    def carry(self) -> None:
        """Until the input ends."""
        while True:
            wait_s = self._under_way[0][0] - time.perf_counter() if self._under_way else None
            ready, _, _ = select.select([self.near, self.far, sys.stdin], [], [], wait_s and max(wait_s, 0.0))
            if sys.stdin in ready:
                return
            if self.far in ready:
                self._put(self.near, os.read(self.far, _PACKET_BYTES))
            if self.near in ready:
                self._take(os.read(self.near, _PACKET_BYTES))
            while self._under_way and self._under_way[0][0] <= time.perf_counter():
                self._arrive(*heapq.heappop(self._under_way)[1:])

    def _hit(self, percent: float) -> bool:
        return self._chance.random() * 100 < percent

    def _take(self, packet: bytes) -> None:
        if self._hit(self.weather.loss_percent):
            self.carried.dropped += 1
            return
        self._set_out += 1
        at_s = time.perf_counter() + (self.weather.delay_ms + self._chance.random() * self.weather.jitter_ms) / 1000
        heapq.heappush(self._under_way, (at_s, self._set_out, packet))

    def _arrive(self, number: int, packet: bytes) -> None:
        self.carried.passed += 1
        self.carried.overtaken += number < self._latest
        self._latest = max(self._latest, number)
        self._put(self.far, packet)
        if self._hit(self.weather.duplicate_percent):
            self.carried.duplicated += 1
            self._put(self.far, packet)

    @staticmethod
    def _put(end: int, packet: bytes) -> None:
        with suppress(OSError):  # a namespace that is going down takes nothing
            os.write(end, packet)


def main(arguments: list[str]) -> None:
    """The program."""
    carrier = _Carrier(int(arguments[0]), int(arguments[1]), Weather(**json.loads(arguments[2])))
    carrier.carry()
    print(json.dumps(asdict(carrier.carried)))


if __name__ == "__main__":
    main(sys.argv[1:])
