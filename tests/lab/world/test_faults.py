"""Every fault on hosts prepared for a move: it strikes at its moment, by its code, and leaves what it says."""

from __future__ import annotations

import re

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import LabError
from snlm_lib.lab.faults import FAULTS, Fault, Moment, Remains, laid_over
from snlm_lib.lab.migration import start_move
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import MoveAttempt
from snlm_lib.lab.scenario_file import load_scenario, read_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.lab.telemetry import JobState, MigrationJob
from tests.lab.world.conftest import OPERATOR, SCENARIOS, CountingGuest, Lab, RecordingSink, until

READY = """
schema: snlm.scenario/1
based_on: quick
fault: {fault}
hosts:
  HV01:
    migration: &ready {{enabled: true, authentication: Kerberos, use_any_network: true}}
    delegate_to: [cifs/HV02, Microsoft Virtual System Migration Service/HV02]
    any_protocol: true
  HV02: {{migration: *ready}}
"""
PERCENT = {
    Moment.PREFLIGHT: range(10),
    Moment.START: range(10),
    Moment.STORAGE: range(10, 71),
    Moment.MEMORY: range(70, 97),
    Moment.CUTOVER: range(90, 100),
}
NO_JOB = {
    "remote-second-hop-denied",
    "operator-not-authorised",
    "destination-unreachable",
    "migration-not-enabled",
    "clustered-vm",
}
FILES = {path.stem: path for path in (SCENARIOS / "faults").glob("*.yaml")}
MOVES = [fault for fault in FAULTS.values() if fault.moves or fault.moment is Moment.AFTER]
FAILS = [fault for fault in FAULTS.values() if fault not in MOVES and not fault.stalls]


def test_every_fault_has_its_scenario_and_no_scenario_is_without() -> None:
    assert {name: load_scenario(path).fault for name, path in FILES.items()} == {name: name for name in FAULTS}


def made(fault: str) -> Lab:
    """A world prepared for a move, with the fault laid over it, and a guest."""
    world = build_world(read_scenario(READY.format(fault=fault), f"{fault}.yaml"), clock=FakeClock())
    world.set_password(OPERATOR.user, OPERATOR.password)
    lab = Lab(world)
    world.guests[lab.vm("VM01").vm_id] = CountingGuest(world)
    return lab


def only_job(lab: Lab) -> MigrationJob | None:
    jobs = lab.host("HV01").jobs
    assert len(jobs) <= 1
    return jobs[0] if jobs else None


def remains(lab: Lab) -> Remains:
    """What stands on the hosts, in the table's words."""
    vm_id, target = next(iter(lab.world.guests)), lab.host("HV02")
    if vm_id in target.vms:
        assert vm_id not in lab.host("HV01").vms
        assert vm_id not in target.planned
        return Remains.MOVED
    assert lab.host("HV01").vms[vm_id].state == "Running"
    assert lab.host("HV01").vms[vm_id].operational_status == ("Ok",)
    copied = any("VM01" in path for path in target.files)
    return Remains.LEFTOVERS if vm_id in target.planned and copied else Remains.NOTHING


def message(answer: RecordingSink) -> str:
    assert answer.failure is None
    assert len(answer.errors) == 1
    return answer.errors[0].message


@pytest.mark.parametrize("fault", FAILS, ids=lambda fault: fault.id)
def test_a_fault_fails_the_move_at_its_moment_with_its_code_and_leaves_what_it_says(fault: Fault) -> None:
    lab = made(fault.id)
    before = lab.world.snapshot()
    told = message(lab.move())
    job = only_job(lab)

    assert fault.hresult in told
    assert (job is None) is (fault.no_job or fault.id in NO_JOB)
    if job is not None:
        assert job.state is JobState.EXCEPTION
        assert job.percent in PERCENT[fault.moment]
        assert f"(Virtual machine ID {str(job.vm_id).upper()})" in told
        assert re.search(r"failed at migration (source 'HV01'|destination 'HV02')\. ", told)
    if fault.id != "planned-vm-exists":  # there it was the leftover that was in the way
        assert remains(lab) is fault.remains
    if fault.remains is Remains.NOTHING and not lab.host("HV02").stale_cache:
        assert lab.world.snapshot() == before
    assert lab.host("HV01").active_moves == 0


@pytest.mark.parametrize("fault", [fault for fault in FAILS if fault.event], ids=lambda fault: fault.id)
def test_a_fault_writes_its_event(fault: Fault) -> None:
    lab = made(fault.id)
    lab.move()
    place = lab.host("HV02" if fault.place == "destination" else "HV01")

    assert fault.event in [(event.log, event.event_id) for event in place.events]


@pytest.mark.parametrize("fault", MOVES, ids=lambda fault: fault.id)
def test_what_hyperv_does_not_mind_moves(fault: Fault) -> None:
    lab = made(fault.id)
    assert lab.move().errors == []
    assert remains(lab) is fault.remains is Remains.MOVED


def test_a_guest_whose_network_leads_elsewhere_stays_silent_and_the_host_says_so() -> None:
    lab = made("network-lost-after-move")
    lab.move()

    assert lab.world.moves[0].silence_s is None
    assert [event.event_id for event in lab.host("HV02").events] == [21024, 20415]


def test_a_move_that_stands_still_has_no_end() -> None:
    lab = made("dynamic-memory-hang")
    hosts, who = (lab.host("HV01"), lab.host("HV02")), Caller(OPERATOR.user, "ntlm")
    attempt = MoveAttempt(lab.world, lab.vm("VM01"), hosts[0], "HV02", hosts[1], "D:\\New", who, OPERATOR)
    migration = start_move(attempt, owner=OPERATOR.user)

    assert until(lambda: migration.truth.passes == 1)
    assert not migration.job.ended
    assert 70 <= migration.job.percent < 96
    assert lab.vm("VM01").operational_status == ("InService", "MigratingVirtualMachine")


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ("fault: nosuch", "there is no fault 'nosuch'. Known are access-denied-on-files, antivirus-lock"),
        ("fault: [1]", r"there is no fault \[1\]"),
        ("fault: disk-full\nhosts: {HV02: null}", "a fault needs two hosts and a machine with 'guest: true'"),
        ("fault: disk-full\nhosts: {HV01: {vms: {VM01: {guest: false}}}}", "a fault needs two hosts"),
        ("fault: disk-full\nhosts: [1]", "a fault needs two hosts"),
    ],
)
def test_a_fault_that_cannot_be_laid_is_one_sentence(own: str, says: str) -> None:
    with pytest.raises(LabError, match=says):
        read_scenario(f"based_on: quick\n{own}\n", "own.yaml")


def test_a_fault_is_laid_over_whoever_the_scenario_has() -> None:
    disks = [{"file": "a"}, {"file": "b"}]
    machine = {"guest": True, "adapters": [{"switch": None}, {"switch": "Blue"}], "disks": disks}
    data = {"hosts": {"B": {"vms": {"X": {}}, "switches": {"Blue": "External"}}, "A": {"vms": {"APP": machine}}}}

    switched = laid_over(data, FAULTS["switch-missing"], "x")
    shared = laid_over(data, FAULTS["shared-vhdx-skipped"], "x")
    assert switched["hosts"]["B"] == {"vms": {"X": {}}, "switches": {}}
    assert shared["hosts"]["A"]["vms"]["APP"]["disks"] == [{"file": "a"}, {"file": "b", "shared": True}]
    assert disks[1] == {"file": "b"}  # the scenario itself is untouched
