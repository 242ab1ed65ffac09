"""Are moves that no forecast has met foreseen? Whole rehearsals of random machines: a table, or one JSON object.

Usage: python benchmarks/foreseen.py [--runs 20] [--seed 1] [--jobs 2] [--keep FOLDER] [--json]
Each machine is moved twice by `snlm rehearse`, on two days, each time in a lab of its own: first met, then with its
first record beside it. What was forecast and what happened is read from the sealed record alone.
Exit code 0 when every record is sealed, every run passed and at least nine of ten first moves lie inside, else 1.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from benchmarks.strangers import Stranger, strangers
from snlm_lib.measure.forecast.score import fact_from
from snlm_lib.record.folder import Record
from snlm_lib.record.outlook import kept_forecast, spans_of
from snlm_lib.record.seal import verify
from snlm_lib.units import MIB

__all__ = ["PARTS", "Part", "Row", "main", "meet", "read_row", "summary", "tally"]

PARTS = {"total_s": "time, s", "pause_s": "pause, s", "memory_mib": "memory, MiB", "sent_mib": "sent, MiB"}
TURNS = ("first", "again")
_LEAST_HELD = 0.9
_LIMIT_S = 900


@dataclass(frozen=True)
class Part:
    """One forecast range, and what the record says it was; None: it does not."""

    low: float
    mid: float
    high: float
    was: float | None

    @property
    def inside(self) -> bool:
        """Strictly: however coarse the measurement, outside is outside, and what is not known was not foreseen."""
        return self.was is not None and self.low <= self.was <= self.high

    @property
    def width(self) -> float:
        return self.high / self.low

    @property
    def miss(self) -> float | None:
        """How far the middle was off, as a factor of 1 or more."""
        return math.exp(abs(math.log(self.was / self.mid))) if self.was else None


@dataclass(frozen=True)
class Row:
    """One move. ``measured``: the record's time over what the lab's own arithmetic says: the error of looking."""

    name: str
    turn: str
    record: str
    ended: str
    sealed: bool
    verdict: str
    learned: int
    parts: Mapping[str, Part]
    measured: float | None

    @property
    def good(self) -> bool:
        return self.ended == "passed" and self.sealed

    @property
    def truly_inside(self) -> bool:
        """Does the time that the lab's own arithmetic says lie inside?"""
        total = self.parts.get("total_s")
        if total is None or total.was is None or not self.measured:
            return False
        return replace(total, was=total.was / self.measured).inside


def meet(stranger: Stranger, seed: int, folder: Path, turns: Sequence[str] = TURNS) -> list[Row]:
    """Move it on as many days; the records stand in one folder, so the second forecast knows the first move."""
    rows = []
    for turn, who in zip(turns, (stranger, stranger.again(random.Random(seed))), strict=False):
        day = folder / turn
        day.mkdir(parents=True)
        file = day / f"{who.name}.yaml"
        file.write_text(who.scenario(), encoding="utf-8")
        rows.append(_rehearsed(who, turn, file, folder / "outputs"))
    return rows


def _rehearsed(who: Stranger, turn: str, file: Path, outputs: Path) -> Row:
    command = [sys.executable, "-m", "snlm_lib", "rehearse", str(file), "--outputs", str(outputs)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_LIMIT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if not lines or not lines[0].startswith("record "):
        return Row(
            who.name, turn, "", (lines or done.stderr.splitlines() or ["said nothing"])[-1], False, "", 0, {}, None
        )
    record = Record(Path(lines[0].removeprefix("record ")))
    ended = "passed" if done.returncode == 0 else next((line for line in lines if " passed" not in line), lines[-1])
    return read_row(record, who.name, turn, ended=ended, true_s=who.course.total_s)


def read_row(record: Record, name: str, turn: str, *, ended: str, true_s: float | None = None) -> Row:
    """What a sealed record says was forecast by 03, and what happened."""
    kept = kept_forecast(record.path)
    if kept is None:
        return Row(name, turn, str(record.path), ended, False, "", 0, {}, None)
    was = _happened(record, kept)
    spans = spans_of(kept)
    parts = {part: Part(one.low, one.mid, one.high, was[part]) for part in PARTS if (one := spans.get(part))}
    total_s = was["total_s"]
    return Row(
        name,
        turn,
        str(record.path),
        ended,
        verify(record.path).state == "sealed",
        str(kept["verdict"]["word"]),
        int(kept["learned_moves"]),
        parts,
        total_s / true_s if total_s and true_s else None,
    )


def _happened(record: Record, kept: Mapping[str, Any]) -> dict[str, float | None]:
    """Times as 06 told them; bytes by the lab's truth, which looks at the counters see a little too early."""
    fact = fact_from(kept.get("fact") or {})
    found: dict[str, float | None] = {"total_s": fact.total_s, "pause_s": fact.pause_s}
    try:
        move = json.loads((record.lab_dir / "truth.json").read_text(encoding="utf-8"))["moves"][-1]
        memory, storage = float(move["memory_bytes"]), float(move["storage_bytes"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return {**found, "memory_mib": None, "sent_mib": None}
    return {**found, "memory_mib": memory / MIB, "sent_mib": (memory + storage) / MIB}


def tally(rows: Sequence[Row]) -> dict[str, Any]:
    """By part: how many lie inside, how wide the ranges are, how far the middle was off; medians."""
    told: dict[str, Any] = {"moves": len(rows)}
    for part in PARTS:
        own = [row.parts[part] for row in rows if part in row.parts]
        misses = [one.miss for one in own if one.miss is not None]
        told[part] = {
            "inside": sum(one.inside for one in own),
            "width_median": statistics.median(one.width for one in own) if own else None,
            "miss_median": statistics.median(misses) if misses else None,
        }
    return told


def summary(rows: Sequence[Row], *, seed: int, refused: int) -> dict[str, Any]:
    """One object; ``too_long_for_the_lab`` were drawn and not played."""
    measured = [abs(row.measured - 1) for row in rows if row.measured is not None]
    turns = {turn: tally([row for row in rows if row.turn == turn]) for turn in TURNS}
    return {
        "benchmark": "foreseen",
        "seed": seed,
        "moves": len(rows),
        "good": sum(row.good for row in rows),
        "too_long_for_the_lab": refused,
        "measured_off_percent_max": 100 * max(measured) if measured else None,
        "first_truly_inside": sum(row.truly_inside for row in rows if row.turn == TURNS[0]),
        **turns,
        "rows": [_plain(row) for row in rows],
    }


def _plain(row: Row) -> dict[str, Any]:
    parts = {name: {**asdict(part), "inside": part.inside} for name, part in row.parts.items()}
    return {**{name: value for name, value in vars(row).items() if name != "parts"}, "parts": parts}


def _line(row: Row) -> str:
    cells = [f"{_cell(row.parts[part]):>33}" if part in row.parts else f"{'-':>33}" for part in PARTS]
    off = "    -" if row.measured is None else f"{100 * (row.measured - 1):+5.1f}"
    ended = "" if row.good else f"  {row.ended if row.sealed else 'not sealed: ' + row.ended}"
    return f"{row.name:16} {row.turn:5} {row.learned:3} {row.verdict:16}{''.join(cells)}  {off}{ended}"


def _cell(part: Part) -> str:
    was = "?" if part.was is None else f"{part.was:,.4g}" if part.was < 1000 else f"{part.was:,.0f}"
    low, high = (f"{one:.3g}" if one < 1000 else f"{one:,.0f}" for one in (part.low, part.high))
    return f"{low}..{high} {was} {'yes' if part.inside else 'NO '}"


_FOOT = """had: earlier moves the forecast had learnt. Range: what was forecast before the move; was: what happened.
off %: how far the record's time is from the lab's own arithmetic, the error of looking"""


def _table(told: Mapping[str, Any]) -> list[str]:
    lines = []
    for turn in TURNS:
        own = told[turn]
        for part, title in PARTS.items():
            one = own[part]
            figures = [one["width_median"], one["miss_median"]]
            width, miss = ("-" if figure is None else f"{figure:.2f}" for figure in figures)
            lines.append(
                f"{turn:5}  {title:12} inside {one['inside']:3} of {own['moves']:3}  most over least {width}"
                f"  middle off by a factor of {miss}"
            )
    off = told["measured_off_percent_max"]
    lines.append(
        f"{told['good']} of {told['moves']} rehearsals passed and sealed. Machines drawn that would pause too long for"
        f" the lab: {told['too_long_for_the_lab']}.\n{_FOOT}: at most {'-' if off is None else f'{off:.1f}'} %.\n"
        f"By that arithmetic {told['first_truly_inside']} of the first moves lie inside. Widths and misses are medians."
    )
    return lines


def main(arguments: list[str]) -> int:
    """Run, print, return the exit code."""
    parser = argparse.ArgumentParser(description="Are moves that no forecast has met foreseen?")
    parser.add_argument("--runs", type=int, default=20, help="machines, each moved twice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="machines at once")
    parser.add_argument("--keep", type=Path, help="a new folder for scenarios and records, otherwise deleted")
    parser.add_argument("--json", action="store_true", help="one object instead of the tables")
    options = parser.parse_args(arguments)
    met, refused = strangers(options.runs, options.seed)
    with tempfile.TemporaryDirectory(prefix="snlm-foreseen-", ignore_cleanup_errors=True) as scratch:
        folder = options.keep or Path(scratch)
        rows = _all(met, folder, jobs=options.jobs, quiet=options.json)
    told = summary(rows, seed=options.seed, refused=refused)
    print(json.dumps(told, indent=2) if options.json else "\n".join(_table(told)))
    enough = told["first"]["total_s"]["inside"] >= _LEAST_HELD * len(met)
    return 0 if rows and enough and told["good"] == len(rows) else 1


def _all(met: Sequence[Stranger], folder: Path, *, jobs: int, quiet: bool) -> list[Row]:
    rows: list[Row] = []
    if not quiet:
        heads = "".join(f"{title + ': range, was, inside':>33}" for title in PARTS.values())
        print(f"{'machine':16} {'turn':5} {'had':3} {'memory converges':16}{heads}  off %", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        for own in pool.map(lambda each: meet(each[1], each[0], folder / each[1].name), enumerate(met)):
            rows += own
            for row in own if not quiet else ():
                print(_line(row), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
