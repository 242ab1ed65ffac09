"""What a ping figure is drawn from: one kind of one target as arrays, and the time axis that all share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snlm_lib.errors import RecordError
from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.ledger import ANSWERED, LATE, LOST, NOT_SENT, STALLED
from snlm_lib.measure.pings import CONTROL, Pings, Series, read_pings, series_of
from snlm_lib.record.charts.thin import Bools, Floats

__all__ = ["FATES", "TimeAxis", "Track", "pings_files", "read_tracks", "tracks_of"]

FATES = (ANSWERED, LATE, LOST, NOT_SENT, STALLED)  # the last: answered, but nobody ran to see when
_LONGEST_NAME = 30


@dataclass(frozen=True)
class Track:
    """One probe kind of one target from one vantage, in order of time, s on the figure's axis.

    ``fate`` is an index into `FATES`; ``rtt_ms`` is NaN unless an answer's moment is known.
    """

    target: str
    kind: str
    control: bool
    at_s: Floats
    fate: NDArray[np.int8]
    rtt_ms: Floats
    vantage: str = ""  # named only where there are several

    def met(self, fate: str) -> Bools:
        """Which probes had this fate."""
        found: Bools = self.fate == FATES.index(fate)
        return found

    def count(self, fate: str) -> int:
        """How many had it."""
        return int(np.count_nonzero(self.met(fate)))

    @property
    def sent(self) -> int:
        """Probes that left."""
        return len(self.fate) - self.count(NOT_SENT)

    @property
    def words(self) -> str:
        """The kind in words."""
        return KIND_WORDS.get(self.kind, self.kind)

    @property
    def place(self) -> str:
        """The target as a headline names it: what tells it from the others, and not longer than a narrow page."""
        short = self.target if len(self.target) <= _LONGEST_NAME else f"{self.target[: _LONGEST_NAME - 1]}…"
        return f"{short}{' (control)' if self.control else ''}{f' from {self.vantage}' if self.vantage else ''}"

    def within(self, start_s: float, end_s: float) -> Track:
        """The probes of a stretch of time."""
        cut = slice(*np.searchsorted(self.at_s, [start_s, end_s]).tolist())
        return replace(self, at_s=self.at_s[cut], fate=self.fate[cut], rtt_ms=self.rtt_ms[cut])


@dataclass(frozen=True)
class TimeAxis:
    """Seconds since what ``title`` says; with ``zero_utc``, moments of the day in UTC instead."""

    title: str
    zero_utc: datetime | None = None

    def shown(self, at_s: Floats) -> list[float]:
        """Values for Plotly: seconds to the tenth of a millisecond, or milliseconds since 1970."""
        if self.zero_utc is None:
            seconds: list[float] = np.round(at_s, 4).tolist()
            return seconds
        whole: list[float] = np.rint(at_s * 1000 + self.zero_utc.timestamp() * 1000).astype(np.int64).tolist()
        return whole

    def lengths(self, seconds: Floats) -> list[float]:
        """Lengths on this axis."""
        found: list[float] = np.round(seconds if self.zero_utc is None else seconds * 1000, 4).tolist()
        return found

    @property
    def hover(self) -> str:
        """How a hover text tells a point's moment."""
        return "%{x:.2f} s" if self.zero_utc is None else "%{x|%H:%M:%S.%L}"

    def words(self, at_s: float) -> str:
        """A moment in words."""
        if self.zero_utc is None:
            return f"{at_s:.2f} s"
        return f"{self.zero_utc + timedelta(seconds=at_s):%H:%M:%S.%f}"[:-5]


def pings_files(samples: Path) -> list[Path]:
    """The monitor's own file and those of further vantages, as far as there are any."""
    return [*samples.glob("pings.csv"), *sorted(samples.glob("pings-*.csv"))]


def read_tracks(samples: Path, *, requested_utc: datetime | None = None) -> tuple[tuple[Track, ...], TimeAxis]:
    """`tracks_of` a folder of samples; a file that cannot be read is left out."""
    return tracks_of(series_of(*_readable(samples)), requested_utc=requested_utc)


def _readable(samples: Path) -> Iterator[Pings]:
    for path in pings_files(samples):
        with suppress(RecordError):
            yield read_pings(path)


def tracks_of(series: Iterable[Series], *, requested_utc: datetime | None = None) -> tuple[tuple[Track, ...], TimeAxis]:
    """The tracks of `series_of`, in its order but machines above controls, and their axis.

    With ``requested_utc`` seconds since the move was requested; else UTC, or seconds since the monitor's start
    where no probe tells its UTC.
    """
    found = sorted(series, key=lambda one: one.target.role == CONTROL)
    zero = next((one.wall.zero_utc for one in found if one.wall.zero_utc), None)
    many = len({one.vantage for one in found}) > 1
    tracks = tuple(_track(one, _zero_s(one, requested_utc or zero), many) for one in found)
    if requested_utc and zero:
        return tracks, TimeAxis("time since the move was requested, s")
    return tracks, TimeAxis("time, UTC", zero.astimezone(UTC)) if zero else TimeAxis("time since the first probe, s")


def _zero_s(series: Series, zero_utc: datetime | None) -> float:
    """Where the axis begins by the series' own clock."""
    return (series.wall.seconds(zero_utc) if zero_utc else None) or 0.0


def _track(series: Series, zero_s: float, many: bool) -> Track:
    fate = np.full(len(series), FATES.index(ANSWERED), dtype=np.int8)
    for status in (LATE, LOST, NOT_SENT):
        fate[series.status.equals(status)] = FATES.index(status)
    fate[series.stalled] = FATES.index(STALLED)
    order = np.argsort(series.at_s, kind="stable")  # a tick that was not sent stands where it was due
    return Track(
        series.target.name,
        series.kind,
        series.target.role == CONTROL,
        series.at_s[order] - zero_s,
        fate[order],
        series.rtt_ms[order],
        series.vantage if many else "",
    )
