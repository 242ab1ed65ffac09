"""A change played against a lab of its own. Knows the lab only as a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from snlm_lib.clock import Clock
from snlm_lib.lab_process import running_lab, scenario_file, scenario_name
from snlm_lib.parameters import project_root, rehearsal_parameters
from snlm_lib.runbook import Book, RunOutcome, Stage, StepEvent, run_change

__all__ = ["rehearse"]


def rehearse(
    scenario: str,
    *,
    clock: Clock,
    progress: Callable[[StepEvent], None],
    outputs: Path | None = None,
    book: Book | None = None,
) -> RunOutcome:
    """Play ``scenario`` (a name, or a file of one's own) from start to seal against a lab of its own.

    Its own ``parameters:`` are laid over parameters/rehearsal.yaml.

    Raises ParameterError for a scenario that does not exist, LabError when the lab does not start.
    """
    file = scenario_file(scenario)
    parameters = rehearsal_parameters(project_root() / "parameters" / "rehearsal.yaml", file)
    with running_lab(file, clock=clock) as lab:
        environ = {"SNLM_LAB": str(lab.descriptor)}
        if outputs is not None:
            environ["SNLM_OUTPUTS"] = str(outputs.resolve())
        stage = Stage(
            environ,
            {"rehearsal": True, "scenario": scenario_name(file)},
            lambda record: lab.bring_truth(record.lab_dir),
            beside_open=True,
        )
        return run_change(parameters, clock=clock, progress=progress, stage=stage, book=book)
