"""Every known failure through a whole rehearsal: does each end as the lab's table says? A table, or one object.

Usage: python tools/proving_ground.py [FAULT ...] [--at-once 2] [--json] [--write]
``--write`` puts the table into docs/proving-ground.md; records go to a temporary folder and are deleted.
Exit code 0 when every one ended as it should, in a sealed record, without a traceback; else 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.lab.faults import FAULTS, Fault
from snlm_lib.process import write_atomic
from snlm_lib.record.folder import Record
from snlm_lib.record.result import StepResult, Verdict, read_result
from snlm_lib.record.verify import verify
from snlm_lib.runbook import STEPS

__all__ = ["Met", "main", "meet", "page"]

_LIMIT_S = 600
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "proving-ground.md"


@dataclass(frozen=True)
class Met:
    """How one rehearsal ended; ``step`` is the one that did not pass, ``check`` what it refused or warned by."""

    fault: str
    moment: str
    wanted: str
    ended: str
    step: str
    check: str
    record: str
    traceback: bool
    wall_s: float

    @property
    def good(self) -> bool:
        return self.ended == self.wanted and self.record == "sealed" and not self.traceback


def meet(fault: Fault, outputs: Path, *, clock: Clock) -> Met:
    """One `snlm rehearse faults/NAME`, and what its record says."""
    began_s = clock.monotonic_s()
    command = [sys.executable, "-m", "snlm_lib", "rehearse", f"faults/{fault.id}", "--outputs", str(outputs)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_LIMIT_S, check=False)
    wall_s = round(clock.monotonic_s() - began_s, 1)
    records = sorted(outputs.glob("*/*Z"))
    results = [found for step in STEPS if records and (found := read_result(Record(records[-1]), step))]
    bad = next((result for result in results if result.verdict is not Verdict.PASSED), None)
    ended = next((verdict.value for verdict in Verdict if verdict.exit_code == done.returncode), "no verdict")
    return Met(
        fault.id,
        fault.moment.value,
        fault.ends,
        ended,
        bad.step[:2] if bad else "",
        _check(fault, results),
        verify(records[-1]).state if records else "none",
        "Traceback" in done.stdout + done.stderr,
        wall_s,
    )


def _check(fault: Fault, results: Iterable[StepResult]) -> str:
    """What the check that the table names said last, in a word; in brackets when it saw nothing, or is not written."""
    said = [row.verdict for result in results for row in result.checks if row.id == fault.check]
    if said and said[-1] in ("FAIL", "WARN"):
        return f"{fault.check} {said[-1]}"
    return f"({fault.check})" if fault.check else ""


def _all(faults: Sequence[Fault], at_once: int, clock: Clock) -> list[Met]:
    with tempfile.TemporaryDirectory(prefix="snlm-proving-", ignore_cleanup_errors=True) as folder:

        def one(fault: Fault) -> Met:
            outputs = Path(folder) / fault.id
            outputs.mkdir()
            met = meet(fault, outputs, clock=clock)
            print(f"{met.fault}: {met.ended}{'' if met.good else ' - NOT AS IT SHOULD'}", file=sys.stderr, flush=True)
            return met

        with ThreadPoolExecutor(at_once) as crew:
            return list(crew.map(one, faults))


def page(met: Sequence[Met]) -> str:
    """The table as a page."""
    good = sum(each.good for each in met)
    lines = [
        "# Proving ground",
        "",
        "Made by `python tools/proving_ground.py --write`: each known failure laid over the scenario `quick` and",
        f"played by a whole `snlm rehearse`. {good} of {len(met)} ended as they should, in a sealed record, without a",
        "traceback. A check in brackets saw nothing: it sees a part of the causes, or is still to be written.",
        "What each failure is, and what snlm does about it: [failures.md](failures.md).",
        "",
        "| failure | strikes | ended | in | check | record | s |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| `{each.fault}` | {each.moment} | {each.ended}{'' if each.good else ' (wanted ' + each.wanted + ')'} "
            f"| {each.step} | {each.check} | {each.record} | {each.wall_s:.0f} |"
            for each in met
        ),
        "",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Play the named failures, or all; print; 0 when each ended as it should."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("faults", nargs="*", metavar="FAULT", help="names from the table; none: all")
    words.add_argument("--at-once", type=int, default=2, help="rehearsals side by side")
    words.add_argument("--json", action="store_true", help="one object instead of a table")
    words.add_argument("--write", action="store_true", help=f"write the table to docs/{_PAGE.name}")
    wanted = words.parse_args(argv)
    if lost := sorted(set(wanted.faults) - set(FAULTS)):
        words.error(f"no such failure: {', '.join(lost)}; known are {', '.join(sorted(FAULTS))}")
    chosen = [FAULTS[name] for name in wanted.faults] or list(FAULTS.values())
    met = _all(chosen, max(wanted.at_once, 1), SystemClock())
    good = all(each.good for each in met)
    print(
        json.dumps({"good": good, "failures": [asdict(each) for each in met]}, indent=2) if wanted.json else page(met)
    )
    if wanted.write:
        write_atomic(_PAGE, page(met))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
