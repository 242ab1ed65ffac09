"""A move is begun once: the change cell again, and a kernel killed in the middle of it, against the lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from jupyter_client.manager import start_new_kernel

from snlm_lib.change.checks.preflight import preflight
from snlm_lib.change.delegation import acts as delegation_acts
from snlm_lib.change.delegation import plan_delegation
from snlm_lib.change.settings import acts as settings_acts
from snlm_lib.change.settings import plan_settings
from snlm_lib.clock import SystemClock
from snlm_lib.estate import survey
from snlm_lib.lab_process import LabProcess, running_lab, scenario_file
from snlm_lib.record.folder import Record
from snlm_lib.record.journal import open_intents
from snlm_lib.record.result import Verdict, read_result
from snlm_lib.step import Step, begin
from snlm_lib.steps import move

MOVE = "05_move_vm"
CHANGE_CELL = """
from snlm_lib.step import begin
from snlm_lib.steps import move
step = begin("05_move_vm")
facts = step.survey()
move.gate(step, facts)
step.change(move.order(step, facts))
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabProcess]:
    with running_lab(scenario_file("quick"), clock=SystemClock()) as found:
        monkeypatch.setenv("SNLM_LAB", str(found.descriptor))
        monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
        monkeypatch.setenv("SNLM_RECORD", "")
        yield found


@pytest.fixture
def ready(lab: LabProcess) -> Record:
    """The record of a change whose 01 and 02 are done."""
    step = begin("01_enable_live_migration")
    facts = step.survey()
    step.gate(preflight(facts, step.parameters), removing=("01", "02"))
    step.change(settings_acts(step.connection.estate, plan_settings(facts, step.parameters)))
    step.change(delegation_acts(step.connection.directory, plan_delegation(facts)))
    step.finish()
    return step.record


def moves(lab: LabProcess, folder: Path) -> list[dict[str, object]]:
    lab.bring_truth(folder)
    found: list[dict[str, object]] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["moves"]
    return found


def wait_for_job(step: Step, vm_id: UUID) -> None:
    clock = SystemClock()
    end = clock.monotonic_s() + 20
    while not survey.migration_jobs(step.connection.source, vm_id):
        assert clock.monotonic_s() < end, "the move never began"
        clock.sleep(0.02)


def wait_for_end(step: Step, vm_id: UUID) -> float:
    """Until the job has ended; its length by the host, seconds."""
    clock = SystemClock()
    end = clock.monotonic_s() + 30
    while clock.monotonic_s() < end:
        (job,) = survey.migration_jobs(step.connection.source, vm_id)
        if job.job_state == 7 and job.elapsed_s is not None:
            return job.elapsed_s
        clock.sleep(0.05)
    raise AssertionError("the move never ended")


def test_the_change_cell_run_twice_moves_once(lab: LabProcess, ready: Record, tmp_path: Path) -> None:
    step = begin(MOVE)
    here = step.survey()
    move.gate(step, here)
    order = move.order(step, here)
    (first,) = step.change(order)
    (second,) = step.change(order)
    assert (first.begun_here, second.begun_here) == (True, False)
    assert second.outcome.facts["duration_s"] == first.outcome.facts["duration_s"]

    fresh = begin(MOVE)  # a new kernel: the machine is no longer on the source, the journal knows why
    facts = fresh.survey()
    assert facts.vm is None
    move.gate(fresh, facts)
    (third,) = fresh.change(move.order(fresh, facts))
    move.tell(fresh, [third])
    fresh.finish()
    assert not third.begun_here
    result = read_result(ready, MOVE)
    assert result is not None
    assert (result.verdict, len(result.changes)) == (Verdict.PASSED, 1)
    assert result.tables["machine"]
    assert len(moves(lab, tmp_path)) == 1


def test_after_a_kill_in_mid_move_the_cell_attaches_and_starts_nothing(
    lab: LabProcess, ready: Record, tmp_path: Path
) -> None:
    watcher = begin("03_verify_hosts")
    vm = watcher.survey().vm
    assert vm is not None
    kernel = subprocess.Popen([sys.executable, "-c", CHANGE_CELL], env=dict(os.environ), stdout=subprocess.DEVNULL)
    try:
        wait_for_job(watcher, vm.vm_id)
    finally:
        kernel.kill()
        kernel.wait()
    assert len(open_intents(ready.journal(SystemClock()).entries(), MOVE)) == 1
    assert read_result(ready, MOVE) is None
    length_s = wait_for_end(watcher, vm.vm_id)

    step = begin(MOVE)
    facts = step.survey()
    move.gate(step, facts)
    (done,) = step.change(move.order(step, facts))
    move.tell(step, [done])
    step.finish()
    assert (done.begun_here, done.outcome.result) == (False, "done")
    assert done.outcome.facts["duration_s"] == pytest.approx(length_s, abs=0.01), "not until somebody looked again"
    assert open_intents(ready.journal(SystemClock()).entries(), MOVE) == ()
    (only,) = moves(lab, tmp_path)
    assert only["outcome"] == "completed"


FINISH = """
(done,) = step.change(move.order(step, facts))
move.tell(step, [done])
step.finish()
"""


def test_the_stop_button_in_mid_move_ends_the_watching_and_the_cell_attaches_again(
    lab: LabProcess, ready: Record, tmp_path: Path
) -> None:
    watcher = begin("03_verify_hosts")
    vm = watcher.survey().vm
    assert vm is not None
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        client.execute(CHANGE_CELL)
        wait_for_job(watcher, vm.vm_id)
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)["content"]
        assert (reply["status"], len(reply["traceback"])) == ("error", 1)
        assert "may go on at the host. Run the cell again" in reply["traceback"][0]
        assert len(open_intents(ready.journal(SystemClock()).entries(), MOVE)) == 1
        again = client.execute_interactive(CHANGE_CELL + FINISH, timeout=60, output_hook=lambda message: None)
        assert again["content"]["status"] == "ok", again["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    result = read_result(ready, MOVE)
    assert result is not None
    assert (result.verdict, len(result.changes)) == (Verdict.PASSED, 1)
    (only,) = moves(lab, tmp_path)
    assert only["outcome"] == "completed"
