"""04: start the monitor, take the baseline, and refuse when the guest does not answer before the move."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from snlm_lib.errors import ParameterError, Refused
from snlm_lib.estate.survey import find_vm
from snlm_lib.measure.downtime import Downtime, judge_downtime, read_pings
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, start_monitor, stop_monitor
from snlm_lib.parameters import ConnectionProfile, GuestTarget
from snlm_lib.step import Step
from snlm_lib.steps import vantage

__all__ = ["Probed", "baseline", "guest_of", "probe_target", "start"]

_LOOK_S = 0.02


@dataclass(frozen=True)
class Probed:
    """The guest to probe: its name in the samples, and where it answers."""

    name: str
    target: GuestTarget

    @property
    def kinds(self) -> dict[str, int]:
        """Probe kind -> port."""
        ports = {"udp": self.target.udp_port, "tcp": self.target.tcp_port}
        return {kind: port for kind, port in ports.items() if port is not None}


def probe_target(step: Step) -> Probed:
    """The guest to probe, from the connection profile; raises ParameterError when none is listed."""
    name = _machine_name(step)
    target = guest_of(step.profile, name)
    if target is None:
        raise ParameterError(
            f"no probe target for {name!r}",
            where=f"connection {step.profile.name!r}",
            remedy="List the machine under 'guests', with address and udp_port or tcp_port.",
        )
    found = Probed(name, target)
    kinds = " and ".join(f"{kind.upper()} {port}" for kind, port in found.kinds.items())
    step.say(f"{name} is probed at {target.address} by {kinds}, not by ICMP.")
    return found


def guest_of(profile: ConnectionProfile, name: str) -> GuestTarget | None:
    """The probe target of the machine called ``name``, as Windows compares names."""
    return next((target for known, target in profile.guests.items() if known.casefold() == name.casefold()), None)


def _machine_name(step: Step) -> str:
    """Targets are listed by name; a machine wanted by GUID is asked for its name."""
    wanted = step.parameters.vm
    try:
        UUID(wanted)
    except ValueError:
        return wanted
    vm, _count = find_vm(step.connection.source, wanted)
    return vm.name if vm else wanted


def start(step: Step, probed: Probed) -> MonitorHandle:
    """Start the monitor as a process of its own, or go on with the one this record already has."""
    found = find_monitor(step.record.path)
    if found is not None and found.running():
        step.say(f"The monitor already runs (process {found.identity.pid}); it goes on.")
        return found
    wanted = step.parameters
    handle = start_monitor(
        {probed.name: probed.target},
        step.record.path,
        interval_ms=wanted.probe_interval_ms,
        timeout_ms=wanted.probe_timeout_ms,
        limit_s=wanted.monitor_limit_s,
    )
    step.say(f"The monitor runs (process {handle.identity.pid}), a probe every {wanted.probe_interval_ms} ms.")
    vantage.look(step, probed.name, probed.target)
    return handle


def _wait_out(step: Step, handle: MonitorHandle, probed: Probed) -> None:
    """The baseline, and the fate of its last probes; without a baseline one answer of each kind is enough."""
    wanted = step.parameters
    step.clock.sleep(wanted.baseline_s)
    until_s = step.clock.monotonic_s() + wanted.probe_timeout_ms / 1000
    while step.clock.monotonic_s() < until_s:
        if wanted.baseline_s == 0 and _answered(handle.pings_csv) >= set(probed.kinds):
            return
        step.clock.sleep(_LOOK_S)


def _answered(pings_csv: Path) -> set[str]:
    """The probe kinds with an answer so far; a row that is still being written does not count."""
    with pings_csv.open(encoding="utf-8", newline="") as file:
        whole = [line for line in file if line.endswith("\n") and not line.startswith("# ")]
    return {row["kind"] for row in csv.DictReader(whole) if row["status"] == "answered"}


def _last_words(handle: MonitorHandle) -> str:
    log = handle.state_json.with_name("monitor.log")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def baseline(step: Step, handle: MonitorHandle, probed: Probed) -> None:
    """Wait out the baseline and judge it.

    Raises Refused when a probe kind never answered, or the monitor itself has ended, RecordError when its samples
    cannot be read; it leaves none running then, which by hand nobody else would end.
    """
    try:
        _judge_baseline(step, handle, probed)
    except BaseException:
        stop_monitor(handle)
        raise


def _judge_baseline(step: Step, handle: MonitorHandle, probed: Probed) -> None:
    wanted = step.parameters
    _wait_out(step, handle, probed)
    if not handle.running():
        raise Refused(
            f"the monitor has ended: {_last_words(handle)}",
            where=probed.name,
            remedy="See monitor/monitor.log in the record.",
        )
    report = judge_downtime(read_pings(handle.pings_csv), window=None)
    step.table("baseline", [_row(item) for item in report.kinds], caption="Before the move")
    step.keep(
        {
            "baseline_probes": sum(item.probes for item in report.kinds),
            "baseline_lost": sum(item.lost for item in report.kinds),
            "interval_ms": wanted.probe_interval_ms,
            "probe_kinds": ", ".join(item.kind for item in report.kinds),
        }
    )
    answered = {item.kind for item in report.kinds if item.answered}
    silent = [kind for kind in probed.kinds if kind not in answered]
    if silent:
        raise Refused(
            f"the guest does not answer to {' and '.join(kind.upper() for kind in silent)} before the move",
            where=probed.name,
            remedy="Check address, port and firewall of the probe target; a gap could not be told from this.",
        )
    step.say(f"Baseline: {step.figures['baseline_probes']} probes, {step.figures['baseline_lost']} lost.")


def _row(item: Downtime) -> dict[str, object]:
    return {
        "probe": item.kind,
        "sent": item.probes,
        "answered": item.answered,
        "lost": item.lost,
        "late": item.late,
        "round trip p50, ms": item.rtt.p50_ms if item.rtt else None,
        "p95, ms": item.rtt.p95_ms if item.rtt else None,
    }
