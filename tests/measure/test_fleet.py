"""All channels of all targets: what is left where ICMP is not allowed, and a name that moves while it is probed."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels import Outside, Way
from snlm_lib.measure.channels.watch import Watch
from snlm_lib.measure.fleet import Fleet
from snlm_lib.measure.targets import ProbeTarget
from tests.measure.fake_guest import Eventually, FakeGuest

FleetOf = Callable[..., Fleet]


@dataclass
class World:
    """A machine without ICMP whose names are kept here."""

    names: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def lookup(self, host: str, port: int | None, **kind: Any) -> Any:
        return socket.getaddrinfo(self.names.get(host, host), port, **kind)

    @staticmethod
    def make_socket(family: int, sort: int, protocol: int = 0) -> socket.socket:
        if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
            raise OSError(errno.EPERM, "not permitted")
        return socket.socket(family, sort, protocol)


class Unheard:
    """A sink for probes nobody asks after."""

    def answered(self, target: str, kind: str, seq: int) -> None:
        return None

    def failed(self, target: str, kind: str, seq: int, error: str) -> None:
        return None

    def withdrawn(self, target: str, kind: str, seq: int) -> None:
        return None


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def fleet_of(world: World) -> Iterator[FleetOf]:
    made: list[Fleet] = []
    watch = Watch(SystemClock().sleep)

    def make(*targets: ProbeTarget) -> Fleet:
        way = Way(watch, Unheard(), 1.0, world.log.append, world.make_socket)
        made.append(Fleet(targets, way, Outside(world.lookup, world.make_socket, names_every_s=0.01)))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()
        fleet.close()
    assert len(watch) == 0
    watch.close()


@pytest.mark.parametrize(
    ("other", "best"),
    [
        ({"udp_port": 7, "connect_port": 22}, "udp"),
        ({"connect_port": 22, "tcp_port": 7}, "connect"),
        ({"tcp_port": 7}, "tcp"),
    ],
)
def test_without_icmp_one_sentence_names_the_best_kind_left(
    other: dict[str, int], best: str, world: World, fleet_of: FleetOf
) -> None:
    fleet = fleet_of(ProbeTarget("VM01", "127.0.0.1", icmp=True, **other))  # type: ignore[arg-type]
    assert fleet.kinds["VM01"][0] == best
    assert "icmp" not in fleet.kinds["VM01"]
    (line,) = world.log
    assert line.startswith("VM01: this user may not send ICMP over IPv4 on this machine")
    assert line.endswith(f"The best kind left is {best}.")


def test_with_nothing_but_icmp_the_refusal_names_the_target_and_leaves_nothing_open(
    world: World, fleet_of: FleetOf
) -> None:
    with pytest.raises(ParameterError, match="may not send ICMP") as refused:
        fleet_of(ProbeTarget("VM01", "127.0.0.1", udp_port=7), ProbeTarget("DC01", "127.0.0.1", icmp=True))
    assert refused.value.where == "DC01"
    assert world.log == []


def test_an_unknown_name_is_an_os_error(fleet_of: FleetOf) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one differs between systems
        fleet_of(ProbeTarget("VM01", "no-such-name.invalid", udp_port=7))


def test_channels_stand_in_the_order_of_targets_and_kinds(fleet_of: FleetOf) -> None:
    fleet = fleet_of(
        ProbeTarget("VM01", "127.0.0.1", tcp_port=7, udp_port=7), ProbeTarget("DC01", "127.0.0.1", connect_port=7)
    )
    assert [(one.target, one.kind) for one in fleet.channels] == [("VM01", "udp"), ("VM01", "tcp"), ("DC01", "connect")]
    assert fleet.kinds == {"VM01": ("udp", "tcp"), "DC01": ("connect",)}


def test_a_name_that_moves_is_followed_and_told_once_a_kind(
    world: World, fleet_of: FleetOf, eventually: Eventually
) -> None:
    world.names["vm01.corp.example"] = "127.0.0.1"
    fleet = fleet_of(
        ProbeTarget("VM01", "vm01.corp.example", udp_port=7, tcp_port=7), ProbeTarget("DC01", "127.0.0.1", udp_port=7)
    )
    moved: dict[int, str] = {}

    def followed() -> bool:
        moved.update(fleet.follow())
        return bool(moved)

    world.names["vm01.corp.example"] = "127.0.0.2"
    eventually(followed)
    assert moved == {0: "127.0.0.2"}, "the long connection stays where it is until it breaks"
    assert world.log == [
        "VM01: vm01.corp.example is now 127.0.0.2 (udp)",
        "VM01: vm01.corp.example is now 127.0.0.2 (tcp)",
    ]
    assert fleet.follow() == {}


_AS_ANYBODY = """
import json, os, socket, sys
from snlm_lib.clock import SystemClock
from snlm_lib.measure.probes import Engine, ProbeTarget, Timing
socket.getaddrinfo("127.0.0.1", 0)  # reads what it needs while the interpreter's folder can be read
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
lines = []
target = ProbeTarget("VM01", "127.0.0.1", icmp=True, udp_port=int(sys.argv[1]))
engine = Engine([target], Timing(0.02, 1.0), clock=SystemClock(), log=lines.append)
kinds = engine.kinds["VM01"]
rows = engine.turn(0.2)
engine.stop_sending()
while not engine.settled():
    rows += engine.turn(0.05)
engine.close()
print(json.dumps([os.geteuid(), kinds, lines, [row.kind for row in rows if row.status == "answered"]]))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_probes_by_what_the_system_allows(guest: FakeGuest) -> None:
    words = [sys.executable, "-c", _AS_ANYBODY, str(guest.udp_port)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    user, kinds, lines, answered = json.loads(done.stdout)
    assert user == 65534
    assert set(answered) == set(kinds)
    if "icmp" in kinds:  # as net.ipv4.ping_group_range says here
        assert lines == []
    else:
        assert [line.rpartition(". ")[2] for line in lines] == ["The best kind left is udp."]
