"""The probe engine: sends every tick on every channel, reads what comes back, tells each probe's fate.

One thread and non-blocking sockets. Knows no file and no process.
"""

from __future__ import annotations

import selectors
from collections.abc import Sequence
from dataclasses import dataclass

from snlm_lib.clock import Clock
from snlm_lib.measure.channels import TCP, UDP, Channel, Log, TcpChannel, UdpChannel, resolve
from snlm_lib.measure.ledger import LATE_WINDOW_S, Ledger, PingRow, Probe
from snlm_lib.measure.schedule import Schedule

__all__ = ["Engine", "ProbeTarget", "Timing"]


@dataclass(frozen=True)
class ProbeTarget:
    """A guest by name, its address, and the ports to probe; None leaves that kind out."""

    name: str
    address: str
    udp_port: int | None = None
    tcp_port: int | None = None

    def kinds(self) -> tuple[str, ...]:
        """The probe kinds this target is probed with."""
        ports = {UDP: self.udp_port, TCP: self.tcp_port}
        return tuple(kind for kind, port in ports.items() if port is not None)


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

    Raises OSError when an address is not known. ``log`` gets a line when a TCP connection opens or breaks.
    """

    def __init__(self, targets: Sequence[ProbeTarget], timing: Timing, *, clock: Clock, log: Log = _silent) -> None:
        self._clock = clock
        self._schedule = Schedule(timing.interval_s)
        self._ledger = Ledger(timeout_s=timing.timeout_s, late_s=timing.late_s)
        self._selector = selectors.DefaultSelector()
        self._channels: list[Channel] = []
        for target in targets:
            self._add(target, timing, log)
        self._sending = True
        self._looked_s = 0.0  # when answers were last looked for
        self.started_utc = clock.utc_now()
        self.started_s = clock.monotonic_s()

    def _add(self, target: ProbeTarget, timing: Timing, log: Log) -> None:
        if target.udp_port is not None:
            at = resolve(target.name, target.address, target.udp_port, kind=UDP)
            self._channels.append(UdpChannel(at, self._selector))
        if target.tcp_port is not None:
            at = resolve(target.name, target.address, target.tcp_port, kind=TCP)
            self._channels.append(TcpChannel(at, self._selector, timeout_s=timing.timeout_s, log=log))

    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic_s() - self.started_s

    def turn(self, longest_s: float) -> list[PingRow]:
        """Wait for an answer or the next tick, at most ``longest_s``; returns the fates now known."""
        pause_s = longest_s
        if self._sending:
            pause_s = min(longest_s, self._schedule.next_s - self.elapsed_s())
        ready = self._wait(max(pause_s, 0.0))
        received_s = self._looked_s = self.elapsed_s()
        # answers before losses: after a stall of ours the answers already wait in the sockets
        for channel, mask in ready:
            for seq in channel.ready(mask):
                self._ledger.answered((channel.target, channel.kind, seq), received_s)
        if self._sending:
            self._send_due()
        self._settle()
        return self._ledger.drain()

    def _wait(self, pause_s: float) -> list[tuple[Channel, int]]:
        if not self._selector.get_map():  # Windows refuses to select on nothing
            self._clock.sleep(pause_s)
            return []
        return [(key.data, mask) for key, mask in self._selector.select(pause_s)]

    def _send_due(self) -> None:
        due = self._schedule.advance(self.elapsed_s())
        for channel in self._channels:
            for seq in due.missed:
                self._not_sent(channel, seq)
            if due.tick is not None:
                self._send(channel, due.tick)

    def _send(self, channel: Channel, seq: int) -> None:
        sent_s, sent_utc = self.elapsed_s(), self._clock.utc_now()
        if channel.send(seq, sent_s):
            due_s = self._schedule.due_s(seq)
            self._ledger.sent(Probe(seq, channel.target, channel.kind, due_s, sent_s, sent_utc))
        else:
            self._not_sent(channel, seq)

    def _not_sent(self, channel: Channel, seq: int) -> None:
        self._ledger.not_sent(seq, self._schedule.due_s(seq), target=channel.target, kind=channel.kind)

    def _settle(self) -> None:
        now_s = self.elapsed_s()
        for channel in self._channels:
            channel.maintain(now_s)
            for seq in channel.take_dead():
                self._ledger.lose((channel.target, channel.kind, seq))
        self._ledger.expire(self._looked_s)  # not now: what came since we looked would be told lost

    def stop_sending(self) -> None:
        """No more ticks; answers are still read."""
        self._sending = False

    def settled(self) -> bool:
        """True when the fate of every probe is known."""
        return self._ledger.under_way == 0

    def close(self) -> tuple[list[PingRow], int]:
        """Close every socket; the last rows, and how many probes stay without a fate. Twice is fine."""
        left = self._ledger.finish(self._looked_s)
        while self._channels:
            self._channels.pop().close()
        self._selector.close()
        return self._ledger.drain(), left
