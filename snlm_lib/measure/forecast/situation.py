"""From figures to the arithmetic's arrays: the wire, its caps, compression, competing writes. Pure.

One central situation, always the first, and around it fixed draws from the figures' ranges, so that equal inputs are
told equally and a better figure moves every draw the same way.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.course import Load
from snlm_lib.measure.forecast.inputs import QUANTITIES, MoveInputs, Quantity, Source, Transport, within

__all__ = ["DRAWS", "TENTH", "Eased", "Situation", "situation", "standard_draws"]

Array = npt.NDArray[np.float64]

DRAWS = 96
TENTH = 1.2816  # standard deviations from the middle to the ninetieth hundredth
_MIB_S_PER_MBIT_S = 1e6 / 8 / 2**20
_JUMBO = 0.990 / 0.941  # goodput at MTU 9000 over that at 1500
_JUMBO_MTU = 8000
_STREAM_MBIT_S = 4000 / 0.941  # "about 4 Gbit/s" are realised by one TCP move (J. Savill); SMB Direct has no such cap
_COMPRESSOR_MIB_S = 800.0  # supposed: what a host compresses with idle processors
_MOST_PASSES = 100.0  # more change nothing that could be told
_LEAST_SHARE = 0.05  # what competing work always leaves
_RULES = list(QUANTITIES.values())
_OF_DISKS = {QUANTITIES[name].title for name in ("disk_write_mib_s", "storage_mib_s")}
_APART = 1e-3  # shares nearer to each other are one point of a curve
_ALLOWED_S = {"hyper-v": 1.0, "kvm": 0.3}  # QEMU's default; Hyper-V's is not documented


@dataclass(frozen=True)
class Situation:
    """``load`` for the memory phase; ``storage_mib`` is 0 when no storage moves; all arrays of one length."""

    load: Load
    storage_mib: Array
    storage_rate_mib_s: Array
    disk_write_mib_s: Array


@functools.cache
def standard_draws(columns: int) -> Array:
    """Stratified draws of the standard normal, the same in every process: shape (DRAWS, columns)."""
    chance = np.random.default_rng(20261123)
    ranks = np.stack([chance.permutation(DRAWS) for _ in range(columns)], axis=1)
    share = (ranks + 0.5) / DRAWS
    grid = np.linspace(-4.0, 4.0, 8001)
    heap = np.cumsum(np.exp(-(grid**2) / 2))
    return np.interp(share, heap / heap[-1], grid)


@dataclass(frozen=True)
class Eased:
    """How wide figures are drawn, 1 being their whole range.

    History that measured how far the arithmetic is off knows the readings' noise already; what was supposed of a
    machine it knows only where that machine moved before.
    """

    measured: float
    supposed: float


def situation(given: MoveInputs, found: Mapping[str, Quantity], eased: Eased | None) -> Situation:
    """The central situation and, unless ``eased`` is None, the draws."""
    one = {name: _values(found[name], column, eased) for column, name in enumerate(QUANTITIES)}
    ram = np.maximum(np.minimum(one["ram_assigned_mib"], one["ram_demand_mib"]), 16.0)
    wire = _wire(given, one)
    writes = np.where(one["disk_used_mib"] > 0, one["disk_write_mib_s"], 0.0)
    left = np.maximum(wire - writes, _LEAST_SHARE * wire)
    load = _load(given, ram, _compressed(given, left, one), np.minimum(one["dirty_mib_s"], ram))
    return Situation(load, one["disk_used_mib"], np.minimum(wire, one["storage_mib_s"]), writes)


def _values(quantity: Quantity, column: int, eased: Eased | None) -> Array:
    if eased is None:
        return np.array([quantity.value])
    wide = _width(quantity, eased)
    if quantity.value <= 0 or quantity.low == quantity.high or not wide:
        return np.full(1 + DRAWS, quantity.value)
    up, down = math.log(quantity.high / quantity.value), math.log(quantity.value / max(quantity.low, 1e-9))
    z = standard_draws(len(QUANTITIES) + 1)[:, column] * (wide / TENTH)
    drawn = quantity.value * np.exp(np.where(z > 0, up, down) * z)
    rule = _RULES[column]
    return np.append(quantity.value, np.minimum(np.maximum(drawn, rule.least), rule.most))


def _width(quantity: Quantity, eased: Eased) -> float:
    """Of its range; what was supposed of the disks the memory phase has not told."""
    if quantity.source is not Source.PRIOR:
        return eased.measured
    return 1.0 if quantity.name in _OF_DISKS else eased.supposed


def _wire(given: MoveInputs, one: Mapping[str, Array]) -> Array:
    """MiB/s that the network gives this move, before the goodput that is learnt."""
    jumbo = _JUMBO if (given.mtu or 0) >= _JUMBO_MTU else 1.0
    link = one["link_mbit_s"] * jumbo
    if given.platform == "hyper-v" and given.transport is not Transport.SMB_DIRECT:
        link = np.minimum(link, _STREAM_MBIT_S * one["streams"])
    return link / one["simultaneous"] * _MIB_S_PER_MBIT_S


def _compressed(given: MoveInputs, wire: Array, one: Mapping[str, Array]) -> Array:
    """MiB/s of memory: more than the wire with compression, as far as the processors allow, never less than it."""
    if given.transport is not Transport.COMPRESSION:
        return wire
    idle = np.maximum(1.0 - one["host_cpu_percent"] / 100.0, _LEAST_SHARE)
    return np.maximum(wire, np.minimum(one["compression"] * wire, _COMPRESSOR_MIB_S * idle))


def _load(given: MoveInputs, ram: Array, line: Array, dirty: Array) -> Load:
    def known(value: float | None, otherwise: float, least: float = 1e-3, most: float = 1e9) -> Array:
        held = within(value, least, most)
        return np.full(ram.shape, otherwise if held is None else held)

    points = _rising(given.dirty_shape)
    return Load(
        ram_mib=ram,
        line_mib_s=line,
        cap_mib_s=known(given.rate_cap_mib_s, np.inf),
        dirty_mib_s=dirty,
        window_s=known(given.dirty_window_s, 1.0),
        hot_mib=known(given.hot_set_mib, np.nan),
        cold_mib_s=known(given.cold_mib_s, 0.0, 0.0),
        allowed_s=known(given.allowed_pause_s, _ALLOWED_S.get(given.platform, 1.0)),
        rounds=known(given.max_passes, np.nan, 1, _MOST_PASSES),
        points=np.broadcast_to(points, (*ram.shape, *points.shape)),
    )


def _rising(shape: Sequence[tuple[float, float]]) -> Array:
    """The measured points up to the reading itself, (1, 1); what does not rise to it is left out."""
    points = [(0.0, 0.0)]
    for point in sorted(shape):
        if all(before + _APART < now < 1 - _APART for before, now in zip(points[-1], point, strict=True)):
            points.append(point)
    return np.array([*points[1:], (1.0, 1.0)])
