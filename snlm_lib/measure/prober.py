"""The monitor process itself, ``python -m snlm_lib.measure.prober CONFIG.json``; imports only what it probes with."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
from pathlib import Path

from snlm_lib.awake import fine_timer, kept_awake
from snlm_lib.clock import SleeplessClock
from snlm_lib.errors import SnlmError
from snlm_lib.measure.recorder import FAILED, Recorder, read_config
from snlm_lib.process import on_terminate, take_precedence

__all__ = ["main"]

_GARBAGE = 100_000  # what probes leave behind goes by itself; looking for circles in it costs more than a probe


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the log lies on the disk that may be full
        print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Probe as ``CONFIG.json`` says; 0 when it ended as told, 1 when it could not begin or go on."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a machine's name may not fit a console's code page
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        recorder = Recorder(read_config(Path(arguments[0])), SleeplessClock(), log=_say)
        on_terminate(recorder.terminate)
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        take_precedence()  # a probe that waits for the processor measures this machine, not the target
        with kept_awake("a monitor probes machines", say=recorder.say), fine_timer():
            return 1 if recorder.run() in FAILED else 0
    except (OSError, SnlmError) as error:
        _say(f"the monitor cannot begin: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
