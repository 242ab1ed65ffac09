"""The move's course from its samples: phase bands from progress.csv, memory passes from passes.csv. Pure analysis.

Hyper-V has no field that names the phase; it is inferred from the operational status, by name or by
number. A blackout too short for the counters to show is normal, so nothing here needs to have seen it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress, pairwise

from snlm_lib.measure.samples import Columns, numbers, texts

__all__ = ["PAGE_BYTES", "Band", "MemoryPass", "Phase", "last_try", "memory_passes", "phase_bands", "phase_of"]

PAGE_BYTES = 4096  # a dirty page of the counters


class Phase(StrEnum):
    """What the host is doing, in the order of a move.

    ``CUT_OVER``: the source no longer lists the machine and the job goes on. ``BLACKOUT`` lies somewhere
    at its beginning, and is named only where a counter said so.
    """

    CHECKING = "checking"
    STORAGE = "storage"
    MEMORY = "memory"
    CUT_OVER = "cut-over"
    BLACKOUT = "blackout"


_PHASE_OF = {  # VMOperationalStatus (hyperv.md, section 7), by name and by number
    **dict.fromkeys(("checkingcompatibility", "32781"), Phase.CHECKING),
    **dict.fromkeys(("storagemigrationphaseone", "32778", "storagemigrationphasetwo", "32779"), Phase.STORAGE),
    **dict.fromkeys(("migratingvirtualmachine", "32774", "migratingplannedvm", "32780"), Phase.MEMORY),
}
_JOB_OVER = {7, 8, 9, 10, 32768}  # completed, terminated, killed, exception, completed with warnings
_TRUE = {"true", "1", "1.0"}


@dataclass(frozen=True)
class Band:
    """A phase from its first sample to the next phase's, seconds since the move was requested."""

    phase: Phase
    start_s: float
    end_s: float


@dataclass(frozen=True)
class MemoryPass:
    """One pass: the most dirty memory seen in it, what was sent during it and until its end; None is unknown."""

    number: int
    start_s: float
    dirty_bytes: int | None
    sent_bytes: int | None
    until_bytes: int | None = None


def phase_of(operational_status: Iterable[str]) -> Phase | None:
    """The phase that a machine's status list names, None when it names none."""
    return next((_PHASE_OF[word.lower()] for word in operational_status if word.lower() in _PHASE_OF), None)


def last_try(progress: dict[str, list[str]], passes: dict[str, list[str]]) -> tuple[dict[str, list[str]], ...]:
    """The samples of the last order alone: a move that failed may be ordered again in the same record.

    Their time counts from the order, so that it falls back to its beginning; the clock of the day tells which of the
    counters belong to it.
    """
    times = numbers(progress, "t_s")
    again = [
        place
        for place, (before, after) in enumerate(pairwise(times), start=1)
        if before is not None and after is not None and after < _FELL_BACK * before
    ]
    if not again:
        return progress, passes
    last = {name: values[again[-1] :] for name, values in progress.items()}
    since = next((utc for utc in texts(last, "utc") if utc), "")
    kept = [utc >= since for utc in texts(passes, "utc")]
    return last, {name: [*compress(values, kept)] for name, values in passes.items()}


_FELL_BACK = 0.5  # a clock that was set back a little is no second order


def phase_bands(progress: Columns, passes: Columns) -> list[Band]:
    """The phases one after the other, then the blackout where the counters saw it.

    The last sample of a phase reaches to the next one's first; a status that names no phase goes on
    with the one before it; what is before the first and after the last phase has no band.
    """
    dark = [Phase.BLACKOUT if text.lower() in _TRUE else None for text in texts(passes, "is_blackout")]
    return [*_runs(numbers(progress, "t_s"), _phases(progress, passes)), *_runs(numbers(passes, "t_s"), dark)]


def _phases(progress: Columns, passes: Columns) -> Iterator[Phase | None]:
    counted_s = _first_pass_s(passes)
    columns = (numbers(progress, name) for name in ("t_s", "job_state", "pass_number"))
    phase: Phase | None = None
    for status, time, state, number in zip(texts(progress, "operational_status"), *columns, strict=False):
        named = phase_of(re.findall(r"\w+", status))
        if not status and state is not None and state not in _JOB_OVER and phase in (Phase.MEMORY, Phase.CUT_OVER):
            phase = Phase.CUT_OVER
        elif state in _JOB_OVER or (phase is Phase.MEMORY and status and named is None and "InService" not in status):
            phase = None
        elif named is Phase.MEMORY:
            # the status may say migrating from the start: the counters know when the first pass began, and a look is
            # written with those of the look before
            begun = (number or 0) > 0 or (time is not None and time >= counted_s)
            phase = Phase.MEMORY if begun else phase
        elif named is not None:
            phase = named
        yield phase


def _first_pass_s(passes: Columns) -> float:
    """When the counters were first read in a pass; infinite when they never were."""
    pairs = zip(numbers(passes, "t_s"), numbers(passes, "pass_number"), strict=False)
    return min((time for time, number in pairs if time is not None and (number or 0) > 0), default=math.inf)


def _runs(times: Iterable[float | None], phases: Iterable[Phase | None]) -> list[Band]:
    """Runs of the same phase, each up to where the next sample says something else."""
    found: list[Band] = []
    start: tuple[Phase, float] | None = None
    last = 0.0
    for time, phase in zip(times, phases, strict=False):
        if time is None:
            continue
        if start is not None and phase is not start[0]:
            found.append(Band(*start, time))
            start = None
        if start is None and phase is not None:
            start = (phase, time)
        last = time
    if start is not None and last > start[1]:
        found.append(Band(*start, last))
    return found


def memory_passes(passes: Columns) -> list[MemoryPass]:
    """The passes that were sampled, by number: from pass_number, dirty_pages and bytes_sent (a growing sum).

    A pass shorter than the time between two samples is not seen; what was sent in the next one is then unknown. A sum
    that fell began anew: what was sent until then is unknown from there on.
    """
    columns = [numbers(passes, name) for name in ("t_s", "pass_number", "dirty_pages", "bytes_sent")]
    rows: dict[int, list[tuple[float, float | None, float | None]]] = {}
    for time, number, pages, sent in zip(*columns, strict=False):
        if time is not None and number is not None and number > 0:
            rows.setdefault(int(number), []).append((time, pages, sent))
    found: list[MemoryPass] = []
    before, fell = 0.0, False
    for number in sorted(rows):
        top = max((sent for _, _, sent in rows[number] if sent is not None), default=None)
        pages = max((pages for _, pages, _ in rows[number] if pages is not None), default=None)
        seen = number == 1 or number - 1 in rows
        share = None if top is None or top < before or not seen else int(top - before)
        fell = fell or (top is not None and top < before)
        before = before if top is None else top
        dirty = None if pages is None else int(pages * PAGE_BYTES)
        found.append(MemoryPass(number, rows[number][0][0], dirty, share, None if fell else int(before) or None))
    return found
