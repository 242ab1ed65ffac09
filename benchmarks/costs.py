"""What probing costs and how punctual it is: schedule and memory over minutes, processor time beside fping and ping,
a machine with no processor to spare, fifty targets on one core."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.ground import Ground, Planned, grounded, play
from benchmarks.probing import OTHERS, Pace, monitored, told_by_us
from benchmarks.truth import summary
from snlm_lib.measure.ledger import LOST
from snlm_lib.measure.monitor import MonitorHandle
from snlm_lib.measure.pings import Ints, Pings, read_pings
from snlm_lib.parameters import GuestTarget

__all__ = ["cpu", "load", "punctuality", "schedule", "targets"]

_FAST = Pace(10)
_SLOW = Pace(100)
_CPU_S = 60.0
_LOAD_S = 20.0
_TARGETS, _TARGETS_S = 50, 20.0
_ON_TIME_S = 0.001
_WARM_S = 20.0  # until then a process still grows into its buffers
_BURN = "while True: pass"


@contextmanager
def _icmp(ground: Ground, folder: Path, pace: Pace) -> Iterator[MonitorHandle]:
    """Our ICMP alone, at every machine of the ground."""
    machines = {f"VM{number:02}": GuestTarget(address=address, icmp=True) for number, address in _numbered(ground)}
    with monitored(ground, machines, folder, pace) as handle:
        yield handle


def _numbered(ground: Ground) -> Iterator[tuple[int, str]]:
    return iter(enumerate(ground.addresses, 1))


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="snlm-bench-")))


def _process(handle: MonitorHandle) -> psutil.Process:
    return psutil.Process(handle.identity.pid)


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def punctuality(samples: Pings) -> dict[str, Any]:
    """How far from its deadline each probe left. One that was not sent was not on time.

    ``drift_ms``: the median of the last tenth less that of the first.
    """
    off_s = (samples.sent_s - samples.due_s)[_once(samples)]
    sent = off_s[np.isfinite(off_s)]
    tenth = max(len(sent) // 10, 1)
    return {
        "probes": len(off_s),
        "not_sent": len(off_s) - len(sent),
        "within_1ms_percent": float(100 * (np.abs(sent) <= _ON_TIME_S).sum() / len(off_s)),
        "off_p50_ms": float(np.median(sent) * 1000),
        "off_p99_9_ms": float(np.quantile(sent, 0.999) * 1000),
        "off_max_ms": float(sent.max() * 1000),
        "drift_ms": float((np.median(sent[-tenth:]) - np.median(sent[:tenth])) * 1000),
    }


def _once(samples: Pings) -> Ints:
    """The rows of each probe's first word, by the time it was due."""
    keys = np.stack([samples.target.codes, samples.kind.codes, samples.seq])
    _, first = np.unique(keys, axis=1, return_index=True)
    return np.asarray(first[np.argsort(samples.due_s[first], kind="stable")], dtype=np.int64)


def schedule(minutes: float) -> dict[str, Any]:
    """A hundred probes a second, alone on the machine; memory is looked at every few seconds."""
    with ExitStack() as stack:
        ground = stack.enter_context(grounded())
        with _icmp(ground, _folder(stack), _FAST) as handle:
            memory = list(_memory(_process(handle), minutes * 60))
        told = punctuality(read_pings(handle.pings_csv))
    return {
        "schedule": told,
        "schedule_within_1ms_percent": told["within_1ms_percent"],
        "schedule_drift_ms": told["drift_ms"],
        "memory_mib": memory[-1],
        "memory_growth_mib": memory[-1] - memory[0],
    }


def _memory(process: psutil.Process, seconds: float) -> Iterator[float]:
    ends_s = time.monotonic() + seconds
    time.sleep(min(_WARM_S, seconds / 4))
    while time.monotonic() < ends_s:
        yield _mib(process)
        time.sleep(min(5.0, seconds / 10))
    yield _mib(process)


def cpu() -> dict[str, Any]:
    """A hundred ICMP probes a second for a minute by each of the three, beside each other, start included."""
    with ExitStack() as stack:
        ground, folder = stack.enter_context(grounded()), _folder(stack)
        handle = stack.enter_context(_icmp(ground, folder / "snlm", _FAST))
        used = {"snlm": _process(handle)}
        for other in OTHERS:
            child = stack.enter_context(other.running(ground, folder / other.name, _FAST))
            used[other.name] = psutil.Process(child.pid)
        time.sleep(_CPU_S)
        figures = {name: _cpu_s(process) for name, process in used.items()}
    return {"cpu_s_of_60": figures, "cpu_over_fping": figures["snlm"] / figures["fping"]}


@contextmanager
def _burning() -> Iterator[None]:
    """Every core has something to do that never waits."""
    burners = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def load() -> dict[str, Any]:
    """A hundred probes a second while every core is busy: printed, no limit. Our monitor asks to go first."""
    with ExitStack() as stack:
        ground, folder = stack.enter_context(grounded()), _folder(stack)
        plan = [Planned(1.0 + 2 * number, 0.3 + number / 17, ground.drop(0)) for number in range(int(_LOAD_S / 2))]
        with _burning(), _icmp(ground, folder, _FAST) as handle:
            cuts = play(plan)
            time.sleep(2.0)
        samples, told = read_pings(handle.pings_csv), told_by_us(handle, "VM01", "icmp")
    return {"under_load": punctuality(samples), "under_load_outages": summary(cuts, told, _FAST.interval_s)}


def targets() -> dict[str, Any]:
    """Fifty targets at ten probes a second each, everything on one core."""
    with ExitStack() as stack:
        ground, folder = stack.enter_context(grounded(_TARGETS)), _folder(stack)
        stack.enter_context(_one_core())
        with _icmp(ground, folder, _SLOW) as handle:
            process = _process(handle)
            before_s = _cpu_s(process)
            time.sleep(_TARGETS_S)
            used_s = _cpu_s(process) - before_s
        samples = read_pings(handle.pings_csv)
    unanswered = int(samples.status.equals(LOST).sum())
    told = punctuality(samples)
    return {
        "targets": told,
        "targets_core_percent": 100 * used_s / _TARGETS_S,
        "targets_not_sent": told["not_sent"],
        "targets_unanswered": unanswered,
    }


@contextmanager
def _one_core() -> Iterator[None]:
    """We, and all whom we start meanwhile, have one core."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)
