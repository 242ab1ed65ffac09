"""Fewer points for drawing only: no peak, no break and no lost probe is left out. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_POINTS", "Bools", "Floats", "Marks", "kept", "marks_of"]

MOST_POINTS = 2000  # of one line: more than a wide screen has columns
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


def kept(values: Floats, most: int = MOST_POINTS) -> Indices:
    """Which of ``values`` (NaN is a break) to draw, at most ``most`` of them, in their order.

    Of each bucket of neighbours the lowest, the highest and one break stay, so that no peak is lost and no line
    runs on over a break.
    """
    if len(values) <= most:
        return np.arange(len(values))
    count = max(most // 3, 1)
    size = -(-len(values) // count)
    table = np.full((-(-len(values) // size), size), np.nan)
    table.ravel()[: len(values)] = values
    broken = np.isnan(table)
    broken[-1, len(values) - (len(table) - 1) * size :] = False  # what fills up the last bucket is no break
    first = np.arange(len(table)) * size
    known = ~np.isnan(table).all(axis=1)
    chosen = [
        (first + np.where(np.isnan(table), np.inf, table).argmin(axis=1))[known],
        (first + np.where(np.isnan(table), -np.inf, table).argmax(axis=1))[known],
        (first + broken.argmax(axis=1))[broken.any(axis=1)],
    ]
    return np.unique(np.concatenate(chosen))


@dataclass(frozen=True)
class Marks:
    """Stretches of time in which probes met the same fate: from the first of them to the last, s.

    ``hits`` had that fate, of the ``probes`` within the stretch: fewer only where neighbours had to be told together.
    """

    first_s: Floats
    last_s: Floats
    hits: NDArray[np.int64]
    probes: NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """Hits of probes, above 0 and at most 1."""
        found: Floats = self.hits / np.maximum(self.probes, 1)
        return found

    def only(self, which: Bools) -> Marks:
        """Some of them."""
        return Marks(self.first_s[which], self.last_s[which], self.hits[which], self.probes[which])


def marks_of(at_s: Floats, hit: Bools, most: int) -> Marks:
    """One mark for each unbroken run of ``hit`` probes; of more than ``most`` runs the nearest are told together.

    Every hit lies within a mark and is counted in it.
    """
    padded = np.concatenate([[False], hit, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    first, last = edges[::2], edges[1::2] - 1
    if len(first) > most:
        apart = at_s[first[1:]] - at_s[last[:-1]]
        kept_apart = np.sort(np.argpartition(apart, len(apart) - (most - 1))[len(apart) - (most - 1) :])
        first, last = first[np.concatenate([[0], kept_apart + 1])], last[np.append(kept_apart, len(last) - 1)]
    counted = np.concatenate([[0], np.cumsum(padded[1:-1])])
    return Marks(at_s[first], at_s[last], counted[last + 1] - counted[first], last - first + 1)
