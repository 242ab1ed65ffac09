"""Time as an argument: the system's clock, and a fake whose hour takes no time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

__all__ = ["Clock", "FakeClock", "SleeplessClock", "SystemClock"]


class Clock(Protocol):
    """What code that needs time asks for."""

    def utc_now(self) -> datetime:
        """The moment, aware, in UTC: for the record."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, one scale for every process of a machine: for gaps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; nothing or less returns at once."""
        ...


class SystemClock:
    """The machine's own clock."""

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        # not time.monotonic(): on Windows before Python 3.13 that counts in steps of 15.6 ms; elsewhere they are one
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


# The clocks that go on while a machine sleeps; perf_counter stands still then on Linux and macOS, not on Windows.
_SLEEPLESS = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}


def _sleepless() -> Callable[[], float]:
    number = getattr(time, _SLEEPLESS.get(sys.platform, ""), None)
    return time.perf_counter if number is None else partial(time.clock_gettime, number)


class SleeplessClock(SystemClock):
    """The machine's own clock, whose seconds go on while the machine sleeps; until it does, the same scale."""

    def __init__(self, read: Callable[[], float] | None = None) -> None:
        self._read = read or _sleepless()
        self._ahead_s = time.perf_counter() - self._read()

    def monotonic_s(self) -> float:
        return self._read() + self._ahead_s


class FakeClock:
    """A clock that moves only when told, or when somebody sleeps on it.

    ``slept_s`` lists every wait, so that a test can assert a pace.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
        self._elapsed_s = 0.0
        self.slept_s: list[float] = []

    def utc_now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.advance(max(seconds, 0.0))

    def set_utc(self, by_s: float) -> None:
        """Somebody sets the wall clock forward (back, when negative)."""
        self._start += timedelta(seconds=by_s)

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``."""
        self._elapsed_s += seconds
