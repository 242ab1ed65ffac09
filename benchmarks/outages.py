"""Outages of known length as told by our monitor, fping and ping, all watching the same machine at the same time."""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.ground import Ground, Planned, grounded, play
from benchmarks.probing import OTHERS, Pace, by_count, by_stamps, monitored, told_by_us
from benchmarks.truth import summary
from snlm_lib.measure.downtime import judge_downtime, read_pings
from snlm_lib.parameters import GuestTarget

__all__ = ["INTERVALS_MS", "held", "outages", "planned"]

INTERVALS_MS = (10, 100)
_SHORTEST_S, _LONGEST_S = 0.02, 1.5
_SETTLE_S = 1.0
_SHARP_INTERVALS = 0.1  # a cut whose own moments are less well known than this judges nobody
_SPARE = 5  # for every so many cuts one more, in place of such
_OURS = "snlm icmp"
_UNPLUGGED_S = 1.0
_TRIES = 5


def planned(ground: Ground, count: int, interval_s: float) -> list[Planned]:
    """Cuts of 20 ms to one and a half seconds, short ones oftener, in every phase of the interval; every second one
    by ignored echo requests, the others by dropped packets. The same ones each time."""
    chance = random.Random(5)
    plan, at_s = [], _SETTLE_S
    for number in range(count):
        length_s = _SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** chance.random()
        switch = ground.deaf() if number % 2 else ground.drop(0)
        plan.append(Planned(at_s, length_s, switch))
        at_s += length_s + 4 * interval_s + chance.uniform(0.05, 0.15)
    return plan


def outages(count: int) -> dict[str, Any]:
    """``count`` cuts at each interval, or fewer if the machine was too busy to make that many sharp ones. An outage
    that nobody told counts with its whole length."""
    told = {interval_ms: _outages_at(Pace(interval_ms), count) for interval_ms in INTERVALS_MS}
    ours = [tellers[_OURS] for tellers in told.values()]
    return {
        **{f"outages_at_{interval_ms}_ms": tellers for interval_ms, tellers in told.items()},
        "outages": min(one["outages"] for one in ours),
        "outage_error_intervals_max": max(one["error_intervals_max"] for one in ours),
        "outage_error_intervals_median": max(one["error_intervals_median"] for one in ours),
        "outages_outside_bounds": sum(one["outside_bounds"] for one in ours),
        "outages_false": sum(one["false"] for one in ours),
    }


def _outages_at(pace: Pace, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="snlm-bench-") as name, grounded() as ground:
        folder = Path(name)
        with ExitStack() as probers:
            target = GuestTarget(address=ground.addresses[0], icmp=True)
            handle = probers.enter_context(monitored(ground, {"VM01": target}, folder / "snlm", pace))
            for other in OTHERS:
                probers.enter_context(other.running(ground, folder / other.name, pace))
            every = play(planned(ground, count + count // _SPARE, pace.interval_s))
            time.sleep(_SETTLE_S + pace.timeout_ms / 1000)
        tellers = {_OURS: told_by_us(handle, "VM01", "icmp")}
        for other in OTHERS:
            answers = other.answers(folder / other.name)
            tellers[f"{other.name}, lost x interval"] = by_count(answers, pace.interval_s)
            tellers[f"{other.name}, its time stamps"] = by_stamps(answers, pace.interval_s)
    sharp = [cut for cut in every if cut.doubt_s <= _SHARP_INTERVALS * pace.interval_s][:count]
    return {
        **{name: summary(sharp, told, pace.interval_s, every=every) for name, told in tellers.items()},
        "truth_not_sharp": sum(cut.doubt_s > _SHARP_INTERVALS * pace.interval_s for cut in every),
        "truth_doubt_ms_max": max((cut.doubt_s for cut in sharp), default=0.0) * 1000,
    }


def held() -> dict[str, Any]:
    """A second with the link down, told at 100 ms. A probe that meets the falling link is truly lost: then again."""
    for _ in range(_TRIES):
        figures = _held()
        if not figures["link_down_lost"]:
            break
    return figures


def _held() -> dict[str, Any]:
    pace = Pace(100)
    with tempfile.TemporaryDirectory(prefix="snlm-bench-") as name, grounded() as ground:
        target = GuestTarget(address=ground.addresses[0], icmp=True)
        with monitored(ground, {"VM01": target}, Path(name) / "snlm", pace) as handle:
            (cut,) = play([Planned(_SETTLE_S, _UNPLUGGED_S, ground.unplug())])
            time.sleep(_SETTLE_S + pace.timeout_ms / 1000)
        (icmp,) = judge_downtime(read_pings(handle.pings_csv), window=None).kinds
    late_s = icmp.latest.end_s - icmp.latest.start_s if icmp.latest else None
    return {
        "link_down_s": cut.length_s,
        "link_down_lost": icmp.lost,
        "link_down_gaps": len(icmp.gaps),
        "link_down_late_answers_s": late_s,
        "link_down_error_intervals": None if late_s is None else abs(late_s - cut.length_s) / pace.interval_s,
    }
