"""NTLM, Negotiate and Basic on the accepting side, bound to one TCP connection; knows no envelope.

The context negotiated by the 401 exchange also seals and unseals every later body of that
connection, so one `ConnectionAuth` lives exactly as long as the connection does. Under TLS a body
needs no seal of its own, and only there a password may come as it is (Basic).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import spnego
from spnego import ContextProxy, ContextReq, NegotiateOptions
from spnego.channel_bindings import GssChannelBindings

from snlm_lib.errors import LabError
from snlm_lib.lab.pipeline import Caller

__all__ = ["AuthReply", "ConnectionAuth", "SealError", "install_user_file", "remove_user_file"]

_VARIABLE = "NTLM_USER_FILE"
SCHEME = "Negotiate"
BASIC = 'Basic realm="WSMAN"'
SEALED_PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"

_BOUNDARY = b"--Encrypted Boundary"
_PAYLOAD_HEADER = b"\tContent-Type: application/octet-stream\r\n"
_OPTIONS = NegotiateOptions.wrapping_winrm | NegotiateOptions.use_ntlm | NegotiateOptions.use_negotiate


class SealError(Exception):
    """A body that is not sealed, or was sealed with another connection's context."""


@dataclass(frozen=True)
class AuthReply:
    """What the HTTP answer must say: 401 or 200, and the WWW-Authenticate value if there is one."""

    status: int
    header: str | None


def install_user_file(users: Mapping[str, str], path: Path) -> None:
    """Write ``users`` ("CORP\\operator" -> password) to ``path`` (mode 600) and name it for this process.

    pyspnego reads the environment variable NTLM_USER_FILE; it must be set in the lab's process only.
    Raises LabError for a name without a domain, or a part that holds a colon or a line break.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, password in users.items():
        domain, backslash, user = name.partition("\\")
        if not backslash or any(mark in part for part in (domain, user, password) for mark in ":\r\n"):
            raise LabError(
                "a lab account must read DOMAIN\\user, without colon or line break in name or password", where=domain
            )
        lines.append(f"{domain}:{user}:{password}\n")
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

    ``users`` are the account names as the lab writes them ("CORP\\operator"), with their passwords; the
    caller is named so, however the client spelt it. ``end_point``: the channel binding of a TLS
    connection, None for plain HTTP. ``basic``: Basic instead of Negotiate, under TLS only.
    """

    def __init__(self, users: Mapping[str, str], *, end_point: bytes | None = None, basic: bool = False) -> None:
        if basic and end_point is None:
            raise LabError("Basic would send the password in clear over plain HTTP", remedy="Use https with it.")
        self._users = users
        self._names = {name.casefold(): name for name in users}
        self._end_point = end_point
        self._basic = basic
        self._context: ContextProxy | None = None
        self.caller: Caller | None = None

    @property
    def challenge(self) -> str:
        """What WWW-Authenticate offers."""
        return BASIC if self._basic else SCHEME

    @property
    def may_be_plain(self) -> bool:
        """May a body come unsealed? Only where TLS protects it."""
        return self._end_point is not None

    def negotiate(self, authorization: str | None) -> AuthReply:
        """Take the request's Authorization header (or none) one step further."""
        if authorization is None:
            return AuthReply(200, None) if self.caller else AuthReply(401, self.challenge)
        scheme, _, encoded = authorization.partition(" ")
        try:
            token = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            token = b""
        if scheme.lower() != self.challenge.partition(" ")[0].lower() or not token:
            return self._refuse()
        return self._signed_on(token) if self._basic else self._step(token)

    def unseal(self, body: bytes) -> bytes:
        """A multipart/encrypted body -> the envelope; raises SealError when this connection cannot read it."""
        if self._context is None or self.caller is None:
            raise SealError("no security context on this connection")
        header, wrapped = _split(body)
        try:
            (size,) = struct.unpack("<i", wrapped[:4])
            message = self._context.unwrap_winrm(wrapped[4 : 4 + size], wrapped[4 + size :])
            whole = len(message) == int(header.rpartition(b"Length=")[2])
        # Foreign input meets foreign code: whatever goes wrong in there, the body is unreadable.
        except Exception as error:
            raise SealError("the sealed body cannot be read") from error
        if not whole:
            raise SealError("the sealed body has another length than it says")
        return message

    def seal(self, message: bytes) -> tuple[str, bytes]:
        """An envelope -> the Content-Type and the multipart/encrypted body."""
        if self._context is None:
            raise SealError("no security context on this connection")
        header, data, padding = self._context.wrap_winrm(message)
        head = (
            f"\r\n\tContent-Type: {SEALED_PROTOCOL}\r\n"
            f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(message) + padding}\r\n"
        )
        body = b"".join(
            (
                *(_BOUNDARY, head.encode("ascii"), _BOUNDARY, b"\r\n", _PAYLOAD_HEADER),
                *(struct.pack("<i", len(header)), header, data, _BOUNDARY, b"--\r\n"),
            )
        )
        return f'multipart/encrypted;protocol="{SEALED_PROTOCOL}";boundary="Encrypted Boundary"', body

    def _signed_on(self, token: bytes) -> AuthReply:
        """Basic: name and password as they are, each time."""
        given, _, password = token.decode("utf-8", "replace").partition(":")
        name = self._names.get(given.casefold())
        if name is None or not hmac.compare_digest(password.encode(), self._users[name].encode()):
            return self._refuse()
        self.caller = Caller(user=name, protocol="basic")
        return AuthReply(200, None)

    def _step(self, token: bytes) -> AuthReply:
        try:
            if self._context is None or self.caller is not None:
                self.caller = None
                self._context = _new_context(token, self._end_point)
            answer = self._context.step(token)
            if self._context.complete:
                self.caller = self._identify(self._context)
        # pyspnego raises far more than its own errors for a token it does not expect, AttributeError
        # among them; whatever it was, this client is not authenticated.
        except Exception:
            return self._refuse()
        header = f"{SCHEME} {base64.b64encode(answer).decode('ascii')}" if answer else None
        if self.caller is not None:
            return AuthReply(200, header)
        return AuthReply(401, header or SCHEME)

    def _identify(self, context: ContextProxy) -> Caller:
        name = self._names[(context.client_principal or "").casefold()]
        return Caller(user=name, protocol=context.negotiated_protocol or "ntlm")

    def _refuse(self) -> AuthReply:
        self._context, self.caller = None, None
        return AuthReply(401, self.challenge)


def _new_context(token: bytes, end_point: bytes | None) -> ContextProxy:
    # A raw NTLM token under Negotiate is what a client of "ntlm" sends; anything else is SPNEGO.
    protocol = "ntlm" if token.startswith(b"NTLMSSP\0") else "negotiate"
    bindings = GssChannelBindings(application_data=end_point) if end_point else None
    return spnego.server(protocol=protocol, options=_OPTIONS, context_req=ContextReq.default, channel_bindings=bindings)


def _split(body: bytes) -> tuple[bytes, bytes]:
    """The header block and the payload of a sealed body.

    Only CredSSP seals in more than one part. The end is looked for from behind: sealed data may hold
    the boundary by chance.
    """
    end = body.rfind(_BOUNDARY + b"--")
    head, separator, payload = body[: max(end, 0)].removeprefix(_BOUNDARY).partition(_BOUNDARY + b"\r\n")
    if not body.startswith(_BOUNDARY) or not separator or not payload.startswith(_PAYLOAD_HEADER):
        raise SealError("not a sealed body")
    return head.strip(), payload[len(_PAYLOAD_HEADER) :]
