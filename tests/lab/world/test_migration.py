"""The move: true order, true bytes, its traces, and what a failure leaves."""

from __future__ import annotations

import dataclasses

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.migration import Migration
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import MoveAttempt
from snlm_lib.lab.telemetry import JOB_LINGERS_S, WORKER_ADMIN, JobState
from snlm_lib.units import GIB
from tests.lab.world.conftest import OPERATOR, CountingGuest, Lab

STORAGE = "D:\\Hyper-V\\VM01"


class Watcher(FakeClock):
    """A clock that notes the state of a move each time the move waits."""

    def __init__(self) -> None:
        super().__init__()
        self.migration: Migration | None = None
        self.seen: list[dict[str, object]] = []

    def sleep(self, seconds: float) -> None:
        if self.migration is not None:
            self.seen.append(self._look(self.migration))
        super().sleep(seconds)

    def _look(self, migration: Migration) -> dict[str, object]:
        vm, source = migration.vm, migration.source
        counters = source.counters.get(vm.name)
        return {
            "status": vm.operational_status[-1],
            "percent": migration.job.percent,
            "state": migration.job.state,
            "pass": counters.pass_number if counters else None,
            "blackout": counters.is_blackout if counters else None,
            "sent": counters.bytes_sent if counters else None,
            "copied": sum(
                migration.target.files.get(migration.attempt.new_disk_path(d.file_name), 0) for d in vm.disks
            ),
            "at_source": vm.vm_id in source.vms,
            "at_target": vm.vm_id in migration.target.vms,
            "planned": vm.vm_id in migration.target.planned,
            "source_files": sum(path.startswith("D:\\Hyper-V\\VM01") for path in source.files),
        }


@pytest.fixture
def watched(ready: Lab) -> Watcher:
    """VM01 moved on a clock that watched it."""
    clock = Watcher()
    ready.world.clock = clock
    ready.world.guests[ready.vm("VM01").vm_id] = CountingGuest(ready.world)
    clock.migration = begin(ready)
    clock.migration.run()
    return clock


def begin(lab: Lab) -> Migration:
    world = lab.world
    attempt = MoveAttempt(
        world,
        lab.vm("VM01"),
        lab.host("HV01"),
        "HV02",
        lab.host("HV02"),
        STORAGE,
        caller=Caller(OPERATOR.user, "ntlm"),
        credential=OPERATOR,
    )
    migration = Migration(attempt, owner=OPERATOR.user)
    migration.enter()
    return migration


def column(watched: Watcher, name: str) -> list[object]:
    """A column without neighbours that are equal."""
    values = [row[name] for row in watched.seen]
    return [value for at, value in enumerate(values) if at == 0 or value != values[at - 1]]


@pytest.mark.parametrize("event_id", [18502, 18504, 18512, 18514, 18560])
def test_a_guest_that_is_let_go_leaves_its_event_with_the_worker(ready: Lab, event_id: int) -> None:
    ready.world.pace = dataclasses.replace(ready.world.pace, guest_event=event_id)
    begin(ready).run()
    (told,) = (event for event in ready.host("HV02").events if event.log == WORKER_ADMIN)
    assert (told.event_id, told.values) == (event_id, ("VM01", str(ready.vm("VM01").vm_id).upper()))
    asked = ("Get-WinEvent", {"FilterHashtable": {"LogName": WORKER_ADMIN, "Id": [event_id]}})
    assert ready.ask("HV02", asked).one.properties["ProviderName"] == "Microsoft-Windows-Hyper-V-Worker"


def test_phases_come_in_the_true_order(watched: Watcher) -> None:
    assert column(watched, "status") == [
        "CheckingCompatibility",
        "StorageMigrationPhaseOne",
        "StorageMigrationPhaseTwo",
        "MigratingVirtualMachine",
        "Ok",
    ]
    assert column(watched, "pass") == [None, 1, 2, 3, 4, 5, 6, None]
    assert column(watched, "blackout") == [None, False, True, None]
    assert column(watched, "planned") == [False, True, False]


def test_percent_never_goes_back_and_is_100_only_at_the_end(watched: Watcher) -> None:
    percents = [row["percent"] for row in watched.seen]
    assert percents == sorted(percents, key=lambda value: int(str(value)))
    assert 100 not in percents
    assert watched.migration is not None
    assert (watched.migration.job.percent, watched.migration.job.state) == (100, JobState.COMPLETED)


def test_the_machine_is_registered_on_exactly_one_host_at_any_moment(watched: Watcher) -> None:
    assert {(row["at_source"], row["at_target"]) for row in watched.seen} == {(True, False), (False, True)}


def test_storage_is_whole_before_the_first_page_and_the_source_goes_last(watched: Watcher) -> None:
    first_page = next(row for row in watched.seen if row["pass"] == 1)
    assert first_page["copied"] == 23 * GIB
    copied = [int(str(row["copied"])) for row in watched.seen]
    assert copied == sorted(copied)
    assert 0 < copied[len(copied) // 4] < 23 * GIB
    after = [row for row in watched.seen if row["at_target"]]
    assert {row["source_files"] for row in after} == {5}
    assert watched.migration is not None
    assert not [path for path in watched.migration.source.files if path.startswith(STORAGE)]


def test_bytes_are_of_true_size(watched: Watcher) -> None:
    assert watched.migration is not None
    truth = watched.migration.truth
    assert truth.passes == len(truth.pages_by_pass) == 5
    assert truth.pages_by_pass[0] * 4096 == 8 * GIB
    assert truth.memory_bytes > sum(truth.pages_by_pass) * 4096
    assert truth.storage_bytes > 23 * GIB  # mirrored writes on top
    sent = [int(str(row["sent"])) for row in watched.seen if row["sent"] is not None]
    assert sent == sorted(sent)


def test_the_truth_of_a_completed_move(watched: Watcher) -> None:
    assert watched.migration is not None
    truth = watched.migration.truth
    assert (truth.outcome, truth.error) == ("completed", None)
    assert truth.blackout_s == pytest.approx(0.15, abs=0.01)
    assert truth.silence_s == pytest.approx(0.21, abs=0.01)
    assert truth.duration_s == pytest.approx(2.1, abs=0.3)


def test_events_name_the_machine_and_the_blackout(watched: Watcher) -> None:
    assert watched.migration is not None
    vm, source, target = watched.migration.vm, watched.migration.source, watched.migration.target
    guid = str(vm.vm_id).upper()
    assert [(event.event_id, event.values) for event in source.events] == [(20413, ("VM01", guid))]
    assert [(event.event_id, event.level) for event in target.events] == [(20415, 4)]
    assert target.events[0].values[:2] == ("VM01", guid)
    assert target.events[0].values[2] in ("0.1", "0.2")


@pytest.mark.parametrize(
    ("change", "event_id", "figure"),
    [
        ({"blackout_in_event": False}, 20418, None),
        ({"blackout_fixed_wall_s": 12.0}, 20417, "12.1"),
    ],
)
def test_success_without_a_figure_and_with_a_long_one(
    ready: Lab, change: dict[str, float], event_id: int, figure: str | None
) -> None:
    ready.world.pace = type(ready.world.pace)(**{**vars(ready.world.pace), **change})
    begin(ready).run()
    event = ready.host("HV02").events[-1]
    assert event.event_id == event_id
    assert (event.values[2] if len(event.values) > 2 else None) == figure


def test_the_moved_machine_has_new_paths_a_new_worker_and_its_old_identity(ready: Lab) -> None:
    vm = ready.vm("VM01")
    before = (vm.vm_id, vm.version, [adapter.ip_addresses for adapter in vm.adapters], vm.started_s)
    begin(ready).run()
    assert ready.vm("VM01") is vm
    assert (vm.vm_id, vm.version, [adapter.ip_addresses for adapter in vm.adapters]) == before[:3]
    assert vm.started_s > before[3]
    assert vm.path == STORAGE
    assert {disk.path for disk in vm.disks} <= set(ready.host("HV02").files)


def test_the_job_stays_five_minutes_and_the_slots_are_free_at_once(ready: Lab) -> None:
    migration = begin(ready)
    assert ready.host("HV01").active_moves == ready.host("HV02").active_moves == 1
    migration.run()
    assert ready.host("HV01").active_moves == ready.host("HV02").active_moves == 0
    ended = migration.job.ended_s
    assert ended is not None
    assert migration.job.visible(ended + JOB_LINGERS_S - 1)
    assert not migration.job.visible(ended + JOB_LINGERS_S)


def test_a_full_volume_fails_while_copying_and_leaves_what_real_hosts_leave(ready: Lab) -> None:
    target = ready.host("HV02")
    target.volumes["D"].other_used_bytes = target.volumes["D"].size_bytes - 55 * GIB
    migration = begin(ready)
    migration.run()
    job, vm = migration.job, ready.vm("VM01")
    assert (job.state, job.error_code) == (JobState.EXCEPTION, 32768)
    assert "0x80070070" in job.error_text
    assert 10 <= job.percent < 70
    assert vm.vm_id in ready.host("HV01").vms
    assert vm.operational_status == ("Ok",)
    assert vm.path == "D:\\Hyper-V\\VM01"
    assert vm.vm_id in target.planned
    assert [path for path in target.files if path.endswith("VM01-data.vhdx")]
    assert ready.host("HV01").events[-1].event_id == 21024
    assert migration.truth.outcome == "failed"


def test_a_refusal_in_the_check_leaves_nothing_behind(ready: Lab) -> None:
    del ready.host("HV02").switches["LAN"]
    before = ready.world.snapshot()
    migration = begin(ready)
    migration.run()
    assert migration.job.percent < 10
    assert migration.job.error_code == 33012
    assert "Could not find Ethernet switch 'LAN'" in migration.job.error_text
    assert ready.world.snapshot() == before


def test_a_guest_that_died_makes_the_silence_unknown(ready: Lab) -> None:
    class Gone(CountingGuest):
        def answer(self) -> float | None:
            return None

    ready.world.guests[ready.vm("VM01").vm_id] = Gone(ready.world)
    migration = begin(ready)
    migration.run()
    assert migration.truth.outcome == "completed"
    assert migration.truth.silence_s is None


class BreakingClock(FakeClock):
    """A clock that breaks when somebody waits on it: stands for a bug in the middle of a move."""

    def sleep(self, seconds: float) -> None:
        raise ZeroDivisionError("a bug")


def test_a_bug_of_the_lab_ends_the_job_and_leaves_the_machine(ready: Lab) -> None:
    ready.world.clock = BreakingClock()
    migration = begin(ready)
    with pytest.raises(ZeroDivisionError):
        migration.run()
    assert migration.job.state is JobState.EXCEPTION
    assert "The lab itself failed" in str(migration.job.error_text)
    assert migration.vm.vm_id in migration.source.vms
    assert migration.source.active_moves == 0
