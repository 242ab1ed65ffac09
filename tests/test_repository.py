"""The repository's own files agree with each other, and the set-up is safe to interrupt and to race."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WINDOWS = {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"}
UNIX_ONLY = {"ptyprocess", "pexpect", "secretstorage", "jeepney", "appnope", "uvloop"}


LOCKS = ["requirements.lock", "requirements-kerberos.lock"]


def _lock_entries(name: str = "requirements.lock") -> dict[str, list[tuple[Requirement, int]]]:
    """Name -> each pinned entry with the number of its hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    text = (ROOT / name).read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if block.startswith("#"):
            continue
        head, *hashes = re.split(r"\s*\\\n\s*--hash=", block)
        requirement = Requirement(head.strip())
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, len(hashes)))
    return found


def _declared() -> list[Requirement]:
    texts = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    return [Requirement(text) for text in texts]


def _spelt(requirement: Requirement) -> tuple[str, str]:
    return canonicalize_name(requirement.name), str(requirement.specifier)


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_names_no_registry_no_path_and_no_machine(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]

    assert "://" not in text
    assert not re.search(r"index|find-links|/home|/root|/tmp", "\n".join(comments))
    assert any("make lock" in line for line in comments)


def test_every_entry_of_the_lock_is_pinned_and_hashed() -> None:
    entries = [pair for pairs in _lock_entries().values() for pair in pairs]
    loose = [str(one) for one, hashes in entries if not re.fullmatch(r"==[^*]+", str(one.specifier)) or hashes == 0]

    assert len(entries) > 50
    assert loose == []


def test_kerberos_has_a_lock_of_its_own_for_linux_alone() -> None:
    extra = PROJECT["project"]["optional-dependencies"]["kerberos"]
    entries = {name: pairs[0] for name, pairs in _lock_entries("requirements-kerberos.lock").items()}

    assert PROJECT["dependency-groups"]["kerberos"] == extra
    assert {canonicalize_name(Requirement(text).name) for text in extra} <= set(entries)
    assert all(hashes and "==" in str(one.specifier) for one, hashes in entries.values())
    assert not any(one.marker is None or one.marker.evaluate(WINDOWS) for one, _ in entries.values())


def test_the_lock_fulfils_what_the_project_declares() -> None:
    lock = _lock_entries()
    for wanted in _declared():
        pins = [next(iter(one.specifier)).version for one, _ in lock.get(canonicalize_name(wanted.name), [])]
        assert pins, f"{wanted.name} is not in the lock"
        assert all(wanted.specifier.contains(pin) for pin in pins), f"{wanted}: locked is {pins}"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_on_windows_the_lock_gives_one_version_each_and_nothing_for_unix(python: str) -> None:
    environment = {**WINDOWS, "python_version": python, "python_full_version": f"{python}.9"}
    wanted = {
        name: [one for one, _ in pairs if one.marker is None or one.marker.evaluate(environment)]
        for name, pairs in _lock_entries().items()
    }

    assert [name for name, chosen in wanted.items() if len(chosen) > 1] == []
    assert [name for name in UNIX_ONLY if wanted.get(name)] == []
    assert all(wanted[name] for name in ("pywin32-ctypes", "pywinpty", "colorama", "tzdata", "sspilib"))


def test_the_lock_installs_on_64_bit_windows_from_wheels_alone(tmp_path: Path) -> None:
    lock = ["--require-hashes", "-r", str(ROOT / "requirements.lock"), "--only-binary", ":all:"]
    platform = ["--python-platform", "x86_64-pc-windows-msvc", "--python-version", "3.11", "--target", str(tmp_path)]
    command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", *platform, *lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if re.search(r"[Ff]ailed to fetch|dns error|error sending request|[Cc]onnection refused", done.stderr):
        pytest.skip("needs a package index")

    assert done.returncode == 0, done.stderr[-2000:]
    assert "pywinpty==" in done.stderr
    assert "pexpect==" not in done.stderr


def test_environment_yml_has_the_same_names_and_ranges() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    under_pip = next(item["pip"] for item in listed if isinstance(item, dict))
    conda = [Requirement(text) for text in listed if isinstance(text, str)]
    python = next(one for one in conda if one.name == "python")
    packages = [one for one in conda if one.name != "python"] + [Requirement(text) for text in under_pip]

    assert str(python.specifier) == str(Requirement(f"x{PROJECT['project']['requires-python']}").specifier)
    assert sorted(map(_spelt, packages)) == sorted(map(_spelt, _declared()))


def test_the_build_backend_is_in_the_lock() -> None:
    needed = [Requirement(text) for text in PROJECT["build-system"]["requires"]]

    assert {canonicalize_name(one.name) for one in needed} <= set(_lock_entries())


def test_ci_is_executable_and_calls_the_gate() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith("make test")


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_venv", ROOT / "tools" / "setup_venv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _FakePrograms:
    """Stands for `venv` and `pip`: makes the interpreter's file, counts, fails when told."""

    def __init__(self, root: Path) -> None:
        self.calls: list[str] = []
        self.lines: list[list[str]] = []
        self.fail_next = False
        self.fail_on = ""
        self._root = root
        self._guard = threading.Lock()

    def __call__(self, argv: list[str]) -> int:
        with self._guard:
            self.calls.append("venv" if "venv" in argv else "pip")
            self.lines.append(argv)
            if self.fail_next or (self.fail_on and argv[-1].endswith(self.fail_on)):
                self.fail_next = False
                return 1
        if "venv" in argv:
            python = self._root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return 0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text("a==1\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    return tmp_path


def _setup(tree: Path, programs: _FakePrograms, **more: Any) -> Any:
    return _tool().Setup(tree, run=programs, **{"say": lambda text: None, **more})


def test_the_second_set_up_does_nothing(tree: Path) -> None:
    programs = _FakePrograms(tree)

    assert _setup(tree, programs).ensure() == 0
    assert _setup(tree, programs).ensure() == 0
    assert programs.calls == ["venv", "pip", "pip"]


def test_a_changed_lock_is_installed_into_the_same_environment(tree: Path) -> None:
    programs = _FakePrograms(tree)
    _setup(tree, programs).ensure()
    (tree / "requirements.lock").write_text("a==2\n", encoding="utf-8")

    assert _setup(tree, programs).ensure() == 0
    assert programs.calls == ["venv", "pip", "pip", "pip", "pip"]


@pytest.mark.parametrize(
    ("platform", "programs", "builds"),
    [
        ("linux", {"krb5-config", "gcc"}, True),
        ("linux", {"krb5-config"}, False),
        ("linux", {"gcc"}, False),
        ("win32", {"krb5-config", "gcc"}, False),
        ("darwin", {"krb5-config", "gcc"}, False),
    ],
)
def test_kerberos_is_built_only_where_it_can_be(platform: str, programs: set[str], builds: bool) -> None:
    assert _tool().can_build_kerberos(platform, lambda name: name if name in programs else None) is builds


def test_kerberos_that_cannot_be_built_fails_nothing_else(tree: Path) -> None:
    (tree / "requirements-kerberos.lock").write_text("k==1\n", encoding="utf-8")
    said: list[str] = []
    programs = _FakePrograms(tree)
    programs.fail_on = "requirements-kerberos.lock"

    assert _setup(tree, programs, kerberos=True, say=said.append).ensure() == 0
    assert programs.calls == ["venv", "pip", "pip", "pip"]
    assert "could not be built" in said[-1]
    assert _setup(tree, programs, kerberos=True).ready()
    assert not _setup(tree, programs).ready()


def test_an_interrupted_set_up_is_made_anew(tree: Path) -> None:
    programs = _FakePrograms(tree)
    programs.fail_next = True
    assert _setup(tree, programs).ensure() == 1
    (tree / ".venv" / "half-installed").touch()

    assert _setup(tree, programs).ensure() == 0
    assert not (tree / ".venv" / "half-installed").exists()
    assert _setup(tree, programs).ready()


def test_two_first_runs_at_once_set_up_once(tree: Path) -> None:
    programs = _FakePrograms(tree)
    codes: list[int] = []
    runs = [threading.Thread(target=lambda: codes.append(_setup(tree, programs).ensure())) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)

    assert codes == [0, 0, 0, 0]
    assert programs.calls == ["venv", "pip", "pip"]


def test_a_wheel_folder_is_all_that_pip_is_told_of(tree: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "a-1-py3-none-any.whl").touch()
    programs = _FakePrograms(tree)
    tool = _tool()
    found = tool.wheel_folder({"SNLM_WHEELS": str(wheels)})

    assert tool.Setup(tree, run=programs, say=lambda text: None, wheels=found).ensure() == 0
    installs = [line for line in programs.lines if "install" in line]
    assert len(installs) == 2
    for line in installs:
        at = line.index("--no-index")
        assert line[at : at + 3] == ["--no-index", "--find-links", str(wheels)]


def test_without_a_wheel_folder_pip_asks_where_it_is_set_up_to_ask(tree: Path) -> None:
    programs = _FakePrograms(tree)
    _setup(tree, programs).ensure()

    assert _tool().wheel_folder({}) is None
    assert not any("--no-index" in line for line in programs.lines)


def test_a_wheel_folder_without_wheels_is_said_before_anything_is_made(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no wheel in"):
        _tool().wheel_folder({"SNLM_WHEELS": str(tmp_path / "none")})

    environ = {**os.environ, "SNLM_WHEELS": str(tmp_path / "none")}
    (tree / "tools").mkdir()
    script = tree / "tools" / "setup_venv.py"
    script.write_bytes((ROOT / "tools" / "setup_venv.py").read_bytes())
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, env=environ)

    assert done.returncode == 2
    assert done.stderr.startswith("SNLM_WHEELS: no wheel in")
    assert not (tree / ".venv").exists()
