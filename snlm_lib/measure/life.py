"""What the answers of one series prove: when the target was certainly alive, and which answers were held. Pure.

An answer proves that the target was alive at some moment between the sending of its probe and its own arrival. The
quickest answer of the series shows what the way itself takes; only what is beyond that leaves the moment open. The
way may be longer in one direction; as long as it stays so, that moves both ends of an absence alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snlm_lib.measure.pings import Series
from snlm_lib.measure.wall import Floats

__all__ = ["Life", "life_of"]

_HELD_S = 0.05  # an answer that took so much longer than the quickest, and
_HELD_TIMES = 5  # so many times the usual, was held somewhere on its way
_NEIGHBOURS = 64  # probes whose answers tell how unsteady the way was just then


@dataclass(frozen=True)
class Life:
    """One entry a probe of the series.

    A probe left between ``from_s`` and ``at_s`` (one moment, unless it is only bracketed). ``alive_by_s``: the target
    was alive between ``from_s`` and this moment; infinite without an answer.
    ``next_s``: the earliest such moment of this probe and all later ones. ``late_s``: how much longer than the
    quickest answer this one took; NaN when it is not known. ``held``: much longer. ``unsteady_s``: how late an
    ordinary answer came around here, which a lost probe may have been as well.
    """

    from_s: Floats
    at_s: Floats
    alive_by_s: Floats
    next_s: Floats
    late_s: Floats
    held: NDArray[np.bool_]
    unsteady_s: Floats

    def last_before(self, moments_s: Floats) -> Floats:
        """For each moment the last sending whose answer proves life before it; minus infinity when none does."""
        order = np.argsort(self.alive_by_s, kind="stable")
        known = order[: int(np.isfinite(self.alive_by_s).sum())]
        latest = np.maximum.accumulate(self.from_s[known])
        place = np.searchsorted(self.alive_by_s[known], moments_s, side="right")
        return np.concatenate([[-np.inf], latest])[place]

    def next_sent_after(self, moments_s: Floats) -> Floats:
        """For each moment the earliest proof of life by a probe that left then or later; infinite when none does."""
        place = np.searchsorted(np.maximum.accumulate(self.from_s), moments_s, side="left")
        return np.append(self.next_s, np.inf)[place]

    def absences_s(self) -> Floats:
        """For each probe how long the target can have been away since it left, at most; infinite at the end."""
        return np.append(self.next_s[1:], np.inf) - self.from_s


def life_of(series: Series) -> Life:
    """The proofs of life in ``series``."""
    answered = series.answered
    rtt_s = np.where(answered, series.rtt_ms / 1000, np.nan)
    known = rtt_s[np.isfinite(rtt_s)]
    late_s = rtt_s - (known.min() if len(known) else 0.0)
    usual_s = float(np.median(known)) if len(known) else 0.0
    with np.errstate(invalid="ignore"):
        held = late_s > max(_HELD_S, _HELD_TIMES * usual_s)
    slack_s = np.where(
        np.isfinite(late_s), late_s, series.found_by_s
    )  # came while the monitor did not run: who knows when
    alive_by_s = np.where(answered, series.at_s + slack_s, np.inf)
    return Life(
        from_s=series.from_s,
        at_s=series.at_s,
        alive_by_s=alive_by_s,
        next_s=np.minimum.accumulate(alive_by_s[::-1])[::-1],
        late_s=late_s,
        held=held,
        unsteady_s=_most_nearby(np.where(np.isfinite(late_s) & ~held, late_s, 0.0)),
    )


def _most_nearby(values: Floats) -> Floats:
    """The largest value around each, by blocks and their neighbours."""
    if not len(values):
        return values
    blocks = np.maximum.reduceat(values, np.arange(0, len(values), _NEIGHBOURS))
    around = np.pad(blocks, 1)
    most = np.maximum(np.maximum(around[:-2], around[1:-1]), around[2:])
    return np.repeat(most, _NEIGHBOURS)[: len(values)]
