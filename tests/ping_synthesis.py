"""Samples of probes made up: the same every time, of any length, with outages wherever they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from snlm_lib.record.charts.tracks import TimeAxis, Track

ANSWERED, LATE, LOST, NOT_SENT, STALLED = range(5)  # as in `FATES`
BEGAN = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
UTC_AXIS = TimeAxis("UTC", BEGAN)
SECONDS = TimeAxis("time since the move was requested, s")
DAY_S = 86_400.0
USUAL_MS = {"icmp": 0.28, "udp": 0.35, "connect": 0.62, "tcp": 0.41}


def track(
    kind: str = "icmp",
    *,
    target: str = "VM01",
    seconds: float = 60.0,
    interval_s: float = 0.1,
    start_s: float = 0.0,
    outages: Sequence[tuple[float, float]] = (),
    late: Sequence[tuple[float, float]] = (),
    loss: float = 0.0,
    control: bool = False,
    seed: int = 1,
) -> Track:
    """One kind of one target. ``outages`` and ``late`` are (from, to) on the axis; ``loss`` is a share, at random.

    What leaves while answers are held is answered when the time is over.
    """
    chance = np.random.default_rng([seed, *kind.encode(), *target.encode()])
    at = start_s + np.arange(round(seconds / interval_s)) * interval_s
    at = at + chance.random(len(at)) * 2e-4
    fate = np.zeros(len(at), dtype=np.int8)
    swing = 1 + 0.25 * np.sin(at / DAY_S * 2 * np.pi * 3) + 0.1 * np.sin(at / 11)
    rtt = USUAL_MS[kind] * swing * (0.75 + chance.gamma(2.0, 0.15, len(at)))
    rtt += (chance.random(len(at)) < 2e-3) * chance.exponential(6, len(at))
    for begin, end in late:
        held = (at >= begin) & (at < end)
        rtt[held] += (end - at[held]) * 1000
    fate[rtt > 1000] = LATE
    gone = chance.random(len(at)) < loss
    for begin, end in outages:
        gone |= (at >= begin) & (at < end)
    fate[gone] = LOST
    rtt[gone] = np.nan
    return Track(target, kind, control, at, fate, rtt)


def a_move(*, interval_s: float = 0.1) -> list[Track]:
    """A minute and a half around a move: four kinds of the machine, two of a control that stays."""

    def one(kind: str, target: str = "VM01", *, gone: Sequence[tuple[float, float]] = (), late: bool = False) -> Track:
        held = [(31.2, 32.9)] if late else []
        return track(
            kind,
            target=target,
            seconds=90,
            start_s=-20,
            interval_s=interval_s,
            outages=gone,
            late=held,
            control=target != "VM01",
        )

    machine = [one("icmp", gone=[(31.2, 31.82)]), one("udp", gone=[(31.2, 31.8)]), one("connect", gone=[(31.2, 31.86)])]
    return [*machine, one("tcp", late=True), one("icmp", "GW01"), one("connect", "GW01")]


def a_day(*, interval_s: float = 0.1, loss: float = 3e-4) -> list[Track]:
    """A day of a machine and its control: a few outages, a slow hour, some loss at random."""
    outages = [(9_000.0, 9_000.9), (30_000.0, 30_012.0), (61_000.0, 61_900.0)]
    held = [(45_000.0 + second, 45_001.2 + second) for second in range(0, 3_600, 400)]
    machine = [
        track(kind, seconds=DAY_S, interval_s=interval_s, outages=outages, late=held, loss=loss)
        for kind in ("icmp", "connect")
    ]
    return [*machine, track("icmp", target="GW01", seconds=DAY_S, interval_s=interval_s, control=True)]
