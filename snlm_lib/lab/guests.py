"""The lab's handle on its living guests: start one, silence it, let it answer, stop it."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from typing import Any

from snlm_lib.errors import LabError

__all__ = ["GuestProcess"]

_REPLY_S = 10.0


class GuestProcess:
    """One guest in a process of its own; ``udp_port`` and ``tcp_port`` are known after the start.

    Raises LabError when the process does not get ready.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "snlm_lib.lab.guest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._facts: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, name=f"guest-{name}", daemon=True).start()
        ready = self._next()
        if ready is None:
            self.stop()
            raise LabError("the guest process did not get ready", where=name, remedy="Start the lab again.")
        self.udp_port: int = ready["udp_port"]
        self.tcp_port: int = ready["tcp_port"]

    @property
    def pid(self) -> int:
        return self._process.pid

    def silence(self) -> None:
        """Stop answering; returns when the guest has obeyed."""
        if self._say("silent"):
            self._next()

    def answer(self) -> float | None:
        """Answer again; the silence as the guest measured it, None when its process is gone."""
        fact = self._next() if self._say("answer") else None
        return None if fact is None else fact.get("silence_s")

    def stop(self) -> None:
        """End the process; one already gone is fine."""
        self._say("stop")
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(3.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _say(self, order: str) -> bool:
        pipe = self._process.stdin
        if pipe is None or pipe.closed:
            return False
        try:
            pipe.write(f"{order}\n".encode())
            pipe.flush()
        except OSError:
            return False
        return True

    def _next(self) -> dict[str, Any] | None:
        try:
            return self._facts.get(timeout=_REPLY_S) or None
        except queue.Empty:
            return None

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._facts.put(json.loads(line))
            self._process.stdout.close()
        self._facts.put({})  # the process has ended: nobody need wait
