"""After anything went wrong: who owns the machine? Looks, decides, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from snlm_lib.change.phases import JobEnd, job_end
from snlm_lib.estate import survey
from snlm_lib.estate.model import JobFacts, VmStatus
from snlm_lib.estate.survey import Estate

__all__ = ["Owner", "Whereabouts", "latest_job", "locate", "owner_of"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Owner(StrEnum):
    """Where the machine is."""

    SOURCE = "source"
    DESTINATION = "destination"
    MOVING = "moving"
    BOTH = "both"
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class Whereabouts:
    """What both hosts say of one machine at one moment; ``None`` = not registered there."""

    source: VmStatus | None
    destination: VmStatus | None
    jobs: tuple[JobFacts, ...]


def locate(estate: Estate, vm_id: UUID) -> Whereabouts:
    """Ask both hosts; raises RemoteError when one of them does not answer (then nothing is known)."""
    return Whereabouts(
        source=survey.vm_status(estate.source, vm_id),
        destination=survey.vm_status(estate.destination, vm_id),
        jobs=(*survey.migration_jobs(estate.source, vm_id), *survey.migration_jobs(estate.destination, vm_id)),
    )


def latest_job(jobs: Iterable[JobFacts]) -> JobFacts | None:
    """The job that started last; one that does not say when counts as oldest."""
    return max(jobs, key=lambda job: (job.start_utc or _LONG_AGO, job.instance_id), default=None)


def owner_of(found: Whereabouts) -> Owner:
    """Pure. A job under way beats what the registers say; registered and running beats registered."""
    if any(job_end(job.job_state) is JobEnd.UNDER_WAY for job in found.jobs):
        return Owner.MOVING
    here, there = found.source is not None, found.destination is not None
    if here and there:
        return Owner.BOTH
    if there:
        return Owner.DESTINATION
    return Owner.SOURCE if here else Owner.NOWHERE
