"""`snlm downtime`: how long machines were away, from samples of ours or logs of other tools. Changes none of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snlm_lib.errors import InputError, RecordError
from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.blackout import NO_BLACKOUT
from snlm_lib.measure.downtime import Downtime, DowntimeReport, HostBlackout, judge_machines
from snlm_lib.measure.logs import read_any
from snlm_lib.measure.pings import CONTROL, Pings
from snlm_lib.measure.vantages import SeenFrom, seen_from
from snlm_lib.measure.verdict import Verdict, verdict
from snlm_lib.process import write_atomic
from snlm_lib.progress import Watcher
from snlm_lib.record.folder import Record
from snlm_lib.record.names import CHANGE
from snlm_lib.units import iso_utc, parse_utc

__all__ = ["DOWNTIME_SCHEMA", "Asked", "downtime", "write_page"]

DOWNTIME_SCHEMA = "snlm.downtime/1"
_UNKNOWN = 3


@dataclass(frozen=True)
class Asked:
    """The options of the command line, as they were given."""

    begin: str | None = None
    end: str | None = None
    paused: float | None = None
    timeout_ms: int = 4000
    interval_ms: int = 1000
    as_json: bool = False
    html: Path | None = None


@dataclass(frozen=True)
class _Beside:
    """The time asked for and the host's own figure, from the command line or else from a record; None: neither says."""

    window: tuple[datetime, datetime] | None = None
    blackout: HostBlackout | None = None


@dataclass(frozen=True)
class _Told:
    path: Path
    pings: Pings
    report: DowntimeReport
    verdict: Verdict
    window: tuple[datetime, datetime] | None


def downtime(watcher: Watcher, files: Sequence[Path], options: Mapping[str, Any]) -> int:
    """Tell each machine of each file as ``options`` (of `Asked`) say: 0, or 3 when the data support no figure.

    Raises InputError for a wrong moment, RecordError for a file that is none.
    """
    asked = Asked(**options)
    wanted = _Beside(_window(asked), None if asked.paused is None else HostBlackout(asked.paused))
    told: list[_Told] = []
    for path, beside in _samples(files):
        pings = read_any(path, timeout_s=asked.timeout_ms / 1000, pace_s=asked.interval_ms / 1000)
        beside = _Beside(wanted.window or beside.window, wanted.blackout or beside.blackout)
        reports = judge_machines(pings, window=beside.window, blackout=beside.blackout or NO_BLACKOUT)
        told += [_Told(path, pings, report, verdict(report), beside.window) for report in reports]
    if not told:
        raise RecordError("no probe in it", where=", ".join(map(str, files)), remedy="Was anything probed?")
    places = _places(told)
    if asked.html is not None:
        write_page(asked.html, [(one.pings, one.report) for one in told], foot=places.sentence if places else "")
    watcher.say(_as_json(told, places) if asked.as_json else "\n".join(_lines(told, places)))
    if asked.html is not None and not asked.as_json:
        watcher.say(f"Figures: {asked.html}")
    return 0 if all(one.verdict.supported for one in told) else _UNKNOWN


def _samples(files: Sequence[Path]) -> Iterator[tuple[Path, _Beside]]:
    """A folder stands for the samples of the record or the watch that it is; a file given twice is one."""
    seen: set[Path] = set()
    for path in files:
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        if not path.is_dir():
            yield path, _Beside()
            continue
        found = sorted(path.glob("samples/pings*.csv")) or sorted(path.glob("pings*.csv"))
        if not found:
            raise RecordError("no samples in this folder", where=str(path), remedy="Name a pings.csv or a log.")
        beside = _of_the_record(path)
        yield from ((each, beside) for each in found)


def _of_the_record(folder: Path) -> _Beside:
    """What 06 would judge its samples by."""
    if not (folder / CHANGE).exists():
        return _Beside()
    from snlm_lib.record.moved import moved_in  # here: a log needs no record, and not what reads its results

    moved = moved_in(Record(folder))
    return _Beside() if moved is None else _Beside(moved.window, moved.blackout)


def _window(asked: Asked) -> tuple[datetime, datetime] | None:
    if asked.begin is None and asked.end is None:
        return None
    if asked.begin is None or asked.end is None:
        raise InputError("only one end of the time asked for", remedy="Give --begin and --end, or none of them.")
    begin, end = (_moment(text) for text in (asked.begin, asked.end))
    if end <= begin:
        raise InputError("the time asked for ends before it begins", remedy="Give --begin before --end.")
    return begin, end


def _moment(text: str) -> datetime:
    try:
        return parse_utc(text if text.endswith("Z") or "+" in text else f"{text}Z")
    except ValueError as error:
        raise InputError(f"{text!r} is no moment", remedy="Write 2026-11-23T21:04:00, in UTC.") from error


def _places(told: Sequence[_Told]) -> SeenFrom | None:
    """Several files of one machine, laid over each other where their time stamps are of one scale; of two runs at one
    place the last."""
    files = {
        one.pings.header.vantage or str(one.path): one.pings for one in told if one.pings.wall.zero_utc is not None
    }
    return seen_from([*files.values()], window=told[0].window) if len(files) > 1 else None


def _lines(told: Sequence[_Told], places: SeenFrom | None) -> Iterator[str]:
    several = len({one.path for one in told}) > 1
    for one in told:
        yield f"{one.path}: {one.verdict.text}" if several else one.verdict.text
        if one.window is not None:
            yield f"  {_looked_at(one.window)}"
        yield from (f"  {_row(kind, one.pings)}" for kind in (*one.report.kinds, *one.report.control))
    if places is not None:
        yield places.sentence


def _looked_at(window: tuple[datetime, datetime]) -> str:
    begin, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in window)
    return f"from {begin} to {end.removeprefix(begin[:11])} UTC"


def _row(one: Downtime, pings: Pings) -> str:
    name = KIND_WORDS.get(one.kind, one.kind)
    who = f"{one.target} (control), {name}" if one.role == CONTROL else name
    odd = {"lost": one.lost, "late": one.late, "twice": one.duplicated, "out of order": one.reordered}
    counts = ", ".join(f"{count:,} {word}" for word, count in odd.items() if count or word == "lost")
    gap = one.gap
    gaps = f"; {one.gap_count:,} gaps, {one.sum_s:.2f} s in all" if gap and one.gap_count > 1 else ""
    rtt = one.rtt
    digits = 0 if pings.whole_ms else 2
    trips = {"p50": rtt.p50_ms, "p95": rtt.p95_ms, "p99": rtt.p99_ms} if rtt else {}
    times = f"; round trip {', '.join(f'{name} {ms:.{digits}f}' for name, ms in trips.items())} ms" if trips else ""
    return f"{who}: {one.probes:,} sent, {counts}{gaps}{times}"


def _as_json(told: Sequence[_Told], places: SeenFrom | None) -> str:
    found = {
        "schema": DOWNTIME_SCHEMA,
        "machines": [_as_object(one) for one in told],
        "places": places.sentence if places else None,
    }
    return json.dumps(found, ensure_ascii=True, indent=2, default=_plain)


def _as_object(one: _Told) -> dict[str, Any]:
    report = one.report
    return {
        "file": str(one.path),
        "written_by": report.schema,
        "vantage": report.header.vantage or None,
        "interval_ms": report.header.interval_ms,
        "resolution_ms": report.header.resolution_ms or report.header.interval_ms,
        "machine": report.target,
        "window": one.window,
        "sentence": one.verdict.sentence,
        "doubts": one.verdict.doubts,
        "supported": one.verdict.supported,
        "kind": report.gap_kind,
        "gap_s": report.gap_s,
        "gap_lower_s": report.gap_lower_s,
        "gap_upper_s": report.gap_upper_s,
        "host_blackout_s": report.host_blackout_s,
        "residue_s": report.residue_s,
        "cause": report.residue.cause,
        "also": report.residue.also,
        "clock_steps": [asdict(step) for step in report.clock_steps],
        "kinds": [asdict(kind) for kind in report.kinds],
        "control": [asdict(kind) for kind in report.control],
    }


def _plain(value: object) -> str:
    return iso_utc(value.astimezone(UTC)) if isinstance(value, datetime) else str(value)


def write_page(path: Path, judged: Sequence[tuple[Pings, DowntimeReport]], *, foot: str = "") -> None:
    """Write the page with the pictures. Raises RecordError when it cannot be written."""
    # here: drawing costs whoever asked for a sentence alone half a second
    from snlm_lib.record.downtime_page import page_of

    try:
        write_atomic(path, page_of(judged, foot=foot))
    except OSError as error:
        raise RecordError(f"cannot write the page: {error.strerror or error}", where=str(path)) from error
