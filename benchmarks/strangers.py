"""Random machines on random pairs of hosts, as scenarios of the lab: what a survey reads of them, and what it does not.

Each secret is drawn from a range that public sources tell, evenly in its logarithm. Knows no forecast.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import yaml

from snlm_lib.lab.dirty import PAGE_BYTES, WorkingSet, dirty_pages, plan_passes
from snlm_lib.lab.scenario import WorkingSetSpec
from snlm_lib.units import MIB

__all__ = ["LONGEST_PAUSE_S", "Course", "Stranger", "strangers"]

LONGEST_PAUSE_S = 10.0  # the lab's guest really is silent for so long: its pause runs in real time
_MIB_S_PER_MBIT_S = 1e6 / 8 / MIB
_JUMBO = 0.990 / 0.941
_DAY = 0.15  # how far a machine's figures are off on another day, one standard deviation of the logarithm
_MOST_WRITES, _HALVINGS = 4.0, 40  # of the memory a second, beyond any machine; steps of the search below
_MOVE_S, _LONGEST_S, _MEMORY_S = 15.0, 40.0, 4.0  # real seconds of a move, and of its memory phase

# What no survey of Hyper-V tells, with where its range comes from.
_SECRETS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "goodput": (0.85, 0.98),  # 1 Gbit/s: 93 to 98 % realised; faster links less
        "stream_mbit_s": (3500, 4600),  # one TCP move: "about 4 Gbit/s", "about 4.5" through a virtual card
        "compression": (1.2, 4.0),  # to 1; "can halve"
        "compressor_mib_s": (300, 1300),  # 4 to 16 cores of zlib; with idle or busy processors
        "disk_mib_s": (70, 700),  # one hard disk to one SATA flash disk, whichever end is slower
        "disk_writes_mib_s": (0.05, 8),
        "setup_s": (1, 8),  # about 4 s until the first byte
        "mirror_s": (0.3, 3),
        "allowed_s": (0.1, 1),  # how much memory, in seconds of sending, is left for the pause: not documented
        "rounds": (6, 12),  # about ten
        "pause_s": (0.3, 2),
        "dirty_share": (0.002, 0.12),  # of the memory, distinct pages in one second: guests of 2016, idle to busy
        "reach": (0.05, 0.6),  # of the memory that is ever written again
        "busy_share": (0.2, 0.8),  # of that: the second of two sets
        "hot_fraction": (0.03, 0.2),
        "hot_share": (0.4, 0.8),
        "burst": (1.0, 3.0),
    }
)
_DAILY = ("compressor_mib_s", "disk_mib_s", "disk_writes_mib_s", "setup_s", "mirror_s", "pause_s", "dirty_share")


@dataclass(frozen=True)
class Course:
    """How the lab's own arithmetic has a move go, in seconds of its hosts."""

    setup_s: float
    storage_s: float
    memory_s: float
    pause_s: float
    memory_mib: float

    @property
    def total_s(self) -> float:
        return self.setup_s + self.storage_s + self.memory_s


@dataclass(frozen=True)
class Stranger:
    """One machine and its pair of hosts; ``secret`` is what the survey does not read."""

    name: str
    ram_mib: int
    disks_mib: tuple[int, ...]
    metered: bool
    performance: str
    link_mbit_s: int
    mtu_bytes: int
    rdma: bool
    busy_moves: int
    secret: Mapping[str, float]
    hurry: float = 1.0  # how much faster than can be watched well

    def again(self, chance: random.Random) -> Stranger:
        """The same machine on another day."""
        moved = {name: self.secret[name] * math.exp(chance.gauss(0, _DAY)) for name in _DAILY}
        return replace(self, secret={**self.secret, **moved})

    @property
    def wire_mib_s(self) -> float:
        """What the network gives this move beside those under way."""
        mbit_s = self.link_mbit_s * self.secret["goodput"] * (_JUMBO if self.mtu_bytes > 8000 else 1.0)
        if not (self.performance == "SMB" and self.rdma):
            mbit_s = min(mbit_s, self.secret["stream_mbit_s"])
        return mbit_s / (1 + self.busy_moves) * _MIB_S_PER_MBIT_S

    @property
    def memory_mib_s(self) -> float:
        """How fast memory is sent beside the mirrored writes; with compression never slower than without."""
        left = self.wire_mib_s - self.secret["disk_writes_mib_s"]
        if self.performance != "Compression":
            return left
        return max(left, min(self.secret["compression"] * left, self.secret["compressor_mib_s"]))

    @property
    def working_sets(self) -> tuple[WorkingSetSpec, ...]:
        """Two of them, a calm one and a busy one that bursts, which together dirty as much a second as is told."""
        wanted = self.secret["dirty_share"] * self.ram_mib * MIB / PAGE_BYTES
        low, high = 0.0, _MOST_WRITES * self.ram_mib
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            fewer = _dirty(self._sets(middle), self.ram_mib) < wanted
            low, high = (middle, high) if fewer else (low, middle)
        return self._sets(high)

    def _sets(self, written: float) -> tuple[WorkingSetSpec, ...]:
        busy = self.secret["busy_share"]
        reached = self.secret["reach"] * self.ram_mib
        hot = {"hot_fraction": self.secret["hot_fraction"], "hot_share": self.secret["hot_share"]}
        calm = WorkingSetSpec(reached * (1 - busy), written * (1 - busy), **hot)
        bursts = {"burst_period_s": 9.0, "burst_length_s": 1.5, "burst_factor": self.secret["burst"]}
        return calm, WorkingSetSpec(reached * busy, written * busy, **hot, **bursts)

    @cached_property
    def course(self) -> Course:
        """What the lab will do, by its own arithmetic."""
        rate = self.memory_mib_s
        passes, rest = plan_passes(
            [_pages(each) for each in self.working_sets],
            total_pages=self.ram_mib * MIB // PAGE_BYTES,
            bytes_per_s=rate * MIB,
            threshold_pages=round(self.secret["allowed_s"] * rate * MIB / PAGE_BYTES),
            max_passes=round(self.secret["rounds"]),
        )
        rest_mib = rest * PAGE_BYTES / MIB
        pause_s = self.secret["pause_s"] + rest_mib / rate
        copied_mib = sum(each.pages for each in passes) * PAGE_BYTES / MIB
        copy_mib_s = min(self.wire_mib_s, self.secret["disk_mib_s"]) - self.secret["disk_writes_mib_s"]
        storage_s = sum(self.disks_mib) / copy_mib_s + self.secret["mirror_s"]
        memory_s = copied_mib / rate + pause_s
        return Course(self.secret["setup_s"], storage_s, memory_s, pause_s, copied_mib + rest_mib)

    @property
    def time_factor(self) -> float:
        """So that the move takes seconds, and its memory phase enough of them to be watched."""
        whole, memory = self.course.total_s, self.course.memory_s - self.course.pause_s
        return self.hurry * max(1.0, whole / _LONGEST_S, min(whole / _MOVE_S, memory / _MEMORY_S))

    def scenario(self) -> str:
        """The lab's scenario file."""
        link = {"mbit_s": self.link_mbit_s, "mtu_bytes": self.mtu_bytes, "rdma": self.rdma}
        host = {"links": [link], "busy_moves": self.busy_moves}
        disks = [
            {"file": f"VM01-{number}.vhdx", "size_gib": math.ceil(mib / 512), "file_gib": mib / 1024}
            for number, mib in enumerate(self.disks_mib)
        ]
        machine = {"memory_gib": self.ram_mib / 1024, "disks": disks, "metered_hours": 6.0 if self.metered else None}
        table = {
            "schema": "snlm.scenario/1",
            "based_on": "quick",
            "name": self.name,
            "about": "A machine that no forecast has met.",
            "parameters": {"performance": self.performance, "poll_ms": 100, "baseline_s": 1.0, "tail_s": 1.0},
            "hosts": {"HV01": {**host, "vms": {"VM01": machine}}, "HV02": host},
            "move": self._move(),
        }
        return yaml.safe_dump(table, sort_keys=False)

    def _move(self) -> dict[str, Any]:
        rate = self.memory_mib_s
        return {
            "time_factor": self.time_factor,
            "check_wall_s": self.secret["setup_s"] / self.time_factor,
            "storage_mib_s": min(self.wire_mib_s, self.secret["disk_mib_s"]),
            "disk_write_mib_s": self.secret["disk_writes_mib_s"],
            "mirror_wall_s": self.secret["mirror_s"] / self.time_factor,
            "memory_mib_s": rate,
            "compressed_fraction": 1 / self.secret["compression"],
            "threshold_mib": self.secret["allowed_s"] * rate,
            "max_passes": round(self.secret["rounds"]),
            "blackout_fixed_wall_s": self.secret["pause_s"],
            "working_sets": [vars(each) for each in self.working_sets],
        }


def _dirty(sets: Sequence[WorkingSetSpec], ram_mib: int) -> int:
    """Distinct pages in a second outside the bursts."""
    calm = [replace(_pages(each), burst_factor=1.0) for each in sets]
    return dirty_pages(calm, 0.0, 1.0, total_pages=ram_mib * MIB // PAGE_BYTES)


def _pages(spec: WorkingSetSpec) -> WorkingSet:
    figures = {name: value for name, value in vars(spec).items() if name not in ("size_mib", "writes_mib_s")}
    per_mib = MIB / PAGE_BYTES
    return WorkingSet(pages=round(spec.size_mib * per_mib), writes_pages_s=spec.writes_mib_s * per_mib, **figures)


def _drawn(chance: random.Random, low: float, high: float) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def _stranger(name: str, chance: random.Random) -> Stranger:
    performance = chance.choice(("TCPIP", "Compression", "Compression", "SMB"))  # compression is the default
    disks = [round(_drawn(chance, 8, 200) * 1024) for _ in range(chance.choice((1, 1, 2, 3)))]
    return Stranger(
        name=name,
        ram_mib=1024 * chance.choice((2, 4, 8, 16, 32, 64)),
        disks_mib=tuple(disks),
        metered=chance.random() < 0.5,
        performance=performance,
        link_mbit_s=chance.choice((1000, 10_000, 10_000, 25_000)),
        mtu_bytes=chance.choice((1500, 1500, 9014)),
        rdma=performance == "SMB" and chance.random() < 0.5,
        busy_moves=int(chance.random() < 0.2),
        secret={name: _drawn(chance, low, high) for name, (low, high) in _SECRETS.items()},
    )


def strangers(count: int, seed: int) -> tuple[list[Stranger], int]:
    """``count`` of them, and how many more were drawn whose pause is too long for the lab."""
    chance = random.Random(seed)
    found: list[Stranger] = []
    refused = 0
    while len(found) < count:
        drawn = _stranger(f"stranger-{seed}-{len(found) + 1}", chance)
        if drawn.course.pause_s <= LONGEST_PAUSE_S:
            found.append(drawn)
        else:
            refused += 1
    return found, refused
