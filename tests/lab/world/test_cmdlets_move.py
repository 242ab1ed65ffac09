"""Move-VM: refusals before the job, the job's failure, progress, and a client that goes away."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.pipeline import Stop
from snlm_lib.lab.telemetry import JobState
from snlm_lib.lab.values import Credential
from tests.lab.world.conftest import OPERATOR, Lab, RecordingSink, until

MOVE_VM = "Microsoft.HyperV.PowerShell.Commands.MoveVM"


class GateClock(FakeClock):
    """A clock on which nobody gets past a wait until the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def sleep(self, seconds: float) -> None:
        self.gate.wait(10.0)
        super().sleep(seconds)


def test_a_move_completes_and_says_nothing_but_progress(ready: Lab) -> None:
    answer = ready.move()
    assert answer.fq_error_ids == []
    assert answer.output_values == []
    assert answer.progress_seen[-1] == ("", 100, True)
    assert ready.vm("VM01").vm_id in ready.host("HV02").vms
    assert ready.host("HV01").jobs[-1].state is JobState.COMPLETED


def test_passthru_gives_the_machine(ready: Lab) -> None:
    assert ready.move(Passthru=True).one.properties["Path"] == "D:\\Hyper-V\\VM01"


def test_whatif_moves_nothing(ready: Lab) -> None:
    assert ready.move(WhatIf=True).fq_error_ids == []
    assert ready.host("HV01").jobs == []


@pytest.mark.parametrize(
    ("more", "error_id", "category", "hresult"),
    [
        ({"DestinationCredential": None}, "AccessDenied", 18, "0x80070005"),
        ({"DestinationCredential": Credential("CORP\\operator", "wr0ng")}, "AccessDenied", 18, "0x8007052E"),
        ({"DestinationHost": "HV09"}, "ObjectNotFound", 13, "0x800706BA"),
        ({"DestinationHost": "HV01"}, "InvalidParameter", 5, ""),
    ],
)
def test_what_the_cmdlet_refuses_starts_no_job(
    ready: Lab, more: dict[str, object], error_id: str, category: int, hresult: str
) -> None:
    before = ready.world.snapshot()
    answer = ready.move(**more)
    assert answer.failure is None
    assert [(error.fq_error_id, error.category) for error in answer.errors] == [(f"{error_id},{MOVE_VM}", category)]
    assert hresult in answer.errors[0].message
    assert "wr0ng" not in repr(answer.errors)
    assert ready.host("HV01").jobs == []
    assert ready.host("HV01").events == []
    assert ready.world.snapshot() == before


def test_migration_disabled_starts_no_job(lab: Lab) -> None:
    assert lab.move().fq_error_ids == [f"InvalidOperation,{MOVE_VM}"]
    assert lab.host("HV01").jobs == []


def test_storage_must_go_along(ready: Lab) -> None:
    answer = ready.move(IncludeStorage=None, DestinationStoragePath=None)
    assert answer.fq_error_ids[0] == f"AmbiguousParameterSet,{MOVE_VM}"
    assert ready.move(IncludeStorage=False, DestinationStoragePath=None).fq_error_ids == [f"NotSimulated,{MOVE_VM}"]


def test_a_failing_job_tells_host_guid_and_hresult(ready: Lab) -> None:
    ready.world.directory.accounts["hv01"].delegate_to.clear()
    error = ready.move().errors[0]
    assert error.fq_error_id == f"OperationFailed,{MOVE_VM}"
    assert "0x8009030E" in error.message
    assert "failed at migration source 'HV01'" in error.message
    assert str(ready.vm("VM01").vm_id).upper() in error.message
    job = ready.host("HV01").jobs[0]
    assert (job.state, job.percent < 10) == (JobState.EXCEPTION, True)
    assert ready.host("HV01").events[-1].event_id == 21024


def test_a_stale_planned_machine_is_deleted_first(ready: Lab) -> None:
    ready.host("HV02").planned[ready.vm("VM01").vm_id] = "VM01"
    assert ready.move().fq_error_ids == []
    assert ready.host("HV02").planned == {}


def test_a_machine_that_has_left_is_not_found(ready: Lab) -> None:
    ready.move()
    assert ready.move().fq_error_ids == ["ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM"]


def test_a_client_that_goes_away_cancels_nothing_and_a_second_move_is_refused(ready: Lab) -> None:
    clock = GateClock()
    ready.world.clock = clock
    stop, answers = threading.Event(), list[RecordingSink]()
    wanted: dict[str, object] = {
        "DestinationHost": "HV02",
        "DestinationCredential": OPERATOR,
        "DestinationStoragePath": "D:\\Hyper-V\\VM01",
    }
    commands = (("Get-VM", {"Id": ready.vm("VM01").vm_id}), ("Move-VM", wanted))
    client = threading.Thread(target=lambda: answers.append(ready.ask("HV01", *commands, stop=stop)))
    client.start()
    assert until(lambda: bool(ready.host("HV01").jobs))
    assert ready.move().fq_error_ids == [f"InvalidState,{MOVE_VM}"]
    stop.set()
    client.join(5.0)
    assert not client.is_alive()
    job = ready.host("HV01").jobs[0]
    assert not job.ended
    clock.gate.set()
    assert until(lambda: job.ended)
    assert job.state is JobState.COMPLETED
    assert len(ready.world.moves) == 1


@pytest.mark.parametrize(
    ("session_lost", "survives", "ends"),
    [
        (True, True, JobState.COMPLETED),
        (True, False, JobState.TERMINATED),
        (False, False, JobState.COMPLETED),  # stopping the cmdlet cancels nothing, whatever a lost session does
    ],
)
def test_a_session_that_ends_cancels_the_move_only_where_the_scenario_says_so(
    ready: Lab, session_lost: bool, survives: bool, ends: JobState
) -> None:
    clock, stop, vm = GateClock(), Stop(), ready.vm("VM01")
    ready.world.clock = clock
    ready.world.pace = replace(ready.world.pace, survives_lost_session=survives)
    wanted = {
        "DestinationHost": "HV02",
        "DestinationCredential": OPERATOR,
        "DestinationStoragePath": "D:\\Hyper-V\\VM01",
    }
    commands = (("Get-VM", {"Id": vm.vm_id}), ("Move-VM", wanted))
    client = threading.Thread(target=lambda: ready.ask("HV01", *commands, stop=stop))
    client.start()
    assert until(lambda: bool(ready.host("HV01").jobs))
    stop.session_lost = session_lost
    stop.set()
    client.join(5.0)
    clock.gate.set()
    job = ready.host("HV01").jobs[0]
    assert until(lambda: job.ended)
    assert job.state is ends
    moved = ends is JobState.COMPLETED
    assert (vm.vm_id in ready.host("HV02").vms, vm.vm_id in ready.host("HV01").vms) == (moved, not moved)
    assert ready.host("HV02").planned == {}
    assert any(path.startswith("D:\\Hyper-V\\VM01\\Virtual Hard Disks") for path in ready.host("HV02").files) is moved


def test_machines_stay_readable_while_one_moves(ready: Lab) -> None:
    clock = GateClock()
    ready.world.clock = clock
    mover = threading.Thread(target=ready.move)
    mover.start()
    assert until(lambda: bool(ready.host("HV01").jobs))
    names = ready.ask("HV01", ("Get-VM", {"Name": "VM01"})).one.properties["OperationalStatus"]
    assert isinstance(names, list)
    assert [each.number for each in names] == [11, 32781]
    clock.gate.set()
    mover.join(10.0)
    assert not mover.is_alive()
