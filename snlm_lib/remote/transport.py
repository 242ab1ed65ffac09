"""Connections that survive a cut and serve several requests at once; knows envelopes only by action.

In WinRM a TCP connection and its security context are one thing: two threads on one connection, or
a new connection under an old context, and every answer from then on is 400. So each request in
flight borrows a `Line` of its own (one connection, one context) and a doubtful line is thrown away.

What may be sent twice: anything the host refused before reading it (400, 401 once the
credential had been accepted), and a Receive, whose answer the host keeps under its MessageID. A Command never is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError
from pypsrp.wsman import WSManAction, _TransportHTTP

from snlm_lib.clock import Clock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, RemoteError, SessionLost
from snlm_lib.remote.tls import is_tls, tls_refused

__all__ = ["Line", "TransportPool", "is_receive"]

_RECEIVE = f">{WSManAction.RECEIVE}<".encode()
_RECEIVE_WAITS_S = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
_IDLE_LIMIT_S = 60.0  # HTTP.sys closes an idle connection after two minutes; a stale line costs a Command
_FAULT = 500  # a WS-Management fault: the line itself is healthy
_STATE_LOST = 400
_LOST = "The command may still be running there: look at the host before you do anything again"


def is_receive(envelope: bytes) -> bool:
    """Does the envelope only fetch what the host has ready?"""
    return _RECEIVE in envelope[:4096]


class Line(_TransportHTTP):
    """One connection with its security context, for one request at a time."""

    def __init__(self, server: str, port: int, *, handshake_timeout_s: float, **options: Any) -> None:
        super().__init__(server, port, no_proxy=True, **options)
        self._handshake_timeout_s = handshake_timeout_s
        self.accepted = False  # the host has answered a message on it
        self.message_sent = False  # a message, not only the empty request that signs on
        self.last_used_s = 0.0

    @property
    def protocol(self) -> str | None:
        """What was really used ("ntlm", "kerberos"; under TLS "https+basic"), None before it is done."""
        name = self._signed_on_by()
        return f"https+{name}" if name and self.ssl else name

    def _signed_on_by(self) -> str | None:
        if self.auth == "basic":
            return self.auth if self.message_sent else None
        contexts = getattr(getattr(self.session, "auth", None), "contexts", {})
        for context in contexts.values():
            name = getattr(context, "negotiated_protocol", None)
            return str(name).lower() if name else None
        return None

    def _build_session(self) -> Any:
        session = super()._build_session()
        session.trust_env = False  # neither proxies nor .netrc: a host is spoken to directly or not at all
        return session

    def _send_request(self, request: Any, timeout: Any = None) -> bytes:
        if request.body is None:
            timeout = (self.connection_timeout, self._handshake_timeout_s)
        else:
            self.message_sent = True
        return super()._send_request(request, timeout=timeout)


class TransportPool:
    """Stands where pypsrp's WSMan has its transport; lends a free line to each request in flight.

    ``build`` makes a fresh line. At most ``limit`` requests are under way; more wait their turn.
    """

    def __init__(self, build: Callable[[], Line], *, host: str, clock: Clock, limit: int = 24) -> None:
        self._build = build
        self._host = host
        self._clock = clock
        self._free: list[Line] = []
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(limit)
        self._closed = False
        self._accepted = False
        self.endpoint: str = build().endpoint
        self.protocol: str | None = None

    def send(self, message: bytes, *, retries_on_read_timeout: int = 0, timeout: Any = None) -> bytes:
        """Send an envelope, return the answer's bytes (pypsrp's own signature; its count of retries
        is not used). Raises HostUnreachable, AuthenticationRefused, SessionLost, and pypsrp's
        WinRMTransportError for a WS-Management fault."""
        with self._slots:
            for wait_s in _RECEIVE_WAITS_S if is_receive(message) else ():
                try:
                    return self._exchange(message, timeout)
                except (SessionLost, HostUnreachable):
                    if self._closed:
                        raise
                    self._clock.sleep(wait_s)
            return self._exchange(message, timeout)

    def close(self) -> None:
        """Close every free line; one that is out is closed when it comes back."""
        with self._lock:
            self._closed = True
            lines, self._free = self._free, []
        for line in lines:
            line.close()

    def _exchange(self, message: bytes, timeout: Any) -> bytes:
        line = self._borrow()
        # A sign-on that was cut in the middle ends in 401 too: once the credential was good, try once more.
        proven = line.accepted or self._accepted
        try:
            return self._on(line, message, timeout)
        except (AuthenticationError, WinRMTransportError) as error:
            if not proven or not _refused_unread(error):
                raise self._translated(error) from None
        fresh = self._build()
        try:
            return self._on(fresh, message, timeout)
        except (AuthenticationError, WinRMTransportError) as error:
            raise self._translated(error) from None

    def _on(self, line: Line, message: bytes, timeout: Any) -> bytes:
        """Send on this line; afterwards it is either free again or closed."""
        keep = False
        try:
            line.message_sent = False
            answer = self._signed_on(line, message, timeout)
            keep = True
            return answer
        except WinRMTransportError as error:
            keep = error.code == _FAULT
            raise
        except OSError as error:
            raise self._cut(line, error) from None
        finally:
            self._give_back(line, keep=keep)

    def _signed_on(self, line: Line, message: bytes, timeout: Any) -> bytes:
        try:
            return line.send(message, timeout=timeout)
        except (WinRMError, OSError):
            raise
        except Exception as error:
            # Each security library (SSPI, GSSAPI, krb5, pyspnego) raises its own types. On a line
            # that was never accepted all of them mean one thing; on any other the answer could not
            # be unsealed, and what the host did is unknown.
            name = type(error).__name__
            if line.accepted:
                raise SessionLost(f"the answer cannot be read ({name})", host=self._host, remedy=_LOST) from None
            if isinstance(error, ImportError):
                raise AuthenticationRefused(
                    f"this Python lacks the library for {line.auth}",
                    host=self._host,
                    remedy="Install it (gssapi and krb5 for Kerberos), or choose another authentication",
                ) from None
            raise self._refused(f"signing on with {line.auth} failed ({name})") from None

    def _borrow(self) -> Line:
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._closed:
                raise SessionLost("the session is closed", host=self._host, remedy="Open a new one")
            stale = [line for line in self._free if now_s - line.last_used_s > _IDLE_LIMIT_S]
            self._free = [line for line in self._free if line not in stale]
            line = self._free.pop() if self._free else None
        for old in stale:
            old.close()
        return line or self._build()

    def _give_back(self, line: Line, *, keep: bool) -> None:
        with self._lock:
            keep = keep and not self._closed
            if keep:
                line.accepted = self._accepted = True
                line.last_used_s = self._clock.monotonic_s()
                self.protocol = line.protocol or self.protocol
                self._free.append(line)
        if not keep:
            line.close()

    def _cut(self, line: Line, error: OSError) -> RemoteError:
        if is_tls(error) and not line.accepted:
            return tls_refused(error, host=self._host, endpoint=self.endpoint)
        if line.message_sent:
            return SessionLost(f"the connection broke ({type(error).__name__})", host=self._host, remedy=_LOST)
        return HostUnreachable(
            f"no WS-Management service answers at {self.endpoint} ({type(error).__name__})",
            host=self._host,
            remedy="Check address, port and scheme (http or https), and that WinRM runs there",
        )

    def _translated(self, error: AuthenticationError | WinRMTransportError) -> Exception:
        if isinstance(error, AuthenticationError):
            return self._refused("the host does not accept the credential")
        if error.code == _FAULT:
            return error  # pypsrp makes a WSManFaultError of it
        return HostUnreachable(
            f"what answers at {self.endpoint} is not a WS-Management service for us (HTTP {error.code})",
            host=self._host,
            remedy="Check port, scheme and authentication of the connection",
        )

    def _refused(self, what: str) -> AuthenticationRefused:
        return AuthenticationRefused(
            what, host=self._host, remedy="Check user name, password and the authentication of the connection"
        )


def _refused_unread(error: AuthenticationError | WinRMTransportError) -> bool:
    return isinstance(error, AuthenticationError) or error.code == _STATE_LOST
