"""Sealed bodies: multipart/encrypted there and back, with a context that somebody else negotiated. Knows no HTTP."""

from __future__ import annotations

import re
import struct
from typing import Protocol

__all__ = ["CREDSSP", "KERBEROS", "SPNEGO", "SealError", "Sealing", "seal", "unseal"]

SPNEGO = "application/HTTP-SPNEGO-session-encrypted"
KERBEROS = "application/HTTP-Kerberos-session-encrypted"
CREDSSP = "application/HTTP-CredSSP-session-encrypted"

_BOUNDARY = b"--Encrypted Boundary"
_PAYLOAD_HEADER = b"\tContent-Type: application/octet-stream\r\n"
_PART_BYTES = 16384  # CredSSP seals TLS records, and a record holds no more
# A part begins so; sealed data may hold the boundary alone by chance.
_PART = re.compile(re.escape(_BOUNDARY) + rb"\r\n(?=\tContent-Type: application/HTTP-)")


class SealError(Exception):
    """A body that is not sealed, or was sealed with another connection's context."""


class Sealing(Protocol):
    """What of a security context is needed here."""

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]: ...

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes: ...


def seal(context: Sealing, message: bytes, protocol: str) -> tuple[str, bytes]:
    """An envelope -> the Content-Type and the sealed body."""
    size = _PART_BYTES if protocol == CREDSSP else max(len(message), 1)
    pieces = [message[at : at + size] for at in range(0, len(message), size)] or [b""]
    body = b"".join(_sealed(context, piece, protocol) for piece in pieces) + _BOUNDARY + b"--\r\n"
    kind = "multipart/x-multi-encrypted" if len(pieces) > 1 else "multipart/encrypted"
    return f'{kind};protocol="{protocol}";boundary="Encrypted Boundary"', body


def unseal(context: Sealing, body: bytes) -> bytes:
    """A sealed body -> the envelope. Raises SealError when this context cannot read it."""
    end = body.rfind(_BOUNDARY + b"--")  # from behind: sealed data may hold it by chance
    parts = _PART.split(body[: max(end, 0)])
    if len(parts) < 2 or parts[0]:
        raise SealError("not a sealed body")
    return b"".join(_opened(context, part) for part in parts[1:])


def _sealed(context: Sealing, message: bytes, protocol: str) -> bytes:
    header, data, padding = context.wrap_winrm(message)
    head = (
        f"\r\n\tContent-Type: {protocol}\r\n"
        f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(message) + padding}\r\n"
    )
    return b"".join(
        (
            *(_BOUNDARY, head.encode("ascii"), _BOUNDARY, b"\r\n", _PAYLOAD_HEADER),
            *(struct.pack("<i", len(header)), header, data),
        )
    )


def _opened(context: Sealing, part: bytes) -> bytes:
    head, separator, payload = part.partition(_BOUNDARY + b"\r\n")
    if not separator or not payload.startswith(_PAYLOAD_HEADER):
        raise SealError("not a sealed body")
    wrapped = payload[len(_PAYLOAD_HEADER) :]
    try:
        (size,) = struct.unpack("<i", wrapped[:4])
        message = context.unwrap_winrm(wrapped[4 : 4 + size], wrapped[4 + size :])
        whole = len(message) == int(head.strip().rpartition(b"Length=")[2])
    # Foreign input meets foreign code: whatever goes wrong in there, the body is unreadable.
    except Exception as error:
        raise SealError("the sealed body cannot be read") from error
    if not whole:
        raise SealError("the sealed body has another length than it says")
    return message
