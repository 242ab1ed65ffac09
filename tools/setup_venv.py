"""Set up .venv from requirements.lock: once, whoever comes first; knows the standard library only.

The lock is the operating system's, so it is freed when its holder dies. A folder that carries the
building mark was left by an interrupted run and is made anew. With SNLM_WHEELS=FOLDER everything is
installed from the wheels in that folder, and nothing else is asked.

Kerberos on Linux (requirements-kerberos.lock) is built from source, so it is tried only where the headers are, and
its failure fails nothing else: what needs it says so.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

__all__ = ["Setup", "can_build_kerberos", "main", "wheel_folder"]

_STAMP = "snlm-stamp"
_BUILDING = "snlm-building"
_POLL_S = 0.2
Runner = Callable[[list[str]], int]


class _Lock:
    """An exclusive lock on a file, kept by the operating system; waits as long as it takes."""

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._file: IO[bytes] | None = None

    def __enter__(self) -> _Lock:
        self._file = self._path.open("ab")
        told = False
        while not _try_lock(self._file):
            if not told:
                self._say("another run is setting up .venv; waiting for it")
                told = True
            time.sleep(_POLL_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if os.name == "nt":
            windows: Any = importlib.import_module("msvcrt")
            file.seek(0)
            windows.locking(file.fileno(), windows.LK_NBLCK, 1)
        else:
            unix: Any = importlib.import_module("fcntl")
            unix.flock(file.fileno(), unix.LOCK_EX | unix.LOCK_NB)
    except OSError:
        return False
    return True


class Setup:
    """One environment folder in ``root``; ``run`` starts a program and returns its exit code.

    ``wheels`` is a folder that holds every wheel of the lock; without it pip asks where it is set up to ask.
    ``kerberos``: build it too.
    """

    def __init__(
        self,
        root: Path,
        *,
        run: Runner,
        say: Callable[[str], None],
        wheels: Path | None = None,
        kerberos: bool = False,
    ) -> None:
        self._root = root
        self._run = run
        self._say = say
        self._wheels = wheels
        self._locks = ["requirements.lock", *(["requirements-kerberos.lock"] if kerberos else [])]
        self.folder = root / ".venv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def stamp(self) -> str:
        """What the environment must have been made from: lock, project, interpreter, place."""
        digest = hashlib.sha256()
        for name in (*self._locks, "pyproject.toml"):
            digest.update((self._root / name).read_bytes())
        digest.update(f"{sys.version_info[:2]} {self.folder}".encode())
        return digest.hexdigest()

    def ready(self) -> bool:
        """True when the environment was finished from just this lock and project."""
        mark = self.folder / _STAMP
        return mark.is_file() and self.python.exists() and mark.read_text(encoding="utf-8") == self.stamp()

    def ensure(self) -> int:
        """Make the environment unless it is ready; returns the exit code."""
        if self.ready():
            return 0
        with _Lock(self._root / ".venv.lock", say=self._say):
            if self.ready():
                return 0
            usable = self.python.exists() and not (self.folder / _BUILDING).exists()
            if usable and self._install() == 0:
                return 0
            return self._create() or self._install()

    def _create(self) -> int:
        self._say("setting up .venv (about a minute, once)")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        (self.folder / _BUILDING).touch()
        return self._run([sys.executable, "-m", "venv", str(self.folder)])

    def _install(self) -> int:
        (self.folder / _STAMP).unlink(missing_ok=True)
        (self.folder / _BUILDING).touch()
        pip = [
            str(self.python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "-qq",  # warnings about somebody's pip settings help nobody
            *(["--no-index", "--find-links", str(self._wheels)] if self._wheels else []),
        ]
        lock, *further = [[*pip, "--require-hashes", "-r", str(self._root / name)] for name in self._locks]
        code = self._run(lock)
        code = code or self._run([*pip, "--no-deps", "--no-build-isolation", "-e", str(self._root)])
        if code == 0:
            self._try(further)
            (self.folder / _STAMP).write_text(self.stamp(), encoding="utf-8")
            (self.folder / _BUILDING).unlink(missing_ok=True)
        return code

    def _try(self, installs: list[list[str]]) -> None:
        for line in installs:
            self._say("building Kerberos for Python (a minute or two, once)")
            if self._run(line) != 0:
                self._say("Kerberos for Python could not be built; all else works. 'make clean setup' tries again.")


def can_build_kerberos(platform: str = sys.platform, which: Callable[[str], str | None] = shutil.which) -> bool:
    """Are MIT Kerberos' headers here? On Windows, and where they are missing, nothing is built."""
    return platform == "linux" and which("krb5-config") is not None and which("gcc") is not None


def main(root: Path) -> int:
    """Set up ``root``/.venv; returns 0, or the code of the program that failed."""
    if sys.version_info < (3, 11):  # noqa: UP036  (an older python3 may well call this file)
        print(f"snlm needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    try:
        wheels = wheel_folder(os.environ)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    return Setup(
        root,
        run=lambda argv: subprocess.run(argv, check=False).returncode,
        say=_say,
        wheels=wheels,
        kerberos=can_build_kerberos(),
    ).ensure()


def wheel_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder that SNLM_WHEELS names, None when it is unset; FileNotFoundError when no wheel is in it."""
    named = environ.get("SNLM_WHEELS", "")
    if not named:
        return None
    folder = Path(named).resolve()
    if not any(folder.glob("*.whl")):
        raise FileNotFoundError(f"SNLM_WHEELS: no wheel in {folder}; fill it with 'pip download' (see README.md).")
    return folder


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
