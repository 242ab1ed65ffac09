"""ICMP echo as bytes: requests that carry their own name, and which answer belongs to which. Pure; knows no socket."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Heard", "Marked", "checksum"]

_REQUEST, _REQUEST_6 = 8, 128
# type -> the word for what it says about the probe it carries; echo replies say that it was answered
_SAYS = {0: "", 3: "unreachable", 11: "unreachable"}
_SAYS_6 = {129: "", 1: "unreachable", 3: "unreachable"}
# type, code, checksum, identifier, sequence number; mark, which target, which probe: 16 bits come round too soon
_MESSAGE = struct.Struct("!BBHHH8sHQ")
_NAME = struct.Struct("!HQ")
_MARK_BYTES = 8


class Heard(NamedTuple):
    """An ICMP message about probe ``seq`` of target number ``target``; ``error`` is empty for its answer."""

    target: int
    seq: int
    error: str


def checksum(message: bytes) -> int:
    """The Internet checksum (RFC 1071) of a message of even length."""
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Marked:
    """Makes and recognises the messages of one run: each carries the run's random ``mark`` (8 bytes)."""

    def __init__(self, mark: bytes, identifier: int, *, version: int) -> None:
        if len(mark) != _MARK_BYTES:
            raise ValueError("a mark has eight bytes")
        self._mark = mark
        self._identifier = identifier & 0xFFFF
        self._kind = _REQUEST if version == 4 else _REQUEST_6
        self._says = _SAYS if version == 4 else _SAYS_6
        self._sum = 0xFFFF - checksum(_MESSAGE.pack(self._kind, 0, 0, self._identifier, 0, mark, 0, 0))

    def request(self, target: int, seq: int) -> bytes:
        """An echo request. Its checksum holds over IPv4; over IPv6 the operating system writes its own."""
        low = seq & 0xFFFF
        total = (self._sum + target + low + seq) % 0xFFFF  # the words of a number add up to it, modulo 0xFFFF
        return _MESSAGE.pack(self._kind, 0, 0xFFFF - total, self._identifier, low, self._mark, target, seq)

    def heard(self, message: bytes) -> Heard | None:
        """What a received message says about a probe of ours, or None.

        With or without an IP header before it: raw sockets hand it on for IPv4, datagram sockets do on macOS only.
        An error message holds the request it speaks of, so the mark is looked for everywhere.
        """
        start = (message[0] & 0x0F) * 4 if message and message[0] >> 4 == 4 else 0
        found = message.find(self._mark, start)
        if found < 0 or len(message) < found + _MARK_BYTES + _NAME.size:
            return None
        error = self._says.get(message[start])
        if error is None:
            return None
        target, seq = _NAME.unpack_from(message, found + _MARK_BYTES)
        return Heard(target, seq, error)
