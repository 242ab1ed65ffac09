"""A change by plain papermill, as an engineer would type it: from another folder, with parameters of every kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.lab_process import LabProcess, running_lab, scenario_file
from snlm_lib.measure.monitor import find_monitor
from snlm_lib.parameters import project_root
from snlm_lib.record.folder import Record, open_records
from snlm_lib.record.result import Verdict, read_result
from snlm_lib.runbook import close_record
from snlm_lib.step import begin

LIMIT_S = 120
SHARED = ["-f", str(project_root() / "parameters" / "rehearsal.yaml")]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running_lab(scenario_file("quick"), clock=SystemClock()) as found:
        yield found


@pytest.fixture
def outputs(lab: LabProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNLM_LAB", str(lab.descriptor))
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_RECORD", "")
    return tmp_path / "outputs"


def papermill(notebook: str, out: Path, *words: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, what it said, and the notebook it left; run from a folder that is not the project's."""
    source = project_root() / "notebooks" / f"{notebook}.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), str(out), "--no-progress-bar", *words]
    done = subprocess.run(
        command,
        cwd=out.parent,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )
    return done.returncode, done.stderr, json.loads(out.read_text(encoding="utf-8"))


def figures_left(notebook: dict[str, Any]) -> int:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return sum("application/vnd.plotly.v1+json" in output.get("data", {}) for output in outputs)


def only_record(outputs: Path) -> Record:
    (record,) = open_records(outputs, "REHEARSAL")
    return record


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-p", "baselin_s", "5"], "unknown parameter 'baselin_s'. Did you mean 'baseline_s'?"),
        (["-p", "baseline_s", "fast"], "parameter 'baseline_s' is 'fast'"),
    ],
)
def test_a_wrong_parameter_is_said_in_a_sentence_and_opens_nothing(
    words: list[str], sentence: str, outputs: Path, tmp_path: Path
) -> None:
    code, said, left = papermill("04_start_ping_monitor", tmp_path / "out.ipynb", *words)
    card = "".join(left["cells"][2]["outputs"][0]["data"]["text/plain"])
    assert code == 1
    assert f"REFUSED: {card.partition(': ')[2]}" in said
    assert sentence in card
    assert card.startswith("REFUSED 04_start_ping_monitor: ")
    assert open_records(outputs, "REHEARSAL") == []


def test_a_whole_change_by_plain_papermill_is_judged_and_sealed(lab: LabProcess, outputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    for step in ("01_enable_live_migration", "02_configure_delegation", "03_verify_hosts", "04_start_ping_monitor"):
        assert papermill(step, out, *SHARED)[0] == 0, step
    record = only_record(outputs)
    code, said, _ = papermill("05_move_vm", out, "-p", "vm", "FILE01")
    assert (code, "the open record is of VM01, HV01 to HV02" in said) == (1, True)
    assert read_result(record, "05_move_vm") is None

    outs = [tmp_path / "one.ipynb", tmp_path / "two.ipynb"]  # two kernels at once, as two engineers would
    with ThreadPoolExecutor() as crew:
        both = list(crew.map(lambda path: papermill("05_move_vm", path, *SHARED, "-p", "vm", "VM01"), outs))
    first, second = sorted(both, key=lambda ended: ended[0])
    assert (first[0], figures_left(first[2])) == (0, 2), first[1]  # the live one made room
    assert second[0] == 1, "the other found no second move to make"
    intents = [entry for entry in record.journal(SystemClock()).entries() if entry.kind == "intent"]
    assert sum(entry.step == "05_move_vm" for entry in intents) == 1
    assert max(path.stat().st_size for path in outs) < 200_000
    code, said, _ = papermill("03_verify_hosts", out, *SHARED)
    assert (code, "this step belongs before it" in said) == (1, True)

    monitor = find_monitor(record.path)
    assert monitor is not None
    assert monitor.running()
    closed = close_record(record, clock=SystemClock(), progress=lambda event: None)  # 06 was never run
    assert not monitor.running()
    verdicts = {result.step[:2]: result.verdict for result in closed.results}
    assert {verdicts[step] for step in ("01", "02", "03", "04", "05")} == {Verdict.PASSED}
    assert (verdicts["06"], closed.verdict) == (Verdict.REFUSED, Verdict.REFUSED)
    page = record.report_html.read_text(encoding="utf-8")
    assert "01, 02, 03, 04, 05: no executed notebook was kept" in page
    assert "run by hand: no executed notebook was kept" in page


def test_06_before_05_and_a_kernel_that_died_are_not_passed(outputs: Path, tmp_path: Path) -> None:
    code, said, _ = papermill("06_verify_migration", tmp_path / "out.ipynb", *SHARED)
    assert (code, "05 left no finished move in this record" in said) == (1, True)
    record = only_record(outputs)
    begin("02_configure_delegation").close()  # begun, and never heard of again
    shown = Record(Path(os.path.relpath(record.path)))  # as a person types it
    closed = close_record(shown, clock=SystemClock(), progress=lambda event: None)
    verdicts = {result.step[:2]: result.verdict for result in closed.results}
    assert verdicts["02"] is Verdict.UNKNOWN
    assert (verdicts["06"], verdicts["07"], closed.verdict) == (Verdict.REFUSED, Verdict.PASSED, Verdict.UNKNOWN)
    assert record.sealed
