"""Samples out of letters: one a tick of 100 ms, so that a test shows what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from snlm_lib.measure.ledger import PING_COLUMNS, PingRow
from snlm_lib.measure.ping_file import PingHeader, TargetFacts
from snlm_lib.measure.pings import Pings, parse_pings
from snlm_lib.units import iso_utc

__all__ = ["INTERVAL_S", "ZERO", "at", "header_of", "pings_of", "pings_of_rows"]

ZERO = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
INTERVAL_S = 0.1
_WORDS = {"A": "answered", "H": "answered", "L": "late", "x": "lost", "-": "not_sent", "S": "answered", "r": "lost"}
_RTT_MS = {"A": 1.0, "H": 800.0, "L": 1200.0}
_ERRORS = {"x": "no-answer", "S": "monitor-stalled", "r": "reset"}


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def header_of(*targets: TargetFacts, **known: object) -> PingHeader:
    facts: dict[str, object] = {"interval_ms": 100, "timeout_ms": 1000, "resolution_ms": 100, **known}
    return PingHeader("OPS", iso_utc(ZERO), targets=targets, **facts)  # type: ignore[arg-type]


def pings_of_rows(rows: list[PingRow], header: PingHeader) -> Pings:
    lines = "".join(",".join(row) + "\n" for row in rows)
    return parse_pings(f"{header.line()}{','.join(PING_COLUMNS)}\n{lines}".encode(), where="pattern")


def pings_of(patterns: Mapping[tuple[str, str], str], rtt_ms: Mapping[int, float] | None = None) -> Pings:
    """A letter a tick: Answered, Held (800 ms), Late, Stalled, x lost, r reset, - not sent, space: no row.

    By target and kind; a target called "control" is one. ``rtt_ms`` gives single probes, by number, another time.
    """
    rows = [
        PingRow(str(seq), target, kind, f"{seq * INTERVAL_S:.4f}", *_fate(seq, letter, rtt_ms or {}))
        for (target, kind), pattern in patterns.items()
        for seq, letter in enumerate(pattern)
        if letter != " "
    ]
    names = dict.fromkeys(name for name, _ in patterns)
    return pings_of_rows(
        rows, header_of(*(TargetFacts(name, role="control" if name == "control" else "machine") for name in names))
    )


def _fate(seq: int, letter: str, given_ms: Mapping[int, float]) -> tuple[str, str, str, str, str]:
    rtt = given_ms.get(seq, _RTT_MS.get(letter))
    sent = ("", "") if letter == "-" else (iso_utc(at(seq * INTERVAL_S)), f"{seq * INTERVAL_S:.6f}")
    return (*sent, _WORDS[letter], "" if rtt is None else f"{rtt:.3f}", _ERRORS.get(letter, ""))
