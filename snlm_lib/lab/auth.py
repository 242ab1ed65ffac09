"""How one TCP connection signs on, by the schemes its listener offers; knows no envelope.

The context negotiated by the 401 exchange also seals and unseals every later body of that
connection, so one `ConnectionAuth` lives exactly as long as the connection does. Under TLS a body
needs no seal of its own, and only there a password may come as it is (Basic) or not at all (certificate).
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import LabError
from snlm_lib.lab.acceptor import Guarded, accepted_as, accepting, kerberos_refusal, rejected
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.kerberos import MODIFIED, SKEW, SKEW_LIMIT_S, error_token
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.seal import CREDSSP, KERBEROS, SPNEGO, SealError, seal, unseal

__all__ = ["AuthReply", "ConnectionAuth", "Door", "SealError", "install_user_file", "remove_user_file"]

_VARIABLE = "NTLM_USER_FILE"
_MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
# Way -> what WWW-Authenticate says of it. "ntlm" is Negotiate that takes nothing but NTLM.
_CHALLENGES = {
    "negotiate": "Negotiate",
    "ntlm": "Negotiate",
    "kerberos": "Kerberos",
    "credssp": "CredSSP",
    "basic": 'Basic realm="WSMAN"',
    "certificate": _MUTUAL,
}
_ONLY_UNDER_TLS = ("basic", "certificate")
_SEALS = {"negotiate": SPNEGO, "kerberos": KERBEROS, "credssp": CREDSSP}


@dataclass(frozen=True)
class AuthReply:
    """What the HTTP answer must say: 401 or 200, and the values of WWW-Authenticate."""

    status: int
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Door:
    """What one host's listener accepts. ``offers``: of `wire_spec.WAYS`; ``host`` and ``realm``: whose Kerberos key it
    has, realm empty when it has none; ``clock_skew_s``: how far its clock is off."""

    offers: Sequence[str] = ("ntlm",)
    host: str = ""
    realm: str = ""
    clock_skew_s: float = 0.0
    clock: Clock = field(default_factory=SystemClock)

    @property
    def challenges(self) -> tuple[str, ...]:
        """What WWW-Authenticate offers, each once."""
        return tuple(dict.fromkeys(_CHALLENGES[way] for way in self.offers))

    @property
    def only_ntlm(self) -> bool:
        """Is nothing but NTLM taken under Negotiate?"""
        return "negotiate" not in self.offers


def install_user_file(accounts: Accounts, path: Path) -> None:
    """Write the accounts to ``path`` (mode 600) and name it for this process.

    pyspnego reads the environment variable NTLM_USER_FILE; it must be set in the lab's process only.
    Raises LabError for a part that holds a colon or a line break.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for parts in accounts.lines():
        if any(mark in part for part in parts for mark in ":\r\n"):
            raise LabError("a lab account must be without colon or line break in name or password", where=parts[0])
        lines.append(":".join(parts) + "\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="\n") as out:
        out.writelines(lines)
    path.chmod(0o600)  # a file that was there before kept its mode
    os.environ[_VARIABLE] = str(path)


def remove_user_file(path: Path) -> None:
    """The reverse of `install_user_file`; a newer file that another call installed is left alone."""
    path.unlink(missing_ok=True)
    if os.environ.get(_VARIABLE) == str(path):
        del os.environ[_VARIABLE]


class ConnectionAuth:
    """Who is at the other end of one connection, and the seal between the two.

    ``end_point``: the channel binding of a TLS connection, None for plain HTTP. ``bearer``: who the
    client's certificate names, if it showed a good one. Raises LabError for Basic without TLS.
    """

    def __init__(
        self, accounts: Accounts, door: Door | None = None, *, end_point: bytes | None = None, bearer: str | None = None
    ) -> None:
        self._door = door or Door()
        if end_point is None and any(way in self._door.offers for way in _ONLY_UNDER_TLS):
            raise LabError("Basic would send the password in clear over plain HTTP", remedy="Use https with it.")
        self._accounts = accounts
        self._end_point = end_point
        self._bearer = bearer
        self._scheme = ""
        self._context: Any = None
        self._guard: Guarded | None = None
        self.caller: Caller | None = None

    @property
    def may_be_plain(self) -> bool:
        """May a body come unsealed? Only where TLS protects it."""
        return self._end_point is not None

    def negotiate(self, authorization: str | None) -> AuthReply:
        """Take the request's Authorization header (or none) one step further."""
        if authorization is None:
            return AuthReply(200) if self.caller else AuthReply(401, self._door.challenges)
        scheme, _, encoded = authorization.partition(" ")
        if authorization == _MUTUAL and "certificate" in self._door.offers:
            return self._known(self._accounts.named(self._bearer or ""), "certificate")
        try:
            token = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            token = b""
        offered = {challenge.partition(" ")[0].lower() for challenge in self._door.challenges}
        if scheme.lower() not in offered or not token:
            return self._refuse()
        if scheme.lower() == "basic":
            given, _, password = token.decode("utf-8", "replace").partition(":")
            return self._known(self._accounts.check(given, password), "basic")
        return self._step(scheme.lower(), token)

    def unseal(self, body: bytes) -> bytes:
        """A multipart/encrypted body -> the envelope; raises SealError when this connection cannot read it."""
        if self._context is None or self.caller is None:
            raise SealError("no security context on this connection")
        return unseal(self._context, body)

    def seal(self, message: bytes) -> tuple[str, bytes]:
        """An envelope -> the Content-Type and the multipart/encrypted body."""
        if self._context is None:
            raise SealError("no security context on this connection")
        return seal(self._context, message, _SEALS[self._scheme])

    def _known(self, name: str | None, protocol: str) -> AuthReply:
        """Basic and certificate: who it is, said with each request."""
        if name is None or self._accounts.refusal(name):
            return self._refuse()
        self.caller = Caller(user=name, protocol=protocol)
        return AuthReply(200)

    def _step(self, scheme: str, token: bytes) -> AuthReply:
        try:
            if self._context is None or self.caller is not None or scheme != self._scheme:
                self.caller, self._scheme = None, scheme
                self._context, self._guard = accepting(
                    scheme, token, self._accounts, end_point=self._end_point, only_ntlm=self._door.only_ntlm
                )
            answer = self._context.step(token)
            error = kerberos_refusal(self._guard) or (self._no() if self._context.complete else None)
        # pyspnego raises far more than its own errors for a token it does not expect, AttributeError
        # among them; whatever it was, this client is not authenticated.
        except Exception:
            error = kerberos_refusal(self._guard) or b""
        if error is not None:
            return self._refuse(rejected(token, error) if error and scheme != "credssp" else b"")
        header = self._header(answer) if answer else ()
        if self._context.complete:
            self.caller = self._identify()
            return AuthReply(200, header)
        return AuthReply(401, header or self._door.challenges)

    def _header(self, token: bytes) -> tuple[str, ...]:
        shown = next(each for each in self._door.challenges if each.lower() == self._scheme)
        return (f"{shown} {base64.b64encode(token).decode('ascii')}",)

    def _no(self) -> bytes | None:
        """A KRB-ERROR when this host refuses the ticket that libkrb5 and the accounts took; None: it does not."""
        door = self._door
        if self._context.negotiated_protocol != "kerberos":
            return None
        if abs(door.clock_skew_s) > SKEW_LIMIT_S:
            return error_token(SKEW, realm=door.realm, host=door.host, clock=door.clock)
        # One process holds every host's keys: a ticket for another host would open here.
        if accepted_as(self._guard).casefold() != door.host.casefold():
            return error_token(MODIFIED, realm=door.realm, host=door.host, clock=door.clock)
        return None

    def _identify(self) -> Caller:
        assert self._guard is not None
        assert self._guard.name is not None
        inner = str(self._context.negotiated_protocol or "ntlm")
        return Caller(self._guard.name, f"credssp+{inner}" if self._scheme == "credssp" else inner)

    def _refuse(self, token: bytes = b"") -> AuthReply:
        headers = self._header(token) if token else self._door.challenges
        self._context, self._guard, self.caller = None, None, None
        return AuthReply(401, headers)
