"""A day of probes every 100 ms: how long until it is read, judged and drawn, and how large its figure is.

Usage: python benchmarks/large.py PINGS.csv; in a process of its own, so that nothing is warm.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LATE, LOST, NO_ANSWER, PING_COLUMNS
from snlm_lib.measure.ping_file import PingHeader, TargetFacts
from snlm_lib.units import iso_utc

__all__ = ["ROWS", "a_day", "large"]

ROWS = 864_000
_INTERVAL_S = 0.1
_TURNS = 3
_BEGAN = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
_AWAY = ((200_000, 9), (500_000, 300), (700_000, 1))  # first probe lost, how many
_PER_MILLE_LOST, _PER_MILLE_LATE, _PER_MILLE_TWICE = 1, 1, 1


def a_day(path: Path, rows: int = ROWS) -> None:
    """Write such a file: outages, single losses, late answers and second ones, a round trip that wanders."""
    facts = TargetFacts("VM01", "machine", "192.0.2.10", ("icmp",))
    header = PingHeader("bench", iso_utc(_BEGAN), _INTERVAL_S * 1000, 1000.0, (facts,), _INTERVAL_S * 1000)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header.line() + ",".join(PING_COLUMNS) + "\n")
        file.writelines(_rows(rows))


def _rows(rows: int) -> Iterator[str]:
    chance = random.Random(5)
    away = {seq for first, count in _AWAY for seq in range(first, first + count)}
    for seq in range(rows):
        fate = chance.random() * 1000
        head = f"{seq},VM01,icmp,{seq * _INTERVAL_S:.4f},{iso_utc(_BEGAN + timedelta(seconds=seq * _INTERVAL_S))}"
        head += f",{seq * _INTERVAL_S + 0.0001:.6f}"
        if seq in away or fate < _PER_MILLE_LOST:
            yield f"{head},{LOST},,{NO_ANSWER}\n"
        elif fate < _PER_MILLE_LOST + _PER_MILLE_LATE:
            yield f"{head},{LOST},,{NO_ANSWER}\n{head},{LATE},{1000 + chance.random() * 900:.3f},\n"
        else:
            yield f"{head},{ANSWERED},{0.2 + chance.expovariate(4):.3f},\n"
            if fate > 1000 - _PER_MILLE_TWICE:
                yield f"{head},{DUPLICATE},{2 + chance.random():.3f},\n"


def large() -> dict[str, Any]:
    """The middle one of three fresh processes; and the whole command, as typed, with the page it makes."""
    with tempfile.TemporaryDirectory(prefix="snlm-bench-") as name:
        samples = Path(name) / "pings.csv"
        a_day(samples)
        turns = [json.loads(_run(sys.executable, __file__, str(samples))) for _ in range(_TURNS)]
        began_s = time.perf_counter()
        _run(sys.executable, "-m", "snlm_lib", "downtime", str(samples), "--html", str(Path(name) / "page.html"))
        command_s = time.perf_counter() - began_s
    figures = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    return figures | {"large_command_s": command_s}


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def main(samples: Path) -> None:
    """Read, judge, draw; the imports are told apart, since whoever has a notebook open has them already."""
    began_s = time.perf_counter()
    from snlm_lib.measure.downtime import judge_downtime, read_pings
    from snlm_lib.measure.pings import series_of
    from snlm_lib.measure.verdict import verdict
    from snlm_lib.record.charts.pings import pings_figure
    from snlm_lib.record.charts.tracks import tracks_of

    imported_s = time.perf_counter()
    pings = read_pings(samples)
    read_s = time.perf_counter()
    said = verdict(judge_downtime(pings, window=None))
    judged_s = time.perf_counter()
    drawn = pings_figure(*tracks_of(series_of(pings))).to_json()
    drawn_s = time.perf_counter()
    assert drawn
    assert said.sentence
    told = {
        "large_rows": len(pings),
        "large_import_s": imported_s - began_s,
        "large_read_s": read_s - imported_s,
        "large_judge_s": judged_s - read_s,
        "large_figure_s": drawn_s - judged_s,
        "large_s": drawn_s - imported_s,
        "large_figure_kib": len(drawn) / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
