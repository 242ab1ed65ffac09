"""The storage phase: copy at the slower of wire and disks while writes are mirrored, and what earlier copies taught.

Pure. T = S / (R - w): the writes of the machine go to both ends and have to be caught up with.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.situation import Situation
from snlm_lib.measure.forecast.traits import Traits

__all__ = ["StorageRatio", "storage_course"]

Array = npt.NDArray[np.float64]
_SETUP_S = 1.0  # supposed: opening the mirror
_LEAST_SHARE = 0.1  # of the rate that is left when the machine writes nearly as fast as it is copied
_RECENT = 15
_PULL = 2.0  # earlier copies that "the arithmetic is right" weighs
_SCATTER = 0.15


def storage_course(around: Situation, traits: Traits) -> Array:
    """Seconds until both ends hold the same; 0 where no storage moves."""
    rate = np.minimum(traits.share * around.storage_rate_mib_s, around.load.cap_mib_s)
    left = np.maximum(rate - around.disk_write_mib_s, _LEAST_SHARE * rate)
    return np.where(around.storage_mib > 0, _SETUP_S + around.storage_mib / left, 0.0)


class StorageRatio:
    """Outcome over arithmetic of the recent copies, in logarithms."""

    def __init__(self) -> None:
        self._ratios: list[float] = []

    def learn(self, told_s: float, took_s: float) -> None:
        """One copy more; a told time of 0 (no storage was expected to move) teaches nothing."""
        if told_s > 0 and took_s > 0:
            self._ratios = [*self._ratios, math.log(took_s / told_s)][-_RECENT:]

    def centre(self) -> tuple[float, float]:
        """What to add to the logarithm, and the scatter around it."""
        if not self._ratios:
            return 0.0, _SCATTER
        middle = float(np.median(self._ratios)) * len(self._ratios) / (len(self._ratios) + _PULL)
        away = sum(abs(one - middle) for one in self._ratios) + _PULL * _SCATTER
        return middle, away / (len(self._ratios) + _PULL) * 1.25
