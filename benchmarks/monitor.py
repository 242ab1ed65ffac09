"""Is the outage we tell the outage there was, and what does probing cost? Beside fping and ping in the same run.

Usage: python benchmarks/monitor.py [--only PART...] [--outages 100] [--minutes 10] [--json]
Parts: outages, held, schedule, cpu, load, targets, large. Needs Linux, root, fping, ping and nft, and a quiet machine.
Exit code 0 when every limit of the parts that ran is kept, else 1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from benchmarks import costs, outages
from benchmarks.large import large
from benchmarks.namespaces import why_not

__all__ = ["LIMITS", "PARTS", "Limit", "kept", "main"]

_Figures = dict[str, Any]


@dataclass(frozen=True)
class Limit:
    """What a figure must not pass; one that is unknown keeps no limit."""

    most: float = math.inf
    least: float = -math.inf

    def keeps(self, value: object) -> bool:
        return isinstance(value, int | float) and self.least <= value <= self.most


PARTS: dict[str, Callable[[argparse.Namespace], _Figures]] = {
    "outages": lambda options: outages.outages(options.outages),
    "held": lambda _: outages.held(),
    "schedule": lambda options: costs.schedule(options.minutes),
    "cpu": lambda _: costs.cpu(),
    "load": lambda _: costs.load(),
    "targets": lambda _: costs.targets(),
    "large": lambda _: large(),
}
LIMITS: dict[str, dict[str, Limit]] = {
    "outages": {
        "outage_error_intervals_max": Limit(1.0),
        "outage_error_intervals_median": Limit(0.5),
        "outages_outside_bounds": Limit(0),
        "outages_false": Limit(0),
    },
    "held": {
        "link_down_lost": Limit(0),
        "link_down_gaps": Limit(0),
        "link_down_error_intervals": Limit(1.0),
    },
    "schedule": {
        "schedule_within_1ms_percent": Limit(least=99.9),
        "schedule_drift_ms": Limit(1.0, -1.0),
        "memory_growth_mib": Limit(1.0),
    },
    "cpu": {"cpu_over_fping": Limit(2.0)},
    "targets": {"targets_unanswered": Limit(0), "targets_not_sent": Limit(0)},
    "large": {"large_s": Limit(2.0), "large_figure_kib": Limit(300.0)},
}


def kept(told: _Figures, parts: Sequence[str]) -> bool:
    """Is every limit of these parts kept?"""
    return all(limit.keeps(told.get(figure)) for part in parts for figure, limit in LIMITS.get(part, {}).items())


def _shown(value: object) -> str:
    return f"{value:10.3f}" if isinstance(value, float) else f"{value!s:>10}"


def _plain(value: object) -> bool:
    return isinstance(value, dict) and not any(isinstance(part, dict) for part in value.values())


def _table(figures: _Figures) -> None:
    """One line a figure; the figures of several tellers as a table, a line a teller."""
    rows = {key: value for key, value in figures.items() if _plain(value)}
    if len({tuple(row) for row in rows.values()}) == 1:
        columns = list(next(iter(rows.values())))
        print(" " * 26, *(f"{column.replace('_intervals', ''):>14}" for column in columns))
        for name, row in rows.items():
            print(f"{name:26}", *(f"{_shown(row[column]):>14}" for column in columns))
        figures = {key: value for key, value in figures.items() if key not in rows}
    for key, value in figures.items():
        if isinstance(value, dict):
            print(key)
            _table(value)
        else:
            print(f"{key:34} {_shown(value)}", flush=True)


def main(arguments: list[str]) -> int:
    """Run, print, return the exit code."""
    parser = argparse.ArgumentParser(description="How true is what the monitor tells, and what does probing cost?")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts alone")
    parser.add_argument("--outages", type=int, default=100, help="how many at each interval")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the schedule is watched")
    parser.add_argument("--json", action="store_true", help="one object instead of the tables")
    options = parser.parse_args(arguments)
    if (reason := why_not()) is not None:
        print(reason, file=sys.stderr)
        return 1
    told: _Figures = {"benchmark": "monitor"}
    for part in options.only:
        figures = PARTS[part](options)
        told |= figures
        if not options.json:
            print(f"--- {part}")
            _table(figures)
    if options.json:
        print(json.dumps(told, indent=2))
    return 0 if kept(told, options.only) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
