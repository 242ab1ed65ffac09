"""How a monitor is doing while it runs: its samples counted as they grow. Judges nothing, and reads each row once."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LATE, LOST, PING_COLUMNS

__all__ = ["Tally"]

_KIND, _STATUS, _UTC = (PING_COLUMNS.index(name) for name in ("kind", "status", "sent_utc"))
_MOST_LOST = 20_000  # of the newest: who is lost longer than the late window stays so


@dataclass
class Tally:
    """Counts by (target, kind) and status; `read` takes what was written since. A file that is not there is empty.

    A probe told lost that is answered late after all is late. ``last_lost_utc`` is as the row says it.
    """

    path: Path
    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    last_lost_utc: str | None = None
    _offset: int = 0
    _rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    _newest: dict[tuple[str, str], int] = field(default_factory=dict)
    _lost: dict[tuple[str, str, str], None] = field(default_factory=dict)

    @property
    def probes(self) -> int:
        """Probes whose fate is known."""
        return sum(self._sum(status) for status in (ANSWERED, LATE, LOST))

    @property
    def lost(self) -> int:
        """Probes without an answer."""
        return self._sum(LOST)

    @property
    def settled(self) -> bool:
        """Is the fate of every probe known that left before the newest known one of its kind?"""
        return all(self._rows[each] == newest + 1 for each, newest in self._newest.items())

    def silent(self) -> list[tuple[str, str]]:
        """Targets and kinds of which no probe was ever answered."""
        return [each for each in self.counts if not self.answered(*each)]

    def answered(self, target: str, kind: str) -> bool:
        """Was any probe of this kind answered, in time or late?"""
        counts = self.counts.get((target, kind), Counter())
        return bool(counts[ANSWERED] or counts[LATE])

    def read(self) -> None:
        """Count the whole lines written since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = whole.decode("utf-8", "replace").splitlines()
        for row in csv.reader(line for line in lines if not line.startswith("#")):
            if len(row) > _STATUS and row[0].isdigit():
                self._count(row)

    def _count(self, row: list[str]) -> None:
        key, target, status = (row[1], row[_KIND], row[0]), (row[1], row[_KIND]), row[_STATUS]
        counts = self.counts.setdefault(target, Counter())
        if status == DUPLICATE:
            return
        if status == LATE and key in self._lost:
            del self._lost[key]
            counts[LOST] -= 1
        else:
            self._rows[target] += 1
            self._newest[target] = max(self._newest.get(target, 0), int(row[0]))
        counts[status] += 1
        if status == LOST:
            self.last_lost_utc = row[_UTC]
            self._lost[key] = None
            if len(self._lost) > _MOST_LOST:
                del self._lost[next(iter(self._lost))]

    def _sum(self, status: str) -> int:
        return sum(counts[status] for counts in self.counts.values())
