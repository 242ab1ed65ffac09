"""Is the outage we tell the outage there was, and what does probing cost? Beside fping and ping in the same run.

Usage: python benchmarks/monitor.py [--only PART...] [--outages 100] [--minutes 10] [--json]
Parts: outages. Linux, root, fping, ping and nft. Exit code 0 when every limit of the parts that ran is kept, else 1.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from benchmarks import costs
from benchmarks.ground import Cut, Ground, Planned, grounded, play
from benchmarks.namespaces import why_not
from benchmarks.probing import OTHERS, Pace, by_count, by_stamps, monitored, told_by_us
from benchmarks.truth import Told, summary
from snlm_lib.parameters import GuestTarget

__all__ = ["LIMITS", "kept", "main", "outage_plan"]

# figure -> most (or, for percentages, least); a figure that is unknown keeps no limit
LIMITS = {
    "outages": {"outage_error_intervals_max": 1.0, "outage_error_intervals_median": 0.5, "outages_outside_bounds": 0},
}
_SHORTEST_S = 0.02
_SETTLE_S = 1.0
_PORT = 7


def outage_plan(ground: Ground, count: int, interval_s: float) -> list[Planned]:
    """Cuts of 20 ms to one and a half seconds, short ones oftener, in every phase of the interval; the same ones
    each time."""
    chance = random.Random(5)
    plan, at_s = [], _SETTLE_S
    for number in range(count):
        length_s = _SHORTEST_S * (1.5 / _SHORTEST_S) ** chance.random()
        switch = ground.deaf() if number % 2 else ground.drop(0)
        plan.append(Planned(at_s, length_s, switch))
        at_s += length_s + 4 * interval_s + chance.uniform(0.05, 0.15)
    return plan


def outages(options: argparse.Namespace) -> dict[str, Any]:
    """Each cut as told by our kinds, fping and ping, at 10 and at 100 ms."""
    told: dict[str, Any] = {}
    ours: list[dict[str, Any]] = []
    for interval_ms in (10, 100):
        told[f"at_{interval_ms}_ms"] = tellers = _outages_at(Pace(interval_ms), options.outages)
        ours.append(tellers["snlm icmp"])
    told["outage_error_intervals_max"] = max(one["error_intervals_max"] for one in ours)
    told["outage_error_intervals_median"] = max(one["error_intervals_median"] for one in ours)
    told["outages_outside_bounds"] = sum(one["outside_bounds"] + one["false"] for one in ours)
    return told


def _outages_at(pace: Pace, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="snlm-bench-") as name, grounded() as ground, ExitStack() as stack:
        folder = Path(name)
        target = GuestTarget(address=ground.addresses[0], icmp=True)
        handle = stack.enter_context(monitored(ground, {"VM01": target}, folder / "snlm", pace))
        for other in OTHERS:
            stack.enter_context(other.running(ground, folder / other.name, pace))
        cuts = play(outage_plan(ground, count, pace.interval_s))
        time.sleep(_SETTLE_S + pace.timeout_ms / 1000)
        stack.close()
        tellers = {"snlm icmp": told_by_us(handle, "VM01", "icmp")}
        for other in OTHERS:
            answers = other.answers(folder / other.name)
            tellers[f"{other.name}, lost x interval"] = by_count(answers, pace.interval_s)
            tellers[f"{other.name}, time stamps"] = by_stamps(answers, pace.interval_s)
    return {"truth_doubt_ms_max": max(cut.doubt_s for cut in cuts) * 1000} | _told(cuts, tellers, pace)


def _told(cuts: list[Cut], tellers: dict[str, list[Told]], pace: Pace) -> dict[str, Any]:
    return {name: summary(cuts, told, pace.interval_s) for name, told in tellers.items()}


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "outages": outages,
    "schedule": lambda options: costs.schedule(options.minutes),
    "cpu": lambda _: costs.cpu(),
    "load": lambda _: costs.load(),
    "targets": lambda _: costs.targets(),
}


def kept(told: dict[str, Any], parts: list[str]) -> bool:
    """Is every limit of these parts kept?"""
    return all(
        isinstance(told.get(figure), int | float) and told[figure] <= most
        for part in parts
        for figure, most in LIMITS.get(part, {}).items()
    )


def _print(figures: dict[str, Any], indent: str = "") -> None:
    for key, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{key}", flush=True)
            _print(value, indent + "    ")
        else:
            print(f"{indent}{key:34} {f'{value:10.3f}' if isinstance(value, float) else f'{value!s:>10}'}", flush=True)


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
    told: dict[str, Any] = {"benchmark": "monitor"}
    for part in options.only:
        figures = PARTS[part](options)
        told |= figures
        if not options.json:
            print(f"--- {part}")
            _print(figures)
    if options.json:
        print(json.dumps(told, indent=2))
    return 0 if kept(told, options.only) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
