"""Whole rehearsals whose network misbehaves: what 06 says is what the lab did; a neighbour's gap blames the path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.record.folder import Record
from snlm_lib.record.result import StepResult, read_result

_LIMIT_S = 180
_CLOCKS_S = 0.02  # guest and monitor measure in two processes


def rehearsed(scenario: str, outputs: Path) -> tuple[StepResult, dict[str, Any]]:
    """06's result and the lab's truth of `snlm rehearse SCENARIO`, which must pass."""
    command = [sys.executable, "-m", "snlm_lib", "rehearse", scenario, "--outputs", str(outputs)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (outputs / "REHEARSAL").glob("*Z")
    result = read_result(Record(path), "06_verify_migration")
    assert result is not None
    (move,) = json.loads((path / "lab" / "truth.json").read_text(encoding="utf-8"))["moves"]
    return result, dict(move)


def gaps(result: StepResult) -> dict[str, float]:
    return {str(row["probe"]): float(row["longest gap, s"] or 0.0) for row in result.tables["away"]}


def within_bounds(result: StepResult, silence_s: float) -> bool:
    lower_s, upper_s = (float(str(result.figures[key])) for key in ("gap_lower_s", "gap_upper_s"))
    return lower_s - _CLOCKS_S <= silence_s <= upper_s + _CLOCKS_S


def test_a_quarantine_stops_datagrams_and_new_connections_while_the_open_one_goes_on(tmp_path: Path) -> None:
    result, truth = rehearsed("interface-quarantine", tmp_path)
    away = gaps(result)

    assert result.figures["cause"] == "interface-quarantine"
    assert truth["quarantine_s"] == pytest.approx(2.0, abs=0.3)
    assert within_bounds(result, truth["silence_s"])
    assert min(away["UDP"], away["TCP connect"]) > 1.8
    assert away["TCP flow"] < 1.0
    assert result.figures["control"] == "clean"


def test_a_path_that_fails_is_seen_at_the_control_and_not_blamed_on_the_machine(tmp_path: Path) -> None:
    result, truth = rehearsed("path-outage", tmp_path)

    assert (result.figures["cause"], result.figures["control"]) == ("prober-or-path", "lost probes")
    assert result.figures["doubtful"] is True
    assert within_bounds(result, truth["silence_s"])
    assert {row.verdict for row in result.checks if row.id.startswith("control-")} == {"WARN"}


def test_what_was_held_is_late_and_not_lost(tmp_path: Path) -> None:
    result, _truth = rehearsed("held-packets", tmp_path)

    assert (result.figures["lost"], result.figures["cause"]) == (0, "held-not-dropped")
    assert "late" in result.highlights[-1]
