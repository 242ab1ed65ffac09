"""One connection with its security context: how we sign on, and what was seen while doing so. Knows no pool.

What really signed us on is read from the context, not from what was asked for: `negotiate` and `credssp` choose
inside. What the host answered stands in `seen`, for the sentence when it went wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from pypsrp.exceptions import AuthenticationError
from pypsrp.wsman import _TransportHTTP

__all__ = ["FellBack", "Line", "NotWsman", "Seen", "kerberos_user", "use_krb5_conf"]

_BY_TICKET = ("kerberos", "negotiate", "credssp")
_CHOOSING = ("negotiate", "credssp")  # by themselves, what they end in
_PROVEN = ("kerberos", "credssp+kerberos")
_UNSEALED = ("basic", "certificate")  # said with each message, there is no context


class NotWsman(Exception):
    """What answered is a web server of another kind, or one that would send us to another place."""

    def __init__(self, what: str = "a web server of another kind") -> None:
        super().__init__(what)


class FellBack(Exception):
    """It was not Kerberos, or is not known to be, and nobody allows anything else; no message was sent.

    ``had_kerberos``: could this Python have done better? ``took_ntlm``: is it known to be NTLM?
    """

    def __init__(self, *, had_kerberos: bool, took_ntlm: bool = True) -> None:
        super().__init__()
        self.had_kerberos = had_kerberos
        self.took_ntlm = took_ntlm


class _SignedOn(Exception):
    """Ends a `send` that was only to sign on, before there is a message to seal."""


@dataclass
class Seen:
    """What a listener showed: the schemes of its last 401 in lower case, and the Content-Type of its last answer."""

    offered: tuple[str, ...] = ()
    content_type: str = ""


class Line(_TransportHTTP):
    """One connection with its security context, for one request at a time.

    ``kerberos_name``: whose service principal a ticket is asked for, where the address is another name;
    ``allow_ntlm``: may negotiate and credssp end in it? They do when the host has no service principal name or the
    clocks differ, which hides a fault that the move would meet later.
    """

    def __init__(
        self,
        server: str,
        port: int,
        *,
        handshake_timeout_s: float,
        kerberos_name: str | None = None,
        allow_ntlm: bool = True,
        **options: Any,
    ) -> None:
        if os.name == "posix" and options.get("auth") in _BY_TICKET and options.get("username"):
            options["username"] = kerberos_user(options["username"], kerberos_name or server)
        super().__init__(server, port, no_proxy=True, negotiate_hostname_override=kerberos_name, **options)
        self._handshake_timeout_s = handshake_timeout_s
        self._kerberos_name = kerberos_name
        self._must_look = not allow_ntlm and self.auth in _CHOOSING
        self.seen = Seen()
        self.accepted = False  # the host has answered a message on it
        self.message_sent = False  # a message, not only the empty request that signs on
        self.last_used_s = 0.0
        self.on_signed_on: Callable[[], None] = lambda: None
        self._is_signed_on = False
        self._ahead = False

    @property
    def protocol(self) -> str | None:
        """What was really used ("ntlm", "kerberos", "credssp+ntlm"; under TLS "https+basic"); None: not done yet."""
        name = self._signed_on_by()
        return f"https+{name}" if name and self.ssl else name

    def _signed_on_by(self) -> str | None:
        if self.auth in _UNSEALED:
            return self.auth if self.message_sent else None
        name = getattr(self._context(), "negotiated_protocol", None)
        inner = str(name).lower() if name else None
        return f"credssp+{inner}" if inner and self.auth == "credssp" else inner

    def _context(self) -> Any:
        """pyspnego's, which requests-credssp keeps one level down; None: there is none yet."""
        contexts = getattr(getattr(self.session, "auth", None), "contexts", {})
        context = next(iter(contexts.values()), None)
        return getattr(context, "_context", None) if self.auth == "credssp" else context

    def _build_session(self) -> Any:
        session: Any = super()._build_session()
        session.trust_env = False  # neither proxies nor .netrc: a host is spoken to directly or not at all
        adapter = session.get_adapter(self.endpoint)
        adapter.send = _whole(adapter.send)
        # Every answer is built there; what is hooked to the session never sees the steps of a sign-on.
        adapter.build_response = partial(self._look, adapter.build_response)
        return session

    def _build_auth_credssp(self, session: Any) -> None:
        super()._build_auth_credssp(session)
        if self._kerberos_name is not None:
            usual = session.auth.handle_401
            session.auth.handle_401 = partial(_under_name, usual, session.auth, self._kerberos_name)

    def _look(self, build_response: Callable[..., Any], request: Any, raw: Any) -> Any:
        response = build_response(request, raw)
        self.seen.content_type = response.headers.get("Content-Type", "").lower()
        challenge = response.headers.get("WWW-Authenticate", "")
        words = tuple(each.split()[0].lower() for each in challenge.split(",") if each.split())
        if response.status_code == 401 and words:
            self.seen.offered = words
        if response.is_redirect or 300 <= response.status_code < 400:
            raise NotWsman(f"HTTP {response.status_code}, to {_place(response.headers.get('Location', ''))}")
        if response.status_code == 401 and self._must_look and self.message_sent:
            # Signing on anew would carry the message along before it is known by what.
            raise AuthenticationError("the host asks anew who we are")
        return response

    def sign_on(self) -> None:
        """Sign on ahead of the first message; what is sealed by TLS alone has nothing to do ahead."""
        self._ahead = True
        with suppress(_SignedOn):
            self.send(b"")

    def _look_by_what(self) -> None:
        """Before a message, where NTLM is not allowed: sign on, if that has not happened, and look by what.

        Only Kerberos of a finished context will do: SSPI says "negotiate" before, and pyspnego what it hopes for.
        """
        if not self._must_look:
            return
        if not self._is_signed_on:  # over TLS nothing had to be sealed before
            self.send(b"")
        by = self._signed_on_by() or ""
        if by not in _PROVEN or not getattr(self._context(), "complete", False):
            had_kerberos = os.name != "posix" or find_spec("gssapi") is not None
            raise FellBack(had_kerberos=had_kerberos, took_ntlm=by.endswith("ntlm"))

    def _send_request(self, request: Any, timeout: Any = None) -> bytes:
        if request.body is not None:
            self._look_by_what()
            self.message_sent = True
            answer = super()._send_request(request, timeout=timeout)
            if self.seen.content_type and not any(word in self.seen.content_type for word in ("xml", "multipart/")):
                raise NotWsman
            return answer
        if self._is_signed_on:
            return b""  # pypsrp asks for it before the first message; it was done ahead
        answer = super()._send_request(request, timeout=(self.connection_timeout, self._handshake_timeout_s))
        if (self.wrap_required or self._must_look) and self._signed_on_by() is None:
            raise NotWsman  # let in without having been asked who we are
        self._is_signed_on = True
        self.on_signed_on()
        if self._ahead:
            raise _SignedOn
        return answer


def _whole(send: Callable[..., Any]) -> Callable[..., Any]:
    """A 401 that was cut in the middle of its head would blame the credential: every whole one tells its length."""

    def checked(*arguments: Any, **named: Any) -> Any:
        response = send(*arguments, **named)
        told = {name.lower() for name in response.headers}
        if response.status_code == 401 and not told & {"content-length", "transfer-encoding"}:
            raise ConnectionResetError("cut in the middle of an answer")
        return response

    return checked


def _under_name(handle_401: Callable[..., Any], auth: Any, name: str, response: Any, **named: Any) -> Any:
    """requests-credssp asks for a ticket for the name in the answer's URL, of which it reads nothing else."""
    address, response.url = response.url, f"http://{name}/"
    try:
        return handle_401(response, **named)
    finally:
        response.url = address
        if name in auth.contexts:  # pypsrp looks under the address
            auth.contexts = {_host(address): auth.contexts[name]}


def use_krb5_conf(path: str) -> None:
    """Name a realm that this machine does not know: the lab's. libkrb5 looks there each time it is asked."""
    os.environ["KRB5_CONFIG"] = path


def kerberos_user(user: str, host: str) -> str:
    """CORP\\operator as operator@CORP.EXAMPLE, where ``host`` is of that domain by its name; else as it is.

    libkrb5 takes a backslash for an escape sign. Windows' own library understands both.
    """
    domain, _, name = user.partition("\\")
    realm = host.partition(".")[2]
    return f"{name}@{realm.upper()}" if name and realm.partition(".")[0].casefold() == domain.casefold() else user


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _place(location: str) -> str:
    """Where a redirect leads, for the sentence: the host alone, since a URL may bear what is nobody's business."""
    with suppress(ValueError):
        return repr(_host(location)[:253] or "another path")
    return "another place"
