"""The frame around every command of ``snlm``: one sentence and an exit code, never a traceback."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from snlm_lib.clock import SystemClock
from snlm_lib.errors import InputError, RecordError, RecordLost, Refused, SnlmError
from snlm_lib.parameters import outputs_root
from snlm_lib.process import on_terminate
from snlm_lib.progress import Watcher
from snlm_lib.record.folder import Record
from snlm_lib.units import folder_stamp

__all__ = ["guarded", "leave_quietly"]


class _Console(Console):
    """Rich would end the process when who reads our output is gone; here that is an error like another."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def guarded(action: Callable[[Watcher], int]) -> int:
    """Run a command and return its exit code; whatever it raises becomes one sentence on standard error."""
    watcher = Watcher(_Console(file=_safe(sys.stdout), highlight=False), SystemClock())
    on_terminate(_interrupt)
    try:
        return action(watcher)
    except SnlmError as error:
        _complain(str(error))
        if isinstance(error, RecordLost):
            return 3
        return 2 if isinstance(error, InputError | Refused | RecordError) else 1
    except KeyboardInterrupt:
        return _interrupted(watcher.record)
    except BrokenPipeError:  # who reads our output has heard enough
        leave_quietly()
        return 1
    except OSError as error:  # a full disk, a share that went away: the machine's fault, not ours
        _complain(f"{error.filename or 'this machine'}: {error.strerror or error}; details: {_keep_traceback()}")
        return 1
    except Exception as error:  # a fault of ours: the operator gets a sentence, we get the traceback
        _complain(f"this is a fault of snlm ({type(error).__name__}); what we need to mend it: {_keep_traceback()}")
        return 1
    finally:
        watcher.close()


def _interrupted(record: Record | None) -> int:
    """Without a record nothing was begun; with one, only the record knows what was."""
    if record is None:
        _complain("interrupted before anything was changed.")
        return 2
    path = record.path
    _complain(f"interrupted; what was done stands in {path}. If it is still open, 'snlm report {path}' closes it.")
    return 3


def _interrupt() -> None:
    raise KeyboardInterrupt


def _safe(stream: object) -> io.TextIOWrapper | None:
    """The stream, told to write '?' for what its code page lacks instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
        return stream
    return None


def _complain(sentence: str) -> None:
    with suppress(OSError):  # the terminal may be gone; the exit code is not
        _safe(sys.stderr)
        print(f"snlm: {sentence}", file=sys.stderr, flush=True)


def leave_quietly() -> None:
    """Point standard output nowhere, or Python complains of the broken pipe once more when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _keep_traceback() -> str:
    """Where the traceback was written: with the records, else in the temporary folder, else nowhere."""
    name = f"fault-{folder_stamp(SystemClock().utc_now())}.log"
    told = traceback.format_exc()
    folders = [Path(tempfile.gettempdir())]
    with suppress(SnlmError):
        folders.insert(0, outputs_root(os.environ))
    for folder in folders:
        with suppress(OSError):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(told, encoding="utf-8")
            return str(path)
    return "(it could not be written either)"
