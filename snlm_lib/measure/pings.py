"""pings.csv as arrays, and one kind of one target in order, each probe with its last word. Pure analysis.

Rows stand in the file in the order in which fates became known: a probe is first lost, and late when its answer
comes after all. The later row counts. A second answer is a row of its own and never a probe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snlm_lib.errors import RecordError
from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LATE, LOST, NOT_SENT, PING_COLUMNS, STALLED
from snlm_lib.measure.ping_file import AT_SENT, BETWEEN, PINGS_SCHEMA, PingHeader, TargetFacts, read_header
from snlm_lib.measure.table import LARGE_BYTES, Table, Words, read_table
from snlm_lib.measure.wall import Floats, WallClock

__all__ = ["CONTROL", "KINDS", "PINGS_1", "Pings", "Series", "parse_pings", "read_pings", "series_of"]

KINDS = ("icmp", "udp", "connect", "tcp")  # in the order in which their figures are told
PINGS_1 = "snlm.pings/1"  # had no first line and no column error
CONTROL = "control"
_MARK = b"\n# snlm.pings/"
_MOST = 2.0**53  # of a number: what is larger counts nothing
_ASTRAY, _ASTRAY_S = 2, 1.0  # intervals that a tick may be due beside its number, and more that it may be sent beside
_STATUSES = (ANSWERED, LATE, LOST, NOT_SENT, DUPLICATE)

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pings:
    """Every row of one file, in the file's order; NaN is unknown.

    ``due_s`` and ``sent_s`` are seconds since the monitor's start on its own clock, ``utc_s`` seconds since 1970.
    ``schema`` says what wrote it.
    """

    schema: str
    header: PingHeader
    seq: Ints
    target: Words
    kind: Words
    due_s: Floats
    sent_s: Floats
    utc_s: Floats
    status: Words
    rtt_ms: Floats
    error: Words

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def last_sent_utc(self) -> datetime | None:
        """When the last probe left; None when none did."""
        sent = self.sent_s[np.isfinite(self.sent_s)]
        return self.wall.utc(float(sent.max())) if len(sent) else None

    @cached_property
    def whole_ms(self) -> bool:
        """Round trips are told in whole milliseconds: figures of them have no decimals either."""
        known = self.rtt_ms[np.isfinite(self.rtt_ms)]
        return self.header.moments == BETWEEN and bool((known == np.floor(known)).all())

    @cached_property
    def wall(self) -> WallClock:
        """The wall clock over the monitor's own."""
        return WallClock(self.sent_s, self.utc_s)


@dataclass(frozen=True)
class Series:
    """One kind of one target seen from one vantage: one entry a probe, by ``seq``; what has no row (yet) has none.

    ``at_s`` is when it was sent, or was due when it was not; it left no earlier than ``from_s``, which is the same
    unless its moment is only bracketed. ``duplicates_s`` are the moments of second answers.
    ``stalled``: answered while the monitor did not run, so nobody knows when. ``wall`` turns seconds into UTC and back.
    """

    vantage: str
    target: TargetFacts
    kind: str
    interval_s: float
    found_by_s: float  # after its sending no answer is found any more
    seq: Ints
    from_s: Floats
    at_s: Floats
    status: Words
    rtt_ms: Floats
    error: Words
    duplicates_s: Floats
    wall: WallClock

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def name(self) -> str:
        """The target's name."""
        return self.target.name

    @property
    def answered(self) -> Bools:
        """An answer came, in time or late."""
        return self.status.equals(ANSWERED) | self.status.equals(LATE)

    @property
    def lost(self) -> Bools:
        """No answer came."""
        return self.status.equals(LOST)

    @property
    def not_sent(self) -> Bools:
        """The tick passed without a probe: our own fault."""
        return self.status.equals(NOT_SENT)

    @property
    def stalled(self) -> Bools:
        """Answered while the monitor did not run."""
        return self.error.begins(STALLED) & self.answered

    @property
    def received_s(self) -> Floats:
        """When each answer came; NaN when none did, or nobody knows when."""
        return self.at_s + self.rtt_ms / 1000


def read_pings(path: Path) -> Pings:
    """The samples in ``path``, of version 1 or 2; a line that is not whole is left out.

    Raises RecordError when the file is missing or is no pings.csv.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError("no samples to read", where=str(path), remedy="Was the step that writes them run?") from error
    return parse_pings(data, where=str(path))


def parse_pings(data: bytes, *, where: str, large: int = LARGE_BYTES) -> Pings:
    """What `read_pings` makes of a file's content; from ``large`` bytes on by the faster reader."""
    data = data[: data.rfind(b"\n") + 1].removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise RecordError("no whole line in it", where=where, remedy="Bring the file back from a copy.")
    schema, header = PINGS_1, None
    if data.startswith(b"#"):
        first, data = _line(data)
        schema, header = PINGS_SCHEMA, _header(first, where)
        _refuse_another(first, data, where)
    names, data = _line(data)
    columns = tuple(names.split(","))
    if columns != PING_COLUMNS and (header or columns != PING_COLUMNS[:-1]):
        raise RecordError(f"not a pings.csv: its columns are {_shown(names)}", where=where)
    table = read_table(data, columns, numbers=("seq", "due_s", "sent_s", "rtt_ms"), stamps=("sent_utc",), large=large)
    return _pings(table, schema, header)


def _header(line: str, where: str) -> PingHeader:
    try:
        return read_header(f"{line}\n")
    except RecordError as error:
        if line.startswith(f"# {PINGS_SCHEMA} "):
            remedy = "Cut it out of a copy: that is read by its rows alone, without roles and clocks."
            raise RecordError("its first line is damaged", where=where, remedy=remedy) from error
        raise RecordError(
            f"not a pings.csv of a known version: it begins with {line[:40]!r}",
            where=where,
            remedy=f"Read it with the snlm that wrote it; this one knows {PINGS_1} and {PINGS_SCHEMA}.",
        ) from error


def _refuse_another(first: str, data: bytes, where: str) -> None:
    """Two monitors count from zero both: one would hide what the other saw."""
    at = data.find(_MARK)
    while at >= 0:
        if _line(data[at + 1 :])[0] != first:
            line = data.count(b"\n", 0, at) + 3
            remedy = "Cut it there: a file for each."
            raise RecordError(f"samples of another monitor begin in line {line}", where=where, remedy=remedy)
        at = data.find(_MARK, at + 1)


def _shown(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:100]


def _line(data: bytes) -> tuple[str, bytes]:
    line, _, rest = data.partition(b"\n")
    return line.decode("utf-8", errors="replace").rstrip("\r"), rest


def _pings(table: Table, schema: str, header: PingHeader | None) -> Pings:
    numbers, words = table.numbers, table.words
    whole = words["status"].among(_STATUSES) & words["kind"].among(KINDS) & _sound(table, header)
    error = words.get("error", Words(np.zeros(table.rows, dtype=np.intp), ("",)))
    seq, due_s = numbers["seq"][whole].astype(np.int64), numbers["due_s"][whole]
    return Pings(
        schema=schema,
        header=header or PingHeader("", "", _interval_ms(seq, due_s), timeout_ms=None, targets=(), resolution_ms=0.0),
        seq=seq,
        target=words["target"][whole],
        kind=words["kind"][whole],
        due_s=due_s,
        sent_s=numbers["sent_s"][whole],
        utc_s=table.stamps["sent_utc"][whole],
        status=words["status"][whole],
        rtt_ms=numbers["rtt_ms"][whole],
        error=error[whole],
    )


def _sound(table: Table, header: PingHeader | None) -> Bools:
    """Where a row's numbers can be: anybody may have edited the file."""
    seq, due_s, sent_s, rtt_ms = (table.numbers[name] for name in ("seq", "due_s", "sent_s", "rtt_ms"))
    sound = _counts(seq) & _counts(due_s)
    for values in (sent_s, rtt_ms):
        sound = sound & (np.isnan(values) | _counts(values))
    if header is None or header.moments != AT_SENT:
        return sound
    astray_s = _ASTRAY * header.interval_ms / 1000
    due_by_number = np.abs(due_s - seq * header.interval_ms / 1000) <= astray_s
    sent_when_due = np.isnan(sent_s) | (np.abs(sent_s - due_s) <= astray_s + _ASTRAY_S)
    return np.asarray(sound & due_by_number & sent_when_due)


def _counts(values: Floats) -> Bools:
    """From zero up; what is unknown is not."""
    return np.asarray((values >= 0) & (values < _MOST))


def _interval_ms(seq: Ints, due_s: Floats) -> float:
    """Every tick is due at its number times the interval."""
    known = np.isfinite(due_s) & (seq > 0)
    return float(np.median(due_s[known] / seq[known])) * 1000 if known.any() else 0.0


def series_of(*files: Pings) -> Iterator[Series]:
    """Each kind of each target in each file: machines before controls, by the header's order, then by name."""
    for pings in files:
        wall = pings.wall
        listed = [one.name for one in pings.header.targets]
        for name in sorted(pings.target.names, key=lambda one: (_role(pings, one), _place(listed, one), one)):
            mine = pings.target.equals(name)
            for kind in KINDS:
                rows = np.flatnonzero(mine & pings.kind.equals(kind))
                if len(rows):
                    yield _series(pings, name, kind, rows, wall)


def _role(pings: Pings, name: str) -> bool:
    return _target(pings, name).role == CONTROL


def _target(pings: Pings, name: str) -> TargetFacts:
    return next((one for one in pings.header.targets if one.name == name), TargetFacts(name))


def _place(listed: list[str], name: str) -> int:
    return listed.index(name) if name in listed else len(listed)


def _series(pings: Pings, name: str, kind: str, rows: NDArray[np.intp], wall: WallClock) -> Series:
    twice = pings.status[rows].equals(DUPLICATE)
    again, rows = rows[twice], _last_words(pings.seq, rows[~twice])
    sent, due = pings.sent_s[rows], pings.due_s[rows]
    at_s = np.where(np.isfinite(sent), sent, due)
    return Series(
        vantage=pings.header.vantage,
        target=_target(pings, name),
        kind=kind,
        interval_s=pings.header.interval_ms / 1000,
        found_by_s=pings.header.found_by_s,
        seq=pings.seq[rows],
        from_s=np.fmin(due, at_s) if pings.header.moments == BETWEEN else at_s,
        at_s=at_s,
        status=pings.status[rows],
        rtt_ms=pings.rtt_ms[rows],
        error=pings.error[rows],
        duplicates_s=pings.sent_s[again],
        wall=wall,
    )


def _last_words(seq: Ints, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of the rows of one probe the last, by number."""
    ordered = rows[np.argsort(seq[rows], kind="stable")]
    numbers = seq[ordered]
    last = np.append(numbers[1:] != numbers[:-1], True)[: len(ordered)]
    return np.asarray(ordered[last])
