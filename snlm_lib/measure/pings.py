"""pings.csv as a table, and one kind of one target as plain ticks in order. Pure analysis."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from snlm_lib.errors import RecordError
from snlm_lib.measure.channels import TCP, UDP
from snlm_lib.measure.ledger import ANSWERED, LATE, LOST, NOT_SENT, PING_COLUMNS

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


def read_pings(path: Path) -> pd.DataFrame:
    """The samples with types, by target, kind and seq: seq int, due_s, sent_s, rtt_ms float (NaN unknown),
    sent_utc aware datetime (NaT unknown), target, kind, status text.

    Lines that are no sample (a torn one of a killed monitor) are left out. Raises RecordError when the
    file is missing or is no pings.csv.
    """
    try:
        raw = pd.read_csv(read_whole_lines(path), dtype=str, keep_default_na=False, on_bad_lines="skip")
    except pd.errors.EmptyDataError:
        raise RecordError("empty", where=str(path)) from None
    if tuple(raw.columns) != PING_COLUMNS:
        raise RecordError(f"not a pings.csv: its columns are {', '.join(raw.columns)}", where=str(path))
    frame = raw[raw["status"].isin(_STATUSES) & raw["kind"].isin(KINDS) & raw["seq"].str.isdigit()].copy()
    frame["seq"] = frame["seq"].astype("int64")
    for column in ("due_s", "sent_s", "rtt_ms"):
        frame[column] = pd.to_numeric(frame[column].replace("", None), errors="coerce").astype("float64")
    frame["sent_utc"] = pd.to_datetime(frame["sent_utc"], format="ISO8601", utc=True, errors="coerce")
    return frame.sort_values(["target", "kind", "seq"], kind="stable").reset_index(drop=True)


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


def series_of(frame: pd.DataFrame) -> Iterator[Series]:
    """Each kind of each target in ``frame``, in the order of their names."""
    for (target, kind), part in frame.groupby(["target", "kind"], sort=True):
        ordered = part.sort_values("seq", kind="stable")
        sent = ordered.dropna(subset=["sent_s", "sent_utc"])
        zero = None
        if len(sent):
            first = sent.iloc[0]
            zero = first["sent_utc"].to_pydatetime() - timedelta(seconds=float(first["sent_s"]))
        yield Series(str(target), str(kind), tuple(_ticks(ordered)), zero)


def _ticks(part: pd.DataFrame) -> Iterator[Tick]:
    columns = (part[name].tolist() for name in ("seq", "due_s", "sent_s", "status", "rtt_ms"))
    for seq, due_s, sent_s, status, rtt_ms in zip(*columns, strict=True):
        yield Tick(int(seq), due_s if pd.isna(sent_s) else sent_s, str(status), None if pd.isna(rtt_ms) else rtt_ms)
