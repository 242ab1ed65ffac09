"""07: every step's result in one table, and the verdict over all of them."""

from __future__ import annotations

from snlm_lib.record.names import STEPS
from snlm_lib.record.result import StepResult, Verdict, run_verdict
from snlm_lib.step import Step

__all__ = ["gather"]


def gather(step: Step) -> list[StepResult]:
    """Read what each step left behind, show it, and keep the run's verdict.

    A step that left no folder never began; one that left a folder and no result ended without one.
    """
    begun = [name for name in STEPS if step.record.step_dir(name).is_dir() or step.result_of(name) is not None]
    found = {name: step.result_of(name) for name in begun}
    rows = [_row(name, found.get(name), begun=name in begun) for name in STEPS]
    step.table("steps", rows, caption="The run")
    changes = [
        {"step": name[:2], "changed": change.what, "outcome": change.result, "undo": change.undo}
        for name, result in found.items()
        for change in (result.changes if result else [])
    ]
    step.table("changes", changes, caption="What was changed, and how it is undone")
    verdict = run_verdict(*found.values()) if found else Verdict.UNKNOWN
    step.keep({"run_verdict": verdict.value})
    step.say(f"Over all steps: {verdict.value}.")
    return [result for result in found.values() if result is not None]


def _row(name: str, result: StepResult | None, *, begun: bool) -> dict[str, str | None]:
    if result is not None:
        return {"step": name, "verdict": result.verdict.value, "why": result.reason}
    said = "ended without a result" if begun else "not run"
    return {"step": name, "verdict": None, "why": said}
