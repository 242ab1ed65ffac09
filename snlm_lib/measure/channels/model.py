"""What every channel is: a way to one target, driven by an engine, never blocking; plus addresses and error words."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from snlm_lib.measure.channels.watch import Watch

__all__ = [
    "CHUNK_BYTES",
    "CONNECT",
    "ICMP",
    "KINDS",
    "MOST_READS",
    "TCP",
    "UDP",
    "UNDER_WAY",
    "Channel",
    "Endpoint",
    "Log",
    "Outside",
    "Sink",
    "Way",
    "met_itself",
    "resolve",
    "word_of",
]

ICMP, UDP, CONNECT, TCP = "icmp", "udp", "connect", "tcp"
KINDS = (ICMP, UDP, CONNECT, TCP)  # in the order in which figures are told; also from best to next best

CHUNK_BYTES = 4096
UNDER_WAY = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY}  # what a connect that does not wait returns
MOST_READS = 256  # of one socket in one turn, so that a flood of answers cannot hold up a tick

Log = Callable[[str], None]
Lookup = Callable[..., Any]  # as socket.getaddrinfo
MakeSocket = Callable[..., socket.socket]

# The word of each number, for Linux, macOS and (10xxx) Windows.
_WORDS: dict[str, tuple[int, ...]] = {
    "refused": (errno.ECONNREFUSED, 10061),
    "reset": (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, 10053, 10054),
    "unreachable": (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, 10050, 10051, 10064, 10065),
    "unreachable-here": (errno.EADDRNOTAVAIL, 10049),
    "no-answer": (errno.ETIMEDOUT, 10060),
    "forbidden": (errno.EPERM, errno.EACCES, 10013),
    "no-socket-left": (errno.EMFILE, errno.ENFILE, 10024),
    "busy": (errno.EAGAIN, errno.ENOBUFS, 10035, 10055),
}
_WORD_OF = {number: word for word, numbers in _WORDS.items() for number in numbers}


def word_of(number: int | None) -> str:
    """The short word for an error number, as it stands in the column ``error``."""
    return _WORD_OF.get(number or 0, f"error-{number}")


def met_itself(connected: socket.socket) -> bool:
    """With nobody listening on a port of this machine, a socket can meet itself and would echo; may raise OSError."""
    return bool(connected.getsockname() == connected.getpeername())


@dataclass(frozen=True)
class Endpoint:
    """A resolved address: ``target`` is the target's name, ``where`` what a socket connects to."""

    target: str
    family: int
    where: tuple[Any, ...]

    @property
    def host(self) -> str:
        """The address alone, as numbers."""
        return str(self.where[0])


@dataclass(frozen=True)
class Outside:
    """The doors to the world, so that a test can stand before them."""

    lookup: Lookup = socket.getaddrinfo
    make_socket: MakeSocket = socket.socket
    make_watch: Callable[[Callable[[float], None]], Watch] = Watch
    names_every_s: float = 10.0  # how often a name is asked for again


def resolve(target: str, address: str, port: int, *, kind: str, lookup: Lookup = socket.getaddrinfo) -> Endpoint:
    """Look ``address`` up once; raises OSError when nobody knows it."""
    sort = socket.SOCK_STREAM if kind in (CONNECT, TCP) else socket.SOCK_DGRAM
    family, _, _, _, where = lookup(address, port, type=sort)[0]
    return Endpoint(target, family, where)


class Sink(Protocol):
    """Who is told the fate of a probe, as soon as a channel knows it."""

    def answered(self, target: str, kind: str, seq: int) -> None:
        """Its answer is here."""
        ...

    def failed(self, target: str, kind: str, seq: int, error: str) -> None:
        """It can no longer be answered; ``error`` is the word for why."""
        ...

    def withdrawn(self, target: str, kind: str, seq: int) -> None:
        """It needed our hand while we did not run: as good as never sent."""
        ...


@dataclass(frozen=True)
class Way:
    """What a channel works with: where its sockets are watched, who hears of fates, how long an answer may take."""

    watch: Watch
    sink: Sink
    timeout_s: float = 1.0
    log: Log = field(default=lambda _line: None)
    make_socket: MakeSocket = socket.socket


class Channel(Protocol):
    """What the engine drives."""

    target: str
    kind: str

    def send(self, seq: int, now_s: float) -> str:
        """Get probe ``seq`` on its way; empty, or the word for why it could not leave this machine."""
        ...

    def maintain(self, now_s: float) -> None:
        """Give up what takes too long; called at least twice within a time-out."""
        ...

    def stalled(self, now_s: float) -> None:
        """We did not run for a while before ``now_s``: withdraw what needed our hand."""
        ...

    def move(self, at: Endpoint) -> None:
        """The target has another address from now on."""
        ...

    def close(self) -> None:
        """Let go of every socket."""
        ...
