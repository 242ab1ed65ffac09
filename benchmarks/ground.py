"""Ground truth: a prober and machines in network namespaces, and cuts of which begin and end are known.

Moments are seconds of ``time.perf_counter``, the monotonic scale of the monitor and of every process here. A cut
takes effect somewhere within the call that makes it; both edges of that call are kept, nothing is assumed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.namespaces import Namespace, Nft

__all__ = ["Cut", "Ground", "Moment", "Planned", "Switch", "cut", "grounded", "play", "timed"]

_SPUN_S = 0.002  # the last of a wait is not slept: a sleep ends late
_PATIENCE_S = 10.0
_PRIORITY = -15  # a cut that waits for the processor is one whose moment is not well known
_TABLE = (
    "add table inet ground",
    "add set inet ground away { type ipv4_addr; }",
    "add set inet ground away6 { type ipv6_addr; }",
    "add set inet ground quarantined { type ipv4_addr; }",
    "add chain inet ground in { type filter hook input priority 0; }",
    "add rule inet ground in ip daddr @away drop",
    "add rule inet ground in ip6 daddr @away6 drop",
    "add rule inet ground in ip daddr @quarantined ct state established meta l4proto tcp accept",
    "add rule inet ground in ip daddr @quarantined drop",
)

Switch = Callable[[bool], None]


@dataclass(frozen=True)
class Moment:
    """Something took effect between the two."""

    before_s: float
    after_s: float

    @property
    def at_s(self) -> float:
        """The middle."""
        return (self.before_s + self.after_s) / 2


@dataclass(frozen=True)
class Cut:
    """One true outage: whoever arrived from ``on`` until ``off`` found nobody."""

    on: Moment
    off: Moment

    @property
    def length_s(self) -> float:
        """From middle to middle; `doubt_s` says how far the truth can be from it."""
        return self.off.at_s - self.on.at_s

    @property
    def shortest_s(self) -> float:
        """It was no shorter."""
        return self.off.before_s - self.on.after_s

    @property
    def longest_s(self) -> float:
        """It was no longer."""
        return self.off.after_s - self.on.before_s

    @property
    def doubt_s(self) -> float:
        """What the calls took: truth is no better known than this."""
        return (self.longest_s - self.shortest_s) / 2


@dataclass(frozen=True)
class Planned:
    """Throw ``switch`` at ``at_s`` from the start for ``length_s``."""

    at_s: float
    length_s: float
    switch: Switch


def wait_until(moment_s: float) -> None:
    """Sleep, and spin for the last moment."""
    time.sleep(max(moment_s - time.perf_counter() - _SPUN_S, 0.0))
    while time.perf_counter() < moment_s:
        pass


def timed(switch: Switch, away: bool) -> Moment:
    """Throw it, and between which moments that was."""
    before_s = time.perf_counter()
    switch(away)
    return Moment(before_s, time.perf_counter())


def cut(switch: Switch, length_s: float) -> Cut:
    """Away now, back after ``length_s``."""
    return play([Planned(0.0, length_s, switch)])[0]


def play(plan: Sequence[Planned]) -> list[Cut]:
    """Throw every switch at its moments, overlapping as they may; the cuts in the order of the plan."""
    began_s = time.perf_counter()
    events = sorted(
        (one.at_s + (0.0 if away else one.length_s), away, number)
        for number, one in enumerate(plan)
        for away in (True, False)
    )
    moments: dict[tuple[int, bool], Moment] = {}
    with _going_first():
        for at_s, away, number in events:
            wait_until(began_s + at_s)
            moments[number, away] = timed(plan[number].switch, away)
    return [Cut(moments[number, True], moments[number, False]) for number in range(len(plan))]


@contextmanager
def _going_first() -> Iterator[None]:
    """Only we: whom we start now would inherit it, and who is measured must not."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


class Ground:
    """A prober in ``near``; ``machines`` addresses in ``far``, on one segment, behind one cable."""

    def __init__(self, near: Namespace, far: Namespace, machines: int) -> None:
        self.near, self.far = near, far
        self.addresses = [f"192.0.2.{number + 10}" for number in range(machines)]
        self.addresses6 = [f"2001:db8::{number + 10}" for number in range(machines)]
        self._nft = Nft(far)
        near.run("ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", far.path)
        self._bring_up(near, "near0", ["192.0.2.1"], ["2001:db8::1"])
        self._bring_up(far, "far0", self.addresses, self.addresses6)
        self._nft(*_TABLE)
        with far.entered():
            self._deaf = os.open("/proc/sys/net/ipv4/icmp_echo_ignore_all", os.O_WRONLY)

    @staticmethod
    def _bring_up(where: Namespace, link: str, addresses: Sequence[str], addresses6: Sequence[str]) -> None:
        lines = [f"addr add {address}/24 dev {link}" for address in addresses]
        lines += [f"addr add {address}/64 dev {link} nodad" for address in addresses6]
        where.run("ip", "-batch", "-", text="\n".join([*lines, f"link set {link} up", ""]))

    def warm_up(self) -> None:
        """Return once every address answers at once: who asks whom where is then known on both sides."""
        deadline_s = time.perf_counter() + _PATIENCE_S
        everybody = [*self.addresses, *self.addresses6]
        while True:
            try:
                self.near.run("fping", "-q", "-r", "0", "-t", "50", *everybody)
                return
            except OSError:  # an address has not been heard of yet
                if time.perf_counter() > deadline_s:
                    raise

    def drop(self, *numbers: int) -> Switch:
        """Whatever comes for these machines is dropped on arrival, both protocols."""
        v4 = ", ".join(self.addresses[number] for number in numbers)
        v6 = ", ".join(self.addresses6[number] for number in numbers)

        def throw(away: bool) -> None:
            verb = "add" if away else "delete"
            self._nft(f"{verb} element inet ground away {{ {v4} }}", f"{verb} element inet ground away6 {{ {v6} }}")

        return throw

    def quarantine(self, number: int) -> Switch:
        """ICMP, UDP and new connections are dropped, established TCP goes on (IPv4)."""

        def throw(away: bool) -> None:
            verb = "add" if away else "delete"
            self._nft(f"{verb} element inet ground quarantined {{ {self.addresses[number]} }}")

        return throw

    def deaf(self) -> Switch:
        """The kernel over there ignores every echo request (IPv4); all else goes on."""
        return lambda away: [os.pwrite(self._deaf, b"1\n" if away else b"0\n", 0)].clear()

    def unplug(self) -> Switch:
        """The link over there is down. Not sharp: carrier and address resolution take their time."""
        return lambda away: [self.far.run("ip", "link", "set", "far0", "down" if away else "up")].clear()

    def lose(self, number: int, percent: int) -> None:
        """From now on drop this share of what arrives there, at random; `lost` counts."""
        self._nft(
            "add counter inet ground lost",
            f"add rule inet ground in ip daddr {self.addresses[number]} "
            f'numgen random mod 100 < {percent} counter name "lost" drop',
        )

    def lost(self) -> int:
        """How many packets `lose` has dropped."""
        told = json.loads(self.far.run("nft", "-j", "list", "counter", "inet", "ground", "lost"))
        return int(next(one["counter"]["packets"] for one in told["nftables"] if "counter" in one))

    @contextmanager
    def echoing(self) -> Iterator[None]:
        """Every address answers at `echo.PORT`, by datagram and by stream."""
        program = str(Path(__file__).with_name("echo.py"))
        with self.far.entered():
            words = [sys.executable, program, *self.addresses, *self.addresses6]
            child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert child.stdout is not None
            child.stdout.readline()  # it says when it listens
            yield
        finally:
            child.communicate(timeout=_PATIENCE_S)  # it ends with its input

    def close(self) -> None:
        """Let go of what is not a namespace."""
        os.close(self._deaf)
        self._nft.close()


@contextmanager
def grounded(machines: int = 1) -> Iterator[Ground]:
    """A ground that answers; everything of it is gone afterwards. Raises OSError where `why_not` says so."""
    with ExitStack() as stack:
        near, far = Namespace(), Namespace()
        stack.callback(near.close)
        stack.callback(far.close)
        ground = Ground(near, far, machines)
        stack.callback(ground.close)
        ground.warm_up()
        yield ground
