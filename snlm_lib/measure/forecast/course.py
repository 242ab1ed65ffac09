"""The course of a move by arithmetic: dirty curve, passes, pause. Pure arrays; knows no prior, no history, no range.

Monotone by construction: more memory, a slower link or a higher dirty rate never sends less and never takes less time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.traits import Traits

__all__ = ["Course", "Load", "dirtied", "floor_mib", "run"]

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
    ``rounds``: a known limit of passes, ``bend``: a measured crowding; NaN where they are not known.
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
    bend: Array

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


def _set(load: Load, traits: Traits) -> Array:
    """The writable set in MiB: known, or a share of the memory, and never less than what was read."""
    supposed = np.where(np.isnan(load.hot_mib), traits.reach * load.ram_mib, load.hot_mib)
    return np.minimum(np.maximum(supposed, load.dirty_mib_s * load.window_s), load.ram_mib)


def dirtied(load: Load, traits: Traits, after_s: Array) -> Array:
    """Distinct MiB written in ``after_s`` seconds: a power up to the reading's window, then towards the set."""
    read = np.minimum(load.dirty_mib_s * load.window_s, load.ram_mib)
    bend = np.where(np.isnan(load.bend), traits.crowding, load.bend)
    within = read * np.minimum(after_s / load.window_s, 1.0) ** bend
    left = np.maximum(_set(load, traits) - read, _TINY)
    slope = bend * read / load.window_s
    beyond = left * -np.expm1(-slope * np.maximum(after_s - load.window_s, 0.0) / left)
    written: Array = within + beyond + load.cold_mib_s * after_s
    return np.minimum(written, load.ram_mib)


def run(load: Load, traits: Traits) -> Course:
    """The pass loop until what was newly dirtied fits the margin, or the passes are used up."""
    rate = load.rate(traits)
    carried = np.minimum(traits.carry * load.allowed_s * rate, load.ram_mib)
    limit = np.where(np.isnan(load.rounds), np.round(traits.rounds), load.rounds)
    fits = traits.margin * load.allowed_s * rate
    passes, volume = [], np.maximum(load.ram_mib - carried, _TINY)
    running = np.ones(load.ram_mib.shape, dtype=bool)
    rest = volume
    for number in range(1, int(limit.max()) + 1):
        passes.append(np.where(running, volume, 0.0))
        volume = np.where(running, dirtied(load, traits, volume / rate), volume)
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
    found = np.where(dirtied(load, traits, volume / rate) >= volume, volume, 0.0).max(axis=0)
    return np.where(found > (traits.margin + traits.carry) * load.allowed_s * rate, found, 0.0)
