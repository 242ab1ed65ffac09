"""`snlm verify`: whether a record is whole, in sentences."""

from __future__ import annotations

from pathlib import Path

from snlm_lib.errors import RecordError
from snlm_lib.progress import Watcher
from snlm_lib.record.seal import verify as look

__all__ = ["verify"]


def verify(watcher: Watcher, record: Path, anchor: str | None) -> int:
    """Say what is altered, missing or added; 0 whole, 1 damaged. Raises RecordError for what is no record."""
    found = look(record, anchor=anchor)
    if found.state == "not-a-record":
        raise RecordError(found.sentences()[0], remedy="Name a folder such as outputs/CHANGE/START.")
    for sentence in found.sentences():
        watcher.say(sentence)
    return found.exit_code
