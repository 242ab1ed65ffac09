"""Whole rehearsals over the real wire: one that passes, one that is refused, one whose kernel is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import LabError, ParameterError
from snlm_lib.lab_process import running_lab, scenario_file, scenario_name
from snlm_lib.measure.monitor import find_monitor
from snlm_lib.measure.verdict import say_length
from snlm_lib.record.folder import Record, read_change
from snlm_lib.record.journal import Entry
from snlm_lib.record.result import StepResult, Verdict, read_result
from snlm_lib.record.seal import verify
from snlm_lib.runbook import REPORT_STEP, STEPS
from tests.notebook_files import is_kernel

MOVE = "05_move_vm"


class Rehearsed(Protocol):
    """What the shared fixtures give (tests/conftest.py)."""

    code: int
    out: str
    err: str
    record: Path


def _result(path: Path, step: str) -> StepResult:
    result = read_result(Record(path), step)
    assert result is not None, f"{step} left no result"
    return result


def _entries(path: Path) -> tuple[Entry, ...]:
    return Record(path).journal(SystemClock()).entries()


def _truth(path: Path) -> dict[str, Any]:
    moves = json.loads((path / "lab" / "truth.json").read_text(encoding="utf-8"))["moves"]
    assert len(moves) == 1
    return dict(moves[0])


def test_a_rehearsal_passes_and_leaves_a_whole_record(quick_rehearsal: Rehearsed) -> None:
    assert quick_rehearsal.code == 0, quick_rehearsal.out + quick_rehearsal.err
    assert quick_rehearsal.err == ""
    assert verify(quick_rehearsal.record).state == "sealed"
    assert {_result(quick_rehearsal.record, step).verdict for step in (*STEPS, REPORT_STEP)} == {Verdict.PASSED}


def test_its_last_words_come_from_the_record(quick_rehearsal: Rehearsed) -> None:
    figures = _result(quick_rehearsal.record, "06_verify_migration").figures
    truth = _truth(quick_rehearsal.record)

    assert "REHEARSAL: simulated hosts; nothing outside this machine was touched" in quick_rehearsal.out
    assert "06 runs only on HV02" in quick_rehearsal.out
    gap_s, lower_s, upper_s = (float(str(figures[key])) for key in ("gap_s", "gap_lower_s", "gap_upper_s"))
    assert f"Away {say_length(gap_s, (upper_s - lower_s) / 2)}" in quick_rehearsal.out
    assert f"the lab's truth {truth['silence_s']:.2f} s" in quick_rehearsal.out
    assert "Next: snlm rehearse missing-switch" in quick_rehearsal.out


def test_the_gap_told_is_the_guests_silence_within_one_interval(quick_rehearsal: Rehearsed) -> None:
    gap = _result(quick_rehearsal.record, "06_verify_migration").figures["gap_s"]
    interval_s = read_change(Record(quick_rehearsal.record))["parameters"]["probe_interval_ms"] / 1000

    assert isinstance(gap, float)
    assert abs(gap - _truth(quick_rehearsal.record)["silence_s"]) <= interval_s


def test_the_record_says_what_it_is(quick_rehearsal: Rehearsed) -> None:
    change = read_change(Record(quick_rehearsal.record))

    assert (change["rehearsal"], change["scenario"]) == (True, "quick")
    assert change["code"]["version"]
    assert change["operator"]["user"]


def test_every_change_has_its_intent_before_and_its_outcome_after(quick_rehearsal: Rehearsed) -> None:
    entries = _entries(quick_rehearsal.record)
    intents = [entry.data["intent_id"] for entry in entries if entry.kind == "intent"]
    outcomes = [entry.data["intent_id"] for entry in entries if entry.kind == "outcome"]

    assert intents
    assert sorted(intents) == sorted(outcomes)
    assert entries[-1].kind == "sealed"


def test_no_secret_of_the_lab_is_in_the_record(quick_rehearsal: Rehearsed) -> None:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in _files(quick_rehearsal.record)]

    assert len(texts) > 10
    assert not any("NTLM_USER_FILE" in text for text in texts)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_missing_switch_is_refused_and_nothing_was_changed(refused_rehearsal: Rehearsed) -> None:
    lab = refused_rehearsal.record / "lab"

    assert refused_rehearsal.code == 2, refused_rehearsal.out + refused_rehearsal.err
    assert (lab / "world-before.json").read_bytes() == (lab / "world-after.json").read_bytes()
    assert [entry for entry in _entries(refused_rehearsal.record) if entry.kind == "intent"] == []
    assert verify(refused_rehearsal.record).state == "sealed"
    assert (refused_rehearsal.record / "report.html").exists()


def test_the_refusal_names_switch_and_host(refused_rehearsal: Rehearsed) -> None:
    failed = [row for row in _result(refused_rehearsal.record, STEPS[0]).checks if row.verdict == "FAIL"]

    assert len(failed) == 1
    assert "HV02" in refused_rehearsal.out
    assert failed[0].evidence in refused_rehearsal.out
    assert "Nothing was changed." in refused_rehearsal.out


def _wait_for(found: Callable[[], Any], *, limit_s: float) -> Any:
    end = time.monotonic() + limit_s
    tick = SystemClock()
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        tick.sleep(0.02)
    raise AssertionError(f"not seen within {limit_s} s")


def _moving(outputs: Path) -> Path | None:
    """The record in which 05 has begun the move and not ended it."""
    for path in (outputs / "REHEARSAL").glob("*"):
        kinds = [entry.kind for entry in _entries(path) if entry.step == MOVE]
        if "intent" in kinds and "outcome" not in kinds and (path / "samples" / "progress.csv").exists():
            return path
    return None


def _kernel_of(runner: psutil.Popen) -> psutil.Process | None:
    """The oldest: a younger one only warms up."""
    grown = [child for child in runner.children() for child in (child, *child.children())]
    kernels = [child for child in grown if is_kernel(child)]
    return min(kernels, key=lambda child: child.create_time()) if kernels else None


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Exit code and record of a rehearsal whose kernel was killed while the machine moved."""
    outputs = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "snlm_lib", "rehearse", "rehearsal", "--outputs", str(outputs)]
    runner = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        record = _wait_for(lambda: _moving(outputs), limit_s=90)
        _wait_for(lambda: _kernel_of(runner), limit_s=5).kill()
        yield runner.wait(90), record
    finally:
        if runner.poll() is None:
            runner.kill()


def test_a_kernel_killed_while_the_machine_moves_is_unknown(killed: tuple[int, Path]) -> None:
    code, record = killed
    result = _result(record, MOVE)

    assert code == 3
    assert result.verdict is Verdict.UNKNOWN
    assert "its kernel died" in result.reason
    assert [row.result for row in result.changes] == ["unknown"]
    assert read_result(Record(record), "06_verify_migration") is None


def test_after_it_no_monitor_runs_and_the_record_verifies(killed: tuple[int, Path]) -> None:
    _, record = killed
    monitor = find_monitor(record)

    assert monitor is None or not monitor.running()
    assert verify(record).state == "sealed"
    assert (record / "report.html").exists()


def test_a_scenario_that_does_not_parse_says_so_and_leaves_no_process(tmp_path: Path) -> None:
    scenario = tmp_path / "broken.yaml"
    scenario.write_text("hosts: [\n", encoding="utf-8")

    with pytest.raises(LabError, match="the lab did not start"), running_lab(scenario, clock=SystemClock()):
        pass


def test_a_lab_ends_with_its_block_and_leaves_its_truth(tmp_path: Path) -> None:
    with running_lab(scenario_file("quick"), clock=SystemClock()) as lab:
        assert lab.who.alive()
        lab.bring_truth(tmp_path / "lab")

    assert not lab.who.alive()
    assert not lab.state.exists()
    assert sorted(path.name for path in (tmp_path / "lab").iterdir()) == [
        "truth.json",
        "world-after.json",
        "world-before.json",
    ]


def test_an_unknown_scenario_lists_the_known() -> None:
    with pytest.raises(ParameterError, match=r"missing-switch.*quick.*rehearsal"):
        scenario_file("nosuch")


def test_a_known_failure_is_a_scenario_too_and_an_unknown_one_lists_them() -> None:
    assert scenario_file("faults/no-delegation") == scenario_file("faults\\no-delegation")
    assert scenario_name(scenario_file("faults/no-delegation")) == "faults/no-delegation"
    with pytest.raises(ParameterError, match=r"there is no fault 'nosuch'.*clock-skew.*no-delegation"):
        scenario_file("faults/nosuch")
    with pytest.raises(ParameterError, match="there is no scenario 'no-delegation'"):
        scenario_file("no-delegation")
