"""The living guest as a real process: it answers, falls silent, drops, and ends with its stdin."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from snlm_lib.lab.guests import GuestProcess
from tests.lab.world.conftest import until


@pytest.fixture(scope="module")
def guest() -> Iterator[GuestProcess]:
    process = GuestProcess("VM01")
    yield process
    process.stop()


@pytest.fixture
def udp(guest: GuestProcess) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", guest.udp_port))
        sock.settimeout(2.0)
        yield sock


@pytest.fixture
def tcp(guest: GuestProcess) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=2.0) as sock:
        yield sock


def heard(sock: socket.socket, within_s: float) -> bytes:
    sock.settimeout(within_s)
    try:
        return sock.recv(4096)
    except TimeoutError:
        return b""


def test_udp_echoes_the_same_bytes(udp: socket.socket) -> None:
    for payload in (b"1", b"\x00\xff" * 300, b""):
        udp.send(payload)
        assert udp.recv(4096) == payload


def test_udp_answers_fast(udp: socket.socket) -> None:
    times = []
    for number in range(50):
        began = time.perf_counter()
        udp.send(b"%d" % number)
        udp.recv(64)
        times.append(time.perf_counter() - began)
    assert sorted(times)[25] < 0.005


def test_tcp_answers_line_by_line_on_one_connection(tcp: socket.socket) -> None:
    tcp.sendall(b"1\n")
    assert tcp.recv(64) == b"1\n"
    tcp.sendall(b"2")
    assert heard(tcp, 0.05) == b""
    tcp.sendall(b"\n3\n")
    assert heard(tcp, 2.0) == b"2\n3\n"


def test_silence_drops_and_never_answers_late(guest: GuestProcess, udp: socket.socket, tcp: socket.socket) -> None:
    tcp.sendall(b"before\n")
    assert tcp.recv(64) == b"before\n"
    guest.silence()
    udp.send(b"lost")
    tcp.sendall(b"lost\nhalf")
    assert heard(udp, 0.1) == b""
    silence_s = guest.answer()
    assert silence_s is not None
    assert 0.1 <= silence_s < 2.0
    tcp.sendall(b" a line\nafter\n")
    udp.send(b"after")
    assert heard(tcp, 2.0) == b"after\n"
    assert heard(udp, 2.0) == b"after"
    assert heard(udp, 0.05) == b""


def test_a_connection_made_in_silence_gets_no_answer_until_it_ends(guest: GuestProcess) -> None:
    guest.silence()
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=2.0) as sock:
        sock.sendall(b"1\n")
        assert heard(sock, 0.1) == b""
        guest.answer()
        sock.sendall(b"2\n")
        assert heard(sock, 2.0) == b"2\n"


def test_held_is_answered_late_on_every_way_and_in_order(
    guest: GuestProcess, udp: socket.socket, tcp: socket.socket
) -> None:
    tcp.sendall(b"before\n")
    assert tcp.recv(64) == b"before\n"
    guest.silence(held=True)
    udp.send(b"1")
    udp.send(b"2")
    tcp.sendall(b"3\n")
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=2.0) as new:
        new.sendall(b"4\n")
        assert heard(new, 0.1) == heard(udp, 0.05) == heard(tcp, 0.05) == b""
        silence_s = guest.answer()
        assert [heard(sock, 2.0) for sock in (udp, udp, tcp, new)] == [b"1", b"2", b"3\n", b"4\n"]
    assert silence_s is not None
    assert 0.2 <= silence_s < 2.0


def test_in_quarantine_only_connections_that_stand_go_on(
    guest: GuestProcess, udp: socket.socket, tcp: socket.socket
) -> None:
    tcp.sendall(b"before\n")
    assert tcp.recv(64) == b"before\n"
    guest.quarantine()
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=2.0) as new:
        udp.send(b"lost")
        new.sendall(b"lost\n")
        tcp.sendall(b"meanwhile\n")
        assert heard(tcp, 2.0) == b"meanwhile\n"
        assert heard(udp, 0.05) == heard(new, 0.05) == b""
        quarantine_s = guest.release()
        new.sendall(b"never\n")
        udp.send(b"after")
        assert heard(udp, 2.0) == b"after"
        assert heard(new, 0.05) == b""
    assert quarantine_s is not None
    assert 0.1 <= quarantine_s < 2.0
    assert guest.release() is None


def test_a_reset_connection_ends_only_itself(guest: GuestProcess, udp: socket.socket) -> None:
    with socket.create_connection(("127.0.0.1", guest.tcp_port), timeout=2.0) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.sendall(b"x\n")
    udp.send(b"still there")
    assert udp.recv(64) == b"still there"


def test_orders_given_twice_change_nothing(guest: GuestProcess) -> None:
    guest.silence()
    guest.silence()
    assert guest.answer() is not None
    assert guest.answer() is None


def test_it_ends_when_its_stdin_closes() -> None:
    command = [sys.executable, "-m", "snlm_lib.lab.guest"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert b"udp_port" in process.stdout.readline()
    process.stdin.close()
    assert process.wait(5.0) == 0
    process.stdout.close()


def test_a_guest_that_died_says_so() -> None:
    guest = GuestProcess("VM09")
    psutil.Process(guest.pid).kill()
    assert until(lambda: not psutil.pid_exists(guest.pid) or _zombie(guest.pid))
    guest.silence()
    assert guest.answer() is None
    guest.stop()


def _zombie(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True
