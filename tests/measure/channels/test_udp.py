"""UDP echo against a real local guest, against a stranger, against nobody."""

from __future__ import annotations

import errno
import socket
from dataclasses import replace
from typing import Any

from snlm_lib.measure.channels import UDP, UdpChannel, resolve
from tests.measure.channels.conftest import Bench
from tests.measure.fake_guest import FakeGuest


def udp_to(port: int, bench: Bench) -> UdpChannel:
    return UdpChannel(resolve("VM01", "127.0.0.1", port, kind=UDP), bench.way)


def test_answers_by_number(guest: FakeGuest, bench: Bench) -> None:
    channel = udp_to(guest.udp_port, bench)
    assert [channel.send(seq, 0.0) for seq in range(5)] == [""] * 5
    assert sorted(bench.answers(5)) == [0, 1, 2, 3, 4]
    channel.close()
    channel.close()


def test_what_another_run_sent_is_ignored(bench: Bench) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as impostor:
        impostor.settimeout(5)
        impostor.bind(("127.0.0.1", 0))
        channel = udp_to(impostor.getsockname()[1], bench)
        channel.send(1, 0.0)
        datagram, sender = impostor.recvfrom(100)
        for answer in (b"snlm 0000000000000000 1", b"1", datagram + b"x", b"", datagram):
            impostor.sendto(answer, sender)
        assert bench.answers(1) == [1]
        channel.close()


def test_it_survives_a_port_nobody_listens_on(silent_port: int, bench: Bench) -> None:
    channel = udp_to(silent_port, bench)
    for seq in range(5):
        assert channel.send(seq, 0.0) == ""
        bench.turn()
    assert bench.sink.answers == []
    channel.close()


def test_it_goes_on_at_another_address(guest: FakeGuest, silent_port: int, bench: Bench) -> None:
    channel = udp_to(silent_port, bench)
    channel.move(resolve("VM01", "127.0.0.1", guest.udp_port, kind=UDP))
    assert channel.send(7, 0.0) == ""
    assert bench.answers(1) == [7]
    channel.close()


class NoRoute(socket.socket):
    """A socket of a machine without any route until one is there."""

    there = False

    def connect(self, where: Any) -> None:
        if not NoRoute.there:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        super().connect(where)


def test_without_a_route_nothing_leaves_and_later_it_does(guest: FakeGuest, bench: Bench) -> None:
    NoRoute.there = False
    channel = udp_to(guest.udp_port, replace(bench, way=replace(bench.way, make_socket=NoRoute)))
    assert channel.send(0, 0.0) == "unreachable"
    NoRoute.there = True
    assert channel.send(1, 0.1) == ""
    assert bench.answers(1) == [1]
    channel.close()
