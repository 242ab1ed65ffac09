"""A clock for tests that wait out somebody's patience: the same waits, each a twentieth as long."""

from __future__ import annotations

from snlm_lib.clock import SystemClock

__all__ = ["HurriedClock"]

_HURRY = 20


class HurriedClock(SystemClock):
    """The machine's own clock, on which nobody sleeps long."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / _HURRY)
