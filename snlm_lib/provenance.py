"""Which code, on which machine, by whom: the facts a record opens with. Decides nothing."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from pathlib import Path
from typing import Any

from snlm_lib import __version__
from snlm_lib.process import operating_system_user

__all__ = ["code_facts", "who_and_what"]

_GIT_LIMIT_S = 10


def code_facts(root: Path) -> dict[str, Any]:
    """Version, commit (None outside git or without git), local changes, hash of the lock, interpreter."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "version": __version__,
        "commit": commit,
        "modified": None if changed is None else bool(changed),
        "lock_sha256": _sha256(root / "requirements.lock"),
        "python": platform.python_version(),
    }


def who_and_what(root: Path) -> dict[str, Any]:
    """``operator`` (user, machine, system as the operating system names them) and ``code`` (`code_facts`)."""
    return {"operator": operating_system_user(), "code": code_facts(root)}


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_GIT_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
