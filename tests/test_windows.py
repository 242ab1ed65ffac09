"""What Windows and its people ask for, as far as it can be shown elsewhere; the rest is listed in docs/verified.md."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from snlm_lib.closed import is_device_name
from snlm_lib.errors import ParameterError
from snlm_lib.parameters import Parameters, connection_profile, load_parameters, validate

ROOT = Path(__file__).resolve().parents[1]
DOOR = "process.py"  # the one file that may know an operating system
# Each runs on Linux only, and is asked first whether it can: kernels.FORKS, samba.why_not.
ON_LINUX_ONLY = {"forge.py", "samba.py", "samba_seed.py", "watch.py"}  # whole, or behind a look at the platform
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    "os": "fork forkpty getuid geteuid getgid setsid getpgid killpg kill mkfifo chown uname nice waitpid WNOHANG"
    " system popen getloadavg sched_getaffinity",
    "signal": "SIGKILL SIGHUP SIGALRM SIGUSR1 SIGUSR2 SIGCHLD SIGPIPE pause alarm setitimer sigwait pthread_kill",
    "select": "poll epoll kqueue",
    "socket": "AF_UNIX SO_REUSEPORT",
}
POSIX_PATHS = re.compile(r"/(tmp|dev|proc|etc|usr|var|home|bin)(/|$)")
LOCAL_TIME = {"localtime", "ctime", "fromtimestamp", "utcnow", "utcfromtimestamp", "today", "mktime", "strptime"}


class Rehearsed(Protocol):
    """What the shared fixtures give (tests/conftest.py)."""

    out: str
    record: Path


def _trees() -> list[Any]:
    paths = sorted((ROOT / "snlm_lib").rglob("*.py"))
    return [pytest.param(path, ast.parse(path.read_text(encoding="utf-8")), id=path.name) for path in paths]


# --- what people write -----------------------------------------------------------------------------

TEXT = "# Änderung\r\nvm: DB-Köln\r\nreason: |\r\n  erste Zeile\r\n  zweite\r\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32-le"),
    ],
)
def test_a_file_is_read_as_windows_writes_it(tmp_path: Path, mark: bytes, encoding: str) -> None:
    path = tmp_path / "change.yaml"
    path.write_bytes(mark + TEXT.encode(encoding))
    found = load_parameters(path)

    assert (found.vm, found.reason) == ("DB-Köln", "erste Zeile\nzweite\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_connection_is_read_as_windows_writes_it(tmp_path: Path, encoding: str) -> None:
    text = "hosts: {HV01: {address: hv01.corp.example}}\r\nuser: CORP\\Jürgen\r\nsecret: env:PW\r\n"
    (tmp_path / "real.yaml").write_text(text, encoding=encoding, newline="")

    assert connection_profile("real", {"SNLM_CONNECTIONS": str(tmp_path)}).user == "CORP\\Jürgen"


@pytest.mark.parametrize("name", ["CON", "con", "nul.txt", "LPT9.txt", "COM1", "com\u00b9", "CONIN$", "aux .x"])
def test_names_of_devices_are_known(name: str) -> None:
    assert is_device_name(name)


@pytest.mark.parametrize("name", ["CONSOLE", "COM10", "LPT", "nulls", "my-con", "COMX"])
def test_names_that_only_look_like_devices_are_free(name: str) -> None:
    assert not is_device_name(name)
    assert validate({"change_id": name}, where="test").change_id == name


@pytest.mark.parametrize(
    "path", ["D:\\", "d:\\VMs\\", "D:\\Hyper-V\\VM01", "C:\\ClusterStorage\\Volume 1\\DB[1]", "E:\\Köln"]
)
def test_folders_of_windows_are_accepted(path: str) -> None:
    assert validate({"destination_path": path}, where="test").destination_path == path


# --- what a console shows --------------------------------------------------------------------------

SAYS = "from snlm_lib.cli_guard import guarded; guarded(lambda watcher: watcher.say('0.6 s ± 0.1 · für Ω') or 0)"


def _run(*argv: str, encoding: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run(
        [sys.executable, *argv], capture_output=True, encoding=encoding, check=False, timeout=60, env=environ, **options
    )


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("cp1252", "0.6 s ± 0.1 · für ?"), ("cp437", "0.6 s ± 0.1 · für Ω"), ("ascii", "0.6 s ? 0.1 ? f?r ?")],
)
def test_a_console_shows_what_its_code_page_has(encoding: str, shown: str) -> None:
    done = _run("-c", SAYS, encoding=encoding)

    assert (done.stdout.strip(), done.stderr) == (shown, "")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
@pytest.mark.parametrize(
    "words", [["--help"], ["explain", "--list"], ["explain", "0x8009030E"], ["rehearse", "Übung-Ω"]]
)
def test_every_answer_can_be_shown(encoding: str, words: list[str]) -> None:
    done = _run("-m", "snlm_lib", *words, encoding=encoding)

    assert done.returncode == (2 if words[0] == "rehearse" else 0), done.stderr
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stdout + done.stderr) > 50


def test_a_reader_who_has_heard_enough_is_no_fault(tmp_path: Path) -> None:
    program = "import os, sys; from snlm_lib.cli_guard import guarded\n"
    program += "sys.exit(guarded(lambda watcher: [watcher.say('x' * 200) for _ in range(5000)] and 0))"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SNLM_OUTPUTS": str(tmp_path / "outputs")},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        process.wait(30)

    assert said == b""
    assert not (tmp_path / "outputs").exists()


# --- a scheduled task ------------------------------------------------------------------------------


def _as_a_task(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """No terminal, nothing on the input, another working directory, no home."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "snlm_lib", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env={**kept, "SNLM_OUTPUTS": str(folder / "outputs"), **variables},
        timeout=120,
        check=False,
    )


def test_a_task_without_home_and_terminal_runs_to_its_verdict(tmp_path: Path) -> None:
    done = _as_a_task(tmp_path, "rehearse", "missing-switch")

    assert done.returncode == 2, done.stderr
    assert "REFUSED, record whole" in done.stdout
    assert len(list((tmp_path / "outputs" / "REHEARSAL").glob("*/report.html"))) == 1


def test_a_task_is_asked_nothing(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(
        "hosts: {HV01: {address: hv01.invalid}, HV02: {address: hv02.invalid}}\nuser: CORP\\op\nsecret: 'prompt:'\n",
        encoding="utf-8",
    )
    (tmp_path / "change.yaml").write_text("connection: real\nchange_id: CHG1\n", encoding="utf-8")
    done = _as_a_task(tmp_path, "run", "change.yaml", SNLM_CONNECTIONS=str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody can be asked for a password in this run" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_outputs_that_are_given_relatively_stand_for_every_process_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = _run(
        "-c",
        "from snlm_lib.parameters import outputs_root; print(outputs_root({'SNLM_OUTPUTS': 'here'}))",
        encoding="utf-8",
        cwd=tmp_path,
    )

    assert Path(done.stdout.strip()) == tmp_path / "here"


# --- what a record is made of ----------------------------------------------------------------------


def _files(record: Path) -> list[Path]:
    return [path for path in record.rglob("*") if path.is_file()]


def test_every_name_in_a_record_is_legal_on_windows(quick_rehearsal: Rehearsed) -> None:
    paths = [path.relative_to(quick_rehearsal.record) for path in _files(quick_rehearsal.record)]
    parts = {part for path in paths for part in path.parts}

    assert len(paths) > 15
    assert [part for part in parts if is_device_name(part) or part.endswith((".", " "))] == []
    assert [part for part in parts if set(part) & set('<>:"/\\|?*')] == []
    assert len({str(path).casefold() for path in paths}) == len(paths)


def test_the_deepest_path_of_a_record_is_short(quick_rehearsal: Rehearsed) -> None:
    """With the longest change id, a second record in its second, and the name of a file being written."""
    inside = max(len(str(path.relative_to(quick_rehearsal.record))) for path in _files(quick_rehearsal.record))
    longest = len("outputs/") + 40 + len("/20261123T210400Z-99/") + inside + len(".12345678.tmp.")

    assert longest <= 135
    assert len("C:\\Users\\administrator.corp\\Documents\\changes\\snlm\\") + longest < 200


def test_what_is_hashed_has_unix_line_ends_and_is_utf8(quick_rehearsal: Rehearsed) -> None:
    texts = [path for path in _files(quick_rehearsal.record) if path.suffix in (".json", ".jsonl", ".csv", ".txt", "")]

    assert len(texts) > 10
    for path in texts:
        assert b"\r" not in path.read_bytes(), path.name
        path.read_text(encoding="utf-8")


def test_times_for_people_are_utc_and_say_so(quick_rehearsal: Rehearsed) -> None:
    report = (quick_rehearsal.record / "report.html").read_text(encoding="utf-8")
    bare = re.findall(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?!\.?\d*(?:Z| UTC|[+-]\d\d:\d\d))", _prose(report))

    assert "UTC" in report
    assert bare == []


def _prose(page: str) -> str:
    """The words of a page, without scripts and pictures; what stands below the heading UTC says so."""
    page = re.sub(r'data-label="UTC">([^<]*)', r">\1 UTC", page)
    page = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", "", page)


# --- the code --------------------------------------------------------------------------------------


def _posix(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_NAMES.get(node.value.id, "").split():
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (name for name in names if name in POSIX_MODULES)
            taken = POSIX_NAMES.get(getattr(node, "module", None) or "", "").split()
            yield from (name for name in names if name in taken)
        elif isinstance(node, ast.keyword) and node.arg in ("shell", "preexec_fn", "start_new_session"):
            yield f"{node.arg}="
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and POSIX_PATHS.match(node.value):
            yield node.value


@pytest.mark.parametrize(("path", "tree"), _trees())
def test_nothing_of_posix_stands_outside_its_door(path: Path, tree: ast.Module) -> None:
    assert path.name in {DOOR, *ON_LINUX_ONLY} or list(_posix(tree)) == []


def test_the_look_for_posix_finds_it() -> None:
    bad = "import fcntl, os\nfrom signal import SIGKILL\nos.fork()\nopen('/tmp/x')\nrun(x, shell=True)"

    assert set(_posix(ast.parse(bad))) == {"fcntl", "SIGKILL", "os.fork", "/tmp/x", "shell="}


def _guessed(tree: ast.Module) -> Iterator[str]:
    """Text files opened in the platform's own encoding, times in its own zone."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        said = {keyword.arg for keyword in node.keywords}
        mode = next((word.value for word in node.args if isinstance(word, ast.Constant) and word.value != ""), "r")
        if called in ("read_text", "write_text") and "encoding" not in said:
            yield f"{called} in line {node.lineno}"
        if (
            called == "open"
            and ast.unparse(node.func) != "os.open"
            and isinstance(mode, str)
            and re.fullmatch("[rwax]t?[+]?", mode)
            and "encoding" not in said
        ):
            yield f"open in line {node.lineno}"
        if (called in LOCAL_TIME and len(node.args) + len(said) < 2) or (
            called in ("now", "astimezone") and not node.args and not said
        ):
            yield f"{called} in line {node.lineno}"


# `open` of these is not a file's: sessions, sockets, pools
NOT_FILES = {"clocks.py", "connect.py", "session.py", "shell.py", "stream.py", "survey.py", "reads.py"}
# where the clock of the person at the keyboard is meant
OWN_CLOCK = {"standing.py"}


@pytest.mark.parametrize(("path", "tree"), _trees())
def test_encoding_and_zone_are_never_the_platforms(path: Path, tree: ast.Module) -> None:
    meant = (("open", NOT_FILES), ("astimezone", OWN_CLOCK))
    found = [
        what
        for what in _guessed(tree)
        if not any(what.startswith(word) and path.name in names for word, names in meant)
    ]

    assert found == []


# --- the shipped examples --------------------------------------------------------------------------


def test_the_example_of_production_is_valid_and_reaches_nobody() -> None:
    change = load_parameters(ROOT / "parameters" / "production.example.yaml")
    profile = connection_profile(change.connection, {})
    profile.refuse_one_host(change.source, change.destination)

    assert (change.apply_settings, change.apply_delegation) == ("never", "never")
    assert not profile.rehearsal
    assert change.vm in profile.guests
    assert {host.address.rsplit(".", 1)[1] for host in profile.hosts.values()} == {"invalid"}
    assert len(profile.sign_ons) == 2


def test_the_example_says_everything_a_change_may_be_told() -> None:
    text = (ROOT / "parameters" / "production.example.yaml").read_text(encoding="utf-8")

    assert [name for name in Parameters.model_fields if f"\n{name}: " not in text] == []


def test_profiles_beside_the_clone_are_found(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=re.escape(str(tmp_path))):
        connection_profile("example", {"SNLM_CONNECTIONS": str(tmp_path)})
