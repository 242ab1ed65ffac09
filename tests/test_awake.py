"""Keeping a machine awake: Windows' two calls, helpers that end with us, and a sentence when nothing can be asked."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from snlm_lib.awake import fine_timer, kept_awake
from tests.measure.fake_guest import wait_until

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: the helper is a shell script")


class Kernel32:
    """Remembers the states it was asked for, as a thread's execution state."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.states: list[int] = []
        self._refuses = refuses

    def SetThreadExecutionState(self, state: ctypes.c_uint32) -> int:
        if self._refuses:
            return 0
        self.states.append(state.value)
        return 0x80000000


class Winmm:
    """Counts the requests that stand."""

    def __init__(self, answer: int = 0) -> None:
        self.standing = 0
        self._answer = answer

    def timeBeginPeriod(self, period_ms: int) -> int:
        self.standing += period_ms if self._answer == 0 else 0
        return self._answer

    def timeEndPeriod(self, period_ms: int) -> int:
        self.standing -= period_ms
        return 0


def test_windows_is_asked_and_released() -> None:
    kernel32, said = Kernel32(), list[str]()
    with kept_awake("probes", say=said.append, system="win32", library=kernel32):
        assert kernel32.states == [0x80000001]
    assert kernel32.states == [0x80000001, 0x80000000]
    assert said == ["kept awake by SetThreadExecutionState"]


def test_windows_may_refuse() -> None:
    said: list[str] = []
    with kept_awake("probes", say=said.append, system="win32", library=Kernel32(refuses=True)):
        assert said == ["this machine may fall asleep: Windows refused SetThreadExecutionState"]


def test_the_timer_is_fine_within_the_block_and_only_where_it_was_granted() -> None:
    winmm, refusing = Winmm(), Winmm(answer=97)
    with fine_timer(system="win32", library=winmm):
        assert winmm.standing == 1
    with fine_timer(system="win32", library=refusing), fine_timer(system="linux"):
        assert refusing.standing == 0
    assert (winmm.standing, refusing.standing) == (0, 0)


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on the path, with helpers that write down how they were called and then run as long as theirs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, then in (("systemd-inhibit", 'exec "$5"'), ("caffeinate", "exec cat")):
        script = folder / name
        script.write_text(f'#!/bin/sh\necho $$ "$@" > "{tmp_path}/{name}.called"\n{then}\n', encoding="utf-8")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def called(helpers: Path, name: str) -> list[str]:
    path = helpers / f"{name}.called"
    wait_until(lambda: path.exists() and path.read_text(encoding="utf-8").endswith("\n"))
    return path.read_text(encoding="utf-8").split()


def gone(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    return False


@posix_only
@pytest.mark.parametrize(
    ("system", "name", "says"), [("linux", "systemd-inhibit", "--what=idle:sleep"), ("darwin", "caffeinate", "-w")]
)
def test_a_helper_runs_within_the_block(helpers: Path, system: str, name: str, says: str) -> None:
    said: list[str] = []
    with kept_awake("probes", say=said.append, system=system, systemd=Path("/")):
        pid, *words = called(helpers, name)
        assert says in words
        assert (str(os.getpid()) in words) == (system == "darwin")
        assert not gone(pid)
    assert gone(pid)
    assert said == [f"{name} was asked to keep this machine awake"]


HOLDER = """
import os, sys
from pathlib import Path
from snlm_lib.awake import kept_awake
with kept_awake("probes", say=print, system="linux", systemd=Path("/")):
    sys.stdin.read()
"""


@posix_only
def test_a_helper_ends_when_its_process_is_killed(helpers: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as holder:
        pid, *_ = called(helpers, "systemd-inhibit")
        holder.kill()
    wait_until(lambda: gone(pid))
    assert gone(pid)


@posix_only
@pytest.mark.parametrize("system", ["linux", "freebsd13"])
def test_where_nothing_can_be_asked_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    with kept_awake("probes", say=said.append, system=system, systemd=Path("/")):
        assert len(said) == 1
    assert said[0].startswith("this machine may fall asleep: ")


@posix_only
def test_a_helper_that_does_not_start_is_said(helpers: Path) -> None:
    (helpers / "bin" / "systemd-inhibit").write_text("#!/no/such/shell\n", encoding="utf-8")
    said: list[str] = []
    with kept_awake("probes", say=said.append, system="linux", systemd=Path("/")):
        assert "systemd-inhibit did not start" in said[0]


def test_without_systemd_linux_has_nobody_to_ask(tmp_path: Path) -> None:
    said: list[str] = []
    with kept_awake("probes", say=said.append, system="linux", systemd=tmp_path / "none"):
        assert said == ["this machine may fall asleep: systemd, which could be asked, does not run here"]
