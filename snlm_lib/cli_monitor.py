"""`snlm monitor`: machines probed outside a change, until a moment, for a while, or until Ctrl-C. Decides nothing.

The probing is a process of its own: whatever becomes of this one, it goes on to its end, and `--stop` finds it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snlm_lib.cli_downtime import write_page
from snlm_lib.clock import Clock, SystemClock
from snlm_lib.closing import shown_path
from snlm_lib.errors import ParameterError, RecordError
from snlm_lib.measure.aims import KIND_WORDS, probe_targets, ways
from snlm_lib.measure.downtime import DowntimeReport, judge_machines, read_pings
from snlm_lib.measure.monitor import MonitorEnd, MonitorHandle, find_monitor, start_monitor, stop_monitor
from snlm_lib.measure.pings import Pings
from snlm_lib.measure.tally import Tally
from snlm_lib.measure.verdict import verdict
from snlm_lib.parameters import outputs_root
from snlm_lib.process import on_terminate
from snlm_lib.progress import Watcher
from snlm_lib.standing import LONGEST, Asked, Watch, local, understood
from snlm_lib.units import folder_stamp, parse_utc, say_duration_s

__all__ = ["TIMEOUT_MS", "Standing", "monitor"]

TIMEOUT_MS = 1000
_PAGE = "downtime.html"
_LOOK_S = 0.2
_PATIENCE_S = 3.0  # then it is said who has not answered so far
_IN_ORDER = {"stop-file": "it was told to end", "limit": "its time is over"}
_ENDED = _IN_ORDER | {
    "terminated": "the operating system ended it",
    "record-gone": "its folder was moved or deleted",
    "write-failed": "its samples could not be written any more (is the disk full?)",
}


@dataclass(frozen=True)
class Standing:
    """The options of the command line, as they were given."""

    kinds: str | None = None
    control: tuple[str, ...] = ()
    until: str | None = None
    lasting: str | None = None
    interval_ms: int | None = None
    out: Path | None = None
    detach: bool = False
    stop: Path | None = None


def monitor(watcher: Watcher, targets: list[str], options: Mapping[str, Any]) -> int:
    """Probe ``targets`` as ``options`` (of `Standing`) say, or end a monitor: 0 when it ended in order, else 1.

    Raises InputError and RecordError for what is wrong, before anything starts.
    """
    given = Standing(**options)
    if given.stop is not None:
        if targets or given != Standing(stop=given.stop):
            raise ParameterError("--stop takes a folder and nothing else", remedy="Say: snlm monitor --stop FOLDER")
        return _stop(watcher, given.stop)
    clock = SystemClock()
    asked = Asked(targets, given.kinds or "icmp", given.control, given.until, given.lasting)
    watch = understood(asked, clock.utc_now())
    if given.detach and watch.until is None:
        raise ParameterError("--detach needs an end", remedy="Say --for 8h, or --until 06:00.")
    folder = _folder(given.out, clock)
    ended = threading.Event()
    on_terminate(ended.set)  # from here on a Ctrl-C ends the probing in order, and a second one cuts nothing short
    handle = _start(watch, folder, given.interval_ms or 100, clock)
    for line in _begun(watch, handle, given.interval_ms or 100):
        watcher.say(line)
    if given.detach:
        watcher.say(f"It goes on by itself. To end it: snlm monitor --stop {_quoted(folder)}")
        return 0
    _follow(watcher, handle, ended, clock)
    return _end(watcher, handle, folder)


def _folder(wanted: Path | None, clock: Clock) -> Path:
    folder = (wanted or outputs_root() / "monitor" / folder_stamp(clock.utc_now())).absolute()
    _refuse_change(folder)
    return folder


def _refuse_change(folder: Path) -> None:
    if any((place / "change.json").exists() for place in (folder, *folder.parents)):
        raise RecordError(
            "is the record of a change, whose monitor 04 starts and 06 ends",
            where=str(folder),
            remedy="Name a folder of its own.",
        )


def _start(watch: Watch, folder: Path, interval_ms: int, clock: Clock) -> MonitorHandle:
    left_s = LONGEST.total_seconds() if watch.until is None else (watch.until - clock.utc_now()).total_seconds()
    try:
        return start_monitor(
            watch.targets,
            folder,
            controls=watch.controls,
            interval_ms=interval_ms,
            timeout_ms=TIMEOUT_MS,
            limit_s=max(left_s, 1.0),
        )
    except OSError as error:
        why, remedy = error.strerror or str(error), "Name another folder with --out."
        raise RecordError(f"cannot be written: {why}", where=str(folder), remedy=remedy) from error


def _begun(watch: Watch, handle: MonitorHandle, interval_ms: int) -> list[str]:
    """What is probed, how, how long, and where it stands."""
    end = "Ctrl-C" if watch.until is None else local(watch.until)
    aims = probe_targets(watch.targets, watch.controls)
    return [
        *(
            f"{'control ' if aim.role == 'control' else ''}{aim.name} at {aim.address}: {', '.join(ways(aim))}"
            for aim in aims
        ),
        *_misgivings(handle),
        *_kept(handle),
        f"A probe of each kind every {interval_ms} ms until {end}; process {handle.identity.pid}",
        f"Samples: {shown_path(handle.pings_csv, Path.cwd())}",
    ]


def _misgivings(handle: MonitorHandle) -> list[str]:
    """What it said before it began: a kind that is not allowed here, a machine that may fall asleep."""
    try:
        text = handle.state_json.with_name("monitor.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    said = [line.partition(" ")[2] for line in text.splitlines()]
    begun = max((number for number, words in enumerate(said) if words.startswith("probing ")), default=0)
    earlier = [number for number, words in enumerate(said[:begun]) if words.startswith(("ended", "probing "))]
    return said[max(earlier, default=-1) + 1 : begun]


def _kept(handle: MonitorHandle) -> Iterator[str]:
    """What an earlier monitor left in this folder stays there."""
    if handle.kept is None:
        return
    page = handle.pings_csv.parent.with_name(_PAGE)
    kept = page.with_stem(handle.kept.stem.replace("pings", page.stem))
    words = f"Samples of an earlier monitor are kept as {handle.kept.name}"
    if not page.exists():
        yield words
        return
    try:
        page.rename(kept)
        yield f"{words}, their pictures as {kept.name}"
    except OSError as error:
        yield f"{words}; their pictures will be replaced: {error.strerror or error}"


def _follow(watcher: Watcher, handle: MonitorHandle, ended: threading.Event, clock: Clock) -> None:
    """Until it has ended, or shall; what never answered is said once."""
    tally, began_s, told = Tally(handle.pings_csv), clock.monotonic_s(), False
    watcher.follow(lambda: _line(tally, clock.monotonic_s() - began_s))
    while handle.running() and not ended.is_set():
        clock.sleep(_LOOK_S)
        tally.read()
        if not told and clock.monotonic_s() - began_s >= _PATIENCE_S:
            told = True
            for target, kind in tally.silent():
                watcher.say(f"{target} has not answered by {KIND_WORDS.get(kind, kind)} so far")
    watcher.close()


def _line(tally: Tally, seconds: float) -> str:
    words = [say_duration_s(seconds) if seconds >= 1 else "0 s", f"{tally.probes:,} probes", f"{tally.lost:,} lost"]
    if tally.last_lost_utc:
        with suppress(ValueError):
            words.append(f"the last at {local(parse_utc(tally.last_lost_utc))}")
    return "  ".join(words)


def _stop(watcher: Watcher, wanted: Path) -> int:
    folder = wanted.absolute()
    _refuse_change(folder)
    handle = find_monitor(folder)
    if handle is None:
        raise RecordError(
            "no monitor ever ran here", where=str(folder), remedy="Name the folder that 'snlm monitor' said."
        )
    return _end(watcher, handle, folder)


def _end(watcher: Watcher, handle: MonitorHandle, folder: Path) -> int:
    """End it if it still runs; then its sentence, and where everything stands."""
    end = stop_monitor(handle)
    watcher.say(f"The monitor has ended: {_why(end, handle)}.")
    if not handle.pings_csv.exists():
        watcher.say("Its samples went with its folder; where they are now, snlm downtime tells them.")
        return 1
    try:
        judged = _judged(handle.pings_csv)
    except RecordError as error:
        watcher.say(str(error))
        return 1
    for text in [verdict(report).text for _, report in judged] or ["No probe was recorded."]:
        watcher.say(text)
    watcher.say(f"Samples: {shown_path(handle.pings_csv, Path.cwd())}")
    if judged:
        page = folder / _PAGE
        try:
            write_page(page, judged)
            watcher.say(f"Pictures: {shown_path(page, Path.cwd())}")
        except RecordError as error:
            watcher.say(f"{error} ('snlm downtime' makes it elsewhere)")
    return 0 if end.reason in _IN_ORDER else 1


def _judged(pings_csv: Path) -> list[tuple[Pings, DowntimeReport]]:
    """The judgement on each machine."""
    pings = read_pings(pings_csv)
    return [(pings, report) for report in judge_machines(pings, window=None)]


def _why(end: MonitorEnd, handle: MonitorHandle) -> str:
    if end.how == "terminated":
        return "it did not react, and was ended by force"
    reason = end.reason or ("record-gone" if not handle.state_json.exists() else "")
    return _ENDED.get(reason, "it was killed, or this machine went down")


def _quoted(path: Path) -> str:
    """A path as any shell takes it."""
    return f'"{path}"' if " " in str(path) or os.sep == "\\" else str(path)
