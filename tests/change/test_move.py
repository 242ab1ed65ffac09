"""Watching a move: scripted hosts, a clock that only moves when told, real sample files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from snlm_lib.change.move import MoveWatch, Watched, blackout, blackout_s, outcome_of
from snlm_lib.change.reconcile import Owner, Whereabouts, latest_job, locate, owner_of
from snlm_lib.change.samples import SampleFiles
from snlm_lib.clock import FakeClock
from snlm_lib.errors import CommandFailed, RemoteError, SessionLost
from snlm_lib.estate.model import EventFacts, JobFacts, VmStatus
from snlm_lib.estate.survey import Estate
from tests import builders
from tests.fake_estate import Answer, ScriptedHost, bag

JOB = "Get-CimInstance Msvm_MigrationJob"
HERE = VmStatus("HV01", "Running", ("Ok",), "Operating normally")
THERE = VmStatus("HV02", "Running", ("Ok",), "Operating normally")


def job(state: int, percent: int = 50, *, name: str = "job-2", text: str | None = None) -> JobFacts:
    start = datetime(2026, 11, 23, 21, 4, int(name[-1]), tzinfo=UTC)
    return JobFacts("HV01", name, builders.VM_ID, state, 306, percent, None, text, "HV02", True, start)


def job_bag(state: int, percent: int, *, name: str = "job-2") -> Answer:
    return (
        bag(
            InstanceID=name,
            VirtualSystemName=str(builders.VM_ID).upper(),
            JobState=state,
            PercentComplete=percent,
            DestinationHost="HV02",
        ),
    )


def vm_bag(*status: str) -> Answer:
    return (bag(Id=builders.VM_ID, Name="VM01", State="Running", OperationalStatus=list(status)),)


def watch(source: ScriptedHost, clock: FakeClock, folder: Path) -> tuple[MoveWatch, list[str]]:
    said: list[str] = []
    estate = Estate(source, ScriptedHost("HV02"), None)
    files = SampleFiles(folder, clock.utc_now())
    return MoveWatch(estate, vm_id=builders.VM_ID, vm_name="VM01", files=files, clock=clock, say=said.append), said


def under_way() -> tuple[bool, RemoteError | None]:
    return False, None


def test_the_watch_ends_with_the_job_not_with_the_command(tmp_path: Path, clock: FakeClock) -> None:
    source = ScriptedHost(
        "HV01",
        {
            JOB: lambda n: job_bag(4, 10 * n) if n < 4 else job_bag(7, 100),
            "Get-VM": lambda n: vm_bag("InService", "StorageMigrationPhaseOne" if n < 3 else "MigratingVirtualMachine"),
        },
    )
    watcher, said = watch(source, clock, tmp_path)
    seen = watcher.until_ended(under_way, ignore=frozenset(), limit_s=60)
    assert seen.job is not None
    assert (seen.job.job_state, seen.limit_reached, seen.error) == (7, False, None)
    assert said[0] == "copying storage, 10 %"
    assert said[2] == "copying memory, 30 %"
    rows = (tmp_path / "progress.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 5
    assert rows[2].startswith("0.250,")
    assert "InService;StorageMigrationPhaseOne" in rows[1]


def test_a_source_that_fell_silent_in_mid_move_is_not_waited_for_for_hours(tmp_path: Path, clock: FakeClock) -> None:
    lost = SessionLost("the connection broke", host="HV01")
    source = ScriptedHost("HV01", {JOB: lambda n: job_bag(4, 10 * n) if n < 4 else lost, "Get-VM": vm_bag("InService")})
    watcher, _ = watch(source, clock, tmp_path)
    began_s = clock.monotonic_s()
    seen = watcher.until_ended(lambda: (True, lost), ignore=frozenset(), limit_s=14400)
    assert (seen.limit_reached, seen.error) == (True, lost)
    assert seen.job is not None
    assert 60 < clock.monotonic_s() - began_s < 65
    assert outcome_of(seen, None).result == "unknown"


def test_another_moves_job_is_not_ours(tmp_path: Path, clock: FakeClock) -> None:
    source = ScriptedHost("HV01", {JOB: job_bag(7, 100, name="job-1"), "Get-VM": vm_bag("Ok")})
    watcher, _ = watch(source, clock, tmp_path)
    error = CommandFailed("refused", host="HV01", command="Move-VM")
    seen = watcher.until_ended(lambda: (True, error), ignore=frozenset({"job-1"}), limit_s=60)
    assert seen.job is None
    assert seen.error is error
    assert clock.monotonic_s() < 3


def test_after_a_lost_session_the_watch_goes_on_to_the_jobs_end(tmp_path: Path, clock: FakeClock) -> None:
    source = ScriptedHost(
        "HV01", {JOB: lambda n: job_bag(4, 50) if n < 100 else job_bag(7, 100), "Get-VM": vm_bag("Ok")}
    )
    watcher, _ = watch(source, clock, tmp_path)
    lost = SessionLost("cut", host="HV01")
    seen = watcher.until_ended(lambda: (True, lost), ignore=frozenset(), limit_s=600)
    assert seen.job is not None
    assert seen.job.job_state == 7
    assert clock.monotonic_s() > 20


def test_a_side_that_does_not_answer_leaves_a_hole_not_an_error(tmp_path: Path, clock: FakeClock) -> None:
    gone = SessionLost("cut", host="HV01")
    source = ScriptedHost("HV01", {JOB: lambda n: gone if n < 3 else job_bag(7, 100), "Get-VM": gone})
    watcher, said = watch(source, clock, tmp_path)
    assert watcher.until_ended(under_way, ignore=frozenset(), limit_s=60).job is not None
    assert said[0] == "the source does not answer just now"
    first = (tmp_path / "progress.csv").read_text(encoding="utf-8").splitlines()[1]
    assert first.endswith(",,,,,,")


def test_a_job_that_the_source_no_longer_knows_is_not_waited_for_for_hours(tmp_path: Path, clock: FakeClock) -> None:
    source = ScriptedHost("HV01", {JOB: lambda n: job_bag(4, 50) if n < 4 else (), "Get-VM": vm_bag("Ok")})
    watcher, _ = watch(source, clock, tmp_path)
    seen = watcher.until_ended(under_way, ignore=frozenset(), limit_s=14400)
    assert seen.vanished
    assert clock.monotonic_s() < 15
    told = outcome_of(seen, Whereabouts(HERE, None, ()))
    assert (told.result, told.detail) == ("failed", "the machine still runs on the source: its job vanished")


def test_the_limit_ends_the_watch_not_the_move(tmp_path: Path, clock: FakeClock) -> None:
    source = ScriptedHost("HV01", {JOB: job_bag(4, 50), "Get-VM": vm_bag("InService")})
    watcher, _ = watch(source, clock, tmp_path)
    seen = watcher.until_ended(under_way, ignore=frozenset(), limit_s=30)
    assert seen.limit_reached
    assert 30 < clock.monotonic_s() < 32


@pytest.mark.parametrize(
    ("source", "destination", "jobs", "owner"),
    [
        (HERE, None, (), Owner.SOURCE),
        (None, THERE, (job(7),), Owner.DESTINATION),
        (HERE, None, (job(4),), Owner.MOVING),
        (None, THERE, (job(6),), Owner.MOVING),
        (HERE, THERE, (job(7),), Owner.BOTH),
        (None, None, (), Owner.NOWHERE),
    ],
)
def test_who_owns_the_machine(
    source: VmStatus | None, destination: VmStatus | None, jobs: tuple[JobFacts, ...], owner: Owner
) -> None:
    assert owner_of(Whereabouts(source, destination, jobs)) is owner


def test_locating_asks_both_hosts() -> None:
    no_vm = CommandFailed("not found", host="HV01", command="Get-VM", fq_error_id="InvalidParameter,GetVM")
    source = ScriptedHost("HV01", {"Get-VM": no_vm, JOB: job_bag(7, 100)})
    destination = ScriptedHost("HV02", {"Get-VM": vm_bag("Ok"), JOB: ()})
    found = locate(Estate(source, destination, None), builders.VM_ID)
    assert owner_of(found) is Owner.DESTINATION


def test_the_last_job_is_the_one_that_started_last() -> None:
    found = latest_job((job(7, name="job-3"), job(10, name="job-1")))
    assert found is not None
    assert found.instance_id == "job-3"
    assert latest_job(()) is None


def outcome(
    job_: JobFacts | None, where: Whereabouts | None, error: RemoteError | None = None, limit: bool = False
) -> str:
    return outcome_of(Watched(job_, error, limit), where).result


def test_the_hosts_decide_the_outcome_and_the_job_only_says_why() -> None:
    there, here = Whereabouts(None, THERE, (job(7),)), Whereabouts(HERE, None, ())
    moving = Whereabouts(HERE, None, (job(4),))
    assert outcome(job(7), there) == "done"
    assert outcome(job(4), there, SessionLost("cut", host="HV01")) == "done"
    assert outcome(job(10, text="0x8009030E"), here) == "failed"
    assert outcome(None, here, CommandFailed("no", host="HV01", command="Move-VM")) == "failed"
    assert outcome(None, here, SessionLost("cut", host="HV01")) == "unknown"
    assert outcome(None, here) == "unknown"
    assert outcome(job(4), moving, limit=True) == "unknown"
    assert outcome(job(7), Whereabouts(HERE, THERE, ())) == "unknown"
    assert outcome(job(7), None) == "unknown"


def test_a_failed_move_says_the_jobs_own_cause() -> None:
    told = outcome_of(Watched(job(10, text="disk full 0x80070070"), None, False), Whereabouts(HERE, None, ()))
    assert "disk full 0x80070070" in told.detail


def event(number: int, record: int, *values: str, host: str = "HV02") -> EventFacts:
    created = datetime(2026, 11, 23, 21, 5, record, tzinfo=UTC)
    return EventFacts(host, number, record, created, ("VM01", str(builders.VM_ID), *values), "")


def test_the_blackout_is_of_the_last_success_and_not_of_an_earlier_move() -> None:
    old, new = event(20415, 1, "0.9"), event(20415, 2, "0.4")
    assert blackout_s(blackout((event(20413, 3), old, new))) == 0.4
    assert blackout((old,), ignore=(old,)) is None
    assert blackout_s(blackout((event(20418, 4),))) is None
    assert blackout_s(event(20415, 5, "0,4")) == 0.4
    assert blackout_s(event(20415, 6, "soon")) is None
    assert blackout_s(None) is None
