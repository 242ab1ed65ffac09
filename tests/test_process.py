"""The door to the operating system against the real thing: files, locks, processes that live and die."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snlm_lib.errors import RecordError
from snlm_lib.lock import FileLock
from snlm_lib.process import (
    FileHeld,
    ProcessIdentity,
    append_bytes,
    attend,
    detach,
    identity_of,
    operating_system_user,
    real_interpreter,
    spawn,
    still_runs,
    terminate,
    write_atomic,
    write_private,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
Child = Callable[..., "subprocess.Popen[str]"]


def wait_until(condition: Callable[[], object], within_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to pass in time"
        time.sleep(0.01)


@pytest.fixture
def child() -> Iterator[Child]:
    """Starts a Python program that has said its first line; all are gone afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", program, *arguments]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


def test_writing_as_a_whole_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_atomic(path, "Bücher\n")
    write_atomic(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    write_atomic(path, "Bücher\n")
    assert path.read_bytes() == "Bücher\n".encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.json"]


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    contents = {b"a" * 200_000, b"b" * 200_000}
    write_atomic(path, b"a" * 200_000)
    done = threading.Event()

    def write() -> None:
        for turn in range(40):
            write_atomic(path, sorted(contents)[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= contents


def test_a_write_that_fails_leaves_the_old_and_nothing_beside(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "inside").touch()
    with pytest.raises(OSError):  # noqa: PT011 - which one differs between systems
        write_atomic(folder, "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "nowhere" / "x", "text")


class Antivirus:
    """Holds a file for so many looks, then lets go: what OneDrive and virus scanners do on Windows."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self, scratch: Path, path: Path) -> None:
        self.looks -= 1
        if self.looks >= 0:
            raise PermissionError(13, "The process cannot access the file", str(path))
        os.replace(scratch, path)


def test_a_file_that_is_held_for_a_moment_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old", encoding="utf-8")
    write_atomic(path, "new", replace=Antivirus(3))

    assert path.read_text(encoding="utf-8") == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_a_file_that_stays_held_is_told_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(FileHeld) as caught:
        write_atomic(path, "new", replace=Antivirus(10_000))

    assert isinstance(caught.value, RecordError)
    assert isinstance(caught.value, OSError)
    assert str(caught.value).startswith(f"{path}: another program holds this file")
    assert "OneDrive" in str(caught.value)
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_the_launcher_of_a_virtual_environment_is_passed_by_on_windows() -> None:
    words, added = real_interpreter([sys.executable, "-m", "snlm_lib.lab"], windows=True)
    base = getattr(sys, "_base_executable")  # noqa: B009 - what CPython's multiprocessing uses; mypy knows no such name
    assert words == [base, "-m", "snlm_lib.lab"]
    assert added == ({"__PYVENV_LAUNCHER__": sys.executable} if base != sys.executable else {})


@pytest.mark.parametrize("argv", [[], ["git", "status"], [sys.executable, "-c", "pass"]])
def test_any_other_program_is_started_as_it_is(argv: list[str]) -> None:
    windows = argv[:1] != [sys.executable]
    assert real_interpreter(argv, windows=windows) == (argv, {})


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    write_private(path, "new\n")
    assert path.read_bytes() == b"new\n"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_appending_adds_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append_bytes(path, b"one\n")
    append_bytes(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_we_are_alive_and_a_recycled_id_is_somebody_else() -> None:
    me = identity_of()
    assert me.pid == os.getpid()
    assert me.alive()
    assert not ProcessIdentity(me.pid, me.started - 3600).alive()


@pytest.mark.parametrize("pid", [-1, 2**31 - 1, 10**20])
def test_a_number_that_is_no_process_is_not_alive(pid: int) -> None:
    assert not still_runs(pid, 0.0)


def test_nobody_has_no_identity(child: Child) -> None:
    process = child(WAITS)
    who = identity_of(process.pid)
    assert who.alive()
    process.communicate("")
    assert not who.alive()
    with pytest.raises(RecordError, match=str(process.pid)):
        identity_of(process.pid)


@posix_only
def test_a_zombie_is_not_alive(child: Child) -> None:
    process = child(WAITS)
    who = identity_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not who.alive())
    assert process.poll() is not None


def test_ending_a_process_that_listens_and_one_already_gone(child: Child) -> None:
    process = child(WAITS)
    who = identity_of(process.pid)
    assert terminate(who)
    assert not who.alive()
    assert terminate(who)


@posix_only
@pytest.mark.parametrize("grace_s", [0.0, 0.2])
def test_ending_a_process_that_does_not_listen(child: Child, grace_s: float) -> None:
    who = identity_of(child(STUBBORN).pid)
    assert terminate(who, grace_s=grace_s)
    assert not who.alive()


def test_ending_spares_whoever_got_the_id_since(child: Child) -> None:
    process = child(WAITS)
    assert terminate(ProcessIdentity(process.pid, 1.0))
    assert process.poll() is None


PREFERRED = """
import os, sys
from snlm_lib.process import take_precedence
before = os.nice(0)
print("ready", flush=True)
sys.stdin.read()
taken = take_precedence()
first = hasattr(os, "SCHED_RR") and os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
print(taken == (first or os.nice(0) < before))
child = os.fork() if first else None
if child == 0:
    os._exit(os.sched_getscheduler(0))
print(child is None or os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == os.SCHED_OTHER)
"""


@posix_only
def test_precedence_is_taken_where_it_is_allowed_and_told(child: Child) -> None:
    """By real time where there is such a thing, and what it starts is ordinary again."""
    said, _ = child(PREFERRED).communicate(timeout=10)
    assert said == "True\nTrue\n"


def test_who_we_are_has_a_name_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "operator")
    me = operating_system_user()
    assert set(me) == {"user", "machine", "system"}
    assert me["user"] == "operator"
    assert all(me.values())


def test_a_child_writes_its_log_and_sees_its_environment(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    program = "import os, sys; print(os.environ['SNLM_TEST']); print(sys.stdin.read() == '', file=sys.stderr)"
    spawn([sys.executable, "-c", program], environ={"SNLM_TEST": "seen"}, log=log)
    wait_until(lambda: log.read_text(encoding="utf-8").split() == ["seen", "True"])


def test_the_log_is_added_to_not_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("before\n", encoding="utf-8")
    spawn([sys.executable, "-c", "print('after')"], log=log)
    wait_until(lambda: log.read_text(encoding="utf-8").split() == ["before", "after"])


def test_an_attended_child_ends_with_its_input_and_keeps_answers_apart_from_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "import sys; print('answer', flush=True); print('aside', file=sys.stderr); sys.stdin.read()"
    child = attend([sys.executable, "-c", program], log=log, answers=True)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as answers:
        assert answers.readline() == b"answer" + os.linesep.encode()
        assert child.poll() is None

        child.stdin.close()

        assert child.wait(15) == 0
    assert log.read_text(encoding="utf-8") == "aside\n"


def test_a_detached_process_is_nobodys_child(tmp_path: Path) -> None:
    log = tmp_path / "apart.log"
    program = "import os, sys, time; print(os.getppid(), os.environ['SNLM_TEST'], flush=True); time.sleep(60)"
    pid = detach([sys.executable, "-c", program], environ={"SNLM_TEST": "seen"}, log=log)
    who = identity_of(pid)
    try:
        wait_until(lambda: log.read_text(encoding="utf-8").endswith("seen\n"))
        assert who.alive()
        if sys.platform != "win32":
            assert os.getsid(pid) != os.getsid(0)
            assert os.getpgid(pid) == pid
            with pytest.raises(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    finally:
        assert terminate(who)


def test_a_program_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        detach([str(tmp_path / "no-such-program")])


HOLDS = """
import sys
from pathlib import Path
from snlm_lib.lock import FileLock
with FileLock(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_lock_keeps_another_process_out_and_names_the_holder(child: Child, tmp_path: Path) -> None:
    path = tmp_path / "record.lock"
    holder = child(HOLDS, str(path))
    with pytest.raises(RecordError, match=f"process {holder.pid} on") as raised, FileLock(path, wait_s=0.1):
        pass
    assert raised.value.where == str(tmp_path)
    holder.communicate("")
    with FileLock(path, wait_s=5):
        assert f"process {os.getpid()}" in (FileLock(path).holder() or "")


def test_a_lock_waits_for_its_turn(child: Child, tmp_path: Path) -> None:
    path = tmp_path / "record.lock"
    holder = child(HOLDS, str(path))
    began_s = time.monotonic()
    release = threading.Timer(0.2, holder.communicate, [""])
    release.start()
    with FileLock(path, wait_s=10):
        assert time.monotonic() - began_s >= 0.2
    release.join()


def test_a_dead_holders_lock_is_free(child: Child, tmp_path: Path) -> None:
    path = tmp_path / "record.lock"
    holder = child(HOLDS, str(path))
    holder.kill()
    with FileLock(path, wait_s=5) as lock:
        assert str(os.getpid()) in (lock.holder() or "")


def test_a_lock_is_free_again_after_an_error_within(tmp_path: Path) -> None:
    path = tmp_path / "record.lock"
    assert FileLock(path).holder() is None
    with pytest.raises(KeyError), FileLock(path):
        raise KeyError
    with FileLock(path, wait_s=0.1):
        pass
    with FileLock(path, wait_s=0.1), pytest.raises(RecordError, match="held by"), FileLock(path, wait_s=0.05):
        pass


def test_a_lock_where_nothing_can_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "x.lock", tmp_path / "file" / "x.lock"):
        with pytest.raises(RecordError, match="cannot be locked") as caught, FileLock(path, wait_s=0.1):
            pass
        assert caught.value.where == str(path.parent)


LISTENS = """
import threading
from snlm_lib.process import on_terminate
asked = threading.Event()
on_terminate(asked.set)
print("ready", flush=True)
while not asked.wait(0.02):
    pass
print("tidied up", flush=True)
"""


@posix_only
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_being_asked_to_end_runs_our_own_end(child: Child, name: str) -> None:
    process = child(LISTENS)
    process.send_signal(signal.Signals[name])
    said, _ = process.communicate(timeout=10)
    assert said == "tidied up\n"
    assert process.returncode == 0


OWN_IDENTITY = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from snlm_lib.process import identity_of, write_atomic
write_atomic(Path(sys.argv[1]), json.dumps(asdict(identity_of())))
sys.stdin.read()
"""


def test_what_starts_is_what_writes_its_own_identity(tmp_path: Path) -> None:
    """The id that who starts a process gets, and the one the process writes, are one; also with a launcher between."""
    state = tmp_path / "state.json"
    pid = spawn([sys.executable, "-c", OWN_IDENTITY, str(state)], log=tmp_path / "log")
    wait_until(state.exists)
    assert json.loads(state.read_text(encoding="utf-8"))["pid"] == pid
