"""ICMP echo: one socket a family for all targets, without administrator rights where the system allows it.

Linux and macOS; on Windows a port of `icmp_windows` takes the socket's place.
"""

from __future__ import annotations

import ctypes
import errno
import secrets
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels.icmp_packet import Marked
from snlm_lib.measure.channels.icmp_windows import WindowsPort, windows_library
from snlm_lib.measure.channels.model import ICMP, Endpoint, MakeSocket, Way, word_of
from snlm_lib.measure.channels.watch import READ

__all__ = ["IcmpChannel", "IcmpPorts", "open_icmp"]

_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_FORBIDDEN = (errno.EPERM, errno.EACCES)
_REMEDY = {
    "linux": "An administrator allows it with: sysctl -w net.ipv4.ping_group_range='0 2147483647'.",
    "darwin": "Run as an ordinary or administrative user outside a sandbox.",
}
_ENOUGH_BYTES = 256  # two IP headers with all their options, and what names the probe
_ON_WINDOWS = sys.platform == "win32"
_SO_ATTACH_FILTER = 26  # Linux, asm-generic/socket.h
_ACCEPT, _DROP = (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)


def open_icmp(family: int, make_socket: MakeSocket = socket.socket) -> socket.socket:
    """A non-blocking ICMP socket: a datagram one where this user may have it, else a raw one.

    Raises ParameterError with the way out when neither is allowed or the machine has no such family.
    """
    for sort in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            opened = make_socket(family, sort, _PROTOCOL[socket.AddressFamily(family)])
        except OSError as error:
            number = error.errno
            continue
        opened.setblocking(False)
        return opened
    version = "IPv6" if family == socket.AF_INET6 else "IPv4"
    if number in _FORBIDDEN:
        remedy = _REMEDY.get(sys.platform, "Run as an administrator.")
        raise ParameterError(f"this user may not send ICMP over {version} on this machine", remedy=remedy)
    raise ParameterError(f"this machine has no ICMP over {version} (error {number})", remedy="Probe another kind.")


def _filter(identifier: int, version: int) -> Sequence[tuple[int, int, int, int]]:
    """Classic BPF: of echo replies only ours, no requests; a raw socket otherwise wakes us for every ping of others."""
    request, reply = (8, 0) if version == 4 else (128, 129)
    start = (0xB1, 0, 0, 0) if version == 4 else (0x01, 0, 0, 0)  # X: the length of the IP header; none over IPv6
    return (
        start,
        (0x50, 0, 0, 0),  # A: the type
        (0x15, 4, 0, request),
        (0x15, 0, 2, reply),
        (0x48, 0, 0, 4),  # A: the identifier
        (0x15, 0, 1, identifier),
        _ACCEPT,
        _DROP,
    )


def _spare_us_others(raw: socket.socket, identifier: int, version: int) -> None:
    if sys.platform != "linux" or raw.type != socket.SOCK_RAW:
        return
    program = b"".join(struct.pack("=HBBI", *step) for step in _filter(identifier, version))
    held = ctypes.create_string_buffer(program)
    raw.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(held)))


class Port(Protocol):
    """Where echo requests of one family leave."""

    def add(self, target: str) -> int:
        """Number a target."""
        ...

    def send(self, index: int, seq: int, where: tuple[object, ...]) -> str:
        """One echo request; empty, or the word for why it did not leave."""
        ...

    def close(self) -> None:
        """Let go; twice is fine."""
        ...


class IcmpPort:
    """All echo requests over one family; which answer is whose stands in the message, not in the address."""

    def __init__(self, family: int, way: Way) -> None:
        version = 6 if family == socket.AF_INET6 else 4
        identifier = secrets.randbelow(0xFFFF) + 1
        self._marked = Marked(secrets.token_bytes(8), identifier, version=version)
        self._way = way
        self._targets: list[str] = []
        self._socket = open_icmp(family, way.make_socket)
        _spare_us_others(self._socket, identifier, version)
        way.watch.on(self._socket, self, READ)

    def add(self, target: str) -> int:
        """Number a target."""
        self._targets.append(target)
        return len(self._targets) - 1

    def send(self, index: int, seq: int, where: tuple[object, ...]) -> str:
        """One echo request; empty, or the word for why it did not leave."""
        try:
            self._socket.sendto(self._marked.request(index, seq), where)
        except OSError as error:
            return word_of(error.errno)
        return ""

    def ready(self, mask: int) -> None:
        """Read one message and tell whose it is; another one wakes us again."""
        try:
            message = self._socket.recv(_ENOUGH_BYTES)
        except OSError:  # nothing, or news of an earlier request; the socket goes on
            return
        heard = self._marked.heard(message)
        if heard is None or heard.target >= len(self._targets):
            return
        if heard.error:
            self._way.sink.failed(self._targets[heard.target], ICMP, heard.seq, heard.error)
        else:
            self._way.sink.answered(self._targets[heard.target], ICMP, heard.seq)

    def close(self) -> None:
        """Let go of the socket; twice is fine."""
        if self._socket.fileno() >= 0:
            self._way.watch.off(self._socket)
            self._socket.close()


def _port(family: int, way: Way) -> Port:
    return WindowsPort(family, way, windows_library()) if _ON_WINDOWS else IcmpPort(family, way)


class IcmpPorts:
    """The port of each family, opened when the first target needs it."""

    def __init__(self, way: Way, make: Callable[[int, Way], Port] = _port) -> None:
        self._way = way
        self._make = make
        self._open: dict[int, Port] = {}

    def of(self, family: int) -> Port:
        """Raises ParameterError when ICMP is not allowed here."""
        if family not in self._open:
            self._open[family] = self._make(family, self._way)
        return self._open[family]

    def close(self) -> None:
        """Close them all."""
        for port in self._open.values():
            port.close()


class IcmpChannel:
    """Echo requests to one target through the port of its family."""

    kind = ICMP

    def __init__(self, at: Endpoint, ports: IcmpPorts) -> None:
        self.target = at.target
        self._ports = ports
        self.move(at)

    def send(self, seq: int, now_s: float) -> str:
        return self._port.send(self._index, seq, self._where)

    def maintain(self, now_s: float) -> None:
        return None

    def stalled(self, now_s: float) -> None:
        return None

    def move(self, at: Endpoint) -> None:
        self._port = self._ports.of(at.family)
        self._index = self._port.add(self.target)
        self._where = at.where

    def close(self) -> None:
        return None
