"""The lab's handle on its living guests: start one, silence it, let it answer, stop it."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import subprocess
import sys
import threading
from typing import Any

from snlm_lib.clock import SystemClock
from snlm_lib.errors import LabError

__all__ = ["GuestProcess"]

_REPLY_S = 10.0


class GuestProcess:
    """One guest in a process of its own, which gets ready while its maker does something else."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ports: dict[str, int] | None = None
        self._turn = threading.Lock()  # an order and its answer
        self._process = subprocess.Popen(
            [sys.executable, "-m", "snlm_lib.lab.guest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._facts: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, name=f"guest-{name}", daemon=True).start()

    @property
    def udp_port(self) -> int:
        """Where it echoes datagrams. Waits until it is ready; raises LabError when it does not get so."""
        return self._ready()["udp_port"]

    @property
    def tcp_port(self) -> int:
        """Where it echoes lines, over any number of connections; as `udp_port`."""
        return self._ready()["tcp_port"]

    def _ready(self) -> dict[str, int]:
        ports = self._told_ports()
        if ports is None:
            self.stop()
            raise LabError("the guest process did not get ready", where=self.name, remedy="Start the lab again.")
        return ports

    def _told_ports(self) -> dict[str, int] | None:
        with self._turn:
            self._ports = self._ports or self._next()
            return self._ports

    @property
    def pid(self) -> int:
        return self._process.pid

    def silence(self, *, held: bool = False) -> None:
        """Stop answering; returns when the guest has obeyed. ``held``: what arrives meanwhile is answered late."""
        self._order("hold" if held else "silent")

    def answer(self) -> float | None:
        """Answer again; the silence as the guest measured it, None when its process is gone."""
        return self._order("answer").get("silence_s")

    def echo(self, timeout_s: float) -> float | None:
        """Send one datagram and wait for it; how long it was away in seconds, None when it did not come in time."""
        clock = SystemClock()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            sent_s = clock.monotonic_s()
            try:
                probe.connect(("127.0.0.1", self.udp_port))
                probe.settimeout(timeout_s)
                probe.send(b"echo")
                probe.recv(16)
            except TimeoutError:
                return None
            except (OSError, LabError):  # its process is gone: nobody says so, as on a network
                clock.sleep(timeout_s)
                return None
            return clock.monotonic_s() - sent_s

    def quarantine(self) -> None:
        """Drop datagrams and give new connections no answer; those that stand go on."""
        self._order("quarantine")

    def release(self) -> float | None:
        """The end of that; how long it was as the guest measured it, None when its process is gone."""
        return self._order("release").get("quarantine_s")

    def _order(self, order: str) -> dict[str, Any]:
        self._told_ports()  # they come first
        with self._turn:
            return (self._next() if self._say(order) else None) or {}

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
            fact = self._facts.get(timeout=_REPLY_S)
        except queue.Empty:
            return None
        if not fact:
            self._facts.put(fact)  # for whoever asks next
        return fact or None

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._facts.put(json.loads(line))
            self._process.stdout.close()
        self._facts.put({})  # the process has ended: nobody need wait
