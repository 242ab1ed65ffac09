"""iphlpapi and kernel32 as far as ICMP needs them: each request is answered as told, by a callback to who waits."""

from __future__ import annotations

import ctypes
import itertools
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from snlm_lib.measure.channels.icmp_windows import CALLED_BACK, Library

PENDING, TIMED_OUT = 997, 11010


@dataclass(frozen=True)
class Fate:
    """What becomes of a request to an address: an IP_STATUS ``after_s``, or never; or ``refused`` at once."""

    status: int | None = 0
    after_s: float = 0.0
    refused: int = 0


@dataclass
class FakeWindows:
    """``fates`` by address; every request that left is in ``asked``. ``bits``: of the pointers in a reply."""

    fates: dict[str, Fate] = field(default_factory=dict)
    bits: int = 64
    no_icmp: bool = False
    asked: list[tuple[str, bytes, int]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = False
        self._due: list[tuple[float, Any, int, Any, int]] = []
        self._handles = itertools.count(100)
        self._error = threading.local()

    def library(self) -> Library:
        """What a port takes as Windows."""
        return Library(self, self, lambda: int(self._error.number), ctypes.CFUNCTYPE(None, *CALLED_BACK))

    def _fail(self, number: int) -> int:
        self._error.number = number
        return 0

    # --- kernel32

    def CreateEventW(self, *_ignored: object) -> int:
        return next(self._handles)

    def CloseHandle(self, handle: int) -> int:
        self.closed.append(handle)
        return 1

    def SetEvent(self, _handle: int) -> int:
        with self._changed:
            self._rung = True
            self._changed.notify_all()
        return 1

    def WaitForSingleObjectEx(self, _handle: int, _milliseconds: int, alertable: int) -> int:
        assert alertable
        with self._changed:
            while not self._rung:
                if self._ripe():
                    self._call_back()
                    return 0xC0  # WAIT_IO_COMPLETION
                first_s = min((due[0] for due in self._due), default=time.monotonic() + 1)
                self._changed.wait(max(first_s - time.monotonic(), 0.0))
            self._rung = False
        return 0

    def SleepEx(self, _milliseconds: int, alertable: int) -> int:
        assert alertable
        self._call_back()
        return 0

    def _ripe(self) -> bool:
        return any(due[0] <= time.monotonic() for due in self._due)

    def _call_back(self) -> None:
        ripe = [due for due in self._due if due[0] <= time.monotonic()]
        self._due = [due for due in self._due if due not in ripe]
        for _, heard, context, reply, status in ripe:
            self._write(reply, status)
            heard(context, None, 0)

    # --- iphlpapi

    def IcmpCreateFile(self) -> int | None:
        self._six = False
        return self._create()

    def Icmp6CreateFile(self) -> int | None:
        self._six = True
        return self._create()

    def _create(self) -> int | None:
        if self.no_icmp:
            self._fail(5)
            return ctypes.c_void_p(-1).value
        return next(self._handles)

    def IcmpCloseHandle(self, handle: int) -> int:
        self.closed.append(handle)
        return 1

    def IcmpSendEcho2(self, *words: Any) -> int:
        _handle, _event, heard, context, address, *rest = words
        return self._take(socket.inet_ntoa(address.to_bytes(4, sys.byteorder)), heard, context, rest)

    def Icmp6SendEcho2(self, *words: Any) -> int:
        _handle, _event, heard, context, source, there, *rest = words
        assert struct.unpack("<HHI16sI", source)[0] == 23
        family, _, _, address, scope = struct.unpack("<HHI16sI", there)
        assert family == 23
        host = socket.inet_ntop(socket.AF_INET6, address)
        return self._take(f"{host}%{scope}" if scope else host, heard, context, rest)

    def _take(self, host: str, heard: Any, context: int, rest: list[Any]) -> int:
        data, size, _options, reply, room, patience_ms = rest
        assert (len(data), len(reply)) == (size, room)
        fate = self.fates.get(host, Fate())
        if fate.refused:
            return self._fail(fate.refused)
        self.asked.append((host, data, patience_ms))
        if fate.status is not None:
            self._due.append((time.monotonic() + fate.after_s, heard, context, reply, fate.status))
        return self._fail(PENDING)

    def _write(self, reply: Any, status: int) -> None:
        if self._six:
            packed = struct.pack("<HI8HI2xII", 0, 0, *range(8), 0, status, 0)
        else:
            packed = struct.pack("<IIIHH", 0, status, 0, 0, 0) + bytes(12 if self.bits == 32 else 24)
        reply[: len(packed)] = packed

    def IcmpParseReplies(self, reply: Any, _room: int) -> int:
        return self._parsed(int.from_bytes(reply[4:8], "little"))

    def Icmp6ParseReplies(self, reply: Any, _room: int) -> int:
        return self._parsed(int.from_bytes(reply[28:32], "little"))

    def _parsed(self, status: int) -> int:
        return self._fail(status) if status == TIMED_OUT else 1
