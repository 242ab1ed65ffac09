"""Every notebook in a real JupyterLab before a real browser, against a lab, twice: it opens, runs, draws.

Two passes are two labs and one server: the second finds the first one's record and leaves it alone.
SNLM_SHOTS=folder keeps pictures.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.lab_process import LabProcess
from snlm_lib.measure.monitor import find_monitor
from snlm_lib.record.folder import open_records
from snlm_lib.record.names import REPORT_STEP, STEPS
from snlm_lib.record.result import Verdict, read_result
from snlm_lib.runbook import close_record
from tests.browser import JupyterLab

FIGURES = {"explore/what_if": 1, "03_verify_hosts": 1, "05_move_vm": 2, "06_verify_migration": 2}
EXPLORE = ("explore/survey_hosts", "explore/what_if")


@pytest.mark.parametrize("turn", [1, 2])
def test_every_notebook_opens_runs_and_shows_its_figures(
    turn: int, jupyterlab: JupyterLab, lab: LabProcess, home: Path, tmp_path: Path
) -> None:
    for name in (*EXPLORE, *STEPS, REPORT_STEP):
        jupyterlab.open(f"{name}.ipynb")
        ran = jupyterlab.run_all(figures=FIGURES.get(name, 0))
        jupyterlab.shot(f"{turn}-{Path(name).name[:6]}")
        assert ran.errors == []
        assert [cell["id"] for cell in ran.cells if cell["cell_type"] == "code" and not cell["execution_count"]] == []
        assert name in EXPLORE or f"PASSED {name}" in ran.text
        jupyterlab.close()
    assert jupyterlab.failed == []

    record = open_records(home / "outputs", "REHEARSAL")[-1]
    monitor = find_monitor(record.path)
    assert monitor is not None
    assert not monitor.running()
    closed = close_record(record, clock=SystemClock(), progress=lambda event: None)
    assert closed.verdict is Verdict.PASSED
    assert "Run by hand" in record.report_html.read_text(encoding="utf-8")
    moved = read_result(record, "05_move_vm")
    assert moved is not None
    assert moved.figures["duration_s"]
    lab.bring_truth(tmp_path)
    assert len(json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["moves"]) == 1
    assert open_records(home / "outputs", "REHEARSAL") == []


def test_a_slider_draws_the_forecast_anew(jupyterlab: JupyterLab, lab: LabProcess) -> None:
    jupyterlab.open("explore/what_if.ipynb")
    assert jupyterlab.run_all(figures=1).errors == []
    assert jupyterlab.sees("memory not known not known")
    jupyterlab.turn("memory written", "Home")
    assert jupyterlab.sees("memory not known converges")
    assert jupyterlab.sees("eight of ten such moves")
    jupyterlab.shot("what-if")
    jupyterlab.close()


def test_cells_out_of_order_and_twice_do_no_harm(jupyterlab: JupyterLab, lab: LabProcess) -> None:
    jupyterlab.open("01_enable_live_migration.ipynb")
    first, again = jupyterlab.run_all(), jupyterlab.run_all()
    assert (first.errors, again.errors) == ([], [])
    assert "PASSED 01_enable_live_migration" in again.text
    assert "nothing to change" in again.text
    jupyterlab.close()
    jupyterlab.open("06_verify_migration.ipynb")
    early = jupyterlab.run_all()
    jupyterlab.close()
    (refused,) = early.errors
    assert refused.startswith("REFUSED: ") or refused.startswith("UNKNOWN: ")
    assert "05 left no finished move in this record" in refused
    assert "Traceback" not in refused
