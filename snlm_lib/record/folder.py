"""The record's place: its folder, its names, which ones are open; knows nothing of what is inside the files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snlm_lib.clock import Clock
from snlm_lib.errors import RecordError
from snlm_lib.process import write_atomic
from snlm_lib.record.journal import Journal
from snlm_lib.record.names import CHANGE, JOURNAL, MANIFEST, REPORT, refuse_sealed
from snlm_lib.units import folder_stamp, iso_utc

__all__ = ["Record", "create_record", "find_open_record", "open_records", "read_change"]

_CHANGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_FOLDER = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # device names of Windows, in every folder


@dataclass(frozen=True)
class Record:
    """One change's folder, ``outputs/<change id>/<UTC start>``; open until it is sealed."""

    path: Path

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def monitor_dir(self) -> Path:
        return self.path / "monitor"

    @property
    def lab_dir(self) -> Path:
        return self.path / "lab"

    @property
    def steps_dir(self) -> Path:
        return self.path / "steps"

    @property
    def change_json(self) -> Path:
        return self.path / CHANGE

    @property
    def journal_path(self) -> Path:
        return self.path / JOURNAL

    @property
    def report_html(self) -> Path:
        return self.path / REPORT

    @property
    def sealed(self) -> bool:
        return (self.path / MANIFEST).exists()

    @property
    def open(self) -> bool:
        return not self.sealed

    def step_dir(self, name: str) -> Path:
        """The folder of step ``name``, which need not exist; raises RecordError for a name that is no step's."""
        if not _STEP.fullmatch(name):
            raise RecordError(f"{name!r} cannot name a step's folder", where=str(self.path))
        return self.steps_dir / name

    def journal(self, clock: Clock) -> Journal:
        """The record's journal, written under the record's lock."""
        return Journal(self.journal_path, clock)

    def refuse_sealed(self) -> None:
        """Raise RecordError when nothing may be written any more."""
        refuse_sealed(self.path)


def create_record(root: Path, change_id: str, *, clock: Clock, facts: Mapping[str, Any]) -> Record:
    """Open a new record under ``root``/``change_id``, named by the clock's UTC second (a twin gets ``-2``).

    ``facts`` become change.json, with ``schema``, ``change_id`` and ``opened_utc``; the report reads
    ``rehearsal`` (bool), ``operator`` ({"user", "machine", "system"}),
    ``code`` ({"version", "commit", "lock_sha256"}), ``parameters`` and ``scenario``. Raises RecordError for a
    change id that cannot name a folder on Windows, or when the folder cannot be written.
    """
    _refuse_name(change_id)
    moment = clock.utc_now()
    known = {"schema": "snlm.change/1", "change_id": change_id, "opened_utc": iso_utc(moment)}
    try:
        record = Record(_new_folder(root / change_id, folder_stamp(moment)))
        record.samples.mkdir()
        record.steps_dir.mkdir()
        write_atomic(record.change_json, _json_text({**facts, **known}))
    except OSError as error:
        raise RecordError(
            f"a record cannot be opened: {error.strerror or error}",
            where=str(root / change_id),
            remedy="Check that the folder can be written, or set SNLM_OUTPUTS to another one.",
        ) from error
    record.journal(clock).append("record-opened", None, {"change_id": change_id, "folder": record.path.name})
    return record


def _refuse_name(change_id: str) -> None:
    if not _CHANGE_ID.fullmatch(change_id) or _RESERVED.fullmatch(change_id):
        raise RecordError(
            f"{change_id!r} cannot name a folder",
            where="change id",
            remedy="Use letters, digits, - and _, at most 40, and no device name of Windows such as CON.",
        )


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _new_folder(parent: Path, stamp: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def open_records(root: Path, change_id: str) -> list[Record]:
    """The unsealed records of ``change_id``, oldest first; none when there is no such folder."""
    parent = root / change_id
    folders = [path for path in parent.iterdir() if _FOLDER.fullmatch(path.name)] if parent.is_dir() else []
    found = [Record(path) for path in sorted(folders, key=_age) if (path / CHANGE).is_file()]
    return [record for record in found if record.open]


def _age(path: Path) -> tuple[str, int]:
    match = _FOLDER.fullmatch(path.name)
    return (match[1], int(match[2] or 1)) if match else (path.name, 0)


def find_open_record(root: Path, change_id: str) -> Record | None:
    """The one open record of ``change_id``, or None; raises RecordError naming them when there are several."""
    found = open_records(root, change_id)
    if len(found) > 1:
        raise RecordError(
            f"{len(found)} records are open: {', '.join(record.path.name for record in found)}",
            where=str(root / change_id),
            remedy="Close all but one with 'snlm report FOLDER', which judges and seals it.",
        )
    return found[0] if found else None


def read_change(record: Record) -> dict[str, Any]:
    """change.json as it stands; raises RecordError when it is missing or is no JSON object."""
    try:
        found = json.loads(record.change_json.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{CHANGE} cannot be read: {error}", where=str(record.path)) from error
    if not isinstance(found, dict):
        raise RecordError(f"{CHANGE} holds no object", where=str(record.path))
    return found
