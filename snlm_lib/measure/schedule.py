"""When each probe is due: absolute deadlines, so that no delay adds up. Pure; knows no clock and no socket."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["MOST_MISSED", "Due", "Rota", "Schedule"]

_NONE = range(0)
MOST_MISSED = 1000  # ticks handed out at once, so that a night's sleep of the machine does not fill the memory


class Due(NamedTuple):
    """What is to be done now: ``missed`` ticks whose interval has passed, and the ``tick`` to send."""

    missed: range
    tick: int | None


class Schedule:
    """Tick n is due at ``offset_s + n * interval_s`` and may be sent until the next one is due."""

    def __init__(self, interval_s: float, *, offset_s: float = 0.0) -> None:
        self._interval_s = interval_s
        self._offset_s = offset_s
        self._next = 0
        self.next_s = offset_s  # when the next tick is due

    def due_s(self, seq: int) -> float:
        """Seconds from the start at which tick ``seq`` is due."""
        return self._offset_s + seq * self._interval_s

    def advance(self, now_s: float) -> Due:
        """Take everything due at ``now_s``; each tick is handed out exactly once, sent or missed."""
        if now_s < self.next_s:
            return Due(_NONE, None)
        after_s = self.due_s(self._next + 1)
        if now_s < after_s:
            self._next, self.next_s = self._next + 1, after_s
            return Due(_NONE, self._next - 1)
        return self._catch_up(now_s)

    def _catch_up(self, now_s: float) -> Due:
        current = max(int((now_s - self._offset_s) / self._interval_s), self._next)
        while current > self._next and self.due_s(current) > now_s:
            current -= 1  # the division rounded up
        missed = range(self._next, current)
        if len(missed) > MOST_MISSED:
            self._go_on_at(self._next + MOST_MISSED)
            return Due(missed[:MOST_MISSED], None)
        self._go_on_at(current + 1)
        return Due(missed, current)

    def _go_on_at(self, seq: int) -> None:
        self._next, self.next_s = seq, self.due_s(seq)


class Rota:
    """Several schedules of one pace, spread evenly over the interval so that they do not leave in a burst."""

    def __init__(self, interval_s: float, lanes: int) -> None:
        self._lanes = [Schedule(interval_s, offset_s=interval_s * lane / lanes) for lane in range(lanes)]
        self._heap = [(schedule.next_s, lane) for lane, schedule in enumerate(self._lanes)]

    @property
    def next_s(self) -> float:
        """When the next tick of any lane is due; never, without a lane."""
        return self._heap[0][0] if self._heap else float("inf")

    def due_s(self, lane: int, seq: int) -> float:
        """Seconds from the start at which tick ``seq`` of ``lane`` is due."""
        return self._lanes[lane].due_s(seq)

    def due(self, now_s: float) -> Iterator[tuple[int, Due]]:
        """Each lane with something to do at ``now_s``, the longest due first; who stops in between goes on later."""
        while self.next_s <= now_s:
            lane = self._heap[0][1]
            schedule = self._lanes[lane]
            due = schedule.advance(now_s)
            heapq.heapreplace(self._heap, (schedule.next_s, lane))
            yield lane, due
