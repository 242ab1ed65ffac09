"""Phases of a move as bands, from what the hosts said while it ran; names are Windows' own status values.

The status tells storage and memory (one percentage covers both and there is no phase field); the blackout is
where the counter says so, drawn as wide as the samples around it, so it is coarse.
"""

from __future__ import annotations

from snlm_lib.record.charts.theme import Band
from snlm_lib.record.samples import Columns, numbers, texts

__all__ = ["phase_bands"]

_PHASES = {
    "CheckingCompatibility": "checking",
    "StorageMigrationPhaseOne": "storage",
    "StorageMigrationPhaseTwo": "storage",
    "MigratingVirtualMachine": "memory",
}


def phase_bands(progress: Columns, passes: Columns) -> list[Band]:
    """Bands in order, each from its first sample to the first of the next; those seen once may be missing."""
    times = numbers(progress, "t_s")
    names = [_phase(text) for text in texts(progress, "operational_status")]
    states = [text.lower() in ("1", "1.0", "true") for text in texts(passes, "is_blackout")]
    dark: list[str | None] = ["blackout" if state else None for state in states]
    return [*_runs(times, names), *_runs(numbers(passes, "t_s"), dark)]


def _phase(status: str) -> str | None:
    return next((_PHASES[name] for name in status.split(";") if name in _PHASES), None)


def _runs(times: list[float | None], names: list[str | None]) -> list[Band]:
    """Runs of the same name, each up to where the next sample says something else."""
    found: list[Band] = []
    start: tuple[float, str] | None = None
    last = 0.0
    for time, name in zip(times, names, strict=False):
        if time is None:
            continue
        if start is not None and name != start[1]:
            found.append(Band(start[1], start[0], time))
            start = None
        if start is None and name is not None:
            start = (time, name)
        last = time
    if start is not None and last > start[0]:
        found.append(Band(start[1], start[0], last))
    return found
