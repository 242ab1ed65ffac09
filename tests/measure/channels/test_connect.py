"""New connections against services that speak, are silent, hang up, refuse; and against a full queue."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from snlm_lib.measure.channels import CONNECT, ConnectChannel, Endpoint, resolve
from tests.measure.channels.conftest import Bench
from tests.measure.channels.test_exchange import RDP_CONFIRM
from tests.measure.channels.test_tcp import crowded

Talk = Callable[[socket.socket], None]


@contextmanager
def service(talk: Talk) -> Iterator[int]:
    """A service that does ``talk`` with everyone who comes and leaves the connection open; yields its port."""
    peers: list[socket.socket] = []
    ended = threading.Event()

    def serve(server: socket.socket) -> None:
        server.settimeout(0.02)
        while not ended.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                peers.append(server.accept()[0])
                peers[-1].settimeout(5)
                talk(peers[-1])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            thread.join()
            for peer in peers:
                peer.close()


def says(*pieces: bytes, asked: bool = True) -> Talk:
    def talk(peer: socket.socket) -> None:
        if asked:
            assert peer.recv(4096)
        for piece in pieces:
            peer.sendall(piece)

    return talk


def echoes(peer: socket.socket) -> None:
    peer.sendall(peer.recv(4096))


def silent(_peer: socket.socket) -> None:
    return None


def connect_to(port: int, bench: Bench, exchange: str = "none") -> ConnectChannel:
    return ConnectChannel(resolve("VM01", "127.0.0.1", port, kind=CONNECT), bench.way, exchange=exchange)


@pytest.mark.parametrize(
    ("exchange", "talk"),
    [
        ("none", silent),
        ("banner", says(b"SSH-2.0-", b"OpenSSH\r\n", asked=False)),
        ("echo", echoes),
        ("http", says(b"HTTP/1.1 200 ", b"OK\r\n\r\n")),
        ("rdp", says(RDP_CONFIRM[:4], RDP_CONFIRM[4:])),
    ],
)
def test_every_probe_has_a_connection_of_its_own_and_its_answer(exchange: str, talk: Talk, bench: Bench) -> None:
    with service(talk) as port:
        channel = connect_to(port, bench, exchange)
        for seq in range(3):
            assert channel.send(seq, 0.0) == ""
        assert sorted(bench.answers(3)) == [0, 1, 2]
        assert len(bench.way.watch) == 0, "nothing stays open"
    assert bench.sink.failures == []


@pytest.mark.parametrize("exchange", ["banner", "echo", "http", "rdp"])
def test_a_kernel_that_accepts_for_a_silent_service_is_no_answer(exchange: str, bench: Bench) -> None:
    with service(silent) as port:
        channel = connect_to(port, bench, exchange)
        channel.send(0, 10.0)
        for _ in range(5):
            bench.turn()  # connected, asked
        channel.maintain(10.4)
        assert bench.sink.failures == []
        channel.maintain(10.5)
    assert (bench.sink.answers, bench.sink.failures) == ([], [(0, "no-answer")])
    assert len(bench.way.watch) == 0


def test_the_echo_of_another_number_is_no_answer(bench: Bench) -> None:
    with service(says(b"99\n")) as port:
        channel = connect_to(port, bench, "echo")
        channel.send(0, 10.0)
        channel.send(99, 10.1)
        assert bench.answers(1) == [99]
        channel.close()


def test_a_service_that_hangs_up_before_it_answers(bench: Bench) -> None:
    def hang_up(peer: socket.socket) -> None:
        peer.close()

    with service(hang_up) as port:
        channel = connect_to(port, bench, "banner")
        channel.send(0, 0.0)
        bench.until(lambda: bench.sink.failures)
    assert bench.sink.failures in ([(0, "closed")], [(0, "reset")])


def test_refused_is_told_at_once(silent_port: int, bench: Bench) -> None:
    channel = connect_to(silent_port, bench)
    assert channel.send(0, 0.0) == ""
    bench.until(lambda: bench.sink.failures)
    assert bench.sink.failures == [(0, "refused")]


def test_nobody_picks_up(bench: Bench) -> None:
    with socket.socket() as full:
        crowd = crowded(full)
        channel = connect_to(full.getsockname()[1], bench)
        for seq in range(3):
            channel.send(seq, 10.0 + seq / 10)
        channel.maintain(10.61)
        assert bench.sink.failures == [(0, "connecting"), (1, "connecting")]
        channel.stalled(19.0)
        channel.maintain(19.0)
        assert bench.sink.withdrawals == [2], "we did not run: no fault of theirs"
        assert len(bench.way.watch) == 0
        for one in crowd:
            one.close()


def test_it_goes_on_at_another_address(silent_port: int, bench: Bench) -> None:
    with service(silent) as port:
        channel = connect_to(silent_port, bench)
        channel.move(resolve("VM01", "127.0.0.1", port, kind=CONNECT))
        channel.send(5, 0.0)
        assert bench.answers(1) == [5]


def failing(number: int) -> Callable[..., socket.socket]:
    """A factory of sockets whose connect fails at once with ``number``."""

    class Failing(socket.socket):
        def connect_ex(self, where: object) -> int:
            return number

    return Failing


@pytest.mark.parametrize(
    ("number", "word", "failures"),
    [
        (errno.ENETUNREACH, "unreachable", []),
        (errno.EACCES, "forbidden", []),
        (errno.EADDRNOTAVAIL, "unreachable-here", []),
        (errno.ECONNREFUSED, "", [(0, "refused")]),
    ],
)
def test_what_never_left_is_ours_and_what_came_back_is_theirs(
    number: int, word: str, failures: list[tuple[int, str]], bench: Bench
) -> None:
    way = replace(bench.way, make_socket=failing(number))
    channel = ConnectChannel(Endpoint("VM01", socket.AF_INET, ("192.0.2.1", 7)), way)
    assert channel.send(0, 0.0) == word
    assert bench.sink.failures == failures
    assert len(bench.way.watch) == 0


def test_without_a_socket_left_nothing_leaves(bench: Bench) -> None:
    def none_left(*_ignored: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    way = replace(bench.way, make_socket=none_left)
    channel = ConnectChannel(Endpoint("VM01", socket.AF_INET, ("192.0.2.1", 7)), way)
    assert channel.send(0, 0.0) == "no-socket-left"
