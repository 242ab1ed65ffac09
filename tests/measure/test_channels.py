"""The wire of one channel against a real local guest, and against what a network does to it."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from snlm_lib.measure.channels import TCP, UDP, Channel, Endpoint, TcpChannel, UdpChannel, resolve
from tests.measure.fake_guest import Eventually, FakeGuest


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as made:
        yield made


@pytest.fixture
def log() -> list[str]:
    return []


def udp_to(port: int, selector: selectors.BaseSelector) -> UdpChannel:
    return UdpChannel(resolve("VM01", "127.0.0.1", port, kind=UDP), selector)


def tcp_to(port: int, selector: selectors.BaseSelector, log: list[str], *, timeout_s: float = 1.0) -> TcpChannel:
    at = resolve("VM01", "127.0.0.1", port, kind=TCP)
    return TcpChannel(at, selector, timeout_s=timeout_s, log=log.append)


def pump(channel: Channel, selector: selectors.BaseSelector, wanted: int, eventually: Eventually) -> list[int]:
    """Serve the channel until it has answered ``wanted`` numbers."""
    answered: list[int] = []

    def enough() -> bool:
        for key, mask in selector.select(0.01):
            answered.extend(key.data.ready(mask))
        return len(answered) >= wanted

    eventually(enough)
    return answered


@pytest.fixture
def silent_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
    return port  # closed again: nobody listens there


def test_udp_answers_by_number(guest: FakeGuest, selector: selectors.BaseSelector, eventually: Eventually) -> None:
    channel = udp_to(guest.udp_port, selector)
    assert all(channel.send(seq, 0.0) for seq in range(5))
    assert sorted(pump(channel, selector, 5, eventually)) == [0, 1, 2, 3, 4]
    channel.close()


def test_udp_ignores_what_another_run_sent(selector: selectors.BaseSelector, eventually: Eventually) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as impostor:
        impostor.settimeout(5)
        impostor.bind(("127.0.0.1", 0))
        channel = udp_to(impostor.getsockname()[1], selector)
        channel.send(1, 0.0)
        datagram, sender = impostor.recvfrom(100)
        for answer in (b"snlm 0000000000000000 1", b"1", datagram + b"x", b"", datagram):
            impostor.sendto(answer, sender)
        assert pump(channel, selector, 1, eventually) == [1]
        channel.close()


def test_udp_survives_a_port_nobody_listens_on(silent_port: int, selector: selectors.BaseSelector) -> None:
    channel = udp_to(silent_port, selector)
    for seq in range(5):
        assert channel.send(seq, 0.0)
        for key, mask in selector.select(0.05):
            assert key.data.ready(mask) == []
    assert channel.take_dead() == []
    channel.close()


def test_tcp_answers_over_one_connection(
    guest: FakeGuest, selector: selectors.BaseSelector, log: list[str], eventually: Eventually
) -> None:
    channel = tcp_to(guest.tcp_port, selector, log)
    for seq in range(20):
        assert channel.send(seq, 0.0)
    assert pump(channel, selector, 20, eventually) == list(range(20))
    assert guest.accepted == 1
    assert log == ["VM01: TCP connection open"]
    channel.close()


def test_tcp_a_broken_connection_kills_what_waits_and_the_next_tick_opens_another(
    guest: FakeGuest, selector: selectors.BaseSelector, log: list[str], eventually: Eventually
) -> None:
    channel = tcp_to(guest.tcp_port, selector, log)
    channel.send(0, 0.0)
    pump(channel, selector, 1, eventually)
    guest.be_silent(60)
    channel.send(1, 0.1)
    guest.break_connections()

    def dead() -> list[int]:
        for key, mask in selector.select(0.01):
            key.data.ready(mask)
        return channel.take_dead()

    eventually(lambda: dead() == [1])
    guest.be_silent(0.0)
    eventually(guest.silences)
    channel.send(2, 0.2)
    assert pump(channel, selector, 1, eventually) == [2]
    assert guest.accepted == 2
    assert log[0] == log[2] == "VM01: TCP connection open"
    assert len(log) == 3
    channel.close()


def test_tcp_refused_is_dead_at_each_tick_and_one_line_in_the_log(
    silent_port: int, selector: selectors.BaseSelector, log: list[str], eventually: Eventually
) -> None:
    channel = tcp_to(silent_port, selector, log)
    dead: list[int] = []
    for seq in range(5):
        assert channel.send(seq, seq * 0.1)

        def gone(seq: int = seq) -> bool:
            for key, mask in selector.select(0.01):
                key.data.ready(mask)
            dead.extend(channel.take_dead())
            return seq in dead

        eventually(gone)
    assert dead == [0, 1, 2, 3, 4]
    assert len(log) == 1
    assert not selector.get_map()
    channel.close()


def test_tcp_connecting_that_takes_longer_than_the_time_out_is_given_up(
    selector: selectors.BaseSelector, log: list[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]  # fill the queue, so that nobody gets through
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        channel = tcp_to(port, selector, log, timeout_s=0.5)
        channel.send(0, 10.0)
        channel.send(1, 10.1)
        channel.maintain(10.4)
        assert channel.take_dead() == []
        channel.maintain(10.5)
        assert channel.take_dead() == [0, 1]
        assert log == ["VM01: TCP connecting timed out"]
        for one in crowd:
            one.close()
        channel.close()


def test_tcp_lines_that_answer_nothing_are_ignored(
    selector: selectors.BaseSelector, log: list[str], eventually: Eventually
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        channel = tcp_to(server.getsockname()[1], selector, log)
        channel.send(7, 0.0)
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello\n\n99\n7")
            peer.sendall(b"\n99\n")
            assert pump(channel, selector, 1, eventually) == [7]
            assert channel.take_dead() == []
        channel.close()


def test_an_unknown_address_is_an_os_error() -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one differs between systems
        resolve("VM01", "no-such-name.invalid", 7, kind=UDP)
    assert resolve("VM01", "127.0.0.1", 7, kind=UDP) == Endpoint("VM01", socket.AF_INET, ("127.0.0.1", 7))
