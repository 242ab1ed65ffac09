"""The move's course from its samples: phase bands from progress.csv, memory passes from passes.csv. Pure analysis.

Hyper-V has no field that names the phase; it is inferred from the operational status, by name or by
number. A blackout too short for the counters to show is normal, so nothing here needs to have seen it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from snlm_lib.errors import RecordError
from snlm_lib.measure.pings import read_whole_lines

__all__ = [
    "PASSES_COLUMNS",
    "PROGRESS_COLUMNS",
    "Band",
    "MemoryPass",
    "Phase",
    "memory_passes",
    "phase_bands",
    "read_passes",
    "read_progress",
]

PROGRESS_COLUMNS = (
    "t_s",
    "utc",
    "job_state",
    "percent",
    "vm_state",
    "operational_status",
    "pass_number",
    "bytes_sent",
)
PASSES_COLUMNS = (
    "t_s",
    "utc",
    "pass_number",
    "dirty_pages",
    "bytes_sent",
    "compressed_bytes_sent",
    "is_blackout",
    "cpu_cap_percent",
)
Phase = Literal["before", "checking", "storage", "memory", "after"]

_STORAGE = {"storagemigrationphaseone", "storagemigrationphasetwo", "32778", "32779"}
_CHECKING = {"checkingcompatibility", "32781"}
_MIGRATING = {"migratingvirtualmachine", "32774", "migratingplannedvm", "32780"}
_JOB_OVER = {7, 8, 9, 10, 32768}  # completed, terminated, killed, exception, completed with warnings
_TRUE, _FALSE = {"true", "1", "1.0"}, {"false", "0", "0.0"}
_TEXT = ("utc", "vm_state", "operational_status", "is_blackout")


@dataclass(frozen=True)
class Band:
    """A phase from its first sample to the next phase's, seconds since the move was requested."""

    phase: Phase
    start_s: float
    end_s: float


@dataclass(frozen=True)
class MemoryPass:
    """One pass over the memory.

    ``dirty_pages`` at its last sample; ``bytes_sent`` and ``compressed_bytes_sent`` within it;
    ``blackout_seen`` None when the counter was never there. None is unknown.
    """

    number: int
    first_s: float
    last_s: float
    dirty_pages: int | None
    bytes_sent: int | None
    compressed_bytes_sent: int | None
    blackout_seen: bool | None


def read_progress(path: Path) -> pd.DataFrame:
    """progress.csv with types, by time: numbers float (NaN unknown), utc aware (NaT), text as it stands.

    Raises RecordError when the file is missing or is none.
    """
    return _read(path, PROGRESS_COLUMNS)


def read_passes(path: Path) -> pd.DataFrame:
    """passes.csv with types, by time, as `read_progress`; is_blackout stays text."""
    return _read(path, PASSES_COLUMNS)


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        raw = pd.read_csv(read_whole_lines(path), dtype=str, keep_default_na=False, on_bad_lines="skip")
    except pd.errors.EmptyDataError:
        raise RecordError("empty", where=str(path)) from None
    missing = [column for column in columns if column not in raw.columns]
    if missing:
        raise RecordError(f"lacks the column {missing[0]!r}", where=str(path))
    frame = raw.copy()
    for column in columns:
        if column not in _TEXT:
            frame[column] = pd.to_numeric(frame[column].replace("", None), errors="coerce").astype("float64")
    frame["utc"] = pd.to_datetime(frame["utc"], format="ISO8601", utc=True, errors="coerce")
    return frame.dropna(subset=["t_s"]).sort_values("t_s", kind="stable").reset_index(drop=True)


def phase_bands(progress: pd.DataFrame) -> tuple[Band, ...]:
    """The phases of the samples of `read_progress`, one after the other without holes.

    A status that names no phase goes on with the one before it.
    """
    moments = progress["t_s"].tolist()
    runs = [list(run) for _, run in groupby(enumerate(_phases(progress)), key=lambda pair: pair[1])]
    bands = []
    for run in runs:
        first, last = run[0][0], run[-1][0]
        bands.append(Band(run[0][1], moments[first], moments[min(last + 1, len(moments) - 1)]))
    return tuple(bands)


def _phases(progress: pd.DataFrame) -> Iterator[Phase]:
    phase: Phase = "before"
    for row in progress.to_dict("records"):
        phase = _next_phase(phase, {str(name): value for name, value in row.items()})
        yield phase


def _next_phase(phase: Phase, row: dict[str, Any]) -> Phase:
    words = set(re.findall(r"\w+", row["operational_status"].lower()))
    if row["job_state"] in _JOB_OVER:
        return "after"
    if words & _STORAGE:
        return "storage"
    if words & _CHECKING:
        return "checking"
    # the counters have a pass number from the first pass on; before it the status may already say migrating
    if not pd.isna(row["pass_number"]) and row["pass_number"] > 0 and (words & _MIGRATING or phase == "memory"):
        return "memory"
    if words & {"ok", "2"} and not words & _MIGRATING and phase == "memory":
        return "after"
    return phase


def memory_passes(passes: pd.DataFrame) -> tuple[MemoryPass, ...]:
    """The passes of the samples of `read_passes`, by number.

    The byte counters grow over the whole move, so a pass's share is the difference to the end of the
    pass before; one that starts again from less is taken as counted for the pass alone.
    """
    known = passes[passes["pass_number"] > 0]
    table: list[MemoryPass] = []
    ends: dict[str, int | None] = {"bytes_sent": 0, "compressed_bytes_sent": 0}
    for number, part in known.groupby("pass_number", sort=True):
        shares = {}
        for column in ends:
            end = _last(part[column])
            shares[column] = _share(ends[column], end)
            ends[column] = end
        table.append(
            MemoryPass(
                number=int(str(number).split(".")[0]),
                first_s=float(part["t_s"].min()),
                last_s=float(part["t_s"].max()),
                dirty_pages=_last(part["dirty_pages"]),
                blackout_seen=_seen(part["is_blackout"]),
                bytes_sent=shares["bytes_sent"],
                compressed_bytes_sent=shares["compressed_bytes_sent"],
            )
        )
    return tuple(table)


def _last(values: pd.Series) -> int | None:
    known = values.dropna()
    return None if known.empty else int(known.iloc[-1])


def _share(before: int | None, end: int | None) -> int | None:
    if before is None or end is None:
        return None
    return end - before if end >= before else end


def _seen(values: pd.Series) -> bool | None:
    words = {str(value).strip().lower() for value in values}
    if words & _TRUE:
        return True
    return False if words & _FALSE else None
