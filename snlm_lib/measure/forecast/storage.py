"""The storage phase: copy at the slower of wire and disks while writes are mirrored, and what earlier copies taught.

Pure. T = S / (R - w): the writes of the machine go to both ends and have to be caught up with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.situation import Situation
from snlm_lib.measure.forecast.traits import Traits

__all__ = ["StorageRatio", "StorageRecall", "storage_course"]

Array = npt.NDArray[np.float64]
_SETUP_S = 1.0  # supposed: opening the mirror
_LEAST_SHARE = 0.1  # of the rate that is left when the machine writes nearly as fast as it is copied
_RECENT = 15
_PULL = 2.0  # earlier copies that "the arithmetic is right" weighs
_OWN_PULL = 0.1  # ... against copies of the same machine: the speed of its disks is what nobody had measured
_SCATTER = 0.15


def storage_course(around: Situation, traits: Traits) -> Array:
    """Seconds until both ends hold the same; 0 where no storage moves."""
    rate = np.minimum(traits.share * around.storage_rate_mib_s, around.load.cap_mib_s)
    left = np.maximum(rate - around.disk_write_mib_s, _LEAST_SHARE * rate)
    return np.where(around.storage_mib > 0, _SETUP_S + around.storage_mib / left, 0.0)


@dataclass(frozen=True)
class StorageRecall:
    """What to add to the logarithm, the scatter around it, and how much of the range of what was supposed is left."""

    centre: float
    scatter: float
    width: float = 1.0


class StorageRatio:
    """Outcome over arithmetic of the recent copies, in logarithms."""

    def __init__(self) -> None:
        self._ratios: list[tuple[str | None, float]] = []

    def learn(self, told_s: float, took_s: float, machine: str | None = None) -> None:
        """One copy more; a told time of 0 (no storage was expected to move) teaches nothing."""
        if told_s > 0 and took_s > 0:
            self._ratios.append((machine, math.log(took_s / told_s)))

    def knows(self, machine: str | None) -> bool:
        """Has a copy of this very machine been learnt?"""
        return machine is not None and any(whose == machine for whose, _ in self._ratios)

    def recall(self, machine: str | None = None) -> StorageRecall:
        """By the machine's own copies, else by all."""
        own = [ratio for whose, ratio in self._ratios if machine is not None and whose == machine][-_RECENT:]
        ratios = own or [ratio for _, ratio in self._ratios[-_RECENT:]]
        if not ratios:
            return StorageRecall(0.0, _SCATTER)
        middle = float(np.median(ratios)) * len(ratios) / (len(ratios) + (_OWN_PULL if own else _PULL))
        away = sum(abs(one - middle) for one in ratios) + _PULL * _SCATTER
        return StorageRecall(middle, away / (len(ratios) + _PULL) * 1.25, 1.0 / (1.0 + _PULL * len(own)))
