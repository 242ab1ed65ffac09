"""Many rehearsals at once: does each end passed or refused, and is each record its own? A table, or one object.

Usage: python benchmarks/many.py [--count 20] [--scenario quick] [--json]
Exit code 0 when all ended passed or refused, each in a sealed record of one run and one lab, else 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from snlm_lib.clock import SystemClock
from snlm_lib.errors import SnlmError
from snlm_lib.measure.monitor import find_monitor
from snlm_lib.record.folder import Record
from snlm_lib.record.seal import verify

__all__ = ["Ended", "look", "main", "play", "summary"]

_LIMIT_S = 1200


@dataclass(frozen=True)
class Ended:
    """One rehearsal; ``mixed`` says what in its record is not its own, empty when nothing is."""

    record: str
    code: int
    sealed: bool
    mixed: str
    wall_s: float
    said: str

    @property
    def good(self) -> bool:
        return self.code in (0, 2) and self.sealed and not self.mixed


def play(count: int, scenario: str, outputs: Path) -> list[Ended]:
    """Start ``count`` at once and wait for all."""
    clock = SystemClock()
    command = [sys.executable, "-m", "snlm_lib", "rehearse", scenario, "--outputs", str(outputs)]
    began = clock.monotonic_s()
    logs = [outputs / f"run-{number}.txt" for number in range(count)]
    running = []
    for log in logs:
        with log.open("wb") as file:
            running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file))
    ended = []
    for process, log in zip(running, logs, strict=True):
        code = process.wait(_LIMIT_S)
        ended.append(look(log.read_text(encoding="utf-8"), code, clock.monotonic_s() - began))
    return ended


def look(told: str, code: int, wall_s: float) -> Ended:
    """What a finished run left, found by the record that it named first."""
    lines = [line for line in told.splitlines() if line.strip()] or ["it said nothing"]
    if not lines[0].startswith("record "):
        return Ended("", code, False, "", wall_s, lines[-1])
    record = Record(Path(lines[0].removeprefix("record ")))
    bad = next((line for line in lines if " unknown" in line or " failed" in line), "")
    return Ended(str(record.path), code, verify(record.path).state == "sealed", _mixed(record), wall_s, bad)


def _mixed(record: Record) -> str:
    """One run, each step started once, one move at most, and no monitor left."""
    try:
        entries = record.journal(SystemClock()).entries()
        moves = json.loads((record.lab_dir / "truth.json").read_text(encoding="utf-8"))["moves"]
        monitor = find_monitor(record.path)
    except (SnlmError, OSError, ValueError, KeyError) as error:
        return f"cannot be read: {error}"
    steps = [entry.step for entry in entries if entry.kind == "step-started"]
    wrong = {
        "several runs": sum(entry.kind == "run-started" for entry in entries) != 1,
        "a step twice": len(steps) != len(set(steps)),
        "several moves": len(moves) > 1,
        "a monitor left": monitor is not None and monitor.running(),
    }
    return ", ".join(name for name, found in wrong.items() if found)


def summary(ended: list[Ended]) -> dict[str, object]:
    """One object; ``records`` counts different ones."""
    return {
        "benchmark": "many",
        "runs": len(ended),
        "good": sum(one.good for one in ended),
        "records": len({one.record for one in ended if one.record}),
        "codes": {str(code): sum(one.code == code for one in ended) for code in sorted({one.code for one in ended})},
        "wall_s": max((one.wall_s for one in ended), default=None),
        "rows": [asdict(one) for one in ended],
    }


def main(arguments: list[str]) -> int:
    """Run, print, return the exit code."""
    parser = argparse.ArgumentParser(description="Many rehearsals at once.")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--scenario", default="quick")
    parser.add_argument("--json", action="store_true", help="one object instead of the table")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="snlm-many-", ignore_cleanup_errors=True) as folder:
        ended = play(options.count, options.scenario, Path(folder))
    told = summary(ended)
    if options.json:
        print(json.dumps(told, indent=2))
    else:
        print("exit  sealed  mixed  record                  what went wrong")
        for one in ended:
            print(f"{one.code:4}  {one.sealed!s:6}  {one.mixed or '-':5}  {Path(one.record).name:22}  {one.said}")
        print(f"{told['good']} of {told['runs']} good, {told['records']} records, {told['wall_s']:.0f} s")
    return 0 if told["good"] == told["runs"] == told["records"] and ended else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
