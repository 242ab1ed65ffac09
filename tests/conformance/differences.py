"""What differs between two accounts, held against the list of differences that are known and explained."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conformance.shapes import SENT, Line

FILE = Path(__file__).with_name("differences.yaml")


@dataclass(frozen=True)
class Found:
    """One line that only one ``side`` ("windows" or "lab") has."""

    side: str
    where: str
    what: str


@dataclass(frozen=True)
class Known:
    """One explained difference: regular expressions that must match a whole ``where`` and ``what``."""

    side: str
    where: str
    what: str
    reason: str

    def explains(self, found: Found) -> bool:
        if self.side != found.side:
            return False
        return bool(re.fullmatch(self.where, found.where) and re.fullmatch(self.what, found.what))


def known() -> list[Known]:
    """The list, in the file's order."""
    return [Known(**item) for item in yaml.safe_load(FILE.read_text(encoding="utf-8"))["differences"]]


def made_from() -> list[str]:
    """The recordings the list was made from."""
    return list(yaml.safe_load(FILE.read_text(encoding="utf-8"))["recordings"])


def between(windows: Set[Line], lab: Set[Line]) -> set[Found]:
    """What one side lacks; of a missing element only itself, not what hangs on it."""
    return {
        *(Found("windows", *line) for line in _topmost(windows - lab, lab)),
        *(Found("lab", *line) for line in _topmost(lab - windows, windows)),
    }


def _topmost(missing: Iterable[Line], there: Set[Line]) -> set[Line]:
    by_place: dict[str, set[str]] = defaultdict(set)
    for where, what in missing:
        by_place[where].add(what)
    present = {where for where, _ in there}
    found = set()
    for where, lines in by_place.items():
        if SENT in lines and where not in present:
            found.add((where, SENT))
            continue
        found |= {(where, what) for what in lines if not any(above in lines for above in _above(what))}
    return found


def _above(path: str) -> list[str]:
    return [path[:at] for at, letter in enumerate(path) if letter in "/@"]
