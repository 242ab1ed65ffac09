"""The host's blackout laid beside the network's gap on the monitor's axis. Pure; asks no host.

The event's figure is a length; the event itself says only that the pause was over when it was logged. A counter that
was seen set says when it lay, as finely as it was looked at. Stamps of a host are corrected by how far its clock is
ahead of the monitor's machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from snlm_lib.measure.gaps import Gap
from snlm_lib.measure.samples import Columns, moments, texts
from snlm_lib.measure.wall import WallClock

__all__ = ["EVENT_ROUNDING_S", "NO_BLACKOUT", "HostBlackout", "Pause", "contradicts", "counted", "place"]

EVENT_ROUNDING_S = 0.05  # event 20415 tells tenths of a second
_LOGGED_SLACK_S = 1.0  # two clocks compared over a network, and a log that is written when there is time
_TRUE = {"true", "1", "1.0"}


@dataclass(frozen=True)
class HostBlackout:
    """What the hosts say: the figure of event 20415 or 20417, who logged it and when by its own clock; None: unknown.

    ``counter_utc``: by our clock, between which two looks `Transfer Pass: Is blackout` was set.
    """

    length_s: float | None = None
    event_id: int | None = None
    host: str | None = None
    logged_utc: datetime | None = None
    counter_utc: tuple[datetime, datetime] | None = None


NO_BLACKOUT = HostBlackout()


@dataclass(frozen=True)
class Pause:
    """Where the blackout lay, in seconds of the monitor: ``by`` says how that is known.

    "counter": between two looks at the counter; "gap": only its length is known, and it is drawn in the middle of the
    gap; "event": it ended no later than this. ``over_by_s``: by the event, None when its clock's offset is unknown.
    """

    start_s: float
    end_s: float
    by: Literal["counter", "gap", "event"]
    over_by_s: float | None


def counted(passes: Columns) -> tuple[datetime, datetime] | None:
    """Between which two looks the counter said blackout, from the samples of passes.csv; None when it never did."""
    looks = list(zip(moments(passes, "utc"), texts(passes, "is_blackout"), strict=False))
    known = [(when, text.lower() in _TRUE) for when, text in looks if when is not None]
    dark = [index for index, (_, is_dark) in enumerate(known) if is_dark]
    if not dark:
        return None
    before, after = max(dark[0] - 1, 0), min(dark[-1] + 1, len(known) - 1)
    return known[before][0], known[after][0]


def place(
    blackout: HostBlackout, gap: Gap | None, wall: WallClock, offsets_s: Mapping[str, float | None]
) -> Pause | None:
    """Put ``blackout`` on the axis of ``wall``; None when neither its length nor its moment is known."""
    over_by_s = _over_by_s(blackout, wall, offsets_s)
    if blackout.counter_utc is not None:
        start_s, end_s = wall.seconds(blackout.counter_utc[0]), wall.seconds(blackout.counter_utc[1], last=True)
        if start_s is not None and end_s is not None:
            return Pause(start_s, end_s, "counter", over_by_s)
    if blackout.length_s is None:
        return None
    if gap is not None:
        middle_s = (gap.start_s + gap.end_s) / 2
        return Pause(middle_s - blackout.length_s / 2, middle_s + blackout.length_s / 2, "gap", over_by_s)
    if over_by_s is None:
        return None
    return Pause(over_by_s - blackout.length_s, over_by_s, "event", over_by_s)


def _over_by_s(blackout: HostBlackout, wall: WallClock, offsets_s: Mapping[str, float | None]) -> float | None:
    ahead_s = offsets_s.get(blackout.host or "")
    if blackout.logged_utc is None or ahead_s is None:
        return None
    # the other clock was not set when ours was
    return wall.seconds_as_set_first(blackout.logged_utc - timedelta(seconds=ahead_s))


def contradicts(pause: Pause | None, gap: Gap | None, *, interval_s: float) -> bool:
    """True when the host had logged the end of its pause before the gap even began."""
    if pause is None or gap is None or pause.over_by_s is None:
        return False
    return pause.over_by_s + _LOGGED_SLACK_S + interval_s < gap.start_s
