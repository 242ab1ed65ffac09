"""Waiting for sockets or for a moment, finer than a millisecond where the system can."""

from __future__ import annotations

import select
import selectors
from typing import Any

from snlm_lib.clock import Clock

__all__ = ["Waiter"]


class Waiter:
    """A selector whose wake-ups are as fine as the operating system's own.

    epoll rounds a time-out up to whole milliseconds, select does not; an epoll object can itself be selected on,
    which keeps the number of sockets unlimited.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.selector = selectors.DefaultSelector()
        self._handle = self.selector.fileno() if isinstance(self.selector, _WITH_HANDLE) else -1

    def wait(self, pause_s: float) -> list[tuple[Any, int]]:
        """Whose sockets are ready, and for what, after at most ``pause_s``."""
        pause_s = max(pause_s, 0.0)
        if not self.selector.get_map():  # Windows refuses to select on nothing
            self._clock.sleep(pause_s)
            return []
        if self._handle >= 0:
            if not select.select([self._handle], [], [], pause_s)[0]:
                return []
            pause_s = 0.0
        return [(key.data, mask) for key, mask in self.selector.select(pause_s)]

    def close(self) -> None:
        """Let go."""
        self.selector.close()


_WITH_HANDLE: tuple[type, ...] = tuple(
    getattr(selectors, name) for name in ("EpollSelector",) if hasattr(selectors, name)
)
