"""The states of a migration as tables: what a job state means, what a machine's status says of the phase.

Numbers and names are Windows' own (hyperv.md, section 7). One percentage covers storage and memory
and there is no phase field: the phase is read from the operational status.

    JobState   2 New  3 Starting  4 Running  5 Suspended  6 ShuttingDown  -> under way
               7 Completed  32768 CompletedWithWarnings                   -> done
               8 Terminated  9 Killed                                     -> cancelled
               10 Exception                                               -> failed
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["JobEnd", "Phase", "job_end", "phase_of"]


class JobEnd(StrEnum):
    """How a job stands."""

    UNDER_WAY = "under way"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """What the host is doing, as the field calls it."""

    CHECKING = "checking compatibility"
    STORAGE = "copying storage"
    MEMORY = "copying memory"
    IDLE = "no move under way"


_END_OF = {
    **dict.fromkeys((2, 3, 4, 5, 6), JobEnd.UNDER_WAY),
    **dict.fromkeys((7, 32768), JobEnd.DONE),
    **dict.fromkeys((8, 9), JobEnd.CANCELLED),
    10: JobEnd.FAILED,
}
_PHASE_OF = {
    "CheckingCompatibility": Phase.CHECKING,
    "StorageMigrationPhaseOne": Phase.STORAGE,
    "StorageMigrationPhaseTwo": Phase.STORAGE,
    "MigratingVirtualMachine": Phase.MEMORY,
}


def job_end(job_state: int | None) -> JobEnd:
    """What a ``JobState`` means; a number not in the table is unknown, not an error."""
    return _END_OF.get(job_state, JobEnd.UNKNOWN) if job_state is not None else JobEnd.UNKNOWN


def phase_of(operational_status: Iterable[str]) -> Phase:
    """The phase of a machine's status list; the first entry that names one decides."""
    return next((_PHASE_OF[name] for name in operational_status if name in _PHASE_OF), Phase.IDLE)
