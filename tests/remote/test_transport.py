"""The transport pool's rules, over real sockets, with a small HTTP host that misbehaves on order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pypsrp.exceptions import WinRMTransportError
from pypsrp.wsman import WSManAction

from snlm_lib.clock import FakeClock, SystemClock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, SessionLost
from snlm_lib.remote.line import Line
from snlm_lib.remote.transport import TransportPool, may_be_repeated

COMMAND = f"<Action>{WSManAction.COMMAND}</Action>".encode()
RECEIVE = f"<Action>{WSManAction.RECEIVE}</Action>".encode()


class Host(ThreadingHTTPServer):
    """Answers with the statuses of ``script`` in turn, 200 after that; "cut" ends the connection."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[int | str] = []
        self.bodies: list[bytes] = []
        self.connections: set[int] = set()
        self.at_once = 0
        self.most_at_once = 0
        self.hold_s = 0.0
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.connections.add(self.client_address[1])
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            step = self.server.script.pop(0) if self.server.script else 200
        threading.Event().wait(self.server.hold_s)
        with self.server.lock:
            self.server.at_once -= 1
        if step == "cut":
            self.close_connection = True
            return
        self.send_response(int(step))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def pool(host: Host) -> Iterator[TransportPool]:
    made = pool_at(host.server_address[1], clock=FakeClock())
    yield made
    made.close()


def pool_at(port: int, **options: Any) -> TransportPool:
    def build() -> Line:
        return Line(
            "127.0.0.1",
            port,
            handshake_timeout_s=5,
            username="u",
            password="p",
            ssl=False,
            auth="basic",
            encryption="never",
            connection_timeout=2,
            read_timeout=5,
        )

    return TransportPool(build, host="HV01", **options)


@pytest.mark.parametrize("name", ["RECEIVE", "ENUMERATE", "GET", "SIGNAL", "DELETE"])
def test_what_does_no_harm_twice_is_known_by_its_action(name: str) -> None:
    assert may_be_repeated(f"<Action>{getattr(WSManAction, name)}</Action>".encode())
    assert not may_be_repeated(b"<Body>" + b" " * 5000 + RECEIVE)


@pytest.mark.parametrize("name", ["COMMAND", "SEND", "CREATE", "CONNECT", "DISCONNECT", "RECONNECT"])
def test_what_acts_is_never_repeated_by_the_transport(name: str) -> None:
    assert not may_be_repeated(f"<Action>{getattr(WSManAction, name)}</Action>".encode())


def test_one_line_serves_request_after_request(host: Host, pool: TransportPool) -> None:
    assert [pool.send(COMMAND) for _ in range(3)] == [b"ok"] * 3
    assert len(host.connections) == 1
    assert pool.endpoint == f"http://127.0.0.1:{host.server_address[1]}/wsman"


def test_requests_at_once_have_a_line_each_up_to_the_limit(host: Host) -> None:
    host.hold_s = 0.05
    pool = pool_at(host.server_address[1], clock=SystemClock(), limit=3)
    with ThreadPoolExecutor(8) as crew:
        assert list(crew.map(pool.send, [COMMAND] * 8)) == [b"ok"] * 8
    pool.close()
    assert host.most_at_once == 3
    assert len(host.connections) == 3


@pytest.mark.parametrize("status", [400, 401])
def test_what_a_host_refuses_unread_on_a_proven_line_is_sent_once_more(
    host: Host, pool: TransportPool, status: int
) -> None:
    pool.send(COMMAND)
    host.script = [status]
    assert pool.send(COMMAND) == b"ok"
    assert len(host.bodies) == 3
    assert len(host.connections) == 2


def test_a_second_refusal_is_the_last(host: Host, pool: TransportPool) -> None:
    pool.send(COMMAND)
    host.script = [401, 401]
    with pytest.raises(AuthenticationRefused, match="does not accept the credential"):
        pool.send(COMMAND)
    assert len(host.bodies) == 3


def test_a_refusal_on_a_fresh_line_is_told_at_once(host: Host, pool: TransportPool) -> None:
    host.script = [401]
    with pytest.raises(AuthenticationRefused):
        pool.send(COMMAND)
    host.script = [404]
    with pytest.raises(HostUnreachable, match="HTTP 404"):
        pool.send(COMMAND)
    assert len(host.bodies) == 2


def test_a_fault_leaves_the_line_as_good_as_before(host: Host, pool: TransportPool) -> None:
    host.script = [500]
    with pytest.raises(WinRMTransportError):
        pool.send(COMMAND)
    assert pool.send(COMMAND) == b"ok"
    assert len(host.connections) == 1


def test_a_command_whose_answer_is_lost_is_never_sent_again(host: Host, pool: TransportPool) -> None:
    host.script = ["cut"]
    with pytest.raises(SessionLost, match="may still be running"):
        pool.send(COMMAND)
    assert host.bodies == [COMMAND]


def test_a_receive_whose_answer_is_lost_is_sent_again_the_same(host: Host, pool: TransportPool) -> None:
    host.script = ["cut", "cut", "cut"]
    assert pool.send(RECEIVE) == b"ok"
    assert host.bodies == [RECEIVE] * 4


def test_a_receive_is_not_sent_for_ever(host: Host) -> None:
    clock = FakeClock()
    pool = pool_at(host.server_address[1], clock=clock)
    host.script = ["cut"] * 50
    with pytest.raises(SessionLost):
        pool.send(RECEIVE)
    assert len(host.bodies) == len(clock.slept_s) + 1
    assert 5 < sum(clock.slept_s) < 15


def test_a_line_idle_too_long_is_not_used_again(host: Host) -> None:
    clock = FakeClock()
    pool = pool_at(host.server_address[1], clock=clock)
    pool.send(COMMAND)
    clock.advance(59)
    pool.send(COMMAND)
    assert len(host.connections) == 1
    clock.advance(61)
    pool.send(COMMAND)
    pool.close()
    assert len(host.connections) == 2


def test_nobody_there_is_unreachable_when_nothing_left_this_machine() -> None:
    pool = pool_at(9, clock=FakeClock())
    begun_s = time.monotonic()
    with pytest.raises((HostUnreachable, SessionLost)):
        pool.send(COMMAND)
    assert time.monotonic() - begun_s < 5


def test_a_fresh_line_refused_after_the_credential_was_good_is_tried_once_more(host: Host) -> None:
    clock = FakeClock()
    pool = pool_at(host.server_address[1], clock=clock)
    pool.send(COMMAND)
    clock.advance(61)
    host.script = [401]
    assert pool.send(COMMAND) == b"ok"
    pool.close()
    assert len(host.bodies) == 3
    assert len(host.connections) == 3


def test_a_closed_pool_sends_nothing(host: Host, pool: TransportPool) -> None:
    pool.close()
    for message in (COMMAND, RECEIVE):
        with pytest.raises(SessionLost, match="closed"):
            pool.send(message)
    assert host.bodies == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LookupError("no credentials cache"), "signing on with ntlm failed"),
        (ImportError("gssapi"), "lacks the library for ntlm"),
    ],
)
def test_a_security_library_that_fails_is_a_refusal(error: Exception, said: str) -> None:
    class Broken(Line):
        def send(self, message: bytes, **options: Any) -> bytes:
            raise error

    def build() -> Line:
        return Broken("127.0.0.1", 9, handshake_timeout_s=1, username="u", password="geheim", ssl=False, auth="ntlm")

    with pytest.raises(AuthenticationRefused, match=said) as caught:
        TransportPool(build, host="HV01", clock=FakeClock()).send(COMMAND)
    assert "geheim" not in str(caught.value)
