"""What is said at the end of a run, as lines of text. Pure but for reading the record; knows no terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snlm_lib.explain.catalogue import load_catalogue
from snlm_lib.explain.explain import known_hresult
from snlm_lib.measure.verdict import say_length
from snlm_lib.record.result import StepResult, Verdict
from snlm_lib.record.verify import VerifyReport
from snlm_lib.runbook import RunOutcome
from snlm_lib.units import say_duration_s

__all__ = ["closing_lines", "shown_path", "true_silence_s"]

_MOST_CHECKS = 6
_LONG_BLACKOUT = 20417  # Hyper-V's event: success, the blackout unexpectedly long


def closing_lines(outcome: RunOutcome, *, scenario: str | None, check: VerifyReport, cwd: Path) -> list[str]:
    """The last words of a run, some 6 lines; ``scenario`` is None outside a rehearsal.

    Every number comes from the record. ``check`` is what verifying the sealed record found.
    """
    report = outcome.record.report_html
    place = shown_path(report if report.exists() else outcome.record.path, cwd)
    seal = "record whole" if check.state == "sealed" else "RECORD NOT WHOLE (see 'snlm verify')"
    return [
        *(["REHEARSAL: simulated hosts; nothing outside this machine was touched"] if scenario else []),
        *(_passed(outcome) if outcome.verdict is Verdict.PASSED else _stopped(outcome)),
        f"{outcome.verdict.upper()}, {seal}: {place}",
        "Never run on real Hyper-V: see docs/verified.md",
        f"Next: {_next(outcome, scenario, check, shown_path(outcome.record.path, cwd))}",
    ]


def shown_path(path: Path, cwd: Path) -> str:
    """Relative to where the reader stands if it is below, else whole."""
    try:
        return str(path.resolve().relative_to(cwd.resolve()))
    except ValueError:
        return str(path)


def true_silence_s(record_path: Path) -> float | None:
    """How long the lab's guest was really silent in the record's one move; None when no lab says so."""
    try:
        moves = json.loads((record_path / "lab" / "truth.json").read_text(encoding="utf-8"))["moves"]
        silence = moves[-1]["silence_s"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return float(silence) if silence is not None else None


def _passed(outcome: RunOutcome) -> list[str]:
    steps = {result.step[:2]: result for result in outcome.results}
    parts = [_checks(steps.get("03")), _moved(steps.get("05")), _runs(steps.get("06"))]
    away = _away(steps.get("06"), true_silence_s(outcome.record.path))
    return [line for line in (" · ".join(part for part in parts if part), away, _long(steps.get("05"))) if line]


def _long(move: StepResult | None) -> str:
    """Said only when the host itself calls the pause unexpectedly long."""
    if move is None or move.figures.get("blackout_event_id") != _LONG_BLACKOUT:
        return ""
    return f"The pause was LONG: the host calls it unexpected (event {_LONG_BLACKOUT})"


def _checks(result: StepResult | None) -> str:
    if result is None or not result.checks:
        return ""
    good, warned = (sum(row.verdict == verdict for row in result.checks) for verdict in ("PASS", "WARN"))
    warnings = f", {warned} warning{'s' if warned > 1 else ''}" if warned else ""
    return f"03 checks {good} of {len(result.checks)}{warnings}"


def _moved(result: StepResult | None) -> str:
    seconds = _number(result, "duration_s")
    return "" if seconds is None else f"05 moved in {say_duration_s(seconds)}"


def _runs(result: StepResult | None) -> str:
    host = result.figures.get("running_on") if result else None
    if not host or result is None:
        return ""
    only = "only " if result.figures.get("gone_from_source") is True else ""
    return f"06 runs {only}on {host}"


def _away(result: StepResult | None, truth_s: float | None) -> str:
    gap, upper = _number(result, "gap_s"), _number(result, "gap_upper_s")
    if gap is None:
        return "" if upper is None else f"Away less than {upper:.2f} s: no probe was lost"
    lower = _number(result, "gap_lower_s")
    blackout = _number(result, "host_blackout_s")
    beside = [
        *([f"the lab's truth {truth_s:.2f} s"] if truth_s is not None else []),
        *([f"host blackout {blackout:g} s"] if blackout is not None else []),
    ]
    away = "Seems away" if (shared := _shared(result)) else "Away"
    if upper is None:
        told = f"{away} at least {lower or gap:.1f} s, no end seen"
    else:
        told = f"{away} {say_length(gap, (upper - (lower or 0.0)) / 2)}"
    caveat = ", not to be quoted: the control was silent too" if shared else ""
    return f"{told}{caveat}" + (f" ({'; '.join(beside)})" if beside else "")


def _shared(result: StepResult | None) -> bool:
    """Was the control silent at the same time?"""
    return result is not None and result.figures.get("quotable") is False


def _number(result: StepResult | None, key: str) -> float | None:
    value = result.figures.get(key) if result else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _stopped(outcome: RunOutcome) -> list[str]:
    bad = next((result for result in outcome.results if result.verdict is not Verdict.PASSED), None)
    if bad is None:
        return []
    bad_rows = [row for row in bad.checks if row.verdict in ("FAIL", "UNKNOWN")]
    rows = [row for row in bad_rows if not row.evidence or row.evidence not in bad.reason]  # said once is enough
    return [
        f"{bad.step} {bad.verdict}: {bad.reason}",
        *(_check_line(row.model_dump()) for row in rows[:_MOST_CHECKS]),
        *([f"  and {len(rows) - _MOST_CHECKS} more in the report"] if len(rows) > _MOST_CHECKS else []),
        *_explained(bad.reason),
        *_changed(outcome.results),
    ]


def _explained(reason: str) -> list[str]:
    if "snlm explain " in reason:  # said already
        return []
    code = known_hresult(reason, load_catalogue())
    return [f"  What it means: snlm explain {code}"] if code else []


def _check_line(row: dict[str, Any]) -> str:
    where = f"{row['host']}: " if row["host"] else ""
    remedy = f". {row['remedy']}" if row["remedy"] else ""
    return f"  {row['verdict']} {where}{row['title']}: {row['evidence']}{remedy}"


def _changed(results: Iterable[StepResult]) -> list[str]:
    """What stands changed, with its undo; that nothing was changed is said only when nothing was begun."""
    rows = [row for result in results for row in result.changes]
    if not rows:
        return ["Nothing was changed."]
    return ["Changed so far:", *(f"  {row.what} ({row.result}); undo: {row.undo}" for row in rows)]


def _next(outcome: RunOutcome, scenario: str | None, check: VerifyReport, place: str) -> str:
    if outcome.verdict is Verdict.UNKNOWN:
        return "look at the hosts before anything else; the report lists what was begun"
    if scenario is None:
        anchor = f"snlm verify {place} --anchor {(check.manifest_sha256 or '')[:16]} (that hash belongs in the ticket)"
        return anchor if outcome.verdict is Verdict.PASSED else "do what is said above, then run it again"
    if outcome.verdict is Verdict.PASSED and scenario != "missing-switch":
        return "snlm rehearse missing-switch"
    return "open the report; 'snlm rehearse' plays the move that passes"
