"""Probers at work on a ground: our monitor, fping and ping; and what each of them tells of the gaps it saw."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.ground import Ground
from benchmarks.truth import Told
from snlm_lib.measure.gaps import gaps
from snlm_lib.measure.monitor import MonitorHandle, start_monitor, stop_monitor
from snlm_lib.measure.pings import read_pings
from snlm_lib.parameters import GuestTarget

__all__ = [
    "CONTROL",
    "OTHERS",
    "Other",
    "Pace",
    "by_count",
    "by_stamps",
    "monitored",
    "read_answers",
    "started_s",
    "told_by_us",
]

CONTROL = "CONTROL"
Answers = list[tuple[float, int]]  # (second, sequence number), by time


@dataclass(frozen=True)
class Pace:
    """How often, and after how long an answer is late; the monitor ends itself after ``limit_s``."""

    interval_ms: int
    timeout_ms: int = 1000
    limit_s: float = 3600.0

    @property
    def interval_s(self) -> float:
        return self.interval_ms / 1000


@contextmanager
def monitored(ground: Ground, targets: Mapping[str, GuestTarget], folder: Path, pace: Pace) -> Iterator[MonitorHandle]:
    """Our monitor, a process of its own in the prober's namespace, until the block ends; who is called `CONTROL` is
    one."""
    machines = {name: target for name, target in targets.items() if name != CONTROL}
    controls = {name: target for name, target in targets.items() if name == CONTROL}
    folder.mkdir(parents=True, exist_ok=True)
    with ground.near.entered():
        handle = start_monitor(
            machines,
            folder,
            interval_ms=pace.interval_ms,
            timeout_ms=pace.timeout_ms,
            limit_s=pace.limit_s,
            controls=controls,
        )
    try:
        yield handle
    finally:
        stop_monitor(handle)


def started_s(handle: MonitorHandle) -> float:
    """The monitor's second 0 on the scale of the cuts."""
    return float(json.loads(handle.state_json.read_text(encoding="utf-8"))["started_monotonic_s"])


def told_by_us(handle: MonitorHandle, target: str, kind: str) -> list[Told]:
    """The gaps in the samples of a monitor that has ended, on the scale of the cuts."""
    zero_s = started_s(handle)
    return [
        Told(gap.length_s, gap.start_s + zero_s, gap.end_s + zero_s, gap.lower_s, gap.upper_s)
        for gap in gaps(read_pings(handle.pings_csv))
        if (gap.target, gap.kind) == (target, kind)
    ]


# --- fping and ping -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Other:
    """A ping tool: its words for an address and an interval, and how its answers read."""

    name: str
    words: Callable[[str, int], Sequence[str]]
    answer: re.Pattern[str]

    @contextmanager
    def running(self, ground: Ground, out: Path, pace: Pace) -> Iterator[subprocess.Popen[bytes]]:
        """It runs and writes to ``out`` until the block ends."""
        with out.open("wb") as file:
            child = ground.near.start(*self.words(ground.addresses[0], pace.interval_ms), out=file)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(10)

    def answers(self, out: Path) -> Answers:
        """Its answers on the scale of the cuts. It stamps by the wall clock, which nobody may have set meanwhile."""
        return read_answers(self.answer, out.read_text(encoding="utf-8"), time.time() - time.perf_counter())


OTHERS = (
    Other(
        "fping",
        lambda address, interval_ms: ("fping", "-l", "-D", "-t", "1000", "-p", str(interval_ms), address),
        re.compile(r"^\[([\d.]+)\] \S+ : \[(\d+)\], \d+ bytes", re.MULTILINE),
    ),
    Other(
        "ping",
        lambda address, interval_ms: ("ping", "-n", "-D", "-i", str(interval_ms / 1000), address),
        re.compile(r"^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+)", re.MULTILINE),
    ),
)


def read_answers(pattern: re.Pattern[str], text: str, offset_s: float) -> Answers:
    """Second and sequence number of every answer; ``offset_s`` is the stamps' scale minus that of the cuts."""
    return sorted((float(stamp) - offset_s, int(number)) for stamp, number in pattern.findall(text))


def by_count(answers: Answers, interval_s: float) -> list[Told]:
    """Lost probes times the interval: what their users reckon, and fping's own ``-o``."""
    return [
        Told(length_s, (left_s + right_s - length_s) / 2, (left_s + right_s + length_s) / 2)
        for (left_s, left), (right_s, right) in pairwise(answers)
        if (length_s := (right - left - 1) * interval_s) > 0
    ]


def by_stamps(answers: Answers, interval_s: float) -> list[Told]:
    """The time between the answers about the lost ones, less one interval: the best that their lines give."""
    return [
        Told(right_s - left_s - interval_s, left_s + interval_s / 2, right_s - interval_s / 2)
        for (left_s, left), (right_s, right) in pairwise(answers)
        if right > left + 1
    ]
