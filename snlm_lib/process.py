"""The one guarded door to the operating system: atomic files, detached processes, identity.

Everything that differs between Windows and the rest is decided here and nowhere else. Never run on
Windows so far (docs/verified.md): those branches follow the documentation of Python and psutil.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

from snlm_lib.errors import RecordError

__all__ = [
    "FileHeld",
    "ProcessIdentity",
    "append_bytes",
    "attend",
    "detach",
    "end_signals",
    "identity_of",
    "on_terminate",
    "operating_system_user",
    "real_interpreter",
    "spawn",
    "still_runs",
    "take_precedence",
    "terminate",
    "write_atomic",
    "write_private",
]

_RENAME_TRIES = 20  # an antivirus or OneDrive may hold the target for a moment
_RENAME_WAIT_S = 0.05
_KILL_WAIT_S = 5.0  # the operating system takes a moment to clear away what it killed


class FileHeld(RecordError, PermissionError):
    """Another program kept a file of ours open; an OSError too, for who only asks whether writing worked."""


def write_atomic(path: Path, data: bytes | str, *, replace: Callable[[Path, Path], object] = os.replace) -> None:
    """Replace ``path`` as a whole: a reader sees the old content or the new, never a part.

    Text is UTF-8 with ``\\n``. Raises OSError when the folder cannot be written, and FileHeld when
    another program holds the target for a second; then the old content stands.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        _rename(Path(name), path, replace)
    finally:
        Path(name).unlink(missing_ok=True)


def _rename(scratch: Path, path: Path, replace: Callable[[Path, Path], object]) -> None:
    for attempt in range(_RENAME_TRIES):
        if attempt:
            time.sleep(_RENAME_WAIT_S)
        try:
            replace(scratch, path)
            return
        except PermissionError as error:
            held = error
    raise FileHeld(
        f"another program holds this file and did not let go within a second ({held.strerror or held})",
        where=str(path),
        remedy="Pause OneDrive or the antivirus for this folder, or set SNLM_OUTPUTS to one that neither watches.",
    ) from held


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read (mode 600; on Windows the profile folder's ACL rules)."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def append_bytes(path: Path, data: bytes) -> None:
    """Append and force to disk before returning: what is written here survives a kill."""
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True)
class ProcessIdentity:
    """A process id together with its start time, so that a recycled id is not mistaken for it."""

    pid: int
    started: float  # seconds since the epoch, as the operating system keeps it

    def alive(self) -> bool:
        """True while that very process runs (a zombie does not)."""
        try:
            found = psutil.Process(self.pid)
            return abs(found.create_time() - self.started) < 1.0 and found.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError, OverflowError):  # the latter two: a number that is no process id
            return False


def identity_of(pid: int | None = None) -> ProcessIdentity:
    """The identity of ``pid``, by default of this process; raises RecordError when there is none.

    A process that writes its own identity into a file gives no ``pid``: who started it may know only a
    launcher's (`real_interpreter`).
    """
    wanted = os.getpid() if pid is None else pid
    try:
        return ProcessIdentity(wanted, psutil.Process(wanted).create_time())
    except psutil.Error as error:
        raise RecordError(f"no process {wanted} runs") from error


def still_runs(pid: int, started: float) -> bool:
    """Does the process of this id, started then, still run?"""
    return ProcessIdentity(pid, started).alive()


def terminate(who: ProcessIdentity, *, grace_s: float = 3.0) -> bool:
    """Ask, wait ``grace_s``, then kill; True when it is gone. One already gone is fine."""
    if not who.alive():
        return True
    try:
        found = psutil.Process(who.pid)
        found.terminate()
        try:
            found.wait(grace_s)
        except psutil.TimeoutExpired:
            found.kill()
            found.wait(_KILL_WAIT_S)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return not who.alive()
    return not who.alive()


def take_precedence() -> bool:
    """Ask to be run before other processes, for measurements that must not wait; False when not allowed.

    Elsewhere than on Windows only a privileged user may.
    """
    if _in_real_time():
        return True
    wanted = -10
    if sys.platform == "win32":
        wanted = psutil.HIGH_PRIORITY_CLASS
    try:
        psutil.Process().nice(wanted)
    except (psutil.Error, OSError):
        return False
    return True


def _in_real_time() -> bool:
    """On Linux a privileged process may go before every ordinary one, whose slices are longer than a probe's
    tolerance; what it starts is ordinary again."""
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        return False
    return True


def operating_system_user() -> dict[str, str]:
    """Who we are to this machine: ``{"user", "machine", "system"}``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's numeric user has no name; Windows no pwd module
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return {"user": user, "machine": platform.node(), "system": f"{platform.system()} {platform.release()}"}


def spawn(argv: Sequence[str], *, environ: Mapping[str, str] | None = None, log: Path | None = None) -> int:
    """Start a child of ours with its output in ``log`` and nothing on its input; returns its id."""
    words, added = real_interpreter(argv)
    with _log_file(log) as out:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environ({**(environ or {}), **added}),
        )
    return child.pid


def attend(
    argv: Sequence[str], *, environ: Mapping[str, str] | None = None, log: Path, answers: bool = False
) -> subprocess.Popen[bytes]:
    """Start a child that watches its input, a pipe of ours: it ends when we close that, or are gone.

    Its errors go to ``log``; so does its output, unless we read its ``answers``.
    """
    words, added = real_interpreter(argv)
    with _log_file(log) as out:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if answers else out,
            stderr=out,
            env=_environ({**(environ or {}), **added}),
        )


def real_interpreter(
    argv: Sequence[str], *, windows: bool = sys.platform == "win32"
) -> tuple[list[str], dict[str, str]]:
    """``argv`` and what to add to the environment, so that the id of what starts is the real process's.

    On Windows a virtual environment's python.exe is a launcher whose child is the interpreter. Python's own
    multiprocessing starts the base interpreter and names the launcher in ``__PYVENV_LAUNCHER__``; so do we.
    """
    base = getattr(sys, "_base_executable", sys.executable)
    if not windows or not argv or argv[0] != sys.executable or base == sys.executable:
        return list(argv), {}
    return [base, *argv[1:]], {"__PYVENV_LAUNCHER__": sys.executable}


def detach(argv: Sequence[str], *, environ: Mapping[str, str] | None = None, log: Path | None = None) -> int:
    """Start a process that outlives us and everything that is killed with us; returns its id.

    A short-lived launcher starts it in a session of its own and ends, so it is nobody's child and
    in nobody's process group when a kernel is shut down.
    """
    launcher = [sys.executable, "-m", "snlm_lib.process", json.dumps([list(argv), str(log) if log else None])]
    done = subprocess.run(
        launcher, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environ(environ), check=False
    )
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        said = (done.stderr.strip().splitlines() or ["the launcher said nothing"])[-1]
        raise OSError(f"cannot start {argv[0]}: {said[-300:]}")
    return int(done.stdout)


def _environ(changes: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(changes or {})}


def _log_file(log: Path | None) -> IO[bytes]:
    return log.open("ab") if log else open(os.devnull, "ab")


def _launch(argv: Sequence[str], log: Path | None) -> int:
    """What the launcher does: start the real process in its own session."""
    *preferred, last = _apart()
    if hasattr(signal, "SIGHUP"):  # inherited: a terminal or a session that is closed is none of its business
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with _log_file(log) as out:
        for options in preferred:
            try:
                return _popen(argv, out, options)
            except PermissionError:  # a job object that lets nobody leave it: then within it
                continue
        return _popen(argv, out, last)


def _apart() -> list[dict[str, Any]]:
    """How a process is set apart from us, best way first."""
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return [{"creationflags": flags | subprocess.CREATE_BREAKAWAY_FROM_JOB}, {"creationflags": flags}]
    return [{"start_new_session": True}]


def _popen(argv: Sequence[str], out: IO[bytes], options: dict[str, Any]) -> int:
    words, added = real_interpreter(argv)
    child = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        close_fds=True,
        env=_environ(added),
        **options,
    )
    return child.pid


def on_terminate(action: Callable[[], None]) -> None:
    """Run ``action`` when the operating system asks this process to end (main thread only)."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        action()

    for number in end_signals():
        signal.signal(number, handler)


def end_signals() -> tuple[signal.Signals, ...]:
    """What asks a process to end here: Ctrl-C, Windows' Ctrl-Break, a terminal that is closed (unless under nohup)."""
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
    found = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return tuple(one for one in found if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN)


if __name__ == "__main__":
    _argv, _log = json.loads(sys.argv[1])
    print(_launch(_argv, Path(_log) if _log else None))
