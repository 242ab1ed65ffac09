"""The sockets of the lab: one HTTP or HTTPS listener a host, authentication bound to each connection.

Knows no envelope; `service` answers them. A handler lives exactly as long as its TCP connection, and
so does the security context that seals every later body on it.
"""

from __future__ import annotations

import logging
import os
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import LabError
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.auth import AuthReply, ConnectionAuth, Door, SealError, install_user_file, remove_user_file
from snlm_lib.lab.kerberos import Kerberos
from snlm_lib.lab.pipeline import PipelineHost
from snlm_lib.lab.service import WsmanService
from snlm_lib.lab.tls import Tls, bearer
from snlm_lib.lab.wire_faults import WirePlan
from snlm_lib.lab.wire_play import WirePlay

__all__ = ["LabServer", "Wire"]

_log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
PATH = "/wsman"
_PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>It works.</body></html>"
_PLAIN_TYPE = "application/soap+xml;charset=UTF-8"
# Windows' MaxEnvelopeSizekb is 500; sealing adds a few hundred bytes.
_MAX_BODY_BYTES = 512_000 + 4096
_CLOSE_WITHIN_S = 0.8
_HANDSHAKE_S = 10.0
_ALERT_S = 1.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Wire:
    """How the hosts are spoken to: without ``tls`` plain HTTP with sealed bodies; ``offers``: ways to sign
    on (`auth.WAYS`); ``page``: a web server answers there instead, 200 and HTML; ``clock_skew_s``: how far
    the host's clock is off. For the whole lab: ``ports``: host name -> port where any free one will not
    do; ``by_host``: what differs on one host; ``kerberos``: the hosts' keys, if there is a realm."""

    offers: Sequence[str] = ("ntlm",)
    tls: Tls | None = None
    clock_skew_s: float = 0.0
    page: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    by_host: Mapping[str, Wire] = field(default_factory=dict)
    kerberos: Kerberos | None = None


class LabServer:
    """Every simulated host behind a port of its own at 127.0.0.1.

    ``users``: "CORP\\\\operator" -> password, or the accounts; the file pyspnego reads is written into
    ``state_dir`` and named for this process by `start`. `ports` is known once constructed (the sockets listen, nobody
    answers yet). Raises LabError when a wanted port is taken.
    """

    def __init__(
        self,
        hosts: Sequence[PipelineHost],
        *,
        users: Mapping[str, str] | Accounts,
        state_dir: Path,
        wire: Wire | None = None,
        faults: WirePlan | None = None,
        clock: Clock | None = None,
    ) -> None:
        wire, clock = wire or Wire(), clock or SystemClock()
        realm = wire.kerberos.realm if wire.kerberos else ""
        self._accounts = users if isinstance(users, Accounts) else Accounts(users, realm=realm)
        self._kerberos = wire.kerberos
        self._in_force = ExitStack()
        self._user_file = state_dir / "ntlm-users"
        self._listeners: dict[str, _Listener] = {}
        self._threads: list[threading.Thread] = []
        for host in hosts:
            service = WsmanService(host, clock=clock)
            port = wire.ports.get(host.name, 0)
            own = wire.by_host.get(host.name, wire)
            door = Door(own.offers, host.name, realm, own.clock_skew_s, clock)
            try:
                self._listeners[host.name] = _Listener(service, self._accounts, wire=own, door=door, port=port)
                self._listeners[host.name].plan = faults
            except (OSError, OverflowError) as error:
                self.close()
                raise LabError(
                    f"port {port} of {ADDRESS} cannot be used for {host.name}: {getattr(error, 'strerror', error)}",
                    remedy="Choose other ports (--port-base), or leave that out: then free ones are taken.",
                ) from error

    @property
    def ports(self) -> dict[str, int]:
        """Host name -> TCP port."""
        return {name: listener.server_address[1] for name, listener in self._listeners.items()}

    def start(self) -> None:
        """Begin to answer, in threads of its own; returns at once."""
        install_user_file(self._accounts, self._user_file)
        if self._kerberos is not None:
            self._in_force.enter_context(self._kerberos.in_force())
        for name, listener in self._listeners.items():
            thread = threading.Thread(
                target=listener.serve_forever, args=(_POLL_S,), name=f"lab-listener-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """End every connection, shell and pipeline, within a second; safe to call twice."""
        deadline_s = time.monotonic() + _CLOSE_WITHIN_S
        for listener in self._listeners.values():
            listener.end(running=bool(self._threads))
        for listener in self._listeners.values():
            listener.service.close(max(deadline_s - time.monotonic(), 0.0))
        for listener in self._listeners.values():
            listener.join(deadline_s)
        for thread in self._threads:
            thread.join(max(deadline_s - time.monotonic(), 0.0))
        self._threads.clear()
        remove_user_file(self._user_file)
        self._in_force.close()


class _Listener(socketserver.ThreadingTCPServer):
    """One host's listening socket; keeps its connections so that they can be ended."""

    daemon_threads = True
    block_on_close = False  # `join` waits instead, and not for ever
    request_queue_size = 128
    # Elsewhere than on POSIX this option lets two processes share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, service: WsmanService, accounts: Accounts, *, wire: Wire, door: Door, port: int) -> None:
        super().__init__((ADDRESS, port), _Connection)
        self.service = service
        self.accounts = accounts
        self.wire = wire
        self.door = door
        self.plan: WirePlan | None = None
        self.ending = False
        self._away_until_s = 0.0
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread | None] = {}

    def get_request(self) -> tuple[socket.socket, Any]:
        """Under TLS the handshake is left to the connection's own thread: a silent client must not block the others."""
        connection, address = self.socket.accept()
        if self.wire.tls is None:
            return connection, address
        try:
            return self.wire.tls.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            ), address
        except OSError:
            connection.close()
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """A host that restarts takes no connection."""
        return time.monotonic() >= self._away_until_s

    # The listener's own thread registers a connection: once it has ended, none is overlooked.
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[request] = None
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def end(self, *, running: bool) -> None:
        """Stop listening and cut every connection."""
        self.ending = True
        if running:
            self.shutdown()
        self.server_close()
        self._cut()

    def restart(self, seconds: float) -> None:
        """Shells and connections are gone, and for so long there are no new ones."""
        self._away_until_s = time.monotonic() + seconds
        self.service.forget()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster

    def join(self, deadline_s: float) -> None:
        with self._lock:
            threads = list(self._open.values())
        for thread in filter(None, threads):
            thread.join(max(deadline_s - time.monotonic(), 0.0))

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is the client's affair; anything else is the lab's, and is said."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("the lab failed while serving a connection")


class _Connection(BaseHTTPRequestHandler):
    """One TCP connection: who is signed on, and the seal."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        tls = self.server.wire.tls
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(_HANDSHAKE_S)
            try:
                self.request.do_handshake()
            except ssl.SSLError:
                self._say_why(self.request)
                raise
            self.request.settimeout(None)
        super().setup()
        self._play = WirePlay(self.server.plan, self.server.service.name, self.server)
        self._auth = ConnectionAuth(
            self.server.accounts,
            self.server.door,
            end_point=tls.end_point if tls else None,
            bearer=bearer(self.request) if tls else None,
        )

    @staticmethod
    def _say_why(connection: ssl.SSLSocket) -> None:
        """Have the alert read before the connection ends: with the client's first bytes unread it would be lost."""
        connection.settimeout(_ALERT_S)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def do_POST(self) -> None:
        body = self._read()
        if body is None:
            return self._answer(413)
        if self.server.wire.page:
            return self._answer(200, "text/html; charset=utf-8", _PAGE)
        if self.path.partition("?")[0].rstrip("/").lower() != PATH:
            return self._answer(404)
        if not body and (refused := self._play.before(b"")):
            return self._answer(refused)
        reply = self._auth.negotiate(self.headers.get("Authorization"))
        if reply.status != 200:
            return self._answer(reply.status, auth=reply)
        if not body:
            # The client signs on with an empty request before it can seal one.
            return self._answer(200, auth=reply)
        self._serve(body, reply)

    def _serve(self, body: bytes, reply: AuthReply) -> None:
        caller = self._auth.caller
        assert caller is not None
        plain = self._auth.may_be_plain and not self.headers.get("Content-Type", "").startswith("multipart/")
        try:
            # Over plain HTTP an unsealed body is refused; so is one sealed for another connection.
            envelope = body if plain else self._auth.unseal(body)
        except SealError:
            return self._answer(400, auth=reply)
        if refused := self._play.before(envelope):
            return self._answer(refused, auth=reply)
        status, answer = self.server.service.handle(envelope, caller)
        content_type, sealed = (_PLAIN_TYPE, answer) if plain else self._auth.seal(answer)
        self._answer(status, content_type, sealed, auth=reply)

    def _read(self) -> bytes | None:
        """The whole body; None when it is longer than Windows takes, read all the same so that the answer arrives."""
        length = int(self.headers.get("Content-Length") or 0)
        if length <= _MAX_BODY_BYTES:
            return self.rfile.read(length)
        while length > 0 and (dropped := self.rfile.read(min(length, 65536))):
            length -= len(dropped)
        return None

    def _answer(self, status: int, content_type: str = "", body: bytes = b"", *, auth: AuthReply | None = None) -> None:
        """One buffered write: head and body leave together."""
        self.send_response_only(status)
        self.send_header("Server", "Microsoft-HTTPAPI/2.0")
        for value in auth.headers if auth is not None else ():
            self.send_header("WWW-Authenticate", value)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        head: list[bytes] = self._headers_buffer  # type: ignore[attr-defined]
        whole = b"".join((*head, b"\r\n", body))
        head.clear()
        self._play.write(self.connection, whole, self.wfile.write)

    def log_message(self, format: str, *args: object) -> None:
        """Silence: a request line says nothing that a record wants."""
