"""Sample files as columns: what figures are drawn from; a CSV of any length, an unfinished last line left out."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from snlm_lib.units import parse_utc

__all__ = ["Columns", "moments", "numbers", "read_samples", "texts"]


class Columns(Protocol):
    """A mapping of column names to values: what `read_samples` returns, or a pandas DataFrame."""

    def get(self, name: str, default: Any, /) -> Any: ...


def read_samples(path: Path) -> dict[str, list[str]]:
    """Header and rows of a sample file as columns of text; nothing when the file is missing or not text.

    A row that is cut short (the writer was killed) is left out.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(line.replace("\0", "") for line in file if not line.startswith("# ")))
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    if not rows:
        return {}
    whole = [row for row in rows[1:] if len(row) == len(rows[0])]
    return {name: [row[index] for row in whole] for index, name in enumerate(rows[0])}


def _column(samples: Columns, name: str) -> Iterable[Any]:
    found: Iterable[Any] = samples.get(name, ())
    return found


def numbers(samples: Columns, name: str) -> list[float | None]:
    """A column as numbers; empty, NaN and what is no number are None (unknown)."""
    return [_number(value) for value in _column(samples, name)]


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def texts(samples: Columns, name: str) -> list[str]:
    """A column as text; what is missing is empty."""
    return ["" if value is None or value != value else str(value) for value in _column(samples, name)]


def moments(samples: Columns, name: str) -> list[datetime | None]:
    """A column of UTC stamps; what is none is None."""
    return [_moment(value) for value in texts(samples, name)]


def _moment(text: str) -> datetime | None:
    try:
        return parse_utc(text)
    except ValueError:
        return None
