"""How fast the simulated moves of a world go. Plain numbers; knows no clock and no machine."""

from __future__ import annotations

from dataclasses import dataclass

from snlm_lib.lab.dirty import WorkingSet
from snlm_lib.units import MIB

__all__ = ["MovePace"]


@dataclass(frozen=True)
class MovePace:
    """How fast a move goes; ``_wall_s`` is real time, everything else is simulated."""

    time_factor: float
    check_wall_s: float
    storage_mib_s: float
    disk_write_mib_s: float
    mirror_wall_s: float
    memory_mib_s: float
    compressed_fraction: float
    threshold_mib: float
    max_passes: int
    blackout_fixed_wall_s: float
    relearn_wall_s: float
    cleanup_wall_s: float
    blackout_in_event: bool
    tick_wall_s: float
    long_blackout_wall_s: float  # from here on event 20417; where Windows draws the line is not documented
    working_sets: tuple[WorkingSet, ...]
    survives_lost_session: bool = True
    guest_event: int | None = None
    held: bool = False
    path_fails: bool = False
    quarantine_wall_s: float = 0.0

    @property
    def memory_bytes_s(self) -> float:
        return self.memory_mib_s * MIB

    @property
    def copy_bytes_s(self) -> float:
        """What mirrored writes leave of the storage bandwidth."""
        return max(self.storage_mib_s - self.disk_write_mib_s, 1.0) * MIB
