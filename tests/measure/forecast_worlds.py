"""Random moves of the lab, by its own arithmetic, and what a survey would have told of them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from snlm_lib.lab.dirty import PAGE_BYTES, WorkingSet, plan_passes
from snlm_lib.measure.forecast import MoveInputs, Transport
from snlm_lib.units import MIB

_FIXED_PAUSE_S = (0.3, 2.0)  # hyperv.md: no measured blackout is known below, two seconds is usual


@dataclass(frozen=True)
class Played:
    """What the survey told, and what then happened, in seconds of the hosts."""

    given: MoveInputs
    storage_s: float
    memory_s: float
    pause_s: float

    @property
    def total_s(self) -> float:
        return self.storage_s + self.memory_s


def play(seed: int) -> Played:
    """One random machine on one random pair: nothing of its curve stands in ``given``."""
    chance = random.Random(seed)
    ram_mib = chance.choice([2048, 4096, 8192, 16384, 32768])
    disk_mib = chance.uniform(8, 200) * 1024
    link_mbit_s = chance.choice([1000, 10_000])
    wire_mib_s = min(0.94 * link_mbit_s, 4000.0) * 1e6 / 8 / MIB  # one stream over TCP
    rate_mib_s = min(wire_mib_s * chance.uniform(1.4, 3.0), 800.0)
    copy_mib_s = min(wire_mib_s, chance.uniform(80, 480))
    writes_mib_s = chance.uniform(0.1, 5)
    sets = tuple(
        WorkingSet(
            pages=round(share * ram_mib * MIB / PAGE_BYTES),
            writes_pages_s=chance.uniform(0.002, 0.03) * ram_mib * MIB / PAGE_BYTES,
            hot_fraction=chance.uniform(0.03, 0.2),
            hot_share=chance.uniform(0.4, 0.8),
        )
        for share in (chance.uniform(0.05, 0.2), chance.uniform(0.1, 0.4))
    )
    passes, rest = plan_passes(
        sets,
        total_pages=ram_mib * MIB // PAGE_BYTES,
        bytes_per_s=rate_mib_s * MIB,
        threshold_pages=round(60 * MIB / PAGE_BYTES),
        max_passes=10,
    )
    pause_s = chance.uniform(*_FIXED_PAUSE_S) + rest * PAGE_BYTES / (rate_mib_s * MIB)
    given = MoveInputs(
        ram_assigned_mib=ram_mib,
        ram_demand_mib=ram_mib,
        disk_used_mib=disk_mib,
        disk_write_mib_s=writes_mib_s,
        link_mbit_s=link_mbit_s,
        transport=Transport.COMPRESSION,
        simultaneous=1,
    )
    storage_s = disk_mib / (copy_mib_s - writes_mib_s)
    return Played(given, storage_s, sum(each.length_s for each in passes) + pause_s, pause_s)
