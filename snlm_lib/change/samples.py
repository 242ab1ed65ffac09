"""Rows of progress.csv and passes.csv, written as they come; never rewritten, never thinned."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

from snlm_lib.estate.model import CountersFacts, JobFacts, VmStatus
from snlm_lib.measure.passes import Phase, phase_of
from snlm_lib.process import append_bytes
from snlm_lib.units import iso_utc

__all__ = ["PASSES_HEADER", "PROGRESS_HEADER", "SampleFiles"]

PROGRESS_HEADER = ("t_s", "utc", "job_state", "percent", "vm_state", "operational_status", "pass_number", "bytes_sent")
PASSES_HEADER = (
    "t_s",
    "utc",
    "pass_number",
    "dirty_pages",
    "bytes_sent",
    "compressed_bytes_sent",
    "is_blackout",
    "cpu_cap_percent",
)
_WORDS: dict[Phase | None, str] = {
    Phase.CHECKING: "checking compatibility",
    Phase.STORAGE: "copying storage",
    Phase.MEMORY: "copying memory",
    None: "no move under way",
}


class SampleFiles:
    """The two files of one move; a second watcher of the same move goes on in them."""

    def __init__(self, folder: Path, requested_utc: datetime) -> None:
        self._progress = folder / "progress.csv"
        self._passes = folder / "passes.csv"
        self._requested_utc = requested_utc
        for path, header in ((self._progress, PROGRESS_HEADER), (self._passes, PASSES_HEADER)):
            if not path.exists():
                append_bytes(path, _line(header))

    def progress(
        self, now: datetime, job: JobFacts | None, status: VmStatus | None, counters: CountersFacts | None
    ) -> None:
        """One look at the move; what could not be read stays empty."""
        row = (
            *self._stamp(now),
            job.job_state if job else None,
            job.percent if job else None,
            status.state if status else None,
            ";".join(status.operational_status) if status else None,
            counters.pass_number if counters else None,
            counters.bytes_sent if counters else None,
        )
        append_bytes(self._progress, _line(row))

    def counters(self, now: datetime, found: CountersFacts) -> None:
        """One sample of the live-migration counters."""
        row = (
            *self._stamp(now),
            found.pass_number,
            found.dirty_pages,
            found.bytes_sent,
            found.compressed_bytes_sent,
            found.is_blackout,
            found.cpu_cap_percent,
        )
        append_bytes(self._passes, _line(row))

    def _stamp(self, now: datetime) -> tuple[str, str]:
        return f"{(now - self._requested_utc).total_seconds():.3f}", iso_utc(now)


def _line(values: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(["" if value is None else value for value in values])
    return text.getvalue().encode("utf-8")


def describe(job: JobFacts | None, status: VmStatus | None, *, answered: bool = True) -> str:
    """One line for a person watching: the phase and the percentage. ``answered``: the source was heard just now."""
    if not answered:
        return "the source does not answer just now"
    phase = _WORDS[phase_of(status.operational_status)] if status else "the source no longer lists the machine"
    percent = f"{job.percent} %" if job and job.percent is not None else "no percentage yet"
    return f"{phase}, {percent}"
