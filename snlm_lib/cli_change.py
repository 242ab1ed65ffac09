"""`snlm rehearse`, `run` and `report`: a change from its words to its last lines."""

from __future__ import annotations

from pathlib import Path

from snlm_lib.cli_guard import leave_quietly
from snlm_lib.clock import SystemClock
from snlm_lib.closing import closing_lines, shown_path
from snlm_lib.errors import RecordError
from snlm_lib.parameters import connection_profile, lab_identity, load_parameters
from snlm_lib.process import still_runs
from snlm_lib.progress import Watcher
from snlm_lib.record.folder import Record, read_change
from snlm_lib.record.seal import verify
from snlm_lib.rehearsal import rehearse as play
from snlm_lib.remote.credentials import resolve
from snlm_lib.runbook import RunOutcome, Stage, close_record, run_change

__all__ = ["rehearse", "report", "run"]


def rehearse(watcher: Watcher, scenario: str, outputs: Path | None) -> int:
    """Play ``scenario``; returns the exit code of its verdict."""
    outcome = play(scenario, clock=SystemClock(), progress=watcher, outputs=outputs)
    return _say_end(watcher, outcome, scenario)


def run(watcher: Watcher, file: Path) -> int:
    """Carry out the change of ``file``; connection, hosts and credentials are known before anything begins."""
    parameters = load_parameters(file)
    profile = connection_profile(parameters.connection, alive=still_runs)
    profile.refuse_one_host(parameters.source, parameters.destination)
    for user, reference in profile.sign_ons:
        resolve(user, reference)  # what cannot be resolved here cannot be in a kernel either
    lab = {"lab": lab_identity()} if profile.rehearsal else {}  # whose record it is, should somebody go on by hand
    stage = Stage(facts={"rehearsal": profile.rehearsal, **lab})
    outcome = run_change(parameters, clock=SystemClock(), progress=watcher, stage=stage)
    return _say_end(watcher, outcome, "lab" if profile.rehearsal else None)


def report(watcher: Watcher, record: Path) -> int:
    """Judge, report and seal the open record; a sealed one is left as it is."""
    found = watcher.record = _record(record)
    if found.sealed:
        watcher.say(f"Sealed already; its report: {shown_path(found.report_html, Path.cwd())}")
        return 0
    change = read_change(found)
    outcome = close_record(found, clock=SystemClock(), progress=watcher)
    return _say_end(watcher, outcome, change.get("scenario") or ("lab" if change.get("rehearsal") else None))


def _record(path: Path) -> Record:
    record = Record(path.resolve())  # kernels stand in another folder
    if not record.change_json.is_file():
        raise RecordError(
            "is no record", where=str(path), remedy="Name the folder that holds change.json: outputs/CHANGE/START."
        )
    return record


def _say_end(watcher: Watcher, outcome: RunOutcome, scenario: str | None) -> int:
    check = verify(outcome.record.path)
    lines = closing_lines(outcome, scenario=scenario, check=check, cwd=Path.cwd())
    try:
        watcher.close()
        for line in ("", *lines):
            watcher.say(line)
    except OSError:  # nobody reads it any more: the record says it, and so does the exit code
        leave_quietly()
    return outcome.exit_code
