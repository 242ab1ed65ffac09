"""When each probe is due: absolute deadlines, so that no delay adds up. Pure; knows no clock and no socket."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Due", "Schedule"]


@dataclass(frozen=True)
class Due:
    """What is to be done now: ``missed`` ticks whose interval has passed, and the ``tick`` to send."""

    missed: range
    tick: int | None


class Schedule:
    """Tick n is due at ``n * interval_s`` and may be sent until the next one is due."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next = 0

    def due_s(self, seq: int) -> float:
        """Seconds from the start at which tick ``seq`` is due."""
        return seq * self._interval_s

    @property
    def next_s(self) -> float:
        """When the next tick is due."""
        return self.due_s(self._next)

    def advance(self, now_s: float) -> Due:
        """Take everything due at ``now_s``; each tick is handed out exactly once, sent or missed."""
        if now_s < self.next_s:
            return Due(range(self._next, self._next), None)
        current = max(int(now_s / self._interval_s), self._next)
        while current > self._next and self.due_s(current) > now_s:
            current -= 1  # the division rounded up
        missed = range(self._next, current)
        self._next = current + 1
        return Due(missed, current)
