"""The fake guest does what it is told: echo, silence that drops, delay, broken and refused connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.measure.fake_guest import Eventually, FakeGuest, GuestProcess


@pytest.fixture
def udp(guest: FakeGuest) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", guest.udp_port))
        yield client


@pytest.fixture
def tcp(guest: FakeGuest) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=5) as client:
        yield client


def test_echoes_datagrams_and_lines(udp: socket.socket, tcp: socket.socket) -> None:
    udp.send(b"snlm x 1")
    tcp.sendall(b"7\n")
    assert udp.recv(100) == b"snlm x 1"
    assert tcp.recv(100) == b"7\n"


def test_what_arrives_in_silence_is_dropped_not_answered_late(
    guest: FakeGuest, udp: socket.socket, eventually: Eventually
) -> None:
    guest.be_silent(0.15)
    udp.send(b"dropped")
    eventually(guest.silences)
    udp.send(b"answered")
    assert udp.recv(100) == b"answered"
    assert 0.15 <= guest.silences()[0] < 0.5


def test_delay_holds_the_answer_back(guest: FakeGuest, udp: socket.socket) -> None:
    guest.delay_s = 0.1
    began_s = time.monotonic()
    udp.send(b"slow")
    assert udp.recv(100) == b"slow"
    assert time.monotonic() - began_s >= 0.1


def test_drops_as_many_as_told(guest: FakeGuest, udp: socket.socket) -> None:
    guest.drop_next = 2
    for number in (b"1", b"2", b"3"):
        udp.send(number)
    assert udp.recv(100) == b"3"


def test_breaks_and_refuses_connections(guest: FakeGuest, tcp: socket.socket, eventually: Eventually) -> None:
    eventually(lambda: guest.accepted == 1)
    guest.refuse_connections()
    guest.break_connections()
    assert tcp.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=5)
    guest.accept_again()
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=5) as again:
        again.sendall(b"8\n")
        assert again.recv(100) == b"8\n"


def test_as_a_process_it_measures_its_own_silence(guest_process: GuestProcess) -> None:
    assert 0.05 <= guest_process.silence(0.05) < 0.5
