"""What is learned of an installation or a class of machines: a table of bounded numbers. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

__all__ = ["LIMITS", "PLATFORMS", "Limit", "Traits", "traits_of"]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The constants of the pass loop.

    ``reach``: writable set over touched RAM. ``crowding``: exponent of the dirty curve below the reading's window, 1 =
    no page is written twice in it. ``rounds``: passes before a switch-over is forced. ``margin``: share of the allowed
    pause that newly dirtied memory may fill; the rest of it, ``carry``, is still unsent when the machine stops (QEMU
    asks again as soon as the rest fits, Hyper-V goes pass by pass: carry 0). ``share``: goodput over nominal link.
    ``setup_s`` and ``scan_s_per_gib``: seconds that no byte explains. ``framing``: bytes on the wire over bytes of
    memory. ``extra_mib``: sent whatever the memory. ``pause_fixed_s``: pause of an empty rest.
    """

    reach: float = 0.25
    crowding: float = 1.0
    rounds: float = 8
    margin: float = 0.2
    carry: float = 0.8
    share: float = 0.941
    setup_s: float = 0.1
    scan_s_per_gib: float = 0.02
    framing: float = 1.004
    extra_mib: float = 2.0
    pause_fixed_s: float = 0.01

    def moved(self, name: str, value: float) -> Traits:
        """The same with one number replaced, held inside its limits."""
        limit = LIMITS[name]
        return replace(self, **{name: min(max(value, limit.low), limit.high)})

    def as_dict(self) -> dict[str, float]:
        """Name to number, for a record."""
        return {field.name: float(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True)
class Limit:
    """Bounds of a trait and ``stiff``: the distance (in logarithms) that costs as much as one standard error."""

    low: float
    high: float
    stiff: float


LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "reach": Limit(0.01, 1.0, 1.2),
        "crowding": Limit(0.3, 1.0, 0.5),
        "rounds": Limit(2, 40, 0.7),
        "margin": Limit(0.02, 1.0, 1.0),
        "carry": Limit(0.0, 1.0, 1.0),
        "share": Limit(0.5, 1.0, 0.05),
        "setup_s": Limit(0.001, 60.0, 1.5),
        "scan_s_per_gib": Limit(0.001, 10.0, 1.5),
        "framing": Limit(1.0, 1.05, 0.01),
        "extra_mib": Limit(0.1, 256.0, 1.5),
        "pause_fixed_s": Limit(0.001, 10.0, 1.0),
    }
)

# What is supposed before anything was measured. Hyper-V: ten passes (Directions on Microsoft, 2009, of 2008 R2), each
# sent whole; a pause of 0.3 to 2 s; about 4 s until the first byte and 0.8 s a machine on fast links (aidanfinn.com).
PLATFORMS: Mapping[str, Traits] = MappingProxyType(
    {
        "hyper-v": Traits(rounds=10, margin=1.0, carry=0.0, setup_s=4.0, scan_s_per_gib=0.1, pause_fixed_s=0.9),
        "kvm": Traits(),
    }
)


def traits_of(platform: str) -> Traits:
    """The suppositions for a platform; an unknown one is taken for Hyper-V, the slowest to start."""
    return PLATFORMS.get(platform, PLATFORMS["hyper-v"])
