"""The same seven notebooks twice: by `snlm run`, and as seven `papermill` command lines. Which takes how long?

Each side gets a fresh lab of the `quick` scenario and a fresh folder; what is timed is what a person would type,
interpreter start, report and seal included. Waits that are the same on both sides (baseline, tail, poll) are nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from snlm_lib.clock import SystemClock
from snlm_lib.lab_process import running_lab, scenario_file
from snlm_lib.parameters import project_root
from snlm_lib.runbook import REPORT_STEP, STEPS

__all__ = ["MOST_RATIO", "Pair", "help_s", "line", "measure", "summary"]

MOST_RATIO = 0.33
_PARAMETERS = "baseline_s: 0.0\ntail_s: 0.0\npoll_ms: 20\n"
_LIMIT_S = 600


@dataclass(frozen=True)
class Pair:
    """Wall seconds of both sides, and whether every notebook of both passed."""

    snlm_s: float
    papermill_s: float
    passed: bool

    @property
    def ratio(self) -> float:
        return self.snlm_s / self.papermill_s


def measure(turn: int) -> Pair:
    """One pair; who goes first alternates with ``turn``, so that a machine that slows down favours nobody."""
    sides: list[Callable[[], tuple[float, bool]]] = [_by_snlm, _by_papermill]
    order = sides if turn % 2 == 0 else sides[::-1]
    found = {side: side() for side in order}
    (ours, passed), (theirs, well) = found[_by_snlm], found[_by_papermill]
    return Pair(ours, theirs, passed and well)


def _by_snlm() -> tuple[float, bool]:
    return _timed(lambda file, _: [[sys.executable, "-m", "snlm_lib", "run", str(file)]])


def _by_papermill() -> tuple[float, bool]:
    return _timed(_command_lines)


def _command_lines(file: Path, folder: Path) -> list[list[str]]:
    script = Path(sys.executable).with_name("papermill")
    papermill = [str(script)] if script.exists() else [sys.executable, "-m", "papermill"]
    notebooks = project_root() / "notebooks"
    return [
        [*papermill, str(notebooks / f"{step}.ipynb"), str(folder / f"{step}.ipynb"), "-f", str(file)]
        for step in (*STEPS, REPORT_STEP)
    ]


def _timed(commands: Callable[[Path, Path], list[list[str]]]) -> tuple[float, bool]:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="snlm-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        file = folder / "speed.yaml"
        file.write_text(_PARAMETERS, encoding="utf-8")
        with running_lab(scenario_file("quick"), clock=clock) as lab:
            environ = {**os.environ, "SNLM_LAB": str(lab.descriptor), "SNLM_OUTPUTS": str(folder / "outputs")}
            began = clock.monotonic_s()
            codes = [_call(command, environ) for command in commands(file, folder)]
            return clock.monotonic_s() - began, not any(codes)


def _call(command: Sequence[str], environ: dict[str, str]) -> int:
    return subprocess.run(command, env=environ, capture_output=True, timeout=_LIMIT_S, check=False).returncode


def help_s() -> float:
    """How long `snlm --help` takes: the middle one of five."""
    clock = SystemClock()
    took = []
    for _ in range(5):
        began = clock.monotonic_s()
        _call([sys.executable, "-m", "snlm_lib", "--help"], dict(os.environ))
        took.append(clock.monotonic_s() - began)
    return statistics.median(took)


def summary(pairs: Sequence[Pair]) -> dict[str, object]:
    """``ratio_to_papermill_cli`` is that of the medians; None without a pair, or when any notebook failed."""
    known = bool(pairs) and all(pair.passed for pair in pairs)
    ours = statistics.median(pair.snlm_s for pair in pairs) if pairs else None
    theirs = statistics.median(pair.papermill_s for pair in pairs) if pairs else None
    return {
        "ratio_to_papermill_cli": ours / theirs if known and ours is not None and theirs else None,
        "snlm_s_median": ours,
        "papermill_cli_s_median": theirs,
        "pairs": [asdict(pair) | {"ratio": pair.ratio} for pair in pairs],
    }


def line(number: int, pair: Pair) -> str:
    """One row of the table."""
    passed = "passed" if pair.passed else "FAILED"
    return f"{number:4}  {passed}  {pair.snlm_s:6.1f}  {pair.papermill_s:11.1f}  {pair.ratio:5.2f}"
