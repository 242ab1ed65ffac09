"""Logs of other tools as samples: ``fping -D``, ``ping`` (``-D``, ``-O``), Windows ``ping -t``, in any language.

Read by their numbers: ``[seq]``, ``seq=``, ``TTL=`` and what follows ``=`` or ``<``; no word is looked for. A line is
printed when its fate is known, so an answered probe left its round trip earlier. Where that is not known a probe's
moment is bracketed, and the bounds of a gap are as much wider:

- fping and ping number their probes: a lost one left between its neighbours, half an interval about where it was due.
- Windows numbers none and prints one after the other: a lost one left after the line before it.
- Without time stamps the pace is taken for granted: ``pace_s`` apart. On Windows a lost one took from that to
  ``timeout_s``: an error comes at once, a time-out does not, and only words could tell one from the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import numpy as np

from snlm_lib.errors import RecordError
from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LATE, LOST
from snlm_lib.measure.ping_file import BETWEEN, PingHeader, TargetFacts
from snlm_lib.measure.pings import Pings, parse_pings
from snlm_lib.measure.table import Words
from snlm_lib.measure.wall import Floats
from snlm_lib.units import iso_utc

__all__ = ["PACE_S", "UNSTAMPED", "WINDOWS_TIMEOUT_S", "parse_log", "read_any"]

UNSTAMPED = "without time stamps"
PACE_S = 1.0  # what ping does unless told otherwise, on Windows too
WINDOWS_TIMEOUT_S = 4.0  # ping's -w unless told otherwise
_DUE_S = 0.5  # of an interval: how far a numbered probe may have left from where it was due
_WRAP = 1 << 16  # icmp_seq has 16 bits
_KIND = "icmp"
_HALF_DAY_S = 43200  # a clock's hands, whether it counts 12 hours or 24

_DAMAGED = "Is the file damaged? Cut the line out that says it."
_MOST_MISSING = 20_000_000  # numbers from first to last: half a year of one a second
_OURS = tuple(mark + begins for mark in (b"", b"\xef\xbb\xbf") for begins in (b"# snlm.pings/", b"seq,"))

_EPOCH = r"(?:\[(?P<at>\d+\.\d+)\]\s*)?"
_FPING = re.compile(_EPOCH + r"(?P<again>\D*?)(?P<host>\S+)\s+: \[(?P<seq>\d+)\], (?:\d+ bytes, (?P<rtt>[\d.]+) ms)?")
_UNIX = re.compile(_EPOCH + r"(?P<line>.*?\bseq[= ]|.*?_seq[= ])(?P<seq>\d+)(?P<rest>.*)")
_UNIX_RTT = re.compile(r"ttl=\d+(?:.*?=(?P<rtt>[\d.,]+) ?ms)?", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?![\w.])")
_WINDOWS_NUMBER = re.compile(r"[=<](\d+)")
_TITLE_END = (":", "\uff1a")
_ALONE = re.compile(r"(?<![\w.:])\d+(?![\w.:])")  # the title tells how many bytes, the statistics' line does not
_TITLE_NAMED = re.compile(r"\[[0-9a-fA-F.:%]+\]|\bping", re.IGNORECASE)
_COUNTS = re.compile(r"=\s*(\d+)")
_UNIX_TITLE = re.compile(r"PING\b")
_WINDOWS_TTL = re.compile(r"\bTTL=\d+")
_TIME_OF_DAY = re.compile(
    r"^.{0,24}?(?:(?<=\dT)|(?<![\w:]))(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
    r"(?:\s*[AaPp]\.?[Mm]\b\.?|Z|\s?[+-]\d\d:?\d\d)?(?![\w:]*\w)[\s\-|;,:\])>]*"
)


@dataclass(frozen=True)
class _Line:
    """One probe's line: ``at_s`` is when it was printed, on any scale; None when the log does not say."""

    seq: int
    target: str
    status: str
    rtt_ms: float | None
    at_s: float | None
    coarse_s: float = 0.0  # what the stamp cannot tell apart


@dataclass(frozen=True)
class _Log:
    """``tool`` is what wrote it; ``dated``: its stamps are seconds since 1970, UTC."""

    tool: str
    lines: list[_Line]
    dated: bool
    numbered: bool


Reader = Callable[[Sequence[str]], _Log]


def read_any(path: Path, *, timeout_s: float = WINDOWS_TIMEOUT_S, pace_s: float = PACE_S) -> Pings:
    """The samples in ``path``: a pings.csv of ours, or another tool's log.

    ``pace_s``: how far apart the probes of a log without time stamps left. Raises RecordError when it cannot be read
    or is none of those.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError("no samples to read", where=str(path), remedy="Is the name right?") from error
    if data.startswith(_OURS):
        return parse_pings(data, where=str(path))
    pings = parse_log(data, where=str(path), timeout_s=timeout_s, pace_s=pace_s)
    return replace(pings, header=replace(pings.header, vantage=path.stem))  # a log does not say where it was made


def parse_log(data: bytes, *, where: str, timeout_s: float = WINDOWS_TIMEOUT_S, pace_s: float = PACE_S) -> Pings:
    """What `read_any` makes of a log's content. Raises RecordError when no line is a probe's."""
    text = _decoded(data).splitlines()
    try:
        for read in _READERS:
            log = read(text)
            if log.lines:
                return _pings(log, timeout_s, pace_s)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"a number in it is out of all reason ({error})", where=where, remedy=_DAMAGED) from error
    raise RecordError(
        "no samples and no ping log: no line in it is a probe's",
        where=where,
        remedy="Give a pings.csv of snlm, or what fping -D, ping or Windows' ping printed.",
    )


def _decoded(data: bytes) -> str:
    """Windows PowerShell redirects in UTF-16, a console in its code page; only ASCII in it is looked at."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _fping(text: Sequence[str]) -> _Log:
    found = [match for match in map(_FPING.match, text) if match]
    lines = [
        _Line(
            int(one["seq"]),
            one["host"],
            DUPLICATE if one["again"] and one["again"].strip() else ANSWERED if one["rtt"] else LOST,
            _number(one["rtt"]),
            _number(one["at"]),
        )
        for one in found
    ]
    return _Log("fping", lines, dated=True, numbered=True)


def _unix(text: Sequence[str]) -> _Log:
    lines: list[_Line] = []
    target, above, last = "", 0, 0
    for line in text:
        match = _UNIX.match(line)
        reply = _UNIX_RTT.search(match["rest"]) if match else None
        address = _ADDRESS.search(match["line"] if match else line)
        titled = bool(_UNIX_TITLE.match(line))
        if address and address[0] != target and (titled or reply):
            target, above, last = address[0], 0, 0
        if match is None:
            continue
        seq = int(match["seq"]) + above
        if last - seq > _WRAP // 2:
            above, seq = above + _WRAP, seq + _WRAP
        last = seq
        again = reply is not None and match["rest"].rstrip().endswith("!)")
        status = DUPLICATE if again else ANSWERED if reply else LOST
        lines.append(_Line(seq, target, status, _number(reply["rtt"]) if reply else None, _number(match["at"])))
    return _Log("ping", lines, dated=True, numbered=True)


class _Windows:
    """Replies, and between a title and the next empty line whatever else stands there: probes without a reply.

    ``sure``: it is Windows' ping, and not any text.
    """

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.sure = False
        self.target = ""
        self._inside = False
        self._at_s: float | None = None

    def feed(self, raw: str) -> None:
        """The next line."""
        coarse_s, told = self._stamped(raw)
        rtt_ms, replied = self._reply(told)
        address = _ADDRESS.search(told)
        indented = told.startswith(" ")
        if replied:
            self.sure = self._inside = True
            self.target = self.target or (address[0] if address else "")
            self._add(ANSWERED, rtt_ms, coarse_s)
        elif not told.strip() or (told.rstrip().endswith(_TITLE_END) and not indented):
            self._inside = address is not None and bool(_ALONE.search(told))
            self.target = address[0] if address and self._inside else self.target
            self.sure |= self._inside and bool(_TITLE_NAMED.search(told))
        elif indented and not self._inside:
            self.sure |= bool(self.lines) and _adds_up([int(one) for one in _COUNTS.findall(told)])
        elif self._inside and not indented:
            self._add(LOST, None, coarse_s)

    def _reply(self, told: str) -> tuple[float | None, bool]:
        """The last number before TTL; an answer over IPv6 has no TTL, and no number but its time."""
        numbers = [float(number) for number in _WINDOWS_NUMBER.findall(told)]
        if _WINDOWS_TTL.search(told):
            return (numbers[-2] if len(numbers) > 1 else None), True
        if self._inside and len(numbers) == 1 and _ADDRESS.search(told) and not told.startswith(" "):
            return numbers[0], True
        return None, False

    def _stamped(self, raw: str) -> tuple[float, str]:
        """How coarse the line's own time of day is, and the line without it."""
        found = _TIME_OF_DAY.match(raw)
        if found is None:
            return 0.0, raw
        hours, minutes, seconds, part = found.groups()
        at_s = int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{part or 0}")
        laps = 0 if self._at_s is None else ceil((self._at_s - at_s) / _HALF_DAY_S - 1e-9)
        self._at_s = at_s + max(laps, 0) * _HALF_DAY_S
        return 10.0 ** -len(part or ""), raw[found.end() :]

    def _add(self, status: str, rtt_ms: float | None, coarse_s: float) -> None:
        self.lines.append(_Line(len(self.lines), self.target, status, rtt_ms, self._at_s, coarse_s))


def _adds_up(counts: list[int]) -> bool:
    """Sent, received, lost."""
    return len(counts) == 3 and counts[0] == counts[1] + counts[2] > 0


def _windows(text: Sequence[str]) -> _Log:
    reader = _Windows()
    for line in text:
        reader.feed(line)
    return _Log("Windows ping", reader.lines if reader.sure else [], dated=False, numbered=False)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text.replace(",", "."))


def _pings(log: _Log, timeout_s: float, pace_s: float) -> Pings:
    stamped = all(one.at_s is not None for one in log.lines)
    names = tuple(dict.fromkeys(one.target for one in log.lines))
    wait = _Wait(pace_s, max(timeout_s, pace_s), stamped)
    parts = [_moments([one for one in log.lines if one.target == name], log, wait) for name in names]
    ordered = [one for part in parts for one in part.lines]
    from_s, at_s = (np.concatenate([getattr(part, name) for part in parts]) for name in ("from_s", "at_s"))
    dated = log.dated and stamped
    zero_s = float(np.nanmin(from_s)) if dated else 0.0
    interval_s = float(np.median([part.interval_s for part in parts]))
    statuses = (ANSWERED, LATE, LOST, DUPLICATE)
    return Pings(
        schema=log.tool if stamped else f"{log.tool} {UNSTAMPED}",
        header=PingHeader(
            "",
            iso_utc(datetime.fromtimestamp(zero_s, UTC)) if dated else "",
            interval_ms=round(interval_s * 1000, 3),
            timeout_ms=None if log.numbered else wait.most_s * 1000,
            targets=tuple(TargetFacts(name, address=name, kinds=(_KIND,)) for name in names),
            resolution_ms=round(interval_s * 1000, 3),
            moments=BETWEEN,
        ),
        seq=np.array([one.seq for one in ordered], dtype=np.int64),
        target=Words(np.array([names.index(one.target) for one in ordered], dtype=np.intp), names),
        kind=Words(np.zeros(len(ordered), dtype=np.intp), (_KIND,)),
        due_s=from_s - zero_s,
        sent_s=at_s - zero_s,
        utc_s=at_s if dated else np.full(len(ordered), np.nan),
        status=Words(np.array([statuses.index(one.status) for one in ordered], dtype=np.intp), statuses),
        rtt_ms=np.array([np.nan if one.rtt_ms is None else one.rtt_ms for one in ordered]),
        error=Words(np.zeros(len(ordered), dtype=np.intp), ("",)),
    )


@dataclass(frozen=True)
class _Moments:
    """The lines of one target, and for each from when to when its probe can have left."""

    lines: list[_Line]
    from_s: Floats
    at_s: Floats
    interval_s: float


@dataclass(frozen=True)
class _Wait:
    """From one probe to the next: what is taken for granted where the log is not ``stamped``."""

    pace_s: float
    most_s: float
    stamped: bool


def _moments(lines: list[_Line], log: _Log, wait: _Wait) -> _Moments:
    if not log.numbered:
        return _printed_in_turn(lines) if wait.stamped else _paced(lines, wait)
    lines = _with_the_missing(lines)
    return _numbered(lines) if wait.stamped else _paced_by_number(lines, wait.pace_s)


def _with_the_missing(lines: list[_Line]) -> list[_Line]:
    """ping says nothing of a probe without an answer: its number is missing. The last line of a number counts."""
    last = {one.seq: one for one in lines if one.status != DUPLICATE}
    again = [one for one in lines if one.status == DUPLICATE]
    if not last:
        return again
    if max(last) - min(last) > _MOST_MISSING:
        raise ValueError(f"from probe {min(last)} to {max(last)}")
    waited = {one.seq for one in lines if one.status == LOST}
    found = [last.get(seq) or _Line(seq, lines[0].target, LOST, None, None) for seq in range(min(last), max(last) + 1)]
    told = [replace(one, status=LATE) if one.status == ANSWERED and one.seq in waited else one for one in found]
    return told + again


def _numbered(lines: list[_Line]) -> _Moments:
    seq = np.array([one.seq for one in lines], dtype=np.float64)
    left = np.array([_left_s(one) for one in lines])
    known = np.flatnonzero(np.isfinite(left))
    known = known[np.argsort(seq[known], kind="stable")]
    steps = np.diff(left[known])[np.diff(seq[known]) == 1]
    interval_s = float(np.median(steps)) if len(steps) else PACE_S
    if not len(known):  # nothing but losses: their lines were printed at the same pace
        printed = np.array([np.nan if one.at_s is None else one.at_s for one in lines])
        return _Moments(lines, printed - interval_s, printed, interval_s)
    first, last = known[0], known[-1]
    due = np.interp(seq, seq[known], left[known])
    due = np.where(seq < seq[first], left[first] + (seq - seq[first]) * interval_s, due)
    due = np.where(seq > seq[last], left[last] + (seq - seq[last]) * interval_s, due)
    slack_s = np.where(np.isfinite(left), 0.0, _DUE_S * interval_s)
    due = np.where(np.isfinite(left), left, due)
    return _Moments(lines, due - slack_s, due + slack_s, interval_s)


def _left_s(one: _Line) -> float:
    if one.at_s is None or one.status not in (ANSWERED, LATE, DUPLICATE):
        return float("nan")
    return one.at_s - (one.rtt_ms or 0.0) / 1000


def _paced_by_number(lines: list[_Line], pace_s: float) -> _Moments:
    at_s = np.array([one.seq * pace_s for one in lines])
    return _Moments(lines, at_s, at_s, pace_s)


def _paced(lines: list[_Line], wait: _Wait) -> _Moments:
    """Each was sent one pace after the one before it, or when that was given up: between the two after a lost one.

    Only within a run of lost ones does that leave a moment open: the answer after it is laid at the latest.
    """
    answered = np.array([one.status == ANSWERED for one in lines])
    took = np.array([max(wait.pace_s, (one.rtt_ms or 0.0) / 1000) for one in lines])
    at_s = np.concatenate([[0.0], np.cumsum(np.where(answered, took, wait.most_s))[:-1]])
    rows = np.arange(len(lines))
    head = np.maximum.accumulate(np.where(answered | np.concatenate([[True], answered[:-1]]), rows, 0))
    from_s = np.where(answered, at_s, at_s[head] + (rows - head) * wait.pace_s)
    return _Moments(lines, from_s, at_s, wait.pace_s)


def _printed_in_turn(lines: list[_Line]) -> _Moments:
    """A reply's moment is known, as finely as its stamp; a lost one left after the line before it."""
    printed = np.array([one.at_s or 0.0 for one in lines])
    waited = np.array([(one.rtt_ms or 0.0) / 1000 for one in lines])
    coarse = np.array([one.coarse_s for one in lines])
    before = np.concatenate([[printed[0] - PACE_S], printed[:-1]])
    answered = np.array([one.status == ANSWERED for one in lines])
    from_s = np.where(answered, printed - waited, before)
    return _Moments(lines, from_s, printed + coarse - waited, PACE_S)


_READERS: tuple[Reader, ...] = (_fping, _unix, _windows)
