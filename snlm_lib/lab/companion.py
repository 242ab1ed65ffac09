"""A child process that answers questions, one JSON line each way. Knows no directory and no ticket.

What a library may do only under another interpreter, or only with another environment, is done there.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snlm_lib.errors import LabError
from snlm_lib.process import attend

__all__ = ["Companion", "end_attended"]

_END_S = 5.0
_LOG_TAIL = 300


class Companion:
    """One child; `ask` may be called from any thread. It ends with `close`, or with us."""

    def __init__(self, argv: Sequence[str], *, log: Path, environ: Mapping[str, str] | None = None) -> None:
        self._log = log
        self._process = attend(argv, environ=environ, log=log, answers=True)
        self._turn = threading.Lock()

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """Its answer. Raises LabError, with the end of its log, when it has ended."""
        pipes = self._process
        with self._turn:
            try:
                assert pipes.stdin is not None
                assert pipes.stdout is not None
                pipes.stdin.write(json.dumps(question).encode() + b"\n")
                pipes.stdin.flush()
                line = pipes.stdout.readline()
            except (OSError, ValueError):  # ValueError: closed meanwhile
                line = b""
        if not line:
            what = f"a helper of the lab has ended: {self._tail()}"
            raise LabError(what, where=str(self._log), remedy="Start the lab again.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it; safe to call twice."""
        end_attended(self._process)

    def _tail(self) -> str:
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            text = ""
        return text[-_LOG_TAIL:] or "it said nothing"


def end_attended(process: subprocess.Popen[bytes]) -> None:
    """Close the input of a child that watches it, wait, and kill what does not end."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
