"""Plays a planned fault on one connection: what happens before a request is read, and to its answer.

A cut is an error of the connection: its thread ends, and the socket with it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Protocol

from snlm_lib.lab.wire_faults import WireFault, WirePlan

__all__ = ["Listening", "WirePlay"]

_BUSY = 503
_STEP_S = 0.05


class Listening(Protocol):
    """What the play needs of a host's listener."""

    @property
    def ending(self) -> bool: ...

    def restart(self, seconds: float) -> None:
        """Forget every shell, cut every connection, accept none for so long."""
        ...


class WirePlay:
    """The faults of one connection; without a plan nothing ever happens."""

    def __init__(self, plan: WirePlan | None, host: str, listener: Listening) -> None:
        self._plan = plan
        self._host = host
        self._listener = listener
        self._fault: WireFault | None = None

    def before(self, envelope: bytes) -> int | None:
        """Before the request is worked on -> the HTTP status that refuses it, or None: go on."""
        self._fault = fault = self._plan.meets(self._host, envelope) if self._plan else None
        if fault is None or self._plan is None:
            return None
        if fault.what == "busy":
            return _BUSY
        if fault.what == "cut-before":
            raise ConnectionAbortedError
        if fault.what == "stall":
            self._idle(fault.seconds)
        if fault.what == "restart":
            self._plan.on_restart(self._host, fault.move_goes_on)
            self._listener.restart(fault.seconds)
            raise ConnectionAbortedError
        return None

    def write(self, connection: socket.socket, answer: bytes, put: Callable[[bytes], object]) -> None:
        """Send the answer as the fault has it."""
        kind, self._fault = self._fault.what if self._fault else "", None
        if kind == "cut-after":
            raise ConnectionAbortedError
        if kind == "lost":
            connection.recv(1)  # until the client gives up
            raise ConnectionAbortedError
        if kind == "cut-in-answer":
            put(answer[: len(answer) // 2])
            raise ConnectionAbortedError
        put(answer * 2 if kind == "twice" else answer)

    def _idle(self, seconds: float) -> None:
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            if self._listener.ending:
                raise ConnectionAbortedError
            time.sleep(min(left_s, _STEP_S))
