"""What is said over a TCP connection to learn that somebody is behind it: a table of exchanges. Pure; knows no socket.

A kernel accepts for a silent application, so that a connection alone proves little.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["EXCHANGES", "FLOWING", "Exchange"]

_MOST_BYTES = 4096  # of an unfinished answer that are kept
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [2-5]\d\d")
_LONGEST_STATUS = 11  # bytes of a status line that is not whole yet

Split = tuple[list[int | None], bytes]


@dataclass(frozen=True)
class Exchange:
    """``request(host, seq)`` is sent; ``split(bytes)`` takes the whole answers off what came.

    An answer is the number it carries, or None for "the oldest one asked"; ``hears`` is False where none is waited for.
    """

    request: Callable[[str, int], bytes]
    split: Callable[[bytes], Split]
    hears: bool = True


def _nothing(_host: str, _seq: int) -> bytes:
    return b""


def _any(came: bytes) -> Split:
    return ([None] if came else []), b""


def _number(_host: str, seq: int) -> bytes:
    return b"%d\n" % seq


def _numbers(came: bytes) -> Split:
    *lines, rest = came.split(b"\n")
    return [int(line) for line in lines if line.strip().isdigit()], rest[-_MOST_BYTES:]


def _head(host: str, _seq: int) -> bytes:
    named = f"[{host}]" if ":" in host else host
    return f"HEAD / HTTP/1.1\r\nHost: {named}\r\nUser-Agent: snlm\r\n\r\n".encode("ascii", "backslashreplace")


def _statuses(came: bytes) -> Split:
    """Any status line is an answer but an interim one (1xx); an answer to HEAD has no body, or one that we skip."""
    found = list(_STATUS_LINE.finditer(came))
    rest = came[found[-1].end() :] if found else came
    return [None] * len(found), rest[-_LONGEST_STATUS:]


# [MS-RDPBCGR] 2.2.1.1: TPKT header, X.224 connection request, no cookie, negotiation request for TLS and CredSSP
_RDP_REQUEST = bytes.fromhex("03000013 0ee00000000000 0100080003000000")


def _rdp(_host: str, _seq: int) -> bytes:
    return _RDP_REQUEST


def _confirm(came: bytes) -> Split:
    """The confirm (or refusal) comes as TPKT version 3, code D0 at its sixth byte."""
    whole = len(came) >= 7 and came[0] == 3 and len(came) >= int.from_bytes(came[2:4], "big")
    return ([None] if whole and came[5] & 0xF0 == 0xD0 else []), came[:_MOST_BYTES]


EXCHANGES: dict[str, Exchange] = {
    "none": Exchange(_nothing, _any, hears=False),
    "banner": Exchange(_nothing, _any),
    "echo": Exchange(_number, _numbers),
    "http": Exchange(_head, _statuses),
    "rdp": Exchange(_rdp, _confirm),
}
FLOWING = ("echo", "http")  # may be repeated over one long connection
