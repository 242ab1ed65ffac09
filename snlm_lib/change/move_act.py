"""The move as an act: begun once, settled by looking when an earlier try left no outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from snlm_lib.change.act import Act, Outcome
from snlm_lib.change.move import (
    CommandState,
    MoveWatch,
    blackout,
    blackout_s,
    migration_events,
    outcome_of,
    whereabouts_or_none,
)
from snlm_lib.change.phases import JobEnd, job_end
from snlm_lib.change.samples import SampleFiles
from snlm_lib.clock import Clock
from snlm_lib.errors import RemoteError, SessionLost
from snlm_lib.estate import survey
from snlm_lib.estate.connect import Connection
from snlm_lib.estate.model import EventFacts
from snlm_lib.parameters import Parameters
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.sending import NotBegun
from snlm_lib.remote.session import Operation
from snlm_lib.units import iso_utc

__all__ = ["MoveOrder", "move_act"]


@dataclass(frozen=True)
class MoveOrder:
    """Everything the move needs besides its time: which machine, over which sessions, watched where."""

    connection: Connection
    parameters: Parameters
    credential: Credential | None  # for the second hop: opens the destination from the source; None: not needed
    vm_id: UUID
    vm_name: str
    machine: tuple[Mapping[str, object], ...]  # what it is like before, kept in the intent
    places: tuple[Mapping[str, object], ...]  # where its files are before: the way back needs them
    samples: Path  # folder of progress.csv and passes.csv
    clock: Clock
    say: Callable[[str], None]  # one line of progress for a person
    jobs_before: frozenset[str] | None = None  # for a move that was begun before: the jobs that were there then


def move_act(order: MoveOrder) -> Act:
    """The act; its key holds machine and direction, so the same move is never begun twice."""
    wanted = order.parameters
    pipeline = commands.move_vm(
        order.vm_id, wanted.destination, storage_path=wanted.destination_path, credential=order.credential
    )

    others = order.jobs_before

    def look() -> Mapping[str, object]:
        nonlocal others
        others = frozenset(job.instance_id for job in survey.migration_jobs(order.connection.source, order.vm_id))
        return {"jobs": sorted(others)}

    def do() -> Outcome:
        events = migration_events(order.connection.estate, order.vm_id, order.clock.utc_now())
        return _order(order, pipeline, _Earlier(others or frozenset(), events))

    def settle(requested: datetime) -> Outcome:
        earlier = _Earlier(_ended_jobs(order) if others is None else others)
        return _as_the_job_says(_watch(order, requested, lambda: (True, None), earlier), requested)

    return Act(
        key=f"move-{order.vm_id}-{wanted.source}-{wanted.destination}",
        what=f"move {order.vm_name} from {wanted.source} to {wanted.destination}, storage to {wanted.destination_path}",
        host=wanted.source,
        undo=_way_back(order),
        do=do,
        settle=settle,
        before={
            "vm_id": str(order.vm_id),
            "name": order.vm_name,
            "on": wanted.source,
            "machine": [dict(row) for row in order.machine],
            "places": [dict(row) for row in order.places],
        },
        look=look,
    )


def _as_the_job_says(outcome: Outcome, requested: datetime) -> Outcome:
    """Who comes back later did not see the end: the job's own length counts; without one ours is an upper bound."""
    seen_s, told_s = outcome.facts.get("duration_s"), outcome.facts.get("job_elapsed_s")
    if not isinstance(seen_s, float):
        return outcome
    if not isinstance(told_s, float):
        return replace(outcome, facts={**outcome.facts, "duration_is_at_most": True})
    length_s = round(min(seen_s, told_s), 3)
    ended = iso_utc(requested + timedelta(seconds=length_s))
    return replace(outcome, facts={**outcome.facts, "duration_s": length_s, "ended_utc": ended})


def _order(order: MoveOrder, pipeline: Pipeline, earlier: _Earlier) -> Outcome:
    """Order the move and watch it. When it is not known whether the order arrived, the hosts are watched all the
    same: no job yet proves nothing, Move-VM may still be asking for names and tickets. Only a host that does not
    know the order is given it again, by the session."""
    requested = order.clock.utc_now()
    try:
        operation = order.connection.source.start(pipeline)
    except NotBegun as error:
        return Outcome("failed", f"the machine still runs on the source: the order never arrived ({error.what})")
    except SessionLost as error:
        lost = error  # the name of an except clause does not outlive it
        return _watch(order, requested, lambda: (True, lost), earlier)
    return _watch(order, requested, lambda: _stands(operation), earlier)


def _ended_jobs(order: MoveOrder) -> frozenset[str]:
    """Where nobody wrote down whose jobs were there before, one that has ended proves nothing."""
    jobs = survey.migration_jobs(order.connection.source, order.vm_id)
    return frozenset(job.instance_id for job in jobs if job_end(job.job_state) is not JobEnd.UNDER_WAY)


def _way_back(order: MoveOrder) -> str:
    wanted = order.parameters
    folder = next((row["value"] for row in order.places if row["fact"] == "configuration"), None)
    return (
        f"move {order.vm_name} back, after its own preflight: 'snlm run' with source: {wanted.destination}, "
        f"destination: {wanted.source}, destination_path: {folder or 'the folder it had before (not known)'}"
    )


@dataclass(frozen=True)
class _Earlier:
    """What was there before the move: jobs and events of other moves of the same machine."""

    jobs: frozenset[str] = frozenset()
    events: tuple[EventFacts, ...] = ()


def _stands(operation: Operation) -> tuple[bool, RemoteError | None]:
    if not operation.done:
        return False, None
    try:
        operation.result()
    except RemoteError as error:
        return True, error
    return True, None


def _watch(order: MoveOrder, requested: datetime, command: CommandState, earlier: _Earlier) -> Outcome:
    watch = MoveWatch(
        order.connection.estate,
        vm_id=order.vm_id,
        vm_name=order.vm_name,
        files=SampleFiles(order.samples, requested),
        clock=order.clock,
        say=order.say,
    )
    wanted = order.parameters
    watched = watch.until_ended(command, ignore=earlier.jobs, limit_s=wanted.move_limit_s, poll_s=wanted.poll_ms / 1000)
    ended = order.clock.utc_now()
    outcome = outcome_of(watched, whereabouts_or_none(order.connection.estate, order.vm_id))
    events = migration_events(order.connection.estate, order.vm_id, requested)
    event = blackout(events, ignore=earlier.events) if outcome.result == "done" else None
    facts = {
        **outcome.facts,
        "vm_id": str(order.vm_id),
        "destination_path": order.parameters.destination_path,
        "requested_utc": iso_utc(requested),
        "ended_utc": iso_utc(ended),
        "duration_s": round((ended - requested).total_seconds(), 3),
        "job_elapsed_s": watched.job.elapsed_s if watched.job else None,
        "percent": watched.job.percent if watched.job else None,
        "host_blackout_s": blackout_s(event),
        "blackout_event_id": event.event_id if event else None,
        "blackout_event_host": event.host if event else None,
        "blackout_event_utc": iso_utc(event.created_utc) if event and event.created_utc else None,
    }
    return Outcome(outcome.result, outcome.detail, facts)
