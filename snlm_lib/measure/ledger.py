"""What became of every probe: answered, late, lost or never sent. Pure; knows no clock and no socket.

Each probe gets exactly one row, written once its fate is known. Moments are seconds since the monitor
started, on its monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from snlm_lib.units import iso_utc

__all__ = ["ANSWERED", "LATE", "LATE_WINDOW_S", "LOST", "NOT_SENT", "PING_COLUMNS", "Ledger", "PingRow", "Probe"]

ANSWERED, LATE, LOST, NOT_SENT = "answered", "late", "lost", "not_sent"
LATE_WINDOW_S = 5.0  # how long after its time-out an answer still counts, as late
PING_COLUMNS = ("seq", "target", "kind", "due_s", "sent_utc", "sent_s", "status", "rtt_ms")

Key = tuple[str, str, int]


@dataclass(frozen=True)
class Probe:
    """One probe that left at ``sent_s``."""

    seq: int
    target: str
    kind: str
    due_s: float
    sent_s: float
    sent_utc: datetime


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


class Ledger:
    """Holds the probes under way and turns them into rows."""

    def __init__(self, *, timeout_s: float, late_s: float = LATE_WINDOW_S) -> None:
        self._timeout_s = timeout_s
        self._late_s = late_s
        self._under_way: dict[Key, Probe] = {}  # in the order sent
        self._rows: list[PingRow] = []

    @property
    def under_way(self) -> int:
        """How many probes have no fate yet."""
        return len(self._under_way)

    def sent(self, probe: Probe) -> None:
        """A probe left."""
        self._under_way[probe.target, probe.kind, probe.seq] = probe

    def not_sent(self, seq: int, due_s: float, *, target: str, kind: str) -> None:
        """A tick passed without a probe: our fault, so never a loss."""
        self._rows.append(PingRow(str(seq), target, kind, f"{due_s:.4f}", "", "", NOT_SENT, ""))

    def answered(self, key: Key, received_s: float) -> bool:
        """An answer came; False when nobody waits for it (a duplicate, or after the late window)."""
        probe = self._under_way.pop(key, None)
        if probe is None:
            return False
        rtt_s = received_s - probe.sent_s
        self._write(probe, ANSWERED if rtt_s <= self._timeout_s else LATE, rtt_s)
        return True

    def lose(self, key: Key) -> None:
        """No answer can come any more (the connection broke)."""
        probe = self._under_way.pop(key, None)
        if probe is not None:
            self._write(probe, LOST, None)

    def expire(self, now_s: float) -> None:
        """Lost is what stayed unanswered through time-out and late window."""
        self._lose_older(now_s - self._timeout_s - self._late_s)

    def timed_out(self, now_s: float) -> bool:
        """True when every probe still under way is past its time-out."""
        return all(now_s - probe.sent_s >= self._timeout_s for probe in self._under_way.values())

    def finish(self, now_s: float) -> int:
        """The end: past the time-out is lost, younger ones stay without a row; returns how many those are."""
        self._lose_older(now_s - self._timeout_s)
        left = len(self._under_way)
        self._under_way.clear()
        return left

    def drain(self) -> list[PingRow]:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _lose_older(self, before_s: float) -> None:
        old = [key for key, probe in self._under_way.items() if probe.sent_s <= before_s]
        for key in old:
            self.lose(key)

    def _write(self, probe: Probe, status: str, rtt_s: float | None) -> None:
        rtt = "" if rtt_s is None else f"{rtt_s * 1000:.3f}"
        head = (str(probe.seq), probe.target, probe.kind, f"{probe.due_s:.4f}")
        self._rows.append(PingRow(*head, iso_utc(probe.sent_utc), f"{probe.sent_s:.6f}", status, rtt))
