"""The lab's descriptor where everybody looks for it: claimed when it answers, taken away when it ends.

A file belongs to the living lab that it names; whoever comes later may replace only a dead one's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from snlm_lib.errors import LabError
from snlm_lib.lock import FileLock
from snlm_lib.process import still_runs, write_atomic

__all__ = ["announce", "withdraw"]


def announce(path: Path, text: str) -> None:
    """Write the descriptor ``text`` to ``path``. Raises LabError when another living lab owns it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        other = _read(path)
        if other is not None and _lives(other):
            raise LabError(
                f"the lab '{other.get('scenario')}' of process {other['pid']} already answers through this file",
                where=str(path),
                remedy=f"Use that one or end it (Ctrl-C in its window); to run one beside it: {_beside(path)}",
            )
        write_atomic(path, text)


def withdraw(path: Path, pid: int) -> None:
    """Take the descriptor away, if it is still that of process ``pid``."""
    with _lock(path):
        found = _read(path)
        if found is not None and found.get("pid") == pid:
            path.unlink(missing_ok=True)


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_name(f"{path.name}.lock"))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _lives(descriptor: dict[str, Any]) -> bool:
    try:
        return still_runs(int(descriptor["pid"]), float(descriptor["process_started"]))
    except (KeyError, TypeError, ValueError):
        return False


def _beside(path: Path) -> str:
    other = path.with_name(f"{path.stem}-2{path.suffix}")
    if os.name == "nt":
        return f"$env:SNLM_LAB = '{other}'; snlm lab up"
    return f"SNLM_LAB='{other}' snlm lab up"
