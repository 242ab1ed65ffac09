"""pings.csv as the plain rows that stand in it, for tests of who writes it."""

from __future__ import annotations

import csv
from pathlib import Path

Row = dict[str, str]


def raw_rows(path: Path) -> list[Row]:
    """Every whole row, in the file's order; a torn last line is none."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return list(csv.DictReader(line for line in lines if not line.startswith("# ")))


def last_words(path: Path, kind: str) -> dict[int, Row]:
    """The row that counts of every probe of a kind, by its number in their order."""
    found = {int(row["seq"]): row for row in raw_rows(path) if row["kind"] == kind and row["status"] != "duplicate"}
    return dict(sorted(found.items()))
