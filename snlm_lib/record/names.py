"""What the files of a record are called, and the one question every writer asks first: is it still open?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snlm_lib.errors import RecordError

__all__ = [
    "CHANGE",
    "CHANGING",
    "JOURNAL",
    "LOCK",
    "LOCKS",
    "MANIFEST",
    "REPORT",
    "REPORT_STEP",
    "SIGNATURE",
    "STEPS",
    "SUMS",
    "VERIFY_TEXT",
    "canonical",
    "refuse_sealed",
]

CHANGE = "change.json"
JOURNAL = "journal.jsonl"
REPORT = "report.html"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
VERIFY_TEXT = "VERIFY.txt"
SIGNATURE = "signature"
LOCK = ".lock"
CHANGING = ".changing"  # held by the kernel that changes something just now
LOCKS = tuple(name for lock in (LOCK, CHANGING) for name in (lock, f"{lock}-holder"))
STEPS = (
    "01_enable_live_migration",
    "02_configure_delegation",
    "03_verify_hosts",
    "04_start_ping_monitor",
    "05_move_vm",
    "06_verify_migration",
)
REPORT_STEP = "07_change_report"  # changes nothing; gathers what the others left


def refuse_sealed(folder: Path) -> None:
    """Raise RecordError when the record ``folder`` is sealed: nothing may be written into it any more.

    A seal whose manifest.json was taken away is still a seal: the record is not closed a second time.
    """
    if (folder / SUMS).exists() and not (folder / MANIFEST).exists():
        raise RecordError(
            f"the record was sealed, and {MANIFEST} is missing",
            where=str(folder),
            remedy="Bring the file back from a copy; 'snlm verify' says what else is wrong.",
        )
    if (folder / MANIFEST).exists():
        raise RecordError(
            "the record is sealed and cannot be written any more",
            where=str(folder),
            remedy="Run the change again: that opens a new record beside this one.",
        )


def canonical(value: Any) -> bytes:
    """The one spelling of a JSON value that is hashed: sorted keys, no spaces, UTF-8.

    Goes through JSON once, so that a key which is a number is sorted as the text it becomes. A lone
    surrogate (Windows allows it in a name) turns into its ``\\ud800`` escape, which reads back the same.
    Raises ValueError for NaN and TypeError for what JSON does not know.
    """
    plain = json.loads(json.dumps(value, allow_nan=False))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")
