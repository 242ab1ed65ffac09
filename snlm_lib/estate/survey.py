"""Reads hosts, machine and directory, side by side, and changes nothing.

A property a host refuses is not known (None); a host that cannot be reached or will not let us in
is an error. Names are compared here, letter by letter, and never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from snlm_lib.clock import Clock
from snlm_lib.errors import CommandFailed
from snlm_lib.estate import facts, values
from snlm_lib.estate.clocks import timed
from snlm_lib.estate.directory import read_delegation, read_domain, read_role
from snlm_lib.estate.hosts import Answers, host_facts, host_questions
from snlm_lib.estate.model import (
    CountersFacts,
    DelegationFacts,
    DirectoryHost,
    EventFacts,
    HopFacts,
    HostFacts,
    JobFacts,
    MigrationSettings,
    PairFacts,
    VmFacts,
    VmStatus,
)
from snlm_lib.estate.reads import AT_ONCE, Session, ask, ask_all
from snlm_lib.remote import commands
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Pipeline

__all__ = [
    "CONTINUITY_EVENTS",
    "MIGRATION_EVENTS",
    "Estate",
    "continuity_events",
    "find_vm",
    "is_planned",
    "live_counters",
    "migration_events",
    "migration_jobs",
    "read_settings",
    "survey_host",
    "survey_pair",
    "vm_status",
]

MIGRATION_EVENTS = (20413, 20415, 20417, 20418, 21024)
"""Admin log: begun; done with the blackout's length (20417: unexpectedly long); done; failed."""

CONTINUITY_EVENTS = (18502, 18504, 18512, 18514, 18560)
"""Worker's log: turned off, shut down, reset, reset by the guest, crashed by a triple fault."""

_NO_SUCH_VM = ("ObjectNotFound", "InvalidParameter")
_NO_EVENTS = ("NoMatchingEventsFound",)
_NO_COUNTERS = ("CounterApiError", "CounterPathIsInvalid")
_MACHINES = "machines"


@dataclass(frozen=True)
class Estate:
    """The sessions of a change; each session's ``host`` is the operator's name. No directory: not asked.

    ``hop`` None: the session on the source makes the second hop by itself.
    """

    source: Session
    destination: Session
    directory: Session | None
    hop: Credential | None = None  # given to cmdlets on the source that manage the destination


def survey_host(session: Session, peer_name: str, clock: Clock) -> HostFacts:
    """One host, and how it sees its peer. Raises HostUnreachable, AuthenticationRefused, SessionLost."""
    return _host(session, peer_name, clock)[0]


def find_vm(session: Session, wanted: str) -> tuple[VmFacts | None, int | None]:
    """The machine of that name or GUID, and how many machines bear its name (None: not known).

    A name borne by several is nobody's: then the machine is None. Raises as `survey_host`.
    """
    listed = ask(session, commands.get_vms())
    if listed is None:
        return None, None
    bag, count = _pick(listed, wanted)
    return (_vm(session, bag) if bag else None), count


def survey_pair(estate: Estate, vm_wanted: str, clock: Clock) -> PairFacts:
    """Everything the checks ask about. Raises as `survey_host`."""
    source, destination = estate.source, estate.destination
    with ThreadPoolExecutor(max_workers=3, thread_name_prefix="survey") as crew:
        there = crew.submit(_host, destination, source.host, clock)
        accounts = crew.submit(_accounts, estate.directory, (source.host, destination.host))
        source_facts, listed = _host(source, destination.host, clock)
        bag, count = _pick(listed or (), vm_wanted)
        vm_id = _vm_id(bag, vm_wanted)
        found = crew.submit(_vm, source, bag) if bag else None
        destination_facts, listed_there = there.result()
        planned = crew.submit(_planned, destination, vm_id)
        jobs_there = _jobs(destination, vm_id)
        vm = found.result() if found else None
        hop = crew.submit(_hop, estate)  # not before: a session takes only so many pipelines at once
        jobs = _jobs(source, vm_id)
        domain, delegation, directory_host = accounts.result()
        return PairFacts(
            source=source_facts,
            destination=destination_facts,
            vm=vm,
            vm_wanted=vm_wanted,
            same_name_source=None if listed is None else count,
            same_name_destination=_count_there(listed_there, bag, vm_wanted),
            id_on_destination=_id_among(listed_there, vm_id),
            planned_on_destination=planned.result(),
            jobs=None if jobs is None or jobs_there is None else jobs + jobs_there,
            delegation=delegation,
            directory_domain=domain,
            directory_host=directory_host,
            hop=hop.result(),
        )


def read_settings(session: Session) -> MigrationSettings:
    """The host's live-migration settings now. Raises CommandFailed."""
    return facts.settings(session.invoke(commands.get_vm_host()).bags[0])


def is_planned(session: Session, vm_id: UUID) -> bool:
    """Is a planned machine of that GUID staged on the host? Raises CommandFailed."""
    found = session.invoke(commands.get_planned_vm(vm_id)).bags
    return any(values.guid(bag, "Name") == vm_id for bag in found)


def vm_status(session: Session, vm_id: UUID) -> VmStatus | None:
    """State and status of a machine; None when no such machine is registered there.

    Raises CommandFailed for any other refusal: not answering is not the same as not being there.
    """
    found = session.invoke(commands.get_vm(vm_id), accept=_NO_SUCH_VM).bags
    return facts.vm_status(found[0], host=session.host) if found else None


def migration_jobs(session: Session, vm_id: UUID) -> tuple[JobFacts, ...]:
    """Migration jobs of the machine known to the host, ended ones for five minutes. Raises CommandFailed."""
    found = session.invoke(commands.get_migration_jobs(vm_id)).bags
    jobs = (facts.job(bag, host=session.host) for bag in found)
    return tuple(job for job in jobs if job.vm_id == vm_id)


def live_counters(session: Session, vm_name: str) -> CountersFacts | None:
    """The live-migration counters of the machine; None when there are none or the host does not say."""
    found = ask(session, commands.get_live_migration_counters(), accept=_NO_COUNTERS)
    return facts.counters(found, vm_name) if found else None


def migration_events(session: Session, vm_id: UUID, since_utc: datetime) -> tuple[EventFacts, ...]:
    """Migration events that name the machine (Parameter1 is its GUID), oldest first. Raises CommandFailed."""
    found = _events(session, commands.ADMIN_LOG, MIGRATION_EVENTS, since_utc)
    return tuple(event for event in found if _names(event, vm_id))


def continuity_events(session: Session, vm_id: UUID, since_utc: datetime) -> tuple[EventFacts, ...]:
    """Events that tell that the guest did not run through, oldest first; also those that do not say whose they are
    (no values). Which of them a reset writes is not settled (hyperv.md, section 12): all are asked for. Raises
    CommandFailed.
    """
    found = _events(session, commands.WORKER_LOG, CONTINUITY_EVENTS, since_utc)
    return tuple(event for event in found if _names(event, vm_id) or not event.values)


def _events(session: Session, log: str, ids: Iterable[int], since_utc: datetime) -> list[EventFacts]:
    """In two steps: find events by id, then read each one's values in order."""
    found = session.invoke(commands.get_events(ids, since_utc, log=log), accept=_NO_EVENTS).bags
    records = {str(number): number for number in (values.number(bag, "RecordId") for bag in found) if number}
    answers = ask_all(session, {key: commands.get_event_values(number, log=log) for key, number in records.items()})
    events = (
        facts.event(bag, host=session.host, event_values=facts.event_values(answers.get(_record(bag)) or ()))
        for bag in found
    )
    return sorted((event for event in events if event is not None), key=lambda event: event.record_id)


def _host(session: Session, peer_name: str, clock: Clock) -> tuple[HostFacts, Sequence[PsObject] | None]:
    """The host, and its machines as listed."""
    questions: dict[str, Pipeline] = {**host_questions(peer_name), _MACHINES: commands.get_vms()}
    session.open()
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix=f"ask-{session.host}") as crew:
        asked = {key: crew.submit(ask, session, pipeline) for key, pipeline in questions.items()}
        clocked = crew.submit(timed, session, clock)  # last: by then the session is open
        answers: Answers = {key: answer.result() for key, answer in asked.items()}
        answers["operating_system"], asked_utc, _ = clocked.result()
    host = host_facts(answers, host=session.host, peer=peer_name, asked_utc=asked_utc, read_utc=clock.utc_now())
    return host, answers[_MACHINES]


def _pick(listed: Sequence[PsObject], wanted: str) -> tuple[PsObject | None, int]:
    """The one machine meant, and how many bear its name; a GUID may mean a machine of any name."""
    vm_id = _as_id(wanted)
    bag = next((bag for bag in listed if vm_id is not None and values.guid(bag, "Id") == vm_id), None)
    name = values.text(bag, "Name") or wanted if bag else wanted
    bearers = [other for other in listed if values.same_name(values.text(other, "Name") or "", name)]
    if bag is None and len(bearers) == 1:
        bag = bearers[0]
    return bag, len(bearers)


def _vm(session: Session, bag: PsObject) -> VmFacts:
    vm_id = values.guid(bag, "Id")
    if vm_id is None:
        raise ValueError("a machine without Id")
    metered = values.flag(bag, "ResourceMeteringEnabled")
    answers = ask_all(
        session,
        {
            **({"metering": commands.measure_vm(vm_id)} if metered else {}),
            "disks": commands.get_vm_hard_disks(vm_id),
            "vhds": commands.get_vhds(vm_id),
            "adapters": commands.get_vm_network_adapters(vm_id),
            "checkpoints": commands.get_vm_snapshots(vm_id),
            "dvds": commands.get_vm_dvd_drives(vm_id),
            "integration": commands.get_vm_integration_services(vm_id),
            "processor": commands.get_vm_processor(vm_id),
            "memory": commands.get_vm_memory(vm_id),
        },
    )
    return facts.vm(bag, host=session.host, parts=answers)


def _jobs(session: Session, vm_id: UUID | None) -> tuple[JobFacts, ...] | None:
    if vm_id is None:
        return ()
    found = ask(session, commands.get_migration_jobs(vm_id))
    if found is None:
        return None
    return tuple(job for job in (facts.job(bag, host=session.host) for bag in found) if job.vm_id == vm_id)


def _planned(session: Session, vm_id: UUID | None) -> bool | None:
    if vm_id is None:
        return None
    found = ask(session, commands.get_planned_vm(vm_id))
    return None if found is None else any(values.guid(bag, "Name") == vm_id for bag in found)


def _hop(estate: Estate) -> HopFacts:
    account = estate.hop.user if estate.hop is not None else None
    try:
        estate.source.invoke(commands.get_peer_host(estate.destination.host, estate.hop))
    except CommandFailed as refused:
        return HopFacts(account, refused.what)
    return HopFacts(account, None)


def _accounts(
    directory: Session | None, hosts: Iterable[str]
) -> tuple[str | None, dict[str, DelegationFacts | None], DirectoryHost | None]:
    """The domain, each host's account and where they were asked; a host the directory will not tell of is not there."""
    if directory is None:
        return None, {}, None
    directory.open()
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix=f"ask-{directory.host}") as crew:
        asked = {host: crew.submit(read_delegation, directory, host) for host in hosts}
        role = crew.submit(read_role, directory)
        domain = read_domain(directory)
        told: dict[str, DelegationFacts | None] = {}
        for host, answer in asked.items():
            with suppress(CommandFailed):
                told[host] = answer.result()
        return domain, told, DirectoryHost(directory.host, role.result())


def _as_id(wanted: str) -> UUID | None:
    try:
        return UUID(wanted)
    except ValueError:
        return None


def _vm_id(bag: PsObject | None, wanted: str) -> UUID | None:
    """The machine's GUID; a GUID that was asked for counts even when the source has no such machine."""
    return values.guid(bag, "Id") if bag else _as_id(wanted)


def _count_there(listed: Sequence[PsObject] | None, bag: PsObject | None, wanted: str) -> int | None:
    if listed is None:
        return None
    name = (values.text(bag, "Name") if bag else None) or wanted
    return sum(values.same_name(values.text(other, "Name") or "", name) for other in listed)


def _id_among(listed: Sequence[PsObject] | None, vm_id: UUID | None) -> bool | None:
    if listed is None or vm_id is None:
        return None
    return any(values.guid(bag, "Id") == vm_id for bag in listed)


def _record(bag: PsObject) -> str:
    return str(values.number(bag, "RecordId"))


def _names(event: EventFacts, vm_id: UUID) -> bool:
    """Parameter1 of the migration events is the machine's GUID."""
    return len(event.values) > 1 and event.values[1].strip("{}").lower() == str(vm_id)
