"""Faults of the wire at chosen requests of a run: which ones, and what each does; knows no socket.

Requests are counted among those that a fault asks about, sign-on requests included, so the same plan meets the
same requests in every run that sends them in the same order.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from snlm_lib.errors import LabError
from snlm_lib.lab import wsman
from snlm_lib.lab.wsman_fault import Fault

__all__ = ["KINDS", "SIGN_ON", "Seen", "WireFault", "WirePlan", "refuse_unknown"]

KINDS = {
    "cut-before": "the connection ends before the request is read",
    "cut-after": "the work is done, and the connection ends before the answer",
    "cut-in-answer": "the connection ends in the middle of the answer",
    "stall": "nothing happens for a while, then the work is done and answered",
    "busy": "HTTP 503, nothing is done",
    "lost": "the work is done, and no answer ever comes",
    "twice": "the answer comes twice",
    "restart": "the host restarts before the request is read: connections and shells are gone",
}
SIGN_ON = "SignOn"
_ACTIONS = frozenset({SIGN_ON, *wsman.VERBS})
_COMMAND_NAME = re.compile(rb'<S N="Cmd">([^<]*)</S>')


@dataclass(frozen=True)
class WireFault:
    """One fault: ``what`` of `KINDS`, at the ``request``-th request (from 1) among those to ``host``, with
    ``action`` (Command, Receive, ... or SignOn) about the cmdlet ``command`` (the last of its pipeline), each
    where given; ``times`` in a row. ``seconds``: how long it stalls, or a restarted host is away;
    ``move_goes_on``: whether a move under way survives a restart."""

    what: str
    host: str | None = None
    action: str | None = None
    command: str | None = None
    request: int = 1
    times: int = 1
    seconds: float = 1.0
    move_goes_on: bool = True

    def asks_about(self, seen: Seen) -> bool:
        pairs = ((self.host, seen.host), (self.action, seen.action), (self.command, seen.command))
        return all(wanted is None or wanted.casefold() == found.casefold() for wanted, found in pairs)


@dataclass(frozen=True)
class Seen:
    """One request as the plan sees it; ``command`` is "" for what belongs to no pipeline."""

    host: str
    action: str
    command: str


class WirePlan:
    """Counts the requests of a run and says which of them meets a fault. ``on_restart``: told the host's name
    and whether its moves go on. `seen` lists every request so far."""

    def __init__(
        self, faults: Sequence[WireFault] = (), *, on_restart: Callable[[str, bool], None] = lambda host, goes_on: None
    ) -> None:
        self.on_restart = on_restart
        self.seen: list[Seen] = []
        self._faults = tuple(faults)
        self._met = [0] * len(self._faults)
        self._commands: dict[str, str] = {}
        self._lock = threading.Lock()

    def meets(self, host: str, envelope: bytes) -> WireFault | None:
        """The fault of this request, if it has one; an empty envelope signs on."""
        with self._lock:
            seen = self._read(host, envelope)
            self.seen.append(seen)
            found = None
            for place, fault in enumerate(self._faults):
                if fault.asks_about(seen):
                    self._met[place] += 1
                    if fault.request <= self._met[place] < fault.request + fault.times:
                        found = found or fault
            return found

    def _read(self, host: str, envelope: bytes) -> Seen:
        if not envelope:
            return Seen(host, SIGN_ON, "")
        try:
            request = wsman.parse_request(envelope)
        except Fault:
            return Seen(host, "", "")
        names = _COMMAND_NAME.findall(request.payload) if request.verb == "Command" else []
        if names:
            self._commands[request.command_id] = names[-1].decode("utf-8", "replace")
        return Seen(host, request.verb, self._commands.get(request.command_id, "") if request.command_id else "")


def refuse_unknown(faults: Sequence[WireFault], hosts: Sequence[str], where: str) -> None:
    """Raises LabError for a kind, a host or an action that does not exist, and for a number below one."""
    known = {host.casefold() for host in hosts}
    for place, fault in enumerate(faults):
        at = f"{where}.wire_faults[{place}]"
        if fault.what not in KINDS:
            raise LabError(f"'{fault.what}' is no fault of the wire", where=at, remedy=f"Say {', '.join(KINDS)}.")
        if fault.host is not None and fault.host.casefold() not in known:
            raise LabError(f"no host is called '{fault.host}'", where=at, remedy="Name one of the scenario's hosts.")
        if fault.action is not None and fault.action not in _ACTIONS:
            raise LabError(f"'{fault.action}' is no action", where=at, remedy=f"Say {', '.join(sorted(_ACTIONS))}.")
        if fault.request < 1 or fault.times < 1 or fault.seconds < 0:
            raise LabError("request and times count from 1", where=at, remedy="Correct the number.")
