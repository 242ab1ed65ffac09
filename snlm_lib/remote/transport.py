"""Connections that survive a cut and serve several requests at once; knows envelopes only by action.

In WinRM a TCP connection and its security context are one thing: two threads on one connection, or
a new connection under an old context, and every answer from then on is 400. So each request in
flight borrows a `Line` of its own (one connection, one context) and a doubtful line is thrown away.

What may be sent twice: anything the host cannot have read (400, 401 once the credential had been
accepted, 503, a cut during the sign-on); a Receive, whose answer the host keeps under its MessageID; and what
does no more the second time than the first (`_REPEATABLE`). A Command never is: `sending` looks first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError
from pypsrp.wsman import WSManAction

from snlm_lib.clock import Clock
from snlm_lib.errors import HostUnreachable, RemoteError, SessionLost
from snlm_lib.remote.line import FellBack, Line
from snlm_lib.remote.sign_on import Attempt, not_wsman, refused
from snlm_lib.remote.tls import is_tls, tls_refused

__all__ = ["LOOK_FIRST", "TransportPool", "may_be_repeated"]

_log = logging.getLogger(__name__)
_REPEATABLE = tuple(
    f">{action}<".encode()
    for action in (
        WSManAction.RECEIVE,
        WSManAction.ENUMERATE,
        WSManAction.GET,
        WSManAction.SIGNAL,
        WSManAction.DELETE,
    )
)
_WAITS_S = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
_FIRST_WAIT_S = 0.2  # where nobody was ever heard there is no longer wait: a mistyped port wants its sentence soon
_NEAR_S = 0.06  # a sign-on within this: three round trips of at most 20 ms
_IDLE_LIMIT_S = 60.0  # HTTP.sys closes an idle connection after two minutes; a stale line costs a Command
_FAULT = 500  # a WS-Management fault: the line itself is healthy
_STATE_LOST = 400
_BUSY = 503  # HTTP.sys has no room: the service behind it never saw the request
LOOK_FIRST = "The command may still be running there: look at the host before you do anything again"


class _Unread(HostUnreachable):
    """The host was not there, or too busy, for just this request, and has not read it: another try may succeed."""


def may_be_repeated(envelope: bytes) -> bool:
    """Does the envelope do no harm when the host gets it twice?"""
    head = envelope[:4096]
    return any(action in head for action in _REPEATABLE)


class TransportPool:
    """Stands where pypsrp's WSMan has its transport; lends a free line to each request in flight.

    ``build`` makes a fresh line. At most ``limit`` requests are under way, to a host so near that a line costs
    more than it saves at most ``near_limit``; more wait their turn. ``known``: the host has answered this credential
    before, so one that is away for a moment is waited for.
    """

    def __init__(
        self,
        build: Callable[[], Line],
        *,
        host: str,
        clock: Clock,
        limit: int = 24,
        near_limit: int = 8,
        known: bool = False,
    ) -> None:
        self._build = build
        self.host = host
        self._clock = clock
        self._free: list[Line] = []
        self._lock = threading.Lock()
        self._came_free = threading.Condition(self._lock)
        self._lent = 0
        self._to_come = 0  # those of the lent ones that are signing on ahead
        self._limit = limit
        self._near_limit = near_limit
        self._closed = False
        self._in_a_hurry = False
        self._accepted = known
        self._wanted_ahead = 0
        self.endpoint: str = build().endpoint
        self.protocol: str | None = None

    def send(self, message: bytes, *, retries_on_read_timeout: int = 0, timeout: Any = None) -> bytes:
        """Send an envelope, return the answer's bytes (pypsrp's own signature; its count of retries
        is not used). Raises HostUnreachable, AuthenticationRefused, SessionLost, and pypsrp's
        WinRMTransportError for a WS-Management fault."""
        waits_s = iter(_WAITS_S)
        while True:
            try:
                return self._exchange(message, timeout)
            except (_Unread, SessionLost) as error:
                wait_s = next(waits_s, None)
                if wait_s is None or not self._worth_a_try(error, message, wait_s):
                    raise
            self._clock.sleep(wait_s)

    def _worth_a_try(self, error: RemoteError, message: bytes, wait_s: float) -> bool:
        if self._closed or self._in_a_hurry:
            return False
        if isinstance(error, _Unread):
            return self._accepted or wait_s <= _FIRST_WAIT_S
        return may_be_repeated(message)

    def sign_on_ahead(self, count: int) -> None:
        """Have ``count`` more lines signed on, side by side, as soon as the first one was accepted, if that took
        so long that it is worth it.

        Not before: a wrong password would be refused as often, and lock the account.
        """
        self._wanted_ahead = count

    def hurry(self) -> None:
        """From now on nothing is sent twice: whoever closes a session does not wait for a host that is gone."""
        self._in_a_hurry = True

    def close(self) -> None:
        """Close every free line; one that is out is closed when it comes back."""
        with self._lock:
            self._closed = True
            lines, self._free = self._free, []
            self._came_free.notify_all()
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
                raise self._translated(line, error) from None
        with self._lock:
            self._lent += 1
        fresh = self._fresh()
        try:
            return self._on(fresh, message, timeout)
        except (AuthenticationError, WinRMTransportError) as error:
            raise self._translated(fresh, error) from None

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
            if line.accepted and (line.message_sent or not isinstance(error, FellBack)):
                raise SessionLost(f"the answer cannot be read ({name})", host=self.host, remedy=LOOK_FIRST) from None
            raise refused(self._attempt(line), error) from None

    def _borrow(self) -> Line:
        now_s = self._clock.monotonic_s()
        with self._lock:
            stale = [line for line in self._free if now_s - line.last_used_s > _IDLE_LIMIT_S]
            self._free = [line for line in self._free if line not in stale]
            self._came_free.wait_for(self._may_lend)
            if self._closed:
                raise SessionLost("the session is closed", host=self.host, remedy="Open a new one")
            line = self._free.pop() if self._free else None
            self._lent += 1
        for old in stale:
            old.close()
        return line or self._fresh()

    def _may_lend(self) -> bool:
        return self._closed or bool(self._free) or (not self._to_come and self._lent < self._limit)

    def _fresh(self) -> Line:
        line = self._build()
        line.on_signed_on = partial(self._go_ahead, self._clock.monotonic_s())
        return line

    def _go_ahead(self, began_s: float) -> None:
        """The first sign-on was accepted: now it is known whether the host is near."""
        with self._lock:
            count, self._wanted_ahead = self._wanted_ahead, 0
            if count and self._clock.monotonic_s() - began_s < _NEAR_S:
                count, self._limit = 0, min(self._limit, self._near_limit)
            self._to_come += count
            self._lent += count
        for _ in range(count):
            threading.Thread(target=self._one_ahead, name=f"sign-on-{self.host}", daemon=True).start()

    def _one_ahead(self) -> None:
        line, keep = self._build(), False
        try:
            line.sign_on()
            keep = True
        # Whatever a security library raises: the one who needs the line signs on anew and says what is wrong.
        except Exception:
            _log.debug("a line to %s could not be signed on ahead", self.host, exc_info=True)
        finally:
            with self._lock:
                self._to_come -= 1
            self._give_back(line, keep=keep)

    def _give_back(self, line: Line, *, keep: bool) -> None:
        with self._lock:
            self._lent -= 1
            keep = keep and not self._closed
            if keep:
                line.accepted = self._accepted = True
                line.last_used_s = self._clock.monotonic_s()
                self.protocol = line.protocol or self.protocol
                self._free.append(line)
            self._came_free.notify_all()
        if not keep:
            line.close()

    def _cut(self, line: Line, error: OSError) -> RemoteError:
        if is_tls(error) and not line.accepted:
            return tls_refused(error, host=self.host, endpoint=self.endpoint)
        if line.message_sent:
            late = "Timeout" in type(error).__name__
            what = f"no answer within {line.read_timeout:g} s" if late else "the connection broke"
            return SessionLost(f"{what} ({type(error).__name__})", host=self.host, remedy=LOOK_FIRST)
        return _Unread(
            f"no WS-Management service answers at {self.endpoint} ({type(error).__name__})",
            host=self.host,
            remedy="Check address, port and scheme (http or https), and that WinRM runs there",
        )

    def _translated(self, line: Line, error: AuthenticationError | WinRMTransportError) -> Exception:
        if isinstance(error, AuthenticationError):
            return refused(self._attempt(line), error)
        if error.code == _FAULT:
            return error  # pypsrp makes a WSManFaultError of it
        if error.code == _BUSY:
            return _Unread(
                f"{self.endpoint} is too busy (HTTP {_BUSY})",
                host=self.host,
                remedy="Nothing was begun; try again when the host has less to do",
            )
        return not_wsman(self._attempt(line), f"HTTP {error.code}")

    def _attempt(self, line: Line) -> Attempt:
        return Attempt(self.host, self.endpoint, line.auth, line.seen)


def _refused_unread(error: AuthenticationError | WinRMTransportError) -> bool:
    return isinstance(error, AuthenticationError) or error.code == _STATE_LOST
