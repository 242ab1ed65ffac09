"""The course of a move by arithmetic: dirty curve, passes, pause. Pure arrays; knows no prior, no history, no range.

Monotone by construction: more memory, a slower link or a higher dirty rate never sends less and never takes less time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.traits import Traits

__all__ = ["Course", "DirtyCurve", "Load", "floor_mib", "run"]

Array = npt.NDArray[np.float64]
_TINY = 1e-9
_MIB_PER_GIB = 1024.0
_SHARES = np.geomspace(1e-4, 1.0, 160)


@dataclass(frozen=True)
class Load:
    """One situation an element; all arrays have one shape.

    ``ram_mib``: touched memory. ``line_mib_s``: the nominal wire for this move, in logical bytes; ``cap_mib_s``: a set
    limit, infinite without. ``dirty_mib_s`` was read over ``window_s``. ``hot_mib``: the writable set where it is
    known, else NaN. ``cold_mib_s``: steady writes beside it. ``allowed_s``: pause that the hypervisor aims at.
    ``rounds``: a known limit of passes, NaN where there is none. ``points``: measured points of the dirty curve as
    shares of the window and of what was read over it, (situations, points, 2) of them, ascending, the last one (1, 1).
    """

    ram_mib: Array
    line_mib_s: Array
    cap_mib_s: Array
    dirty_mib_s: Array
    window_s: Array
    hot_mib: Array
    cold_mib_s: Array
    allowed_s: Array
    rounds: Array
    points: Array

    def rate(self, traits: Traits) -> Array:
        """MiB/s of memory while passes run."""
        rate: Array = np.minimum(self.cap_mib_s, traits.share * self.line_mib_s)
        return rate

    def take(self, which: npt.NDArray[np.intp]) -> Load:
        """Some of the situations."""
        return Load(**{name: values[which] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Course:
    """What the arithmetic says: ``passes`` has a row a pass (0 where there is none), the last rest not among them."""

    passes: Array
    rest_mib: Array
    sent_mib: Array
    time_s: Array
    pause_s: Array
    forced: npt.NDArray[np.bool_]


class DirtyCurve:
    """Distinct MiB written in a time: a power up to the first measured point, straight lines between the measured
    points (facts: they beat every fit), and from the reading's window on towards the writable set.
    """

    def __init__(self, load: Load, traits: Traits) -> None:
        self._load, self._crowding = load, traits.crowding
        self._read = np.minimum(load.dirty_mib_s * load.window_s, load.ram_mib)
        supposed = np.where(np.isnan(load.hot_mib), traits.reach * load.ram_mib, load.hot_mib)
        set_mib = np.minimum(np.maximum(supposed, self._read), load.ram_mib)
        self._left = np.maximum(set_mib - self._read, _TINY)
        self._first_s = load.points[:, 0, 0] * load.window_s
        self._first_mib = load.points[:, 0, 1] * self._read
        self._lines = list(self._measured(load))
        straight = self._read / load.window_s  # steeper than this no curve of distinct pages ends
        end = np.minimum(self._lines[-1][2], straight) if self._lines else traits.crowding * straight
        self._pull = end / self._left

    def _measured(self, load: Load) -> Iterator[tuple[Array, Array, Array]]:
        """Begin (s), length (s) and slope (MiB/s) of each straight line."""
        for before, after in itertools.pairwise(range(load.points.shape[1])):
            step = load.points[:, after] - load.points[:, before]
            slope = step[:, 1] * self._read / np.maximum(step[:, 0] * load.window_s, _TINY)
            yield load.points[:, before, 0] * load.window_s, step[:, 0] * load.window_s, slope

    def after(self, seconds: Array) -> Array:
        """MiB, of the shape of ``seconds``; whose last axis is that of the situations."""
        load = self._load
        written = self._first_mib * np.minimum(seconds / self._first_s, 1.0) ** self._crowding
        for begin_s, length_s, slope in self._lines:
            written = written + slope * np.clip(seconds - begin_s, 0.0, length_s)
        written -= self._left * np.expm1(-self._pull * np.maximum(seconds - load.window_s, 0.0))
        written += load.cold_mib_s * seconds
        return np.minimum(written, load.ram_mib)


def run(load: Load, traits: Traits) -> Course:
    """The pass loop until what was newly dirtied fits the margin, or the passes are used up."""
    rate = load.rate(traits)
    carried = np.minimum(traits.carry * load.allowed_s * rate, load.ram_mib)
    limit = np.where(np.isnan(load.rounds), np.round(traits.rounds), load.rounds)
    fits = traits.margin * load.allowed_s * rate
    passes, volume = [], np.maximum(load.ram_mib - carried, _TINY)
    running = np.ones(load.ram_mib.shape, dtype=bool)
    rest, curve = volume, DirtyCurve(load, traits)
    for number in range(1, int(limit.max()) + 1):
        passes.append(np.where(running, volume, 0.0))
        volume = np.where(running, curve.after(volume / rate), volume)
        rest = np.where(running, volume, rest)
        running = running & (volume > fits) & (number < limit)
        if not running.any():
            break
    done = np.array(passes)
    return _told(load, traits, done, np.minimum(rest + carried, load.ram_mib), rest > fits)


def _told(load: Load, traits: Traits, passes: Array, rest: Array, forced: npt.NDArray[np.bool_]) -> Course:
    copied = passes.sum(axis=0)
    pause = traits.pause_fixed_s + rest / (traits.share * load.line_mib_s)
    idle = traits.setup_s + traits.scan_s_per_gib * load.ram_mib / _MIB_PER_GIB
    sent = traits.framing * (copied + rest) + traits.extra_mib
    time = idle + (traits.framing * copied + traits.extra_mib) / load.rate(traits) + pause
    return Course(passes, rest, sent, time, pause, forced)


def floor_mib(load: Load, traits: Traits) -> Array:
    """The rest below which passes do not shrink: the largest volume that is dirtied again while it is sent.

    Zero where the passes converge below what the allowed pause holds.
    """
    rate = load.rate(traits)
    volume = _SHARES[:, np.newaxis] * load.ram_mib
    found = np.where(DirtyCurve(load, traits).after(volume / rate) >= volume, volume, 0.0).max(axis=0)
    return np.where(found > (traits.margin + traits.carry) * load.allowed_s * rate, found, 0.0)
