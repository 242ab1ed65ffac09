"""A sample file of any length as arrays: a day of probes in a fraction of a second. Knows no meaning of a column.

A small file is read by the standard library: importing pandas takes longer than reading it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snlm_lib.units import parse_utc

__all__ = ["LARGE_BYTES", "Table", "Words", "read_table"]

LARGE_BYTES = 2_000_000
_EMPTY = float("nan")


@dataclass(frozen=True)
class Words:
    """A column of few different texts: ``names[codes[i]]`` is row i's."""

    codes: NDArray[np.intp]
    names: tuple[str, ...]

    def equals(self, name: str) -> NDArray[np.bool_]:
        """Where the text is ``name``."""
        return self._where([one == name for one in self.names])

    def among(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Where the text is one of ``names``."""
        return self._where([one in names for one in self.names])

    def begins(self, start: str) -> NDArray[np.bool_]:
        """Where the text begins with ``start``."""
        return self._where([one.startswith(start) for one in self.names])

    def texts(self) -> list[str]:
        """Every row's text."""
        return [self.names[code] for code in self.codes]

    def __len__(self) -> int:
        return len(self.codes)

    def _where(self, chosen: Sequence[bool]) -> NDArray[np.bool_]:
        return np.array(chosen, dtype=np.bool_)[self.codes] if self.names else np.zeros(len(self.codes), np.bool_)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Words:
        return Words(self.codes[rows], self.names)


@dataclass(frozen=True)
class Table:
    """Columns by name: ``numbers`` (NaN where empty or none), ``stamps`` as seconds since 1970 UTC, ``words``."""

    rows: int
    numbers: dict[str, NDArray[np.float64]]
    stamps: dict[str, NDArray[np.float64]]
    words: dict[str, Words]


@dataclass(frozen=True)
class _Wanted:
    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    stamps: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return [name for name in self.columns if name not in (*self.numbers, *self.stamps)]


def read_table(
    data: bytes, columns: Sequence[str], *, numbers: Sequence[str], stamps: Sequence[str], large: int = LARGE_BYTES
) -> Table:
    """The rows of ``data``, CSV in UTF-8 without a header line; a row that is not whole is left out.

    ``columns`` names them in order; what is in neither ``numbers`` nor ``stamps`` is words.
    """
    wanted = _Wanted(tuple(columns), tuple(numbers), tuple(stamps))
    plain = data.replace(b"\0", b"") if b"\0" in data else data  # a disk that was full leaves such
    if b'"' in plain:  # a name may need quotes, but goes over no line: an open quote would swallow the rest
        plain = b"".join(line for line in plain.splitlines(keepends=True) if not line.count(b'"') % 2)
    return _by_pandas(plain, wanted) if len(plain) >= large else _by_hand(plain, wanted)


def _by_hand(data: bytes, wanted: _Wanted) -> Table:
    text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
    rows = [row for row in csv.reader(text) if len(row) == len(wanted.columns)]
    cells = {name: [row[index] for row in rows] for index, name in enumerate(wanted.columns)}
    return Table(
        rows=len(rows),
        numbers={name: _floats(cells[name], float) for name in wanted.numbers},
        stamps={name: _floats(cells[name], _stamp_s) for name in wanted.stamps},
        words={name: _words(cells[name]) for name in wanted.words},
    )


def _floats(cells: Sequence[str], read: Callable[[str], float]) -> NDArray[np.float64]:
    return np.array([_number(cell, read) for cell in cells], dtype=np.float64)


def _number(cell: str, read: Callable[[str], float]) -> float:
    try:
        found = read(cell)
    except ValueError:
        return _EMPTY
    return found if math.isfinite(found) else _EMPTY


def _stamp_s(text: str) -> float:
    return parse_utc(text).timestamp()


def _words(cells: Sequence[str]) -> Words:
    names = {name: code for code, name in enumerate(dict.fromkeys(cells))}
    return Words(np.array([names[cell] for cell in cells], dtype=np.intp), tuple(names))


def _by_pandas(data: bytes, wanted: _Wanted) -> Table:
    import pandas as pd  # here: it costs whoever reads a small file, and every kernel, a third of a second

    frame = pd.read_csv(
        io.BytesIO(data),
        names=list(wanted.columns),
        header=None,
        dtype=dict.fromkeys(wanted.words, "category"),
        keep_default_na=False,
        na_values={name: [""] for name in (*wanted.numbers, *wanted.stamps)},
        parse_dates=list(wanted.stamps),
        date_format="ISO8601",
        on_bad_lines="skip",
        low_memory=False,
        encoding_errors="replace",
    )
    frame = frame[frame[wanted.words].notna().all(axis=1)]  # what a cut line lacks is no text, not even an empty one
    stamps = (pd.to_datetime(frame[name], errors="coerce", utc=True, format="ISO8601") for name in wanted.stamps)
    return Table(
        rows=len(frame),
        numbers={
            name: _finite(pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=_EMPTY))
            for name in wanted.numbers
        },
        stamps={
            name: _seconds(found.dt.tz_localize(None).to_numpy("datetime64[us]"))
            for name, found in zip(wanted.stamps, stamps, strict=True)
        },
        words={
            name: Words(frame[name].cat.codes.to_numpy().astype(np.intp), tuple(map(str, frame[name].cat.categories)))
            for name in wanted.words
        },
    )


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, _EMPTY)


def _seconds(moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    return np.where(np.isnat(moments), _EMPTY, moments.astype(np.int64) / 1e6)
