"""Samples of probes made up: the same every time, of any length, with outages wherever they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from snlm_lib.measure.ledger import PING_COLUMNS
from snlm_lib.measure.ping_file import PingHeader, TargetFacts
from snlm_lib.record.charts.tracks import FATES, TimeAxis, Track

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


def write_csv(path: Path, tracks: Sequence[Track], *, interval_ms: float = 100.0) -> Path:
    """The tracks as the monitor writes them, their second 0 at `BEGAN`; returns ``path``."""
    zero_s = min(track.at_s[0] for track in tracks)
    began = BEGAN + timedelta(seconds=float(zero_s))
    roles = {track.target: "control" if track.control else "machine" for track in tracks}
    header = PingHeader(
        vantage="ADMIN-PC-07",
        started_utc=f"{began:%Y-%m-%dT%H:%M:%S.000Z}",
        interval_ms=interval_ms,
        timeout_ms=1000,
        targets=tuple(
            TargetFacts(name, role, "", tuple(track.kind for track in tracks if track.target == name))
            for name, role in roles.items()
        ),
        resolution_ms=interval_ms,
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{header.line()}{','.join(PING_COLUMNS)}\n")
        for track in tracks:
            file.writelines(_rows(track, float(zero_s), began.timestamp(), interval_ms / 1000))
    return path


def _rows(track: Track, zero_s: float, began_s: float, interval_s: float) -> Iterator[str]:
    stamps = np.array((track.at_s - zero_s + began_s) * 1e6, dtype="datetime64[us]").astype(str)
    columns = ((track.at_s - zero_s).tolist(), stamps.tolist(), track.fate.tolist(), track.rtt_ms.tolist())
    for seq, (at_s, stamp, fate, rtt_ms) in enumerate(zip(*columns, strict=True)):
        known = fate in (ANSWERED, LATE)
        sent = (f"{stamp[:23]}Z", f"{at_s:.6f}") if fate != NOT_SENT else ("", "")
        answer = f"{rtt_ms:.3f}" if known else ""
        status = "answered" if fate == STALLED else FATES[fate]
        error = {LOST: "no-answer", STALLED: FATES[STALLED]}.get(fate, "")
        yield f"{seq},{track.target},{track.kind},{seq * interval_s:.4f},{','.join(sent)},{status},{answer},{error}\n"
