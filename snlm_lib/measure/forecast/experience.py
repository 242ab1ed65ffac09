"""What moves that ended say about the next one: nearest of them, weighted, shrunk towards the arithmetic.

Pure; knows arrays of situations and outcomes, no file. An outcome may be asked for only after its end: whoever
learns in the order of time keeps that by construction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.course import Course, Load
from snlm_lib.measure.forecast.fit import Ended
from snlm_lib.measure.forecast.traits import Traits

__all__ = ["MEASURES", "OFFSET", "Experience", "Recall", "features", "log_ratios", "tenths"]

Array = npt.NDArray[np.float64]

MEASURES = ("time_s", "sent_mib", "pause_s")
NEAREST = 16
_SCALES = np.array([0.08, 0.12, 0.15, 0.06])  # log RAM, log dirty rate, log link, load: a step that makes a stranger
_DIRTY_FLOOR_MIB_S = 0.1
_SOFT, _PULL = 0.4, 0.06  # nearest distance that still counts; weight of "the arithmetic is right"
_STRANGER = 40.0  # a move of another class stands this far off
_OWN, _SAME = 3.0, 0.2  # a move of the same machine counts so often, and stands no farther off than this
OFFSET = np.array([0.0, 0.0, 0.02])  # seconds of pause below which a ratio says nothing
_DEVIATION = np.array([0.18, 0.15, 0.75])  # what is supposed of the scatter, in logarithms
_FLOOR = np.array([0.008, 0.004, 0.03])
_SCORES, _FEW = 600, 8
_NONE = 1e-9
_STRANGEST, _WIDEST = 10.0, 1.5  # one surprise in scatters; a range, in logarithms
_USUAL = np.array([[-1.6, 1.6]] * 3)


@dataclass(frozen=True)
class Recall:
    """Logarithms to be added to the arithmetic, by measure: ``centre``, and ``low`` <= 0 <= ``high`` around it.

    ``support``: how many moves speak, in nearest neighbours' worth; 0 = nothing is known. ``own``: the same of moves of
    this machine alone: what was never measured of it, they have felt.
    """

    centre: Array
    low: Array
    high: Array
    support: float
    own: float = 0.0

    @staticmethod
    def nothing() -> Recall:
        """Before anything was measured: the arithmetic, with its usual scatter.

        An empty rest pauses a machine of Hyper-V for 0.3 to 2 s, and 0.9 s is the middle (forecasting facts).
        """
        return Recall(np.zeros(3), -np.array([0.25, 0.25, 1.1]), np.array([0.25, 0.25, 0.8]), 0.0)


def features(load: Load, traits: Traits) -> Array:
    """Where a situation stands, one row each, in steps that make a stranger."""
    rate = load.rate(traits)
    dirty = load.dirty_mib_s + load.cold_mib_s
    rows = (np.log(load.ram_mib), np.log(dirty + _DIRTY_FLOOR_MIB_S), np.log(rate), dirty / rate)
    places: Array = np.stack(rows, axis=1) / _SCALES
    return places


def log_ratios(told: Course, ended: Ended) -> Array:
    """Outcome over arithmetic, one row a move, one column a measure; NaN where the outcome is not known."""
    pairs = zip(MEASURES, OFFSET, strict=True)
    return np.stack([np.log((getattr(ended, name) + by) / (getattr(told, name) + by)) for name, by in pairs], axis=1)


@dataclass
class Experience:
    """Moves that ended, in the order in which they were learnt."""

    places: Array = field(default_factory=lambda: np.empty((0, 4)))
    ratios: Array = field(default_factory=lambda: np.empty((0, 3)))
    kinds: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    machines: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    scores: Array = field(default_factory=lambda: np.empty((0, 3)))
    count: int = 0

    def recall(self, place: Array, kind: int, machine: int) -> Recall:
        """What the nearest moves say of a situation; ``kind`` and ``machine`` are -1 when not known."""
        if not self.count:
            return Recall.nothing()
        centre, scatter, support, own = self._near(place, kind, machine)
        edges = self._edges()
        low, high = np.maximum(edges[:, 0] * scatter, -_WIDEST), np.minimum(edges[:, 1] * scatter, _WIDEST)
        return Recall(centre, low, high, support, own)

    def _near(self, place: Array, kind: int, machine: int) -> tuple[Array, Array, float, float]:
        known = slice(0, self.count)
        same = (self.machines[known] == machine) & (machine >= 0)
        apart = np.where((self.kinds[known] == kind) & (kind >= 0), 0.0, np.where(same, _SAME, _STRANGER))
        square = ((self.places[known] - place) ** 2).sum(axis=1) + apart**2
        nearest = np.argpartition(square, NEAREST)[:NEAREST] if self.count > NEAREST else np.arange(self.count)
        weight = np.where(same[nearest], _OWN, 1.0) / (np.sqrt(square[nearest]) + _SOFT) ** 2
        said = [_middle(self.ratios[nearest, column], weight, column) for column in range(len(MEASURES))]
        centre, scatter = np.array(said).T
        return centre, scatter, float(weight.sum() * _SOFT**2), float(weight[same[nearest]].sum() * _SOFT**2)

    def _edges(self) -> Array:
        """By measure: the tenth and ninetieth hundredth of past misses, in scatters."""
        recent = self.scores[max(0, self.count - _SCORES) : self.count]
        edges = [_tenths(recent[:, column], _USUAL[column]) for column in range(len(MEASURES))]
        return np.array(edges)

    def learn(self, place: Array, ratio: Array, kind: int, machine: int) -> None:
        """One move more; its miss is scored first, as the forecast before it stood."""
        score = np.full(len(MEASURES), np.nan)
        if self.count:
            centre, scatter, *_ = self._near(place, kind, machine)
            score = np.clip((ratio - centre) / scatter, -_STRANGEST, _STRANGEST)
        if self.count == len(self.places):
            self._grow()
        at = self.count
        self.places[at], self.ratios[at], self.scores[at] = place, ratio, score
        self.kinds[at], self.machines[at] = kind, machine
        self.count += 1

    def _grow(self) -> None:
        more = max(64, self.count)
        for name in ("places", "ratios", "scores", "kinds", "machines"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((more, *old.shape[1:]), dtype=old.dtype)]))


def _middle(values: Array, weight: Array, column: int) -> tuple[float, float]:
    """Weighted median of known logarithms with the pull towards 0, and the scatter around it.

    The weights lean towards small ratios, because a miss is told relative to the outcome.
    """
    known = ~np.isnan(values)
    values, weight = np.append(values[known], 0.0), np.append(weight[known], _PULL)
    lean = weight * np.exp(-values) if column < 2 else weight
    order = np.argsort(values)
    heap = np.cumsum(lean[order])
    centre = float(values[order][np.searchsorted(heap, heap[-1] / 2)])
    away = np.minimum(np.abs(values - centre), 1.5)
    own = weight.copy()
    own[-1] = 0.0
    seen = own.sum() * _SOFT**2  # in moves: what is supposed of the scatter weighs one of them
    scatter = (seen * (away * own).sum() / max(own.sum(), _NONE) + _DEVIATION[column]) / (seen + 1.0)
    return centre, float(max(scatter, _FLOOR[column]))


def _tenths(scores: Array, usual: Array) -> Array:
    known = scores[~np.isnan(scores)]
    together = np.concatenate([known, np.repeat(usual, max(0, _FEW - len(known)))])
    low, high = tenths(together)
    return np.array([min(low, 0.0), max(high, 0.0)])


def tenths(values: Array) -> tuple[float, float]:
    """The tenth and the ninetieth hundredth, as `numpy.quantile` has them: that one costs a tenth of a forecast."""
    ordered = np.sort(values)
    places = [share * (len(ordered) - 1) for share in (0.1, 0.9)]
    low, high = (float(ordered[int(at)] + (at % 1) * (ordered[math.ceil(at)] - ordered[int(at)])) for at in places)
    return low, high
