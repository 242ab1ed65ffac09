"""ICMP echo on Windows, which needs no administrator there: IcmpSendEcho2 and Icmp6SendEcho2 of iphlpapi.

Has never run on Windows: it follows Microsoft's documentation, and its tests bring an iphlpapi of their own. Each
probe is a request of its own, which Windows matches with its answer. The round trip is by our clock, not by
Windows' whole milliseconds. A thread sends and waits, because Windows calls back only the thread that sent, and only
while that thread waits; the engine waits for its sockets, of which we are one.
"""

from __future__ import annotations

import ctypes
import itertools
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels.model import ICMP, Way, word_of
from snlm_lib.measure.channels.watch import READ
from snlm_lib.measure.ledger import LATE_WINDOW_S

__all__ = ["CALLED_BACK", "Library", "WindowsPort", "windows_library"]

CALLED_BACK: list[Any] = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]  # PIO_APC_ROUTINE takes these
_INVALID = ctypes.c_void_p(-1).value
_PENDING = 997  # ERROR_IO_PENDING: on its way
_FOREVER = 0xFFFFFFFF
_AF_INET6 = 23  # as Windows numbers it
_ADDRESS_6 = struct.Struct("<HHI16sI")  # sockaddr_in6
_STATUS_AT = {4: 4, 6: 28}  # in ICMP_ECHO_REPLY and ICMPV6_ECHO_REPLY, of 32 and of 64 bits
_REPLY_BYTES = 256  # either of them, what came back, an error message and an IO_STATUS_BLOCK
_HANDED_S = 1.0  # by then the thread has sent, or this machine is too busy to measure
_LAST_CALLS_MS = 100
_TIMED_OUT = 11010
# IP_STATUS -> word (ipexport.h); the numbers of IPv6 are the same
_WORDS = {0: "", 11006: "busy", 11018: "unreachable-here", 11050: "unreachable-here"}
_WORDS |= dict.fromkeys((11002, 11003, 11004, 11005, 11012, 11013, 11014, 11040, 11045), "unreachable")
_WORDS |= {1231: "unreachable", 1232: "unreachable", 5: "forbidden"}  # Windows' own, when nothing leaves

_never_answered: list[dict[int, _Request]] = []  # Windows may still write into these until this process ends


@dataclass(frozen=True)
class Library:
    """The functions of iphlpapi and kernel32, the error of the last of them, and what makes a callback of Windows."""

    icmp: Any
    kernel: Any
    last_error: Callable[[], int]
    callback: Callable[[Callable[..., None]], Any]


_HELD, _NUMBER, _DATA = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p
_STARTED: list[Any] = [_HELD, _HELD, _HELD, _HELD]
_ASKED: list[Any] = [_DATA, ctypes.c_uint16, _HELD, _HELD, _NUMBER, _NUMBER]
_ICMP: dict[str, tuple[Any, list[Any]]] = {
    "IcmpCreateFile": (_HELD, []),
    "Icmp6CreateFile": (_HELD, []),
    "IcmpCloseHandle": (_NUMBER, [_HELD]),
    "IcmpSendEcho2": (_NUMBER, [*_STARTED, _NUMBER, *_ASKED]),
    "Icmp6SendEcho2": (_NUMBER, [*_STARTED, _DATA, _DATA, *_ASKED]),
    "IcmpParseReplies": (_NUMBER, [_HELD, _NUMBER]),
    "Icmp6ParseReplies": (_NUMBER, [_HELD, _NUMBER]),
}
_KERNEL: dict[str, tuple[Any, list[Any]]] = {
    "CreateEventW": (_HELD, [_HELD, _NUMBER, _NUMBER, _HELD]),
    "SetEvent": (_NUMBER, [_HELD]),
    "WaitForSingleObjectEx": (_NUMBER, [_HELD, _NUMBER, _NUMBER]),
    "SleepEx": (_NUMBER, [_NUMBER, _NUMBER]),
    "CloseHandle": (_NUMBER, [_HELD]),
}


def windows_library() -> Library:
    """Windows' own; raises ParameterError elsewhere."""
    if sys.platform == "win32":
        icmp = _typed(ctypes.WinDLL("iphlpapi", use_last_error=True), _ICMP)
        kernel = _typed(ctypes.WinDLL("kernel32", use_last_error=True), _KERNEL)
        return Library(icmp, kernel, ctypes.get_last_error, ctypes.WINFUNCTYPE(None, *CALLED_BACK))
    raise ParameterError("iphlpapi is Windows' alone", remedy="Probe another kind.")


def _typed(library: Any, functions: dict[str, tuple[Any, list[Any]]]) -> Any:
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@dataclass(eq=False)
class _Request:
    """One probe, and the memory that Windows writes its fate into."""

    target: int
    seq: int
    where: tuple[Any, ...]
    data: bytes
    reply: Any = field(default_factory=lambda: ctypes.create_string_buffer(_REPLY_BYTES))
    left: threading.Event = field(default_factory=threading.Event)
    word: str = ""  # why it could not leave


class WindowsPort:
    """All echo requests over one family, as `icmp.IcmpPort` is elsewhere. Raises ParameterError when refused."""

    def __init__(self, family: int, way: Way, library: Library) -> None:
        self._version = 6 if family == socket.AF_INET6 else 4
        self._way = way
        self._library = library
        self._targets: list[str] = []
        self._numbers = itertools.count(1)
        self._asked: deque[_Request] = deque()
        self._told: deque[tuple[int, int, str]] = deque()
        self._under_way: dict[int, _Request] = {}
        self._patience_ms = int((way.timeout_s + LATE_WINDOW_S) * 1000)
        self._handle = (library.icmp.Icmp6CreateFile if self._version == 6 else library.icmp.IcmpCreateFile)()
        if self._handle in (None, _INVALID):
            raise ParameterError(
                f"Windows gives no ICMP over IPv{self._version} here (error {library.last_error()})",
                remedy="Probe another kind.",
            )
        self._bell = library.kernel.CreateEventW(None, 0, 0, None)
        self._heard = library.callback(self._on_answer)  # kept: Windows holds no reference
        self._ours, self._theirs = socket.socketpair()
        for end in (self._ours, self._theirs):
            end.setblocking(False)
        way.watch.on(self._ours, self, READ)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"icmp{self._version}", daemon=True)
        self._thread.start()

    def add(self, target: str) -> int:
        """Number a target."""
        self._targets.append(target)
        return len(self._targets) - 1

    def send(self, index: int, seq: int, where: tuple[object, ...]) -> str:
        """One echo request; empty once it has left, or the word for why it did not."""
        request = _Request(index, seq, where, b"snlm %d" % seq)
        self._asked.append(request)
        self._library.kernel.SetEvent(self._bell)
        return request.word if request.left.wait(_HANDED_S) else "busy"

    def ready(self, mask: int) -> None:
        """Tell what has come since."""
        with suppress(BlockingIOError):
            self._ours.recv(_REPLY_BYTES)
        while self._told:
            target, seq, word = self._told.popleft()
            if word:
                self._way.sink.failed(self._targets[target], ICMP, seq, word)
            else:
                self._way.sink.answered(self._targets[target], ICMP, seq)

    def close(self) -> None:
        """Let go of everything; twice is fine."""
        if self._ended:
            return
        self._ended = True
        self._library.kernel.SetEvent(self._bell)
        self._thread.join()
        self._way.watch.off(self._ours)
        self._ours.close()
        self._theirs.close()

    def _run(self) -> None:
        kernel = self._library.kernel
        while not self._ended:
            while self._asked:
                self._start(self._asked.popleft())
            kernel.WaitForSingleObjectEx(self._bell, _FOREVER, 1)  # alertable: `_on_answer` is called in here
        self._library.icmp.IcmpCloseHandle(self._handle)
        kernel.SleepEx(_LAST_CALLS_MS, 1)
        kernel.CloseHandle(self._bell)
        if self._under_way:
            _never_answered.append(self._under_way)

    def _start(self, request: _Request) -> None:
        number = next(self._numbers)
        self._under_way[number] = request
        started = (self._handle, None, self._heard, number)
        asked = (request.data, len(request.data), None, request.reply, _REPLY_BYTES, self._patience_ms)
        host = str(request.where[0]).partition("%")[0]
        if self._version == 4:
            address = int.from_bytes(socket.inet_aton(host), sys.byteorder)
            done = self._library.icmp.IcmpSendEcho2(*started, address, *asked)
        else:
            scope = int(request.where[3]) if len(request.where) > 3 else 0
            there = _ADDRESS_6.pack(_AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, host), scope)
            anywhere = _ADDRESS_6.pack(_AF_INET6, 0, 0, bytes(16), 0)
            done = self._library.icmp.Icmp6SendEcho2(*started, anywhere, there, *asked)
        error = 0 if done else self._library.last_error()
        if error not in (0, _PENDING):
            del self._under_way[number]
            request.word = _word(error)
        request.left.set()

    def _on_answer(self, number: int, _status_block: int | None, _reserved: int) -> None:
        request = self._under_way.pop(number)
        status = self._status(request)
        if status == _TIMED_OUT:  # the ledger has told it lost
            return
        self._told.append((request.target, request.seq, _word(status)))
        with suppress(OSError):  # full: the engine is being woken already
            self._theirs.send(b"!")

    def _status(self, request: _Request) -> int:
        icmp = self._library.icmp
        parse = icmp.Icmp6ParseReplies if self._version == 6 else icmp.IcmpParseReplies
        if not parse(request.reply, _REPLY_BYTES):
            return self._library.last_error()
        return int.from_bytes(request.reply.raw[_STATUS_AT[self._version] :][:4], "little")


def _word(status: int) -> str:
    return _WORDS[status] if status in _WORDS else word_of(status)
