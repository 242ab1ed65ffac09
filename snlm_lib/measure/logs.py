"""Logs of other tools as samples: ``fping -D``, ``ping`` (``-D``, ``-O``), Windows ``ping -t``, in any language.

A line (`log_lines`) is printed when its fate is known, so an answered probe left its round trip earlier. Where that
is not known a probe's moment is bracketed, and the bounds of a gap are as much wider:

- fping and ping number their probes: a lost one left between its neighbours, half an interval about where it was due
  by the one as by the other.
- Windows numbers none and prints one after the other: a lost one left after the line before it.
- Without time stamps the pace is taken for granted: ``pace_s`` apart. On Windows a lost one took from that to
  ``timeout_s``: an error comes at once, a time-out does not, and only words could tell one from the other.

Several runs of one machine follow each other: between them nobody looked, for as long as the stamps say; without any
they are taken to follow at once. A clock that was set back does not turn time back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import numpy as np

from snlm_lib.errors import RecordError
from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LATE, LOST
from snlm_lib.measure.log_lines import READERS, Line, Log
from snlm_lib.measure.ping_file import BETWEEN, PingHeader, TargetFacts
from snlm_lib.measure.pings import Ints, Pings, parse_pings
from snlm_lib.measure.table import Words
from snlm_lib.measure.wall import Floats
from snlm_lib.units import iso_utc

__all__ = ["IN_RUNS", "PACE_S", "UNSTAMPED", "WINDOWS_TIMEOUT_S", "parse_log", "read_any"]

UNSTAMPED = "without time stamps"
IN_RUNS = "in several runs"
PACE_S = 1.0  # what ping does unless told otherwise, on Windows too
WINDOWS_TIMEOUT_S = 4.0  # ping's -w unless told otherwise
_DUE_S = 0.5  # of an interval: how far a numbered probe may have left from where it was due
_SET_BACK_S = 0.05  # round trips are told in few digits: less is no clock that was set
_KIND = "icmp"
_STATUSES = (ANSWERED, LATE, LOST, DUPLICATE)

_DAMAGED = "Is the file damaged? Cut the line out that says it."
_MOST_MISSING = 20_000_000  # numbers from first to last: half a year of one a second
_OURS = tuple(mark + begins for mark in (b"", b"\xef\xbb\xbf") for begins in (b"# snlm.pings/", b"seq,"))


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
        for read in READERS:
            log = read(text)
            if log.lines or any(log.sent.values()):
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


def _pings(log: Log, timeout_s: float, pace_s: float) -> Pings:
    stamped = bool(log.lines) and all(one.at_s is not None for one in log.lines)
    names = tuple(
        dict.fromkeys([*(one.target for one in log.lines), *(name for (name, _), sent in log.sent.items() if sent)])
    )
    wait = _Wait(pace_s, max(timeout_s, pace_s), stamped)
    parts = [_moments(log, name, wait) for name in names]
    seq, from_s, at_s, utc_s = (
        np.concatenate([getattr(part, column) for part in parts]) for column in ("seq", "from_s", "at_s", "utc_s")
    )
    dated = log.dated and stamped
    zero_s = float(np.nanmin(from_s)) if dated else 0.0
    interval_s = float(np.median([part.interval_s for part in parts]))
    lines = [one for part in parts for one in part.lines]
    rows = [number for number, part in enumerate(parts) for _ in part.lines]
    return Pings(
        schema=_schema(log, stamped=stamped, in_runs=any(part.runs > 1 for part in parts)),
        header=PingHeader(
            "",
            iso_utc(datetime.fromtimestamp(zero_s, UTC)) if dated else "",
            interval_ms=round(interval_s * 1000, 3),
            timeout_ms=None if log.numbered else wait.most_s * 1000,
            targets=tuple(TargetFacts(name, address=name, kinds=(_KIND,)) for name in names),
            resolution_ms=round(interval_s * 1000, 3),
            moments=BETWEEN,
        ),
        seq=seq,
        target=Words(np.array(rows, dtype=np.intp), names),
        kind=Words(np.zeros(len(lines), dtype=np.intp), (_KIND,)),
        due_s=from_s - zero_s,
        sent_s=at_s - zero_s,
        utc_s=utc_s if dated else np.full(len(lines), np.nan),
        status=Words(np.array([_STATUSES.index(one.status) for one in lines], dtype=np.intp), _STATUSES),
        rtt_ms=np.array([np.nan if one.rtt_ms is None else one.rtt_ms for one in lines]),
        error=Words(np.zeros(len(lines), dtype=np.intp), ("",)),
    )


def _schema(log: Log, *, stamped: bool, in_runs: bool) -> str:
    words = [] if stamped else [UNSTAMPED, *([IN_RUNS] if in_runs else [])]
    return f"{log.tool} {', '.join(words)}".strip()


@dataclass(frozen=True)
class _Moments:
    """The lines of one target, and for each from when to when its probe can have left; ``utc_s`` as it was stamped."""

    lines: list[Line]
    seq: Ints
    from_s: Floats
    at_s: Floats
    utc_s: Floats
    interval_s: float
    runs: int = 1


@dataclass(frozen=True)
class _Wait:
    """From one probe to the next: what is taken for granted where the log is not ``stamped``."""

    pace_s: float
    most_s: float
    stamped: bool


def _moments(log: Log, name: str, wait: _Wait) -> _Moments:
    if log.numbered:
        runs = _numbered_runs(log, name)
        if wait.stamped and not any(one.target == name for one in log.lines):
            return _sometime([one for run in runs for one in run], log)
        each = [_numbered(run) if wait.stamped else _paced_by_number(run, wait.pace_s) for run in runs]
        return _joined(each, PACE_S if wait.stamped else wait.pace_s, stamped=wait.stamped)
    mine = [one for one in log.lines if one.target == name]
    if wait.stamped:
        return _joined([_printed_in_turn(run) for run in _by_run(mine)], wait.most_s, stamped=True)
    return replace(_paced(mine, wait), runs=len({one.run for one in mine}))


def _by_run(lines: list[Line]) -> Iterator[list[Line]]:
    return (list(run) for _, run in groupby(lines, key=lambda one: one.run))


def _numbered_runs(log: Log, name: str) -> list[list[Line]]:
    """Every probe of every run; a run of which no line tells is the end of the one before it."""
    told: dict[int, list[Line]] = {run: [] for target, run in log.sent if target == name}
    for one in log.lines:
        if one.target == name:
            told.setdefault(one.run, []).append(one)
    found: list[list[Line]] = []
    silent: list[Line] = []
    for run in sorted(told):
        whole = _with_the_missing(told[run], log.sent.get((name, run)), name)
        if told[run]:
            found.append(_behind(silent, whole))
            silent = []
        elif found:
            found[-1] = _behind(found[-1], whole)
        else:
            silent = _behind(silent, whole)
    return found or [silent]


def _behind(lines: list[Line], more: list[Line]) -> list[Line]:
    """``more`` with numbers that go on after those of ``lines``."""
    if not lines or not more:
        return lines or more
    step = max(one.seq for one in lines) + 1 - min(one.seq for one in more)
    return lines + [replace(one, seq=one.seq + step) for one in more]


def _with_the_missing(lines: list[Line], sent: range | None, name: str) -> list[Line]:
    """ping says nothing of a probe without an answer: its number is missing. The last line of a number counts."""
    last = {one.seq: one for one in lines if one.status != DUPLICATE}
    again = [one for one in lines if one.status == DUPLICATE]
    if not last and not sent:
        return again
    first = min([*last, *([] if sent is None else [sent.start])])
    end = max([*(one + 1 for one in last), *([] if sent is None else [sent.stop])])
    if end - first > _MOST_MISSING:
        raise ValueError(f"from probe {first} to {end - 1}")
    waited = {one.seq for one in lines if one.status == LOST}
    found = [last.get(seq) or Line(seq, name, LOST, None, None) for seq in range(first, end)]
    told = [replace(one, status=LATE) if one.status == ANSWERED and one.seq in waited else one for one in found]
    return told + again


def _numbered(lines: list[Line]) -> _Moments:
    seq = np.array([one.seq for one in lines], dtype=np.int64)
    left = np.array([_left_s(one) for one in lines])
    known = np.flatnonzero(np.isfinite(left))
    known = known[np.argsort(seq[known], kind="stable")]
    ticks, steps = np.diff(seq[known]), np.diff(left[known])
    usual = steps[(ticks == 1) & (steps > -_SET_BACK_S)]
    interval_s = float(np.median(usual)) if len(usual) else PACE_S
    if not len(known):  # nothing but losses: their lines were printed at the same pace
        told = np.array([np.nan if one.at_s is None else one.at_s for one in lines])
        known = np.flatnonzero(np.isfinite(told))
        printed = np.where(np.isfinite(told), told, _due_by(seq, known, told, interval_s)[0])
        return _Moments(lines, seq, printed - interval_s, printed, printed, interval_s)
    went_back = np.where(steps < -_SET_BACK_S, ticks * interval_s - steps, 0.0)
    on_axis = left.copy()
    on_axis[known] += np.concatenate([[0.0], np.cumsum(went_back)])
    by_last, by_next = _due_by(seq, known, on_axis, interval_s)
    slack_s = _DUE_S * interval_s
    sure = np.isfinite(left)
    from_s = np.where(sure, on_axis, np.minimum(by_last, by_next) - slack_s)
    at_s = np.where(sure, on_axis, np.maximum(by_last, by_next) + slack_s)
    return _Moments(lines, seq, from_s, at_s, left, interval_s)


def _due_by(seq: Ints, known: Ints, at_s: Floats, interval_s: float) -> tuple[Floats, Floats]:
    """When each was due by the last known one before it, and by the next one after it."""
    place = np.searchsorted(seq[known], seq)
    last, after = known[np.maximum(place - 1, 0)], known[np.minimum(place, len(known) - 1)]
    by_last, by_next = (at_s[one] + (seq - seq[one]) * interval_s for one in (last, after))
    return np.where(place > 0, by_last, by_next), np.where(place < len(known), by_next, by_last)


def _sometime(lines: list[Line], log: Log) -> _Moments:
    """Only the statistics know of them: somewhen between the first stamp and the last."""
    stamps = [one.at_s for one in log.lines if one.at_s is not None]
    from_s, at_s = (np.full(len(lines), end) for end in (min(stamps), max(stamps)))
    return _Moments(lines, np.array([one.seq for one in lines], dtype=np.int64), from_s, at_s, at_s, PACE_S)


def _left_s(one: Line) -> float:
    if one.at_s is None or one.status not in (ANSWERED, LATE, DUPLICATE):
        return float("nan")
    return one.at_s - (one.rtt_ms or 0.0) / 1000


def _paced_by_number(lines: list[Line], pace_s: float) -> _Moments:
    seq = np.array([one.seq for one in lines], dtype=np.int64)
    at_s = np.asarray(seq * pace_s, dtype=np.float64)
    return _Moments(lines, seq, at_s, at_s, at_s, pace_s)


def _paced(lines: list[Line], wait: _Wait) -> _Moments:
    """Each was sent one pace after the one before it, or when that was given up: between the two after a lost one.

    Only within a run of lost ones does that leave a moment open: the answer after it is laid at the latest.
    """
    answered = np.array([one.status == ANSWERED for one in lines])
    took = np.array([max(wait.pace_s, (one.rtt_ms or 0.0) / 1000) for one in lines])
    at_s = np.concatenate([[0.0], np.cumsum(np.where(answered, took, wait.most_s))[:-1]])
    rows = np.arange(len(lines))
    head = np.maximum.accumulate(np.where(answered | np.concatenate([[True], answered[:-1]]), rows, 0))
    from_s = np.where(answered, at_s, at_s[head] + (rows - head) * wait.pace_s)
    return _Moments(lines, rows, from_s, at_s, at_s, wait.pace_s)


def _printed_in_turn(lines: list[Line]) -> _Moments:
    """A reply's moment is known, as finely as its stamp; a lost one left after the line before it."""
    printed = np.array([one.at_s or 0.0 for one in lines])
    waited = np.array([(one.rtt_ms or 0.0) / 1000 for one in lines])
    coarse = np.array([one.coarse_s for one in lines])
    before = np.concatenate([[printed[0] - PACE_S], printed[:-1]])
    answered = np.array([one.status == ANSWERED for one in lines])
    from_s = np.where(answered, printed - waited, before)
    at_s = printed + coarse - waited
    return _Moments(lines, np.arange(len(lines)), from_s, at_s, at_s, PACE_S)


def _joined(runs: Sequence[_Moments], apart_s: float, *, stamped: bool) -> _Moments:
    """One after the other. What begins before the last one ended was stamped by a clock that had been set back: it
    is laid ``apart_s`` behind, like a run without stamps."""
    interval_s = float(np.median([one.interval_s for one in runs]))
    parts: list[_Moments] = []
    for one in runs:
        shift_s, step = 0.0, 0
        if parts:
            end_s, begin_s = float(parts[-1].at_s.max()), float(one.from_s.min())
            shift_s = 0.0 if stamped and begin_s > end_s else end_s + apart_s - begin_s
            pause_s = begin_s + shift_s - end_s
            step = int(parts[-1].seq.max() - one.seq.min()) + max(round(pause_s / interval_s), 1)
        parts.append(replace(one, seq=one.seq + step, from_s=one.from_s + shift_s, at_s=one.at_s + shift_s))
    lines = [line for part in parts for line in part.lines]
    seq = np.concatenate([part.seq for part in parts])
    from_s, at_s, utc_s = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("from_s", "at_s", "utc_s")
    )
    return _Moments(lines, seq, from_s, at_s, utc_s, interval_s, len(runs))
