"""ICMP echo: against this machine where it is allowed, and against systems that allow less through a socket factory."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels import ICMP, Endpoint, IcmpChannel, IcmpPorts, open_icmp, resolve
from tests.measure.channels.conftest import Bench


def allowed(family: int) -> bool:
    try:
        open_icmp(family).close()
    except ParameterError:
        return False
    return True


FAMILIES = [
    pytest.param(
        address,
        marks=pytest.mark.skipif(not allowed(family), reason="ICMP is not allowed to this user here"),
    )
    for address, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))
]


@pytest.fixture
def ports(bench: Bench) -> Iterator[IcmpPorts]:
    opened = IcmpPorts(bench.way)
    yield opened
    opened.close()
    opened.close()


def to(address: str, name: str = "VM01") -> Endpoint:
    return resolve(name, address, 0, kind=ICMP)


@pytest.mark.parametrize("address", FAMILIES)
def test_this_machine_answers_every_number(address: str, bench: Bench, ports: IcmpPorts) -> None:
    channel = IcmpChannel(to(address), ports)
    numbers = [0, 1, 65_535, 65_536, 10**12]
    assert [channel.send(seq, 0.0) for seq in numbers] == [""] * 5
    assert sorted(bench.answers(5)) == numbers
    assert bench.sink.failures == []


@pytest.mark.parametrize("address", FAMILIES)
def test_two_targets_and_two_runs_share_a_machine_and_hear_only_their_own(
    address: str, bench: Bench, ports: IcmpPorts
) -> None:
    one, two = IcmpChannel(to(address, "VM01"), ports), IcmpChannel(to(address, "DC01"), ports)
    others = IcmpPorts(bench.way)
    stranger = IcmpChannel(to(address, "other run"), others)
    for seq in range(3):
        for channel in (one, two, stranger):
            channel.send(seq, 0.0)
    bench.answers(9)
    bench.turn()
    others.close()
    assert sorted(bench.sink.targets) == ["DC01"] * 3 + ["VM01"] * 3 + ["other run"] * 3


@pytest.mark.skipif(not (allowed(socket.AF_INET) and allowed(socket.AF_INET6)), reason="ICMP is not allowed here")
def test_a_target_may_move_to_another_family(bench: Bench, ports: IcmpPorts) -> None:
    channel = IcmpChannel(to("127.0.0.1"), ports)
    channel.send(0, 0.0)
    channel.move(to("::1"))
    channel.send(1, 0.1)
    assert sorted(bench.answers(2)) == [0, 1], "what was asked at the old address is still heard"


class Strict:
    """A system that allows the kinds of socket named, and is remembered for what was asked of it."""

    def __init__(self, *allowed: socket.SocketKind, number: int = errno.EPERM) -> None:
        self.allowed = allowed
        self.number = number
        self.asked: list[int] = []

    def __call__(self, family: int, sort: int, protocol: int) -> socket.socket:
        self.asked.append(sort)
        if sort not in self.allowed:
            raise OSError(self.number, "not allowed")
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # any socket will do


@pytest.mark.parametrize(
    ("allows", "asked"),
    [
        ([socket.SOCK_DGRAM, socket.SOCK_RAW], [socket.SOCK_DGRAM]),
        ([socket.SOCK_DGRAM], [socket.SOCK_DGRAM]),
        ([socket.SOCK_RAW], [socket.SOCK_DGRAM, socket.SOCK_RAW]),
    ],
)
def test_the_socket_that_needs_no_rights_is_tried_first(
    allows: list[socket.SocketKind], asked: list[socket.SocketKind]
) -> None:
    system = Strict(*allows)
    with open_icmp(socket.AF_INET, system) as opened:
        assert not opened.getblocking()
    assert system.asked == asked


@pytest.mark.parametrize(
    ("family", "number", "says"),
    [
        (socket.AF_INET, errno.EACCES, "this user may not send ICMP over IPv4 on this machine"),
        (socket.AF_INET6, errno.EPERM, "this user may not send ICMP over IPv6 on this machine"),
        (socket.AF_INET6, errno.EAFNOSUPPORT, "this machine has no ICMP over IPv6"),
    ],
)
def test_where_neither_is_allowed_one_sentence_says_so_and_what_to_do(family: int, number: int, says: str) -> None:
    with pytest.raises(ParameterError, match=says) as refused:
        open_icmp(family, Strict(number=number))
    assert refused.value.remedy


class Unsent(socket.socket):
    """A socket of a machine whose firewall lets no ICMP out."""

    def sendto(self, *_ignored: Any) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")


def test_what_cannot_leave_says_why(bench: Bench) -> None:
    def made(family: int, sort: int, protocol: int) -> socket.socket:
        return Unsent(socket.AF_INET, socket.SOCK_DGRAM)

    ports = IcmpPorts(replace(bench.way, make_socket=made))
    assert IcmpChannel(to("192.0.2.1"), ports).send(0, 0.0) == "forbidden"
    ports.close()
