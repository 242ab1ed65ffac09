"""What 05 left of the move in a record: from when to when it took, and how long its host says it paused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from snlm_lib.measure.blackout import HostBlackout, counted
from snlm_lib.measure.samples import read_samples
from snlm_lib.record.folder import Record
from snlm_lib.record.names import STEPS
from snlm_lib.record.result import StepResult, read_result
from snlm_lib.units import parse_utc

__all__ = ["MOVE_STEP", "Moved", "blackout_of", "moved_in"]

MOVE_STEP = STEPS[4]


@dataclass(frozen=True)
class Moved:
    """``window`` by the prober's clock; None when 05 does not say both its ends."""

    window: tuple[datetime, datetime] | None
    blackout: HostBlackout


def moved_in(record: Record) -> Moved | None:
    """The move of this record; None when 05 left no result. Raises RecordError for a result that is none."""
    move = read_result(record, MOVE_STEP)
    if move is None:
        return None
    begin, end = (_moment(move, name) for name in ("requested_utc", "ended_utc"))
    window = (begin, end) if begin and end and begin < end else None
    return Moved(window, blackout_of(record, move))


def blackout_of(record: Record, move: StepResult) -> HostBlackout:
    """What 05 kept of the host's event and of the counter; what is missing or odd is unknown."""
    figures = move.figures
    length, event_id = figures.get("host_blackout_s"), figures.get("blackout_event_id")
    return HostBlackout(
        length_s=float(length) if isinstance(length, int | float) else None,
        event_id=event_id if isinstance(event_id, int) else None,
        host=str(figures.get("blackout_event_host") or "") or None,
        logged_utc=_moment(move, "blackout_event_utc"),
        counter_utc=counted(read_samples(record.samples / "passes.csv")),
    )


def _moment(move: StepResult, name: str) -> datetime | None:
    try:
        return parse_utc(str(move.figures.get(name) or ""))
    except ValueError:
        return None
