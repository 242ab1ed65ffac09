"""What a forecast starts from: figures of a survey, each with its range and its source. Pure; reads no host.

A figure that is missing, not finite or out of all reason is replaced by a supposition and named, never refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

__all__ = ["QUANTITIES", "MoveInputs", "Quantity", "Source", "Transport", "complete", "said", "within"]

_NOTHING = 1e-9  # a smaller size or rate is none


class Source(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    HISTORY = "history"
    PRIOR = "prior"


_SOURCES = {Source.PRIOR: "supposed", Source.HISTORY: "by earlier moves"}


class Transport(StrEnum):
    """Hyper-V's performance option, with SMB told apart by whether both ends speak RDMA."""

    TCP = "tcp"
    COMPRESSION = "compression"
    SMB = "smb"
    SMB_DIRECT = "smb-direct"


def said(value: float) -> str:
    """A figure for people: three digits, and never a power of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Quantity:
    """A figure that went into a forecast: ``low`` and ``high`` are its tenth and ninetieth hundredth."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: Source

    @property
    def words(self) -> str:
        """For a line of a table: ``link 10000 Mbit/s (measured)``."""
        spread = "" if self.low == self.high else f", {said(self.low)} to {said(self.high)}"
        source = _SOURCES.get(self.source, self.source)
        return f"{self.name} {f'{said(self.value)} {self.unit}'.rstrip()} ({source}{spread})"


@dataclass(frozen=True)
class _Rule:
    """How a figure is read: its bounds of reason, what is supposed without it, and how far a reading may be off.

    ``prior``: low, middle, high. ``trust``: factor up and down within which a measured figure lies.
    ``needed``: its absence is worth a word.
    """

    title: str
    unit: str
    least: float
    most: float
    prior: tuple[float, float, float]
    trust: float = 1.0
    needed: bool = True


# Sources: forecasting facts (public data and documents). Dirty rate: guests of
# 2016 wrote 0.5 to 7.2 % of their memory a second, median 2.2 %; compression 1.2 to 4, "can halve" (Microsoft).
QUANTITIES: Mapping[str, _Rule] = MappingProxyType(
    {
        "ram_assigned_mib": _Rule("memory assigned", "MiB", 16, 3e7, (1024, 4096, 32768)),
        "ram_demand_mib": _Rule("memory in use", "MiB", 16, 3e7, (0.5, 0.85, 1.0), 1.05),
        "disk_used_mib": _Rule("disk in use", "MiB", 0, 1e9, (10_240, 61_440, 409_600)),
        "disk_write_mib_s": _Rule("disk writes", "MiB/s", 0, 1e5, (0.05, 0.5, 8.0), 1.5),
        "link_mbit_s": _Rule("link", "Mbit/s", 1, 1e6, (1000, 3000, 25_000)),
        "dirty_mib_s": _Rule("memory writes", "MiB/s", 0, 1e6, (0.002, 0.02, 0.12), 1.6),
        "storage_mib_s": _Rule("storage speed", "MiB/s", 0.1, 1e6, (70, 240, 700), 1.2, needed=False),
        "compression": _Rule("compression", "to 1", 1, 50, (1.2, 2.0, 4.0), 1.15, needed=False),
        "host_cpu_percent": _Rule("host processor load", "%", 0, 100, (5, 20, 70), 1.2, needed=False),
        "streams": _Rule("streams", "", 1, 64, (1, 1, 1), needed=False),
        "simultaneous": _Rule("moves at once", "", 1, 1000, (1, 1, 1), needed=False),
    }
)


@dataclass(frozen=True, kw_only=True)
class MoveInputs:
    """Everything a survey may know of a coming move; ``None`` is unknown.

    Sizes in MiB, rates in MiB/s, link in Mbit/s. ``disk_used_mib`` is 0 when the storage stays where it is.
    ``rate_cap_mib_s`` is a limit somebody set. ``dirty_mib_s`` was read over ``dirty_window_s``; ``dirty_censored``:
    it was read while a move was stuck, so it is a lower bound; ``dirty_shape``: measured points of the dirty curve, as
    shares of that window and of what was read over it. ``hot_set_mib`` and ``cold_mib_s``: a measured writable set and
    the steady writes beside it. ``allowed_pause_s`` is the pause the hypervisor aims at, when it has such a setting.
    ``window_s`` and ``pause_limit_s`` are the change's own limits. ``sources`` names figures that were not measured but
    come from history.
    """

    platform: str = "hyper-v"
    machine: str | None = None
    workload: str | None = None
    ram_assigned_mib: float | None = None
    ram_demand_mib: float | None = None
    disk_used_mib: float | None = None
    disk_write_mib_s: float | None = None
    link_mbit_s: float | None = None
    mtu: int | None = None
    transport: Transport = Transport.TCP
    rate_cap_mib_s: float | None = None
    storage_mib_s: float | None = None
    compression: float | None = None
    host_cpu_percent: float | None = None
    streams: float | None = None
    simultaneous: float | None = None
    dirty_mib_s: float | None = None
    dirty_window_s: float = 1.0
    dirty_censored: bool = False
    dirty_shape: tuple[tuple[float, float], ...] = ()
    hot_set_mib: float | None = None
    cold_mib_s: float = 0.0
    allowed_pause_s: float | None = None
    max_passes: int | None = None
    window_s: float | None = None
    pause_limit_s: float | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)


def within(value: float | None, least: float, most: float) -> float | None:
    """The figure, held inside the bounds of reason; None for what is no size or rate at all."""
    if value is None or not math.isfinite(value) or value < 0 or (value < _NOTHING and least > 0):
        return None
    return min(max(float(value), least), most) if value >= _NOTHING else 0.0


def complete(given: MoveInputs) -> tuple[dict[str, Quantity], tuple[str, ...]]:
    """Each figure with range and source, and the titles of those that were missing and matter."""
    found: dict[str, Quantity] = {}
    missing = []
    for name, rule in QUANTITIES.items():
        quantity = _quantity(given, name, rule, found)
        found[name] = quantity
        idle = name == "disk_write_mib_s" and found["disk_used_mib"].value == 0  # no storage moves
        if quantity.source is Source.PRIOR and rule.needed and not idle:
            missing.append(rule.title)
    return found, tuple(missing)


def _quantity(given: MoveInputs, name: str, rule: _Rule, found: Mapping[str, Quantity]) -> Quantity:
    value = within(getattr(given, name), rule.least, rule.most)
    if value is None:
        low, middle, high = _supposed(given, name, rule, found)
        return Quantity(rule.title, middle, low, high, rule.unit, Source.PRIOR)
    source = given.sources.get(name, Source.MEASURED)
    trust = rule.trust if source is Source.MEASURED else max(rule.trust, 1.5)
    high = value * trust * (4.0 if name == "dirty_mib_s" and given.dirty_censored else 1.0)
    return Quantity(rule.title, value, value / trust, high, rule.unit, source)


def _supposed(given: MoveInputs, name: str, rule: _Rule, found: Mapping[str, Quantity]) -> tuple[float, float, float]:
    """The prior, of memory and of its writes a share of what else is known; assigned is a fifth more than in use."""
    low, middle, high = rule.prior
    if name == "ram_assigned_mib":
        used = within(given.ram_demand_mib, rule.least, rule.most)
        return (low, middle, high) if used is None else (used, min(1.2 * used, rule.most), min(2 * used, rule.most))
    if name == "ram_demand_mib":
        share = found["ram_assigned_mib"].value
    elif name == "dirty_mib_s":
        share = min(found["ram_assigned_mib"].value, found["ram_demand_mib"].value)
    else:
        share = 1.0
    return low * share, middle * share, high * share
