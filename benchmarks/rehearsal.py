"""Is the gap we tell the silence the guest really kept, and is a run fast? Two tables, or one JSON object.

Usage: python benchmarks/rehearsal.py [--runs 10] [--scenario rehearsal] [--pairs 3] [--speed] [--json]
Exit code 0 when every rehearsal passed, none is off by more than one probe interval, a run takes at most a
third of seven papermill command lines, and help at most 0.4 s; else 1. `--speed` leaves the gaps out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from benchmarks import speed
from snlm_lib.clock import SystemClock
from snlm_lib.record.folder import Record, read_change
from snlm_lib.record.result import StepResult
from snlm_lib.rehearsal import rehearse

__all__ = ["Row", "main", "read_row", "summary"]


@dataclass(frozen=True)
class Row:
    """One rehearsal. Times in seconds; None where the record does not say."""

    verdict: str
    blackout_s: float | None
    silence_s: float | None
    gap_s: float | None
    lower_s: float | None
    upper_s: float | None
    interval_s: float
    wall_s: float

    @property
    def error_intervals(self) -> float | None:
        """How far the gap told is from the true silence, in probe intervals; None when either is unknown."""
        if self.gap_s is None or self.silence_s is None:
            return None
        return abs(self.gap_s - self.silence_s) / self.interval_s


def read_row(record: Record, results: tuple[StepResult, ...], verdict: str, wall_s: float) -> Row:
    """What a finished rehearsal's record says."""
    figures = next((result.figures for result in results if result.step.startswith("06")), {})
    truth = _last_move(record)
    return Row(
        verdict,
        _number(truth.get("blackout_s")),
        _number(truth.get("silence_s")),
        _number(figures.get("gap_s")),
        _number(figures.get("gap_lower_s")),
        _number(figures.get("gap_upper_s")),
        read_change(record)["parameters"]["probe_interval_ms"] / 1000,
        wall_s,
    )


def _last_move(record: Record) -> dict[str, object]:
    try:
        moves = json.loads((record.lab_dir / "truth.json").read_text(encoding="utf-8"))["moves"]
    except (OSError, ValueError, KeyError):
        return {}
    return dict(moves[-1]) if moves else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def summary(rows: list[Row]) -> dict[str, object]:
    """One object; ``gap_error_intervals_max`` is None when any rehearsal told no gap."""
    errors = [row.error_intervals for row in rows]
    known = [error for error in errors if error is not None]
    return {
        "benchmark": "rehearsal",
        "runs": len(rows),
        "passed": sum(row.verdict == "passed" for row in rows),
        "gap_error_intervals_max": max(known) if known and len(known) == len(errors) else None,
        "wall_s_median": statistics.median(row.wall_s for row in rows) if rows else None,
        "rows": [asdict(row) | {"error_intervals": row.error_intervals} for row in rows],
    }


def _play(scenario: str) -> Row:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="snlm-bench-", ignore_cleanup_errors=True) as folder:
        began = clock.monotonic_s()
        outcome = rehearse(scenario, clock=clock, progress=lambda event: None, outputs=Path(folder))
        return read_row(outcome.record, outcome.results, outcome.verdict.value, clock.monotonic_s() - began)


def _line(number: int, row: Row) -> str:
    values = (row.blackout_s, row.silence_s, row.gap_s, row.lower_s, row.upper_s, row.error_intervals)
    shown = ["      -" if value is None else f"{value:7.3f}" for value in values]
    return f"{number:3}  {row.verdict:8} {'  '.join(shown)}  {row.wall_s:6.1f}"


def _gaps(runs: int, scenario: str, *, quiet: bool) -> dict[str, object]:
    if not quiet and runs:
        print("run  verdict  blackout  silence      gap    lower    upper  intervals off  wall s", flush=True)
    rows = []
    for number in range(1, runs + 1):
        rows.append(_play(scenario))
        if not quiet:
            print(_line(number, rows[-1]), flush=True)
    told = summary(rows)
    worst = told["gap_error_intervals_max"]
    if not quiet and runs:
        print(f"largest error {worst if worst is None else f'{worst:.2f}'} probe intervals; {told['passed']} passed")
    return told


def _speed(count: int, *, quiet: bool) -> dict[str, object]:
    if not quiet and count:
        print("pair  verdict  snlm s  papermill s  ratio", flush=True)
    pairs = []
    for number in range(1, count + 1):
        pairs.append(speed.measure(number))
        if not quiet:
            print(speed.line(number, pairs[-1]), flush=True)
    told = {**speed.summary(pairs), "help_s": speed.help_s() if count else None}
    if not quiet and count:
        print(f"ratio of the medians {told['ratio_to_papermill_cli']}; snlm --help {told['help_s']} s")
    return told


def _good(told: dict[str, object], *, gaps: bool, pairs: bool) -> bool:
    """An unknown figure is no good one."""
    limits = {"gap_error_intervals_max": 1.0} if gaps else {}
    limits |= {"ratio_to_papermill_cli": speed.MOST_RATIO, "help_s": 0.4} if pairs else {}
    values = [(told[key], most) for key, most in limits.items()]
    small = all(isinstance(value, float) and value <= most for value, most in values)
    return bool(limits) and small and told["passed"] == told["runs"]


def main(arguments: list[str]) -> int:
    """Run, print, return the exit code."""
    parser = argparse.ArgumentParser(description="How true is the gap that a rehearsal tells, and how fast is a run?")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--scenario", default="rehearsal")
    parser.add_argument("--pairs", type=int, default=3, help="runs by snlm, each beside seven papermill command lines")
    parser.add_argument("--speed", action="store_true", help="the pairs only")
    parser.add_argument("--json", action="store_true", help="one object instead of the tables")
    options = parser.parse_args(arguments)
    runs = 0 if options.speed else options.runs
    told = {**_gaps(runs, options.scenario, quiet=options.json), **_speed(options.pairs, quiet=options.json)}
    if options.json:
        print(json.dumps(told, indent=2))
    return 0 if _good(told, gaps=not options.speed, pairs=options.pairs > 0) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
