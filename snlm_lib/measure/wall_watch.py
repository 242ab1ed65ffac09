"""Notices that the wall clock was set while it is probed. Pure: it is told what both clocks show."""

from __future__ import annotations

from datetime import datetime

__all__ = ["WallWatch"]

_STEP_S = 0.1  # more than a clock is ever slewed between two probes


class WallWatch:
    """Shown the two clocks at every probe; a single odd reading (we did not run between the two) is no step."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._odd_s: float | None = None

    def look(self, at_s: float, utc: datetime) -> float | None:
        """How far the wall clock was set forward (negative: back) when the second reading in a row says so."""
        offset_s = utc.timestamp() - at_s
        usual_s = offset_s if self._offset_s is None else self._offset_s
        odd_s, self._odd_s = self._odd_s, None
        if abs(offset_s - usual_s) <= _STEP_S:
            self._offset_s = offset_s
            return None
        if odd_s is not None and abs(offset_s - odd_s) <= _STEP_S:
            self._offset_s = offset_s
            return offset_s - usual_s
        self._odd_s = offset_s
        return None
