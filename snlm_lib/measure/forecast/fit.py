"""Finds the traits that explain moves that ended. Pure; each number moves only as far as the moves pay for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.course import Load, run
from snlm_lib.measure.forecast.traits import LIMITS, Traits

__all__ = ["INSTALLATION", "MACHINE", "Ended", "fit"]

Array = npt.NDArray[np.float64]

INSTALLATION = tuple(LIMITS)  # what hosts, network and hypervisor decide, and the machines' average
MACHINE = ("reach", "crowding", "rounds")  # what a class of machines decides
_STEPS = (1.6, 1.25, 1.08, 1.025)
_SWEEPS = 6
_STANDARD_ERROR = 0.06  # relative, of one move's time
_PAUSE_OFFSET_S = 0.05  # a pause shorter than this is not worth fitting


@dataclass(frozen=True)
class Ended:
    """Outcomes, one element a move; NaN where a figure is not known."""

    time_s: Array
    sent_mib: Array
    pause_s: Array

    def take(self, which: npt.NDArray[np.intp]) -> Ended:
        """Some of the moves."""
        return Ended(self.time_s[which], self.sent_mib[which], self.pause_s[which])


def fit(load: Load, ended: Ended, start: Traits, *, names: Sequence[str] = INSTALLATION) -> Traits:
    """The traits near ``start`` that miss the outcomes least: coordinate search, the same on every machine."""
    best, least = start, _cost(load, ended, start, start)
    for step in _STEPS:
        for _ in range(_SWEEPS):
            before = least
            for name in names:
                best, least = _along(load, ended, (best, start), name=name, step=step, least=least)
            if before - least < 1e-5:
                break
    return best


def _along(
    load: Load, ended: Ended, traits: tuple[Traits, Traits], *, name: str, step: float, least: float
) -> tuple[Traits, float]:
    best, start = traits
    for factor in (step, 1.0 / step):
        while True:
            tried = best.moved(name, getattr(best, name) * factor)
            cost = _cost(load, ended, tried, start) if tried != best else math.inf
            if cost >= least - 1e-7:
                break
            best, least = tried, cost
    return best, least


def _cost(load: Load, ended: Ended, traits: Traits, start: Traits) -> float:
    """Mean relative miss of time, bytes and pause, and what the way from ``start`` costs."""
    told = run(load, traits)
    miss = _mean(np.abs(told.time_s / ended.time_s - 1))
    miss += 0.5 * _mean(np.abs(told.sent_mib / ended.sent_mib - 1))
    miss += 0.1 * _mean(np.abs(np.log((told.pause_s + _PAUSE_OFFSET_S) / (ended.pause_s + _PAUSE_OFFSET_S))))
    away = sum((_log(traits, start, name) / limit.stiff) ** 2 for name, limit in LIMITS.items())
    return miss + _STANDARD_ERROR * away / len(ended.time_s)


def _mean(miss: Array) -> float:
    known = miss[~np.isnan(miss)]
    return float(known.mean()) if known.size else 0.0


def _log(traits: Traits, start: Traits, name: str) -> float:
    now, then = getattr(traits, name), getattr(start, name)
    return math.log(now / then) if now > 0 and then > 0 else 0.0
