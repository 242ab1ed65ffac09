"""The monitor as a process of its own: start it, find it again, stop it.

Outlives whoever starts it. Knows no journal and no verdict; its record is one folder.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import ParameterError, RecordError
from snlm_lib.lock import FileLock
from snlm_lib.measure.aims import probe_targets
from snlm_lib.measure.channels import resolve
from snlm_lib.measure.recorder import STATE_SCHEMA, MonitorConfig
from snlm_lib.measure.targets import ProbeTarget
from snlm_lib.parameters import GuestTarget
from snlm_lib.process import (
    ProcessIdentity,
    detach,
    identity_of,
    terminate,
    write_atomic,
)

__all__ = ["MonitorEnd", "MonitorHandle", "find_monitor", "start_monitor", "stop_monitor"]

MIN_INTERVAL_MS = 10
_START_WAIT_S = 90.0
_POLL_S = 0.05
_STOP_WAIT_S = 15.0
_DAMAGED = (
    "If its process still runs (monitor.log beside it), end it by hand; then delete this file, or use another folder."
)
_ENDED = re.compile(r"Z ended: ([a-z-]+);")  # the recorder's last line


@dataclass(frozen=True)
class MonitorHandle:
    """A monitor that was started: which process, how it is told to stop, where its rows go.

    ``kept``: where the samples of the one before it are now; None when there were none, or nobody started it here.
    """

    identity: ProcessIdentity
    stop_file: Path
    state_json: Path
    pings_csv: Path
    kept: Path | None = None

    def running(self) -> bool:
        """True while that very process runs."""
        return self.identity.alive()


@dataclass(frozen=True)
class MonitorEnd:
    """How a monitor ended.

    ``how`` is what it took: "already-ended", "stop-file" or "terminated"; ``reason`` what the monitor
    said itself ("stop-file", "limit", "terminated", "starter-gone", "record-gone", "write-failed"), None
    when it was killed before it could; ``rows`` how many samples it wrote.
    """

    how: Literal["already-ended", "stop-file", "terminated"]
    reason: str | None
    rows: int | None


def start_monitor(
    targets: Mapping[str, GuestTarget],
    folder: Path,
    *,
    interval_ms: int,
    timeout_ms: int,
    limit_s: float,
    controls: Mapping[str, GuestTarget] | None = None,
    clock_offsets_s: Mapping[str, float | None] | None = None,
) -> MonitorHandle:
    """Start the monitor of the record ``folder``; returns once it says that it probes.

    ``clock_offsets_s`` is each host's clock minus ours, None where unknown; it stands in the samples' header.
    Samples go to samples/pings.csv, the rest to monitor/. Samples of an earlier monitor of the same
    record are kept as pings-1.csv and so on. Raises ParameterError when the interval is below 10 ms, a
    target has no port or its address is not known, RecordError when a monitor runs already or the new one
    does not start.
    """
    if interval_ms < MIN_INTERVAL_MS:
        raise ParameterError(f"probe_interval_ms is {interval_ms}", remedy=f"At least {MIN_INTERVAL_MS}.")
    aims = probe_targets(targets, controls)
    for aim in aims:
        _refuse_unknown(aim)
    home = folder / "monitor"
    for place in (home, folder / "samples"):
        place.mkdir(parents=True, exist_ok=True)
    config = MonitorConfig(
        targets=aims,
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        pings_csv=folder / "samples" / "pings.csv",
        state_json=home / "state.json",
        stop_file=home / "stop",
        limit_s=limit_s,
        starter=identity_of(),
        vantage=platform.node(),
        clock_offsets_s=dict(clock_offsets_s or {}),
    )
    with FileLock(home / "start.lock"):
        kept = _make_room(folder)
        return replace(_start(config, SystemClock()), kept=kept)


def _refuse_unknown(aim: ProbeTarget) -> None:
    for kind in aim.kinds():
        try:
            resolve(aim.name, aim.address, aim.port(kind), kind=kind)
        except (OSError, UnicodeError) as error:
            raise ParameterError(
                f"address {aim.address!r} is not known: {error}",
                where=f"guest {aim.name}" if aim.role == "machine" else f"control {aim.name}",
                remedy="Correct the name, or give the address in numbers.",
            ) from error


def _make_room(folder: Path) -> Path | None:
    earlier = find_monitor(folder)
    if earlier is not None and earlier.running():
        raise RecordError(
            f"a monitor already probes for this record (process {earlier.identity.pid})",
            where=str(folder),
            remedy="Go on with it, or stop it first.",
        )
    for leftover in ("state.json", "stop"):
        (folder / "monitor" / leftover).unlink(missing_ok=True)
    pings = folder / "samples" / "pings.csv"
    if not pings.exists():
        return None
    number = 1
    while pings.with_name(f"pings-{number}.csv").exists():
        number += 1
    return pings.rename(pings.with_name(f"pings-{number}.csv"))


def _start(config: MonitorConfig, clock: Clock) -> MonitorHandle:
    home = config.state_json.parent
    config_json = home / "config.json"
    write_atomic(config_json, config.to_json())
    log = home / "monitor.log"
    try:
        pid = detach([sys.executable, "-m", "snlm_lib.measure.prober", str(config_json)], log=log)
    except OSError as error:
        raise RecordError(f"the monitor did not start: {error}", where=str(home)) from error
    deadline_s = clock.monotonic_s() + _START_WAIT_S
    while clock.monotonic_s() < deadline_s:
        handle = find_monitor(home.parent)
        if handle is not None:
            return handle
        started = _identity(pid)
        if started is None:
            break
        clock.sleep(_POLL_S)
    return _last_look(config, pid, log)


def _last_look(config: MonitorConfig, pid: int, log: Path) -> MonitorHandle:
    # it may have said so between our last look and its end (a limit of a moment)
    handle = find_monitor(config.state_json.parent.parent)
    if handle is not None:
        return handle
    started = _identity(pid)
    if started is not None:
        terminate(started)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    raise RecordError(
        f"the monitor did not start: {lines[-1] if lines else 'it said nothing'}",
        where=str(config.state_json.parent),
        remedy="See monitor.log there.",
    )


def _identity(pid: int) -> ProcessIdentity | None:
    try:
        found = identity_of(pid)
    except RecordError:
        return None
    return found if found.alive() else None


def find_monitor(record_folder: Path) -> MonitorHandle | None:
    """The monitor this record last had, running or not; None when none ever said that it probes.

    Raises RecordError when the state file is damaged.
    """
    state_json = record_folder / "monitor" / "state.json"
    state = _read_state(state_json)
    if state is None:
        return None
    return MonitorHandle(
        ProcessIdentity(int(state["pid"]), float(state["started"])),
        stop_file=record_folder / "monitor" / str(state["stop_file"]),
        state_json=state_json,
        pings_csv=record_folder / "samples" / str(state["pings_csv"]),
    )


def _read_state(path: Path) -> dict[str, Any] | None:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        numbers = type(state["pid"]) is int and state["pid"] > 0 and isinstance(state["started"], int | float)
        # names of its own folder and nothing else: they are touched and read
        names = all(state[key] == Path(state[key]).name != "" for key in ("stop_file", "pings_csv"))
        whole = state["schema"] == STATE_SCHEMA and numbers and names
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RecordError(f"not a monitor state ({type(error).__name__})", where=str(path), remedy=_DAMAGED) from error
    if not whole:
        raise RecordError(f"not a monitor state of schema {STATE_SCHEMA}", where=str(path), remedy=_DAMAGED)
    return dict(state)


def stop_monitor(handle: MonitorHandle, *, wait_s: float = _STOP_WAIT_S) -> MonitorEnd:
    """Stop it: by its stop file, and after ``wait_s`` by force; it is gone when this returns.

    ``wait_s`` should exceed the probe time-out, which the monitor waits for the last answers. Raises
    RecordError when the operating system does not let us end it.
    """
    was_running = handle.running()
    _ask(handle)
    clock: Clock = SystemClock()
    deadline_s = clock.monotonic_s() + wait_s
    while handle.running() and clock.monotonic_s() < deadline_s:
        clock.sleep(_POLL_S)
    forced = handle.running()
    if forced and not terminate(handle.identity):
        raise RecordError(
            f"the monitor (process {handle.identity.pid}) cannot be ended",
            where=str(handle.state_json.parent),
            remedy="End that process by hand.",
        )
    state = _read_state(handle.state_json) or {}
    how: Literal["already-ended", "stop-file", "terminated"]
    how = "terminated" if forced else "stop-file" if was_running else "already-ended"
    reason = state.get("end") or _last_word(handle.state_json.with_name("monitor.log"))
    return MonitorEnd(how, reason=reason, rows=state.get("rows"))


def _last_word(log: Path) -> str | None:
    """Why it ended by its log, which goes where a record is moved; the state cannot be written there any more."""
    with suppress(OSError):
        told = log.read_text(encoding="utf-8", errors="replace").rpartition("Z probing ")[2]  # of the last run
        found = _ENDED.search(told)
        return found[1] if found else None
    return None


def _ask(handle: MonitorHandle) -> None:
    try:
        handle.stop_file.touch()
    except OSError:  # the folder is gone or read-only: force is left
        return
