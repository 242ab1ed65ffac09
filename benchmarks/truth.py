"""What was told beside what was true: each cut with the gap told for it. Pure.

The error is taken against the middle of the cut; how far the truth can be from that stands in its `doubt_s`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.ground import Cut

__all__ = ["Row", "Told", "compare", "false_ones", "summary"]


@dataclass(frozen=True)
class Told:
    """A gap as somebody tells it; moments on the scale of the cuts. ``upper_s`` None: no bound is claimed."""

    length_s: float
    start_s: float
    end_s: float
    lower_s: float | None = None
    upper_s: float | None = None

    def touches(self, cut: Cut, slack_s: float) -> bool:
        """Does it speak of this cut?"""
        return self.start_s < cut.off.after_s + slack_s and self.end_s > cut.on.before_s - slack_s

    def allows(self, cut: Cut) -> bool | None:
        """Does the truth lie within its bounds, as well as truth is known? None without bounds."""
        if self.lower_s is None or self.upper_s is None:
            return None
        return self.lower_s <= cut.longest_s and self.upper_s >= cut.shortest_s


@dataclass(frozen=True)
class Row:
    """One cut: how long it was, what was told (0 when nothing was), and how many gaps were told for it."""

    true_s: float
    told_s: float
    interval_s: float
    pieces: int
    within_bounds: bool | None
    begins_off_s: float | None
    ends_off_s: float | None

    @property
    def error_intervals(self) -> float:
        """How far off, in probe intervals."""
        return abs(self.told_s - self.true_s) / self.interval_s


def compare(cuts: Iterable[Cut], told: Sequence[Told], interval_s: float) -> list[Row]:
    """Each cut beside the longest gap that touches it."""
    return [_row(cut, [one for one in told if one.touches(cut, interval_s / 2)], interval_s) for cut in cuts]


def _row(cut: Cut, found: Sequence[Told], interval_s: float) -> Row:
    longest = max(found, key=lambda one: one.length_s, default=None)
    if longest is None:  # told is "shorter than one interval"
        return Row(cut.length_s, 0.0, interval_s, 0, None, None, None)
    return Row(
        cut.length_s,
        longest.length_s,
        interval_s,
        len(found),
        longest.allows(cut),
        longest.start_s - cut.on.at_s,
        longest.end_s - cut.off.at_s,
    )


def false_ones(cuts: Sequence[Cut], told: Iterable[Told], interval_s: float) -> list[Told]:
    """The gaps told where no cut was."""
    return [one for one in told if not any(one.touches(cut, interval_s / 2) for cut in cuts)]


def summary(
    cuts: Sequence[Cut], told: Sequence[Told], interval_s: float, *, every: Sequence[Cut] = ()
) -> dict[str, object]:
    """Figures of one teller; errors in probe intervals. ``every``: all cuts there were, if more than are judged by."""
    rows = compare(cuts, told, interval_s)
    errors = [row.error_intervals for row in rows]
    edges = [abs(off) / interval_s for row in rows for off in (row.begins_off_s, row.ends_off_s) if off is not None]
    return {
        "outages": len(rows),
        "error_intervals_max": max(errors, default=None),
        "error_intervals_median": statistics.median(errors) if errors else None,
        "edge_off_intervals_max": max(edges, default=None),
        "unseen": sum(row.pieces == 0 for row in rows),
        "in_pieces": sum(row.pieces > 1 for row in rows),
        "outside_bounds": sum(row.within_bounds is False for row in rows),
        "false": len(false_ones(every or cuts, told, interval_s)),
    }
