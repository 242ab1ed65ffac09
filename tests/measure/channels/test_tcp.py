"""One long connection against a real local guest, and against what a network does to it."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from snlm_lib.measure.channels import TCP, UDP, Endpoint, TcpChannel, resolve
from tests.measure.channels.conftest import Bench
from tests.measure.fake_guest import FakeGuest


def tcp_to(port: int, bench: Bench, *, exchange: str = "echo") -> TcpChannel:
    return TcpChannel(resolve("VM01", "127.0.0.1", port, kind=TCP), bench.way, exchange=exchange)


def test_answers_over_one_connection(guest: FakeGuest, bench: Bench) -> None:
    channel = tcp_to(guest.tcp_port, bench)
    assert [channel.send(seq, 0.0) for seq in range(20)] == [""] * 20
    assert bench.answers(20) == list(range(20))
    assert guest.accepted == 1
    assert bench.log == ["VM01: TCP connection open"]
    channel.close()


def test_a_broken_connection_kills_what_waits_and_the_next_tick_opens_another(guest: FakeGuest, bench: Bench) -> None:
    channel = tcp_to(guest.tcp_port, bench)
    channel.send(0, 0.0)
    bench.answers(1)
    guest.be_silent(60)
    channel.send(1, 0.1)
    guest.break_connections()
    bench.until(lambda: bench.sink.failures)
    assert bench.sink.failures in ([(1, "closed")], [(1, "reset")])
    guest.be_silent(0.0)
    bench.eventually(guest.silences)
    channel.send(2, 0.2)
    assert bench.answers(2) == [0, 2]
    assert guest.accepted == 2
    assert bench.log[0] == bench.log[2] == "VM01: TCP connection open"
    assert len(bench.log) == 3
    channel.close()


def test_refused_fails_at_each_tick_and_is_one_line_in_the_log(silent_port: int, bench: Bench) -> None:
    channel = tcp_to(silent_port, bench)
    for seq in range(5):
        assert channel.send(seq, seq * 0.1) == ""
        assert bench.failures(seq + 1)[seq] == (seq, "refused")
    assert len(bench.log) == 1
    assert len(bench.way.watch) == 0
    channel.close()


def crowded(listener: socket.socket) -> list[socket.socket]:
    """Fill the queue of a listener, so that nobody gets through."""
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    crowd = [socket.socket() for _ in range(4)]
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
    return crowd


def test_connecting_that_takes_longer_than_the_time_out_is_given_up(bench: Bench) -> None:
    with socket.socket() as full:
        crowd = crowded(full)
        channel = tcp_to(full.getsockname()[1], bench)
        channel.send(0, 10.0)
        channel.send(1, 10.1)
        channel.maintain(10.4)
        assert bench.sink.failures == []
        channel.maintain(10.5)
        assert bench.sink.failures == [(0, "connecting"), (1, "connecting")]
        assert bench.log == ["VM01: TCP connecting timed out"]
        for one in crowd:
            one.close()
        channel.close()


def test_a_stall_of_ours_is_no_fault_of_a_connection_being_opened(bench: Bench) -> None:
    with socket.socket() as full:
        crowd = crowded(full)
        channel = tcp_to(full.getsockname()[1], bench)
        channel.send(0, 10.0)
        channel.stalled(15.0)
        channel.maintain(15.4)
        assert (bench.sink.withdrawals, bench.sink.failures, bench.log) == ([0], [], [])
        channel.maintain(15.5)
        assert bench.log == ["VM01: TCP connecting timed out"]
        for one in crowd:
            one.close()
        channel.close()


def test_a_stall_of_ours_does_nothing_to_an_open_connection(guest: FakeGuest, bench: Bench) -> None:
    channel = tcp_to(guest.tcp_port, bench)
    channel.send(0, 0.0)
    bench.answers(1)
    channel.send(1, 0.1)
    channel.stalled(9.0)
    assert bench.answers(2) == [0, 1]
    assert bench.sink.withdrawals == []
    channel.close()


def test_lines_that_answer_nothing_are_ignored(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        channel = tcp_to(server.getsockname()[1], bench)
        channel.send(7, 0.0)
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello\n\n99\n7")
            peer.sendall(b"\n99\n")
            assert bench.answers(1) == [7]
            assert bench.sink.failures == []
        channel.close()


def test_http_answers_come_in_order_and_a_server_that_ends_the_connection_is_asked_again(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        channel = tcp_to(server.getsockname()[1], bench, exchange="http")
        channel.send(0, 0.0)
        channel.send(1, 0.1)
        first, _ = server.accept()
        bench.until(lambda: bench.log)
        with first:
            assert first.recv(4096).startswith(b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            first.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        bench.until(lambda: len(bench.log) == 2)
        assert bench.log[1] == "VM01: TCP connection ended by the server after 1 answers"
        channel.send(2, 0.2)
        second, _ = server.accept()
        with second:
            bench.turn()
            second.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n" * 2)
            assert bench.answers(3) == [0, 1, 2]
        assert bench.sink.failures == []
        channel.close()


def test_a_connection_that_hangs_for_hours_does_not_fill_memory(guest: FakeGuest, bench: Bench) -> None:
    for exchange in ("echo", "http"):
        channel = tcp_to(guest.tcp_port, bench, exchange=exchange)
        with socket.socket() as full:
            crowd = crowded(full)
            channel.move(Endpoint("VM01", socket.AF_INET, full.getsockname()))
            for seq in range(10_000):
                assert channel.send(seq, 0.0) == ""
            channel.maintain(1.0)
            for one in crowd:
                one.close()
        assert len(bench.sink.failures) == 4096
        bench.sink.failures.clear()
        channel.close()


def test_an_open_connection_stays_where_it_is_when_the_name_moves(guest: FakeGuest, bench: Bench) -> None:
    channel = tcp_to(guest.tcp_port, bench)
    channel.send(0, 0.0)
    bench.answers(1)
    channel.move(Endpoint("VM01", socket.AF_INET, ("192.0.2.1", 7)))
    channel.send(1, 0.1)
    assert bench.answers(2) == [0, 1]
    assert guest.accepted == 1
    channel.close()


class NoneLeft(socket.socket):
    """What a process gets that has too many files open."""

    def __init__(self, *_ignored: object) -> None:
        raise OSError(24, "Too many open files")


def test_without_a_socket_left_the_probe_fails_and_the_engine_goes_on(bench: Bench) -> None:
    channel = tcp_to(7, replace(bench, way=replace(bench.way, make_socket=NoneLeft)))
    assert channel.send(0, 0.0) == ""
    assert bench.sink.failures == [(0, "no-socket-left")]


def test_an_unknown_address_is_an_os_error() -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one differs between systems
        resolve("VM01", "no-such-name.invalid", 7, kind=UDP)
    assert resolve("VM01", "127.0.0.1", 7, kind=UDP) == Endpoint("VM01", socket.AF_INET, ("127.0.0.1", 7))
