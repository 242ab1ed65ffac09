"""Side effects that bite: what a move leaves, skips, changes without calling it a failure (hyperv.md, 1, 5, 7, 8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.migration import Migration
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import MoveAttempt
from snlm_lib.lab.telemetry import JobState
from tests.lab.world.conftest import OPERATOR, Lab

JOBS = {"ClassName": "Msvm_MigrationJob", "Namespace": "root\\virtualization\\v2"}


def entered(lab: Lab, name: str) -> Migration:
    """A move of this machine whose job has begun."""
    who = Caller(OPERATOR.user, "ntlm")
    attempt = MoveAttempt(
        lab.world, lab.vm(name), lab.host("HV01"), "HV02", lab.host("HV02"), f"D:\\New\\{name}", who, OPERATOR
    )
    migration = Migration(attempt, owner=OPERATOR.user)
    migration.enter()
    return migration


def uptime(lab: Lab, host: str) -> timedelta:
    found = lab.ask(host, ("Get-VM", {"Name": "VM01"})).one.properties["Uptime"]
    assert isinstance(found, timedelta)
    return found


def test_uptime_starts_again_on_the_destination_though_the_machine_never_stopped(ready: Lab) -> None:
    before = uptime(ready, "HV01")
    ready.move()

    assert before > timedelta(days=2)
    assert uptime(ready, "HV02") < timedelta(minutes=1)


def test_a_finished_job_is_gone_after_five_minutes_of_the_labs_time(ready: Lab) -> None:
    ready.move()
    clock = ready.world.clock
    assert isinstance(clock, FakeClock)
    clock.sleep(299)
    assert ready.ask("HV01", ("Get-CimInstance", JOBS)).column("JobState") == [7]
    clock.sleep(1)
    assert ready.ask("HV01", ("Get-CimInstance", JOBS)).output_values == []


def test_a_shared_disk_stays_with_a_warning_and_the_move_is_a_success(ready: Lab) -> None:
    vm, source, target = ready.vm("VM01"), ready.host("HV01"), ready.host("HV02")
    stays, goes = vm.disks[1], vm.disks[0]
    stays.shared = True
    old = stays.path
    moved = ready.move()

    assert moved.errors == []
    assert moved.warnings == [f"The shared virtual hard disk '{old}' is not moved."]
    assert stays.path == old
    assert (old in source.files, goes.path in source.files) == (True, False)
    assert (old in target.files, goes.path in target.files) == (False, True)
    assert ready.world.moves[0].storage_bytes < goes.file_bytes * 1.2


@pytest.mark.parametrize(
    ("source", "target", "transport"),
    [
        ("Compression", "Compression", "Compression"),
        ("SMB", "SMB", "SMB"),
        ("SMB", "Compression", "TCPIP"),
        ("TCPIP", "Compression", "TCPIP"),
    ],
)
def test_options_that_differ_mean_plain_tcp_and_no_failure(
    ready: Lab, source: str, target: str, transport: str
) -> None:
    ready.host("HV01").migration.performance, ready.host("HV02").migration.performance = source, target
    seen: list[int] = []

    class Looking(FakeClock):
        def sleep(self, seconds: float) -> None:
            seen.extend(each.compressed_bytes_sent for each in ready.host("HV01").counters.values())
            super().sleep(seconds)

    ready.world.clock = Looking()
    assert ready.move().errors == []
    assert ready.world.moves[0].transport == transport
    assert (max(seen) > 0) is (transport == "Compression")


def test_a_move_more_than_is_allowed_is_refused_and_the_first_goes_on(ready: Lab) -> None:
    ready.host("HV02").migration.maximum_vm_migrations = 1
    first, second = entered(ready, "VM01"), entered(ready, "FILE01")
    second.run()
    first.run()

    assert (second.job.state, first.job.state) == (JobState.EXCEPTION, JobState.COMPLETED)
    assert "limit on host 'HV02' was reached" in second.job.error_text
    assert ready.vm("FILE01").vm_id in ready.host("HV01").vms


def test_a_stale_cache_file_blocks_with_hyperv_s_own_text_while_a_planned_machine_does_not(ready: Lab) -> None:
    target, vm_id = ready.host("HV02"), ready.vm("VM01").vm_id
    target.planned[vm_id] = "VM01"
    target.stale_cache.append(vm_id)
    told = ready.move().errors[0].message
    assert "Failed to create Planned Virtual Machine 'VM01': The object already exists." in told

    target.stale_cache.clear()
    target.planned[vm_id] = "VM01"
    assert ready.move().errors == []


def test_what_a_failed_move_left_makes_the_next_one_fail_until_it_is_removed(ready: Lab) -> None:
    """The partial copies are in the way of the next copy; Hyper-V removes neither (hyperv.md, section 8)."""
    target = ready.host("HV02")
    room = target.volumes["D"].other_used_bytes
    target.volumes["D"].other_used_bytes = target.volumes["D"].size_bytes - 55 * 2**30
    assert "0x80070070" in ready.move().errors[0].message
    target.volumes["D"].other_used_bytes = room
    assert "0x80070050" in ready.move().errors[0].message

    for path in [path for path in target.files if "VM01" in path]:
        del target.files[path]
    assert ready.move().errors == []
