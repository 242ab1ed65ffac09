"""pings.csv as it is written: one line of header in JSON, the columns, then rows in the order their fates are known.

Knows no probe and no socket; whoever measures with another tool writes the same file.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from snlm_lib.clock import Clock
from snlm_lib.errors import RecordError
from snlm_lib.measure.ledger import LATE_WINDOW_S, PING_COLUMNS, PingRow
from snlm_lib.units import parse_utc

__all__ = ["AT_SENT", "BETWEEN", "FLUSH_S", "PINGS_SCHEMA", "PingFile", "PingHeader", "TargetFacts", "read_header"]

PINGS_SCHEMA = "snlm.pings/2"
_MOST = 1e10  # of any figure: seconds of three centuries, milliseconds of four months
AT_SENT, BETWEEN = "sent_s", "due_s..sent_s"  # when a probe left, as its row tells it
FLUSH_S = 0.4  # rows reach the disk at least this often; doing so wakes much that one probe does not


@dataclass(frozen=True)
class TargetFacts:
    """A target as the header names it: its probe kinds, and what is exchanged by those that exchange bytes."""

    name: str
    role: str = "machine"
    address: str = ""
    kinds: tuple[str, ...] = ()
    exchanges: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PingHeader:
    """The first line of the file: who measured, from when on both clocks, how finely, and whom.

    ``resolution_ms`` is what the samples can honestly tell apart; ``clock_offsets_s`` each host's clock minus ours.
    ``moments``: did a probe leave at ``sent_s``, or is it known only that it left after ``due_s`` and before that?
    """

    vantage: str
    started_utc: str
    interval_ms: float
    timeout_ms: float | None
    targets: tuple[TargetFacts, ...]
    resolution_ms: float
    moments: str = AT_SENT
    started_monotonic_s: float | None = None
    late_window_s: float = LATE_WINDOW_S
    clock_offsets_s: Mapping[str, float | None] = field(default_factory=dict)
    interpreter: str = f"{platform.python_implementation()} {platform.python_version()}"
    platform: str = sys.platform

    @property
    def found_by_s(self) -> float:
        """How long after its sending an answer can have been found: through time-out and late window, and once more a
        time-out when the monitor did not run (after a longer stall nothing is believed); infinite where unknown."""
        return math.inf if self.timeout_ms is None else 2 * self.timeout_ms / 1000 + self.late_window_s

    def line(self) -> str:
        """The line as it stands in the file."""
        return f"# {PINGS_SCHEMA} {json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)}\n"


def read_header(line: str) -> PingHeader:
    """Read what `PingHeader.line` wrote, unknown keys left out; raises RecordError for a line that is none."""
    mark, _, text = line.partition(f"# {PINGS_SCHEMA} ")
    try:
        raw: Any = json.loads(text) if not mark else None
        targets = tuple(
            TargetFacts(**{**_known(TargetFacts, one), "kinds": tuple(one["kinds"])}) for one in raw["targets"]
        )
        header = PingHeader(**{**_known(PingHeader, raw), "targets": targets})
        _refuse_odd(header)
        return header
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"not a first line of schema {PINGS_SCHEMA} ({type(error).__name__})") from error


def _refuse_odd(header: PingHeader) -> None:
    """Anybody may have written it: raises ValueError for a text that is none and for a number that cannot be."""
    texts = [header.vantage, header.started_utc, header.moments]
    texts += [word for target in header.targets for word in (target.name, target.role, target.address, *target.kinds)]
    texts += [word for target in header.targets for pair in target.exchanges.items() for word in pair]
    spans = [header.interval_ms, header.resolution_ms, *_given([header.timeout_ms])]
    numbers = [*spans, header.late_window_s, *_given([header.started_monotonic_s, *header.clock_offsets_s.values()])]
    whole = all(type(each) in (int, float) and abs(each) < _MOST for each in numbers)
    if not whole or min(spans) <= 0 or header.late_window_s < 0 or not all(isinstance(word, str) for word in texts):
        raise ValueError("a figure or a name that cannot be")
    if header.started_utc:
        parse_utc(header.started_utc)


def _given(numbers: Iterable[float | None]) -> list[float]:
    return [number for number in numbers if number is not None]


def _known(kind: type[PingHeader] | type[TargetFacts], raw: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {key: value for key, value in raw.items() if key in names}


class PingFile:
    """pings.csv: rows are appended and reach the disk a few times a second; ``written`` of them are there.

    Writing raises FileNotFoundError when the file is no longer where it was, OSError when the disk refuses.
    """

    def __init__(self, path: Path, header: PingHeader, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._file = path.open("xb", buffering=0)  # what is not on the disk yet stays here, where we know of it
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._text.write(header.line())
        self._writer.writerow(PING_COLUMNS)
        self._bytes = b""
        self._rows = 0
        self.written = 0
        try:
            self.flush()
        except OSError:  # a file without its first lines is nobody's samples
            self._file.close()
            path.unlink(missing_ok=True)
            raise

    def write(self, rows: Sequence[PingRow]) -> None:
        """Append ``rows``; forces them out when the last time is long enough ago."""
        self._writer.writerows(rows)
        self._rows += len(rows)
        if self._clock.monotonic_s() - self._flushed_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Everything to the disk now."""
        self._flushed_s = self._clock.monotonic_s()
        self._bytes += self._text.getvalue().encode("utf-8")
        self._text.seek(0)
        self._text.truncate()
        while self._bytes:
            self._bytes = self._bytes[self._file.write(self._bytes) :]
        self.written = self._rows
        # elsewhere than on Windows a file that was deleted or moved takes rows without a word
        if not os.path.samestat(self._path.stat(), os.fstat(self._file.fileno())):
            raise FileNotFoundError(f"another file than ours: {self._path}")

    def close(self) -> None:
        """Let go of the file, with what the disk still takes; what it refused was already reported."""
        with suppress(OSError):
            if not self._file.closed:
                self.flush()
        self._file.close()
