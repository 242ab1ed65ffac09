"""`snlm verify`: whether a record is whole, in sentences."""

from __future__ import annotations

from pathlib import Path

from snlm_lib.progress import Watcher
from snlm_lib.record.seal import verify as look

__all__ = ["verify"]


def verify(watcher: Watcher, record: Path, anchor: str | None) -> int:
    """Say what is altered, missing or added; 0 whole, 1 damaged, 2 no record."""
    found = look(record, anchor=anchor)
    for sentence in found.sentences():
        watcher.say(sentence)
    return found.exit_code
