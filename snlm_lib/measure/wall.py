"""The wall clock laid over the monitor's own clock, piece by piece: a clock that is set moves no sample. Pure.

Between two settings both run alike, so one offset (with its slow drift) ties them together. A setting is a lasting
jump of that offset; a single stamp that came late because the process waited is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClockStep", "Floats", "WallClock"]

Floats = NDArray[np.float64]
_STEP_S = 0.05  # a smaller setting moves no picture and no window that matters
_SIDE = 5  # stamps looked at on either side of a suspected setting
_KNOTS = 200  # a piece; drift is far slower than that
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ClockStep:
    """The wall clock was set forward ``by_s`` seconds (back when negative) at ``at_s``."""

    at_s: float
    by_s: float


@dataclass(frozen=True)
class _Piece:
    """From ``start_s`` up to ``end_s`` the offset is read off at ``knots_s``."""

    start_s: float
    end_s: float
    knots_s: Floats
    offsets_s: Floats

    def utc_s(self, at_s: float) -> float:
        return at_s + float(np.interp(at_s, self.knots_s, self.offsets_s))

    def seconds(self, utc_s: float) -> float:
        first = utc_s - float(self.offsets_s[0])
        return utc_s - float(np.interp(first, self.knots_s, self.offsets_s))


class WallClock:
    """Made of moments (seconds since the monitor's start) and the UTC stamps (seconds since 1970) taken with them."""

    def __init__(self, moments_s: Floats, stamps_s: Floats) -> None:
        known = np.isfinite(moments_s) & np.isfinite(stamps_s)
        order = np.argsort(moments_s[known], kind="stable")
        moments = moments_s[known][order]
        offsets = stamps_s[known][order] - moments
        cuts = _cuts(offsets)
        edges = [0, *cuts, len(moments)]
        self._pieces = tuple(_piece(moments, offsets, first, last) for first, last in pairwise(edges) if last > first)
        self.steps = tuple(
            ClockStep(after.start_s, float(after.offsets_s[0] - before.offsets_s[-1]))
            for before, after in pairwise(self._pieces)
        )

    @classmethod
    def starting(cls, zero_utc: datetime) -> WallClock:
        """One that was never set: second 0 was at ``zero_utc``."""
        return cls(np.zeros(1), np.array([(zero_utc - _EPOCH).total_seconds()]))

    @property
    def zero_utc(self) -> datetime | None:
        """The moment of second 0 by the clock as it stood then; None when no stamp was ever taken."""
        return self.utc(0.0)

    def utc(self, at_s: float) -> datetime | None:
        """What the wall clock showed at second ``at_s``; None when no stamp was ever taken."""
        piece = next((one for one in self._pieces if at_s < one.end_s), None)
        return None if piece is None else _EPOCH + timedelta(seconds=round(piece.utc_s(at_s), 4))

    def seconds(self, moment: datetime, *, last: bool = False) -> float | None:
        """The second at which the wall clock showed ``moment``; the first of several, or the ``last``.

        What it never showed because it was set forward is the second of that setting; None as for `utc`.
        """
        utc_s = (moment - _EPOCH).total_seconds()
        found = []
        for index, piece in enumerate(self._pieces):
            at_s = piece.seconds(utc_s)
            begins = piece.start_s if index else -np.inf
            if begins <= at_s < piece.end_s:
                found.append(at_s)
        if found:
            return found[-1] if last else found[0]
        skipped = (
            after.start_s
            for before, after in pairwise(self._pieces)
            if before.seconds(utc_s) >= before.end_s and after.seconds(utc_s) < after.start_s
        )
        return next(skipped, None)

    def seconds_as_set_first(self, moment: datetime) -> float | None:
        """Like `seconds` for a clock that was never set after the start: another machine's, corrected to ours then."""
        utc_s = (moment - _EPOCH).total_seconds()
        return self._pieces[0].seconds(utc_s) if self._pieces else None


def _cuts(offsets: Floats) -> Sequence[int]:
    """Where a lasting jump begins."""
    found: list[int] = []
    for index in np.flatnonzero(np.abs(np.diff(offsets)) > _STEP_S) + 1:
        start = found[-1] if found else 0
        before = np.median(offsets[max(start, index - _SIDE) : index])
        after = np.median(offsets[index : index + _SIDE])
        nearer_after = abs(offsets[index] - after) <= abs(offsets[index] - before)
        lasting = index + 1 < len(offsets)
        if lasting and abs(after - before) > _STEP_S and nearer_after:
            found.append(int(index))
    return found


def _piece(moments: Floats, offsets: Floats, first: int, last: int) -> _Piece:
    end_s = float(moments[last]) if last < len(moments) else np.inf
    size = max((last - first) // _KNOTS, _SIDE)
    blocks = range(first, last, size)
    knots = np.array([np.median(moments[at : min(at + size, last)]) for at in blocks])
    level = np.array([np.median(offsets[at : min(at + size, last)]) for at in blocks])
    return _Piece(float(moments[first]), end_s, knots, level)
