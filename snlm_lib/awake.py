"""Keeping this machine awake and its timers fine while something is measured; a door to the operating system.

Each way ends by itself when this process is gone, however it went. Never run on Windows or macOS so far
(docs/verified.md): those branches follow the documentation of SetThreadExecutionState, timeBeginPeriod and caffeinate.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["fine_timer", "kept_awake"]

_ES_CONTINUOUS, _ES_SYSTEM_REQUIRED = 0x80000000, 0x00000001
_SYSTEMD = Path("/run/systemd/system")
_FINEST_MS = 1  # the finest period that timeBeginPeriod takes everywhere

Say = Callable[[str], None]


@contextmanager
def kept_awake(
    why: str, *, say: Say, system: str = sys.platform, library: Any = None, systemd: Path = _SYSTEMD
) -> Iterator[None]:
    """Within the block this machine does not fall asleep by itself; a closed lid or the battery may still win.

    ``say`` is told in one line how that is done, or why it is not. ``system``, ``library`` (Windows' kernel32) and
    ``systemd`` (a folder that is there when it runs) are what a test puts in their place.
    """
    with ExitStack() as held:
        if system == "win32":
            say(_ask_windows(held, library or _windows_library("kernel32")))
        elif system == "linux" and not systemd.exists():
            say("this machine may fall asleep: systemd, which could be asked, does not run here")
        else:
            say(_ask_helper(held, _HELPERS.get(system, []), why))
        yield


def _ask_windows(held: ExitStack, kernel32: Any) -> str:
    if not kernel32.SetThreadExecutionState(ctypes.c_uint32(_ES_CONTINUOUS | _ES_SYSTEM_REQUIRED)):
        return "this machine may fall asleep: Windows refused SetThreadExecutionState"
    held.callback(kernel32.SetThreadExecutionState, ctypes.c_uint32(_ES_CONTINUOUS))
    return "kept awake by SetThreadExecutionState"


# Programs that keep a machine awake as long as they run. Ours end with us: one watches our process, the other has a
# child that reads a pipe of ours.
_HELPERS = {
    "darwin": ["caffeinate", "-i", "-w", "{pid}"],
    "linux": ["systemd-inhibit", "--what=idle:sleep", "--mode=block", "--who=snlm", "--why={why}", "cat"],
}


def _ask_helper(held: ExitStack, words: list[str], why: str) -> str:
    program = shutil.which(words[0]) if words else None
    if program is None:
        return f"this machine may fall asleep: {words[0] if words else 'nothing known'} to ask is not here"
    command = [program, *(word.format(pid=os.getpid(), why=why) for word in words[1:])]
    try:
        helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    except OSError as error:
        return f"this machine may fall asleep: {words[0]} did not start ({error.strerror or error})"
    held.callback(_dismiss, helper)
    return f"{words[0]} was asked to keep this machine awake"


def _dismiss(helper: subprocess.Popen[bytes]) -> None:
    helper.terminate()
    helper.communicate()


@contextmanager
def fine_timer(*, system: str = sys.platform, library: Any = None) -> Iterator[None]:
    """Within the block Windows wakes this process to the millisecond instead of every 15.6 ms; elsewhere as ever."""
    if system != "win32":
        yield
        return
    winmm = library or _windows_library("winmm")
    granted = winmm.timeBeginPeriod(_FINEST_MS) == 0  # TIMERR_NOERROR
    try:
        yield
    finally:
        if granted:
            winmm.timeEndPeriod(_FINEST_MS)


def _windows_library(name: str) -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL(name)
    raise OSError(f"no library {name} here")
