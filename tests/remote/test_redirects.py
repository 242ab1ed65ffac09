"""Who answers with a redirect is no host of ours, and where it leads hears nothing of us."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import HostUnreachable
from snlm_lib.lab.tls import Authority, Tls, serving
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import Endpoint, HostSession
from tests.remote.conftest import PASSWORD, USER


class WebServer(ThreadingHTTPServer):
    """Redirects to ``leads_to``, at once or only who says who he is; without it, asks who that is."""

    daemon_threads = True

    def __init__(self, leads_to: str | None = None, *, status: int = 307, asks: str = "", tls: Tls | None = None):
        super().__init__(("127.0.0.1", 0), _Answer)
        if tls:
            self.socket = tls.context.wrap_socket(self.socket, server_side=True)
        self.leads_to, self.status, self.asks = leads_to, status, asks
        self.heard: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.heard.append(self.headers.get("Authorization", ""))
        asks = "" if self.headers.get("Authorization") else self.server.asks
        if self.server.leads_to and not asks:
            self.send_response(self.server.status)
            self.send_header("Location", self.server.leads_to)
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", self.server.asks)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def other() -> Iterator[WebServer]:
    server = WebServer(asks="Negotiate, CredSSP, Basic")
    yield server
    server.shutdown()
    server.server_close()


def told(near: WebServer, auth: str, ca: Path | None = None) -> str:
    place = Endpoint(
        "HV01", "127.0.0.1", near.server_port, scheme="https" if ca else "http", auth=auth, ca=str(ca) if ca else None
    )
    try:
        with (
            HostSession(place, Credential(USER, PASSWORD), clock=SystemClock()) as session,
            pytest.raises(HostUnreachable) as error,
        ):
            session.open()
    finally:
        near.shutdown()
        near.server_close()
    assert near.heard
    return str(error.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "credssp"])
def test_a_redirect_is_not_followed(auth: str, status: int, other: WebServer) -> None:
    said = told(WebServer(f"http://user:pw@localhost:{other.server_port}/wsman", status=status), auth)
    assert f"is not a WS-Management service for us (HTTP {status}, to 'localhost')" in said
    assert "pw" not in said
    assert other.heard == []


@pytest.mark.parametrize(("auth", "asks"), [("ntlm", "NTLM"), ("negotiate", "Negotiate"), ("credssp", "CredSSP")])
def test_nor_is_one_in_the_middle_of_a_sign_on(auth: str, asks: str, other: WebServer) -> None:
    near = WebServer(f"http://localhost:{other.server_port}/wsman", asks=asks)
    assert "HTTP 307, to 'localhost'" in told(near, auth)
    assert len(near.heard) == 2  # unsigned, then with the first token
    assert other.heard == []


@pytest.mark.parametrize("auth", ["basic", "ntlm"])
def test_nor_is_one_of_a_host_whose_certificate_is_good(auth: str, other: WebServer, tmp_path: Path) -> None:
    authority = Authority(now=SystemClock().utc_now())
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem, encoding="ascii")
    tls = serving(authority.identity(("127.0.0.1",)), tmp_path)
    near = WebServer(f"http://localhost:{other.server_port}/wsman", tls=tls)
    assert "HTTP 307, to 'localhost'" in told(near, auth, ca)
    assert other.heard == []


@pytest.mark.parametrize(("place", "shown"), [("/other", "'another path'"), ("http://[", "another place")])
def test_a_redirect_to_no_host_is_none_either(place: str, shown: str) -> None:
    assert f"(HTTP 307, to {shown})" in told(WebServer(place), "ntlm")
