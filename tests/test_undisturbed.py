"""A run goes on without who watched it, and signals go where they belong and back again."""

from __future__ import annotations

import signal
import threading

import pytest

from snlm_lib.process import end_signals
from snlm_lib.undisturbed import forgiving, handled_by


def test_an_observer_whose_pipe_broke_is_never_called_again() -> None:
    told: list[int] = []

    def observer(event: int) -> None:
        told.append(event)
        if event == 2:
            raise BrokenPipeError

    tell = forgiving(observer)
    for event in (1, 2, 3):
        tell(event)

    assert told == [1, 2]


def test_a_fault_that_is_not_the_terminals_is_not_hidden() -> None:
    def observer(event: int) -> None:
        raise KeyError(event)

    with pytest.raises(KeyError):
        forgiving(observer)(1)


@pytest.mark.parametrize("number", end_signals())
def test_a_signal_reaches_the_handler_and_then_its_old_one_again(number: signal.Signals) -> None:
    before, heard = signal.getsignal(number), threading.Event()
    with handled_by(lambda *_: heard.set()):
        signal.raise_signal(number)

    assert heard.is_set()
    assert signal.getsignal(number) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal on Windows")
def test_under_nohup_a_closed_terminal_stays_ignored() -> None:
    number = signal.Signals["SIGHUP"]
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert number not in end_signals()
    finally:
        signal.signal(number, before)
    assert number in end_signals() or before is signal.SIG_IGN
