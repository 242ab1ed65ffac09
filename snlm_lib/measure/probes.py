"""The probe engine: sends every tick on every channel, reads what comes back, tells each probe's fate.

One thread for probes, and non-blocking sockets. Knows no file and no process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from snlm_lib.clock import Clock
from snlm_lib.measure.channels import CONNECT, TCP, Channel, Log, Outside, Way
from snlm_lib.measure.fleet import Fleet
from snlm_lib.measure.ledger import LATE_WINDOW_S, STALLED, Key, Ledger, PingRow, Probe
from snlm_lib.measure.schedule import MOST_MISSED, Rota
from snlm_lib.measure.targets import ProbeTarget
from snlm_lib.measure.wall_watch import WallWatch

__all__ = ["STALL_S", "Engine", "ProbeTarget", "Timing"]

STALL_S = 0.02  # an answer found after we did not listen for so long came at a moment that we do not know
TOLD_STALL_S = 1.0  # a stall worth a line in the log
_MOST_ROUNDS = 4096  # of reading what waits after a stall
_TOGETHER_S = 0.001  # two looks at two clocks so close are one


@dataclass(frozen=True)
class Timing:
    """The pace: seconds between ticks, until an answer is late, and until it no longer counts."""

    interval_s: float
    timeout_s: float
    late_s: float = LATE_WINDOW_S


def _silent(_line: str) -> None:
    return None


class Engine:
    """Probes from its making until `close`; drive it by calling `turn` again and again.

    What happens is only noted at its moment and entered in the ledger at the end of the turn: a processor that wakes
    for one probe has nothing in its caches, and does the same work in a third of the time when it does it in a row.

    Raises OSError when an address is not known, ParameterError when ICMP is not allowed here and nothing else is
    wanted. ``log`` gets a line when a connection opens or breaks, a name moves, or this process did not run.
    """

    def __init__(
        self,
        targets: Sequence[ProbeTarget],
        timing: Timing,
        *,
        clock: Clock,
        log: Log = _silent,
        outside: Outside | None = None,
    ) -> None:
        self._clock = clock
        self._log = log
        self._ledger = Ledger(timeout_s=timing.timeout_s, late_s=timing.late_s)
        outside = outside or Outside()
        self._watch = outside.make_watch(clock.sleep)
        self._fleet = Fleet(targets, Way(self._watch, self, timing.timeout_s, log, outside.make_socket), outside)
        self._channels = self._fleet.channels
        self._patient = [channel for channel in self._channels if channel.kind in (CONNECT, TCP)]
        self._rota = Rota(timing.interval_s, len(self._channels))
        self._notes: dict[int, str] = {}  # channel -> what is to be told of its next probe
        self._noted: list[tuple[Any, ...]] = []  # what happened: whom to tell, and what
        self._wall = WallWatch()
        self._timeout_s = timing.timeout_s
        self._sending = True
        self._stalled = False
        self._looked_s = 0.0  # when answers were last looked for
        self.started_utc = clock.utc_now()
        self.started_s = clock.monotonic_s()
        self._utc_of_zero = self.started_utc

    @property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """Target -> the kinds it is really probed with: without ICMP where that is not allowed."""
        return self._fleet.kinds

    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic_s() - self.started_s

    def turn(self, longest_s: float) -> list[PingRow]:
        """Probe for ``longest_s``; returns the fates known by then."""
        monotonic_s, zero_s, ready = self._clock.monotonic_s, self.started_s, self._watch.ready
        now_s = monotonic_s() - zero_s
        until_s = now_s + longest_s
        told = 0
        while now_s < until_s and told < MOST_MISSED:
            next_s = min(self._rota.next_s, until_s) if self._sending else until_s
            pause_s = max(next_s - now_s, 0.0)
            found = ready(pause_s)
            now_s = monotonic_s() - zero_s
            missed_s = now_s - self._looked_s - pause_s
            self._looked_s = now_s
            self._stalled = missed_s > STALL_S
            # answers before losses: after a stall of ours the answers already wait in the sockets
            for reader, mask in found:
                reader.ready(mask)
            if self._stalled:
                self._recover(missed_s)
            if next_s <= now_s and self._sending:
                told += self._send_due()
                now_s = monotonic_s() - zero_s
        self._enter()
        return self._ledger.drain()

    def _recover(self, missed_s: float) -> None:
        for _ in range(_MOST_ROUNDS):
            ready = self._watch.ready(0.0)
            for reader, mask in ready:
                reader.ready(mask)
            if not ready:
                break
        for channel in self._channels:
            channel.stalled(self._looked_s)
        if missed_s >= self._timeout_s:  # the whole machine may have slept, and its network with it
            self._noted.append((self._ledger.withdraw_all, STALLED))
        if missed_s >= TOLD_STALL_S:
            self._log(f"this process did not run for {missed_s:.1f} s: not measured, and no fault of any target")
        self._stalled = False

    def answered(self, target: str, kind: str, seq: int) -> None:
        """An answer is here; for channels."""
        self._noted.append((self._enter_answer, (target, kind, seq), self._looked_s, self._stalled))

    def failed(self, target: str, kind: str, seq: int, error: str) -> None:
        """A probe can no longer be answered; for channels."""
        self._noted.append((self._ledger.lose, (target, kind, seq), error))

    def withdrawn(self, target: str, kind: str, seq: int) -> None:
        """A probe needed our hand while we did not run; for channels."""
        self._noted.append((self._ledger.withdraw, (target, kind, seq), STALLED))

    def _send_due(self) -> int:
        told = 0
        for lane, due in self._rota.due(self._looked_s):
            channel = self._channels[lane]
            for seq in due.missed:
                due_s = self._rota.due_s(lane, seq)
                self._ledger.not_sent(seq, due_s, target=channel.target, kind=channel.kind, error=STALLED)
            if due.tick is not None:
                self._send(channel, lane, due.tick)
            told += len(due.missed)
            if told >= MOST_MISSED:
                break
        return told

    def _send(self, channel: Channel, lane: int, seq: int) -> None:
        sent_s = self.elapsed_s()
        # noted before it leaves: a connection to this very machine is refused at once
        self._noted.append((self._enter_sent, lane, seq, sent_s))
        error = channel.send(seq, sent_s)
        if not error and self.elapsed_s() - sent_s > STALL_S:
            error = STALLED  # between the look at the clock and its leaving: nobody knows when it left
        if error:
            self._noted.append((self._ledger.withdraw, (channel.target, channel.kind, seq), error))

    def _enter(self) -> None:
        self._look_at_the_wall()
        for channel in self._patient:
            channel.maintain(self._looked_s)
        noted, self._noted = self._noted, []
        for tell, *what in noted:
            tell(*what)
        self._ledger.expire(self._looked_s)  # not now: what came since we looked would be told lost
        for number, host in self._fleet.follow().items():
            self._notes[number] = f"address {host}"

    def _enter_sent(self, lane: int, seq: int, sent_s: float) -> None:
        channel = self._channels[lane]
        due_s, sent_utc = self._rota.due_s(lane, seq), self._utc_of_zero + timedelta(seconds=sent_s)
        note = self._notes.pop(lane, "")
        self._ledger.sent(Probe(seq, channel.target, channel.kind, due_s, sent_s, sent_utc, note))

    def _enter_answer(self, key: Key, received_s: float, stalled: bool) -> None:
        self._ledger.answered(key, received_s, stalled=stalled)

    def _look_at_the_wall(self) -> None:
        at_s, utc = self.elapsed_s(), self._clock.utc_now()
        step_s = self._wall.look(at_s, utc)
        if self.elapsed_s() - at_s <= _TOGETHER_S:
            self._utc_of_zero = utc - timedelta(seconds=at_s)
        if step_s is not None:
            self._notes |= dict.fromkeys(range(len(self._channels)), f"clock {step_s:+.1f}")
            self._log(f"the wall clock was set by {step_s:+.1f} s: what is measured does not move with it")

    def stop_sending(self) -> None:
        """No more ticks; answers are still read."""
        self._sending = False

    def settled(self) -> bool:
        """True when the fate of every probe is known."""
        return self._ledger.under_way == 0

    def close(self) -> tuple[list[PingRow], int]:
        """Close every socket; the last rows, and how many probes stay without a fate. Twice is fine."""
        self._fleet.close()
        self._enter()
        left = self._ledger.finish(self._looked_s)
        self._channels = self._patient = []
        self._watch.close()
        return self._ledger.drain(), left
