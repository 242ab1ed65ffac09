"""What `begin` settles before a step starts: the kernel's parameters, and the record they belong to.

Sends nothing. A record that was opened belongs to one machine and direction, in a rehearsal also to one lab: two
changes never share it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snlm_lib import show
from snlm_lib.clock import Clock
from snlm_lib.errors import ParameterError, RecordError, Refused
from snlm_lib.lock import FileLock
from snlm_lib.parameters import Parameters, connection_profile, lab_identity, outputs_root, project_root, validate
from snlm_lib.process import still_runs
from snlm_lib.provenance import who_and_what
from snlm_lib.record.folder import Record, create_record, open_records, read_change
from snlm_lib.record.journal import Entry, read_entries, runner_of

__all__ = ["by_hand", "find_record", "kernel_parameters", "move_begun", "parameter_names", "refuse_too_late"]

_INJECTED = "# Parameters"  # papermill's first line
_MOVE = "05_move_vm"
# what comes before the move is not judged anew after it: the machine is no longer where they look
_BEFORE_THE_MOVE = ("01_", "02_", "03_", "04_")
_OWNERS = ("change_id", "connection", "vm", "source", "destination")  # what a record is about


def by_hand() -> bool:
    """True in JupyterLab and under plain papermill: no runner of ours gave this kernel its record."""
    return not os.environ.get("SNLM_RECORD")


def kernel_parameters(where: str) -> tuple[Parameters, dict[str, Any]]:
    """The kernel's variables that are parameters, checked, and as they were given.

    Raises ParameterError for a wrong value, and for a name that stands among the parameters and is none.
    """
    held = show.namespace()
    given = {key: value for key, value in held.items() if key in Parameters.model_fields}
    unknown = [name for name in parameter_names(held.get("In", ())) if name not in given and name in held]
    return validate({**given, **{name: held[name] for name in unknown}}, where=where), given


def parameter_names(cells: Sequence[str]) -> list[str]:
    """Names set by the last cell that declares parameters and by the last one that papermill put in, in order."""
    found: dict[bool, list[str]] = {}
    for text in cells:
        names = _assigned(text)
        injected = text.lstrip().startswith(_INJECTED)
        if injected or any(name in Parameters.model_fields for name in names):
            found[injected] = names
    return [name for names in found.values() for name in names]


def _assigned(text: str) -> list[str]:
    """The names of a cell that does nothing but set plain values; of any other cell none."""
    try:
        body = ast.parse(text).body
        return [_plain(statement) for statement in body]
    except (SyntaxError, ValueError):
        return []


def _plain(statement: ast.stmt) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    value = getattr(statement, "value", None)
    if len(targets) != 1 or not isinstance(targets[0], ast.Name) or value is None:
        raise ValueError("not a plain value")
    ast.literal_eval(value)
    return targets[0].id


def find_record(wanted: Parameters, clock: Clock) -> Record:
    """The record the runner gave, else the change's open one, else a new one.

    Raises RecordError when it is sealed, missing, run by somebody else, or when several are open; ParameterError
    when it belongs to another machine or direction; InputError when the connection is missing.
    """
    given = os.environ.get("SNLM_RECORD")
    record = Record(Path(given)) if given else _open_one(wanted, clock)
    if not record.change_json.is_file():
        raise RecordError("is no record", where=str(record.path), remedy="SNLM_RECORD names it: unset that variable.")
    record.refuse_sealed()
    _refuse_foreign(record, wanted)
    return record


def _open_one(wanted: Parameters, clock: Clock) -> Record:
    profile = connection_profile(wanted.connection, alive=still_runs)  # before anything is created
    lab = lab_identity() if profile.rehearsal else None
    folder = outputs_root() / wanted.change_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # what is wrong with the folder, creating says better
        return _create(wanted, lab, clock)
    with FileLock(folder / ".opening"):  # two kernels that begin at once share one record
        found = [record for record in open_records(outputs_root(), wanted.change_id) if _lab_of(record) == lab]
        if len(found) > 1:
            raise RecordError(
                f"{len(found)} records are open: {', '.join(record.path.name for record in found)}",
                where=str(folder),
                remedy="Close all but one with 'snlm report FOLDER', which judges and seals it.",
            )
        if found:
            _refuse_running(found[0])
        return found[0] if found else _create(wanted, lab, clock)


def _create(wanted: Parameters, lab: str | None, clock: Clock) -> Record:
    facts = {
        **who_and_what(project_root()),
        "parameters": wanted.model_dump(mode="json"),
        "rehearsal": wanted.connection == "lab",
        **({"lab": lab} if lab else {}),
    }
    return create_record(outputs_root(), wanted.change_id, clock=clock, facts=facts)


def _lab_of(record: Record) -> str | None:
    """The lab a record belongs to; None for one of real hosts. A rehearsal that names none has a lab of its own."""
    change = _change(record)
    named = change.get("lab")
    return str(named) if named else "a lab of its own" if change.get("rehearsal") else None


def _change(record: Record) -> Mapping[str, Any]:
    try:
        return read_change(record)
    except RecordError:
        return {}


def _refuse_running(record: Record) -> None:
    """A change that `snlm run` carries out just now is not ours to write into."""
    runner = runner_of(read_entries(record.journal_path))
    if runner and runner.alive():
        raise RecordError(
            f"process {runner.pid} is running this change",
            where=str(record.path),
            remedy="Wait until it ends, or end it with Ctrl-C, which closes the record itself.",
        )


def _refuse_foreign(record: Record, wanted: Parameters) -> None:
    held = read_change(record).get("parameters") or {}
    differing = [
        name for name in _OWNERS if name in held and str(held[name]).casefold() != str(getattr(wanted, name)).casefold()
    ]
    if differing:
        ours = ", ".join(f"{name} {getattr(wanted, name)}" for name in differing)
        raise ParameterError(
            f"the open record is of {held.get('vm')}, {held.get('source')} to {held.get('destination')},"
            f" and this notebook was given {ours}",
            where=str(record.path),
            remedy=f"Correct the parameters, or close that record first: snlm report {record.path}",
        )


def move_begun(entries: Iterable[Entry]) -> Entry | None:
    """The last intent of a move among a record's entries, unless it ended in a known failure."""
    found = [entry for entry in entries if entry.step == _MOVE]
    ended = [entry.data for entry in found if entry.kind == "outcome"]
    failed = {end["intent_id"] for end in ended if end["result"] == "failed"}
    intents = [entry for entry in found if entry.kind == "intent"]
    return intents[-1] if intents and intents[-1].data["intent_id"] not in failed else None


def refuse_too_late(name: str, entries: Iterable[Entry], *, record: Record) -> None:
    """Raise Refused for a step that belongs before the move when that was begun in this record already."""
    moved = move_begun(entries) if name.startswith(_BEFORE_THE_MOVE) else None
    if moved is not None:
        raise Refused(
            f"the move was begun at {moved.utc}, and this step belongs before it; what it found then stands",
            where=name,
            remedy=f"Go on with 05 or 06; for another move close this record first: 'snlm report {record.path}'.",
        )
