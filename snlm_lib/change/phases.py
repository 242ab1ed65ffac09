"""The states of a migration job as a table: what each number means for us.

The numbers are Windows' own (hyperv.md, section 7). A job has no phase field: what the host is doing
is read from the machine's status (`snlm_lib.measure.passes.phase_of`).

    JobState   2 New  3 Starting  4 Running  5 Suspended  6 ShuttingDown  -> under way
               7 Completed  32768 CompletedWithWarnings                   -> done
               8 Terminated  9 Killed                                     -> cancelled
               10 Exception                                               -> failed
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["JobEnd", "job_end"]


class JobEnd(StrEnum):
    """How a job stands."""

    UNDER_WAY = "under way"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"


_END_OF = {
    **dict.fromkeys((2, 3, 4, 5, 6), JobEnd.UNDER_WAY),
    **dict.fromkeys((7, 32768), JobEnd.DONE),
    **dict.fromkeys((8, 9), JobEnd.CANCELLED),
    10: JobEnd.FAILED,
}


def job_end(job_state: int | None) -> JobEnd:
    """What a ``JobState`` means; a number not in the table is unknown, not an error."""
    return _END_OF.get(job_state, JobEnd.UNKNOWN) if job_state is not None else JobEnd.UNKNOWN
