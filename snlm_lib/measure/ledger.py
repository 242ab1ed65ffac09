"""What became of every probe: answered, late, lost, twice answered or never sent. Pure; knows no clock and no socket.

A row is written as soon as a fate is known, so that a kill costs at most the last second. Lost is told when the
time-out passes; an answer that still comes within the late window is told by a second row, which supersedes the
first. Moments are seconds since the monitor started, on its monotonic clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from snlm_lib.units import iso_utc

__all__ = [
    "ANSWERED",
    "DUPLICATE",
    "LATE",
    "LATE_WINDOW_S",
    "LOST",
    "NOT_SENT",
    "NO_ANSWER",
    "PING_COLUMNS",
    "STALLED",
    "Ledger",
    "PingRow",
    "Probe",
]

ANSWERED, LATE, LOST, NOT_SENT, DUPLICATE = "answered", "late", "lost", "not_sent", "duplicate"
NO_ANSWER, STALLED = "no-answer", "monitor-stalled"  # words of the column error
LATE_WINDOW_S = 5.0  # how long after its time-out an answer still counts, as late
PING_COLUMNS = ("seq", "target", "kind", "due_s", "sent_utc", "sent_s", "status", "rtt_ms", "error")

Key = tuple[str, str, int]


class Probe(NamedTuple):
    """One probe that left at ``sent_s``; ``note`` is something to know about it whatever its fate."""

    seq: int
    target: str
    kind: str
    due_s: float
    sent_s: float
    sent_utc: datetime
    note: str = ""


class PingRow(NamedTuple):
    """One line of pings.csv, as text; empty is unknown."""

    seq: str
    target: str
    kind: str
    due_s: str
    sent_utc: str
    sent_s: str
    status: str
    rtt_ms: str
    error: str = ""


@dataclass(slots=True)
class _Sent:
    probe: Probe
    status: str = ""  # of its newest row; empty before the first


class Ledger:
    """Holds the probes that can still get an answer and turns their fates into rows."""

    def __init__(self, *, timeout_s: float, late_s: float = LATE_WINDOW_S) -> None:
        self._timeout_s = timeout_s
        self._late_s = late_s
        self._known: dict[Key, _Sent] = {}
        self._timing_out: deque[_Sent] = deque()  # both in the order sent
        self._leaving: deque[_Sent] = deque()
        self._under_way = 0
        self._rows: list[PingRow] = []

    @property
    def under_way(self) -> int:
        """How many probes have no fate yet."""
        return self._under_way

    def __len__(self) -> int:
        """How many probes it holds: those under way, and those that may still be answered late or twice."""
        return len(self._known)

    def sent(self, probe: Probe) -> None:
        """A probe left."""
        entry = _Sent(probe)
        self._known[probe.target, probe.kind, probe.seq] = entry
        self._timing_out.append(entry)
        self._leaving.append(entry)
        self._under_way += 1

    def not_sent(self, seq: int, due_s: float, *, target: str, kind: str, error: str = "") -> None:
        """A tick passed without a probe: our fault, so never a loss."""
        self._rows.append(PingRow(str(seq), target, kind, f"{due_s:.4f}", "", "", NOT_SENT, "", error))

    def answered(self, key: Key, received_s: float, *, stalled: bool = False) -> bool:
        """An answer came; False when nobody knows of such a probe (any more).

        ``stalled``: it waited for us, who did not run, so the moment it came is not known.
        """
        entry = self._known.get(key)
        if entry is None or entry.status == NOT_SENT:
            return False
        rtt_s = None if stalled else received_s - entry.probe.sent_s
        self._tell(entry, self._fate(entry, rtt_s), rtt_s=rtt_s, error=STALLED if stalled else "")
        return True

    def _fate(self, entry: _Sent, rtt_s: float | None) -> str:
        if entry.status in (ANSWERED, LATE):
            return DUPLICATE
        in_time = rtt_s is None or rtt_s <= self._timeout_s
        return ANSWERED if in_time and not entry.status else LATE

    def lose(self, key: Key, error: str = NO_ANSWER) -> None:
        """No answer can come in time any more (``error`` says why); nothing when its fate is known."""
        entry = self._known.get(key)
        if entry is not None and not entry.status:
            self._tell(entry, LOST, rtt_s=None, error=error)

    def withdraw(self, key: Key, error: str) -> None:
        """A probe counted as sent is as good as never sent (``error`` says why); nothing when its fate is known."""
        entry = self._known.get(key)
        if entry is not None and not entry.status:
            self._under_way -= 1
            entry.status = NOT_SENT
            probe = entry.probe
            self.not_sent(probe.seq, probe.due_s, target=probe.target, kind=probe.kind, error=error)

    def withdraw_all(self, error: str) -> None:
        """`withdraw` everything under way."""
        for entry in self._timing_out:
            self.withdraw((entry.probe.target, entry.probe.kind, entry.probe.seq), error)

    def expire(self, now_s: float) -> None:
        """Lost is what is past its time-out at ``now_s``; past the late window it is forgotten.

        ``now_s`` is when answers were last looked for: what came since is no loss.
        """
        self._lose_older(now_s - self._timeout_s)
        gone_s = now_s - self._timeout_s - self._late_s
        while self._leaving and self._leaving[0].probe.sent_s <= gone_s:
            probe = self._leaving.popleft().probe
            del self._known[probe.target, probe.kind, probe.seq]

    def finish(self, now_s: float) -> int:
        """The end: past the time-out is lost, younger ones stay without a row; returns how many those are."""
        self._lose_older(now_s - self._timeout_s)
        left = self._under_way
        self._known.clear()
        self._timing_out.clear()
        self._leaving.clear()
        self._under_way = 0
        return left

    def drain(self) -> list[PingRow]:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _lose_older(self, before_s: float) -> None:
        while self._timing_out and self._timing_out[0].probe.sent_s <= before_s:
            entry = self._timing_out.popleft()
            if not entry.status:
                self._tell(entry, LOST, rtt_s=None, error=NO_ANSWER)

    def _tell(self, entry: _Sent, status: str, *, rtt_s: float | None, error: str) -> None:
        probe = entry.probe
        if not entry.status:
            self._under_way -= 1
        if status != DUPLICATE:
            entry.status = status
        rtt = "" if rtt_s is None else f"{rtt_s * 1000:.3f}"
        words = "; ".join(filter(None, (error, probe.note)))
        head = (str(probe.seq), probe.target, probe.kind, f"{probe.due_s:.4f}")
        self._rows.append(PingRow(*head, iso_utc(probe.sent_utc), f"{probe.sent_s:.6f}", status, rtt, words))
