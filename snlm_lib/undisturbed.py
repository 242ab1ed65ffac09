"""What must not cut a run short: a signal that arrives, and somebody who watched and is gone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from snlm_lib.process import end_signals

__all__ = ["forgiving", "handled_by"]

Event = TypeVar("Event")


def forgiving(observer: Callable[[Event], None]) -> Callable[[Event], None]:
    """``observer`` until it fails with an OSError (its terminal or pipe is gone); from then on nobody watches."""
    gone = threading.Event()

    def tell(event: Event) -> None:
        if gone.is_set():
            return
        try:
            observer(event)
        except OSError:
            gone.set()

    return tell


@contextmanager
def handled_by(handler: Callable[..., None]) -> Iterator[None]:
    """Every signal that asks us to end goes to ``handler``, then to who had it before (main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    saved = {number: signal.signal(number, handler) for number in end_signals()}
    try:
        yield
    finally:
        for number, before in saved.items():
            signal.signal(number, before)
