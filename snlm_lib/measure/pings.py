"""pings.csv as columns, and one kind of one target as plain ticks in order. Pure analysis."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from snlm_lib.errors import RecordError
from snlm_lib.measure.channels import TCP, UDP
from snlm_lib.measure.ledger import ANSWERED, LATE, LOST, NOT_SENT, PING_COLUMNS
from snlm_lib.measure.samples import Columns, numbers, texts
from snlm_lib.units import parse_utc

__all__ = ["KINDS", "Series", "Tick", "read_pings", "read_whole_lines", "series_of"]

KINDS = (UDP, TCP)  # in the order in which their figures are told
_STATUSES = (ANSWERED, LATE, LOST, NOT_SENT)


def read_whole_lines(path: Path) -> io.StringIO:
    """The text of a CSV that may still be written to, without a torn last line.

    Raises RecordError when there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError("no samples to read", where=str(path), remedy="Was the step that writes them run?") from error
    return io.StringIO(text[: text.rfind("\n") + 1])


def read_pings(path: Path) -> dict[str, list[str]]:
    """The samples as columns of text (``pandas.DataFrame`` takes them), a line that is not whole left out.

    Raises RecordError when the file is missing or is no pings.csv.
    """
    lines = (line for line in read_whole_lines(path) if not line.startswith("# "))
    rows = [row for row in csv.reader(lines) if row]
    if not rows:
        raise RecordError("empty", where=str(path))
    columns = tuple(rows[0])
    if columns not in (PING_COLUMNS, PING_COLUMNS[:-1]):  # without the last one: schema 1
        raise RecordError(f"not a pings.csv: its columns are {', '.join(rows[0])}", where=str(path))
    whole = [row for row in rows[1:] if len(row) == len(columns)]
    return {name: [row[index] for row in whole] for index, name in enumerate(columns)}


@dataclass(frozen=True)
class Tick:
    """One row; ``at_s`` is when it was sent, or was due when it was not."""

    seq: int
    at_s: float
    status: str
    rtt_ms: float | None

    @property
    def answered(self) -> bool:
        """An answer came, in time or late."""
        return self.status in (ANSWERED, LATE)

    @property
    def received_s(self) -> float | None:
        """When the answer came."""
        return None if self.rtt_ms is None else self.at_s + self.rtt_ms / 1000


@dataclass(frozen=True)
class Series:
    """One probe kind of one target: its ticks by seq, and the UTC moment of second 0."""

    target: str
    kind: str
    ticks: tuple[Tick, ...]
    zero_utc: datetime | None

    def utc(self, at_s: float) -> datetime | None:
        """The UTC moment of second ``at_s``; None when nothing was ever sent."""
        return None if self.zero_utc is None else self.zero_utc + timedelta(seconds=at_s)

    def seconds(self, moment: datetime) -> float | None:
        """The reverse of `utc`."""
        return None if self.zero_utc is None else (moment - self.zero_utc).total_seconds()


def series_of(samples: Columns) -> Iterator[Series]:
    """Each kind of each target in ``samples``, in the order of their names; rows that are no sample are left out."""
    found: dict[tuple[str, str], list[tuple[Tick, float | None, str]]] = {}
    for target, kind, *row in _rows(samples):
        found.setdefault((target, kind), []).append(_tick(*row))
    for (target, kind), rows in sorted(found.items()):
        rows = sorted({row[0].seq: row for row in rows}.values(), key=lambda row: row[0].seq)  # a later row supersedes
        yield Series(target, kind, tuple(tick for tick, _, _ in rows), _zero(rows))


def _rows(samples: Columns) -> Iterator[tuple[Any, ...]]:
    columns = [
        *(texts(samples, name) for name in ("target", "kind", "seq")),
        *(numbers(samples, name) for name in ("due_s", "sent_s", "rtt_ms")),
        *(texts(samples, name) for name in ("status", "sent_utc")),
    ]
    for row in zip(*columns, strict=True):
        if row[1] in KINDS and row[2].isdigit() and row[6] in _STATUSES:
            yield row


def _tick(
    seq: str, due_s: float | None, sent_s: float | None, rtt_ms: float | None, status: str, sent_utc: str
) -> tuple[Tick, float | None, str]:
    at_s = sent_s if sent_s is not None else due_s
    return Tick(int(seq), at_s or 0.0, status, rtt_ms), sent_s, sent_utc


def _zero(rows: Sequence[tuple[Tick, float | None, str]]) -> datetime | None:
    for _, sent_s, sent_utc in rows:
        if sent_s is not None:
            with suppress(ValueError):  # not sent, or a stamp that is none
                return parse_utc(sent_utc) - timedelta(seconds=sent_s)
    return None
