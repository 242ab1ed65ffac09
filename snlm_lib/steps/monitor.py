"""04: start the monitor, take the baseline, and refuse when the guest does not answer before the move."""

from __future__ import annotations

from snlm_lib.errors import ParameterError, Refused
from snlm_lib.measure.downtime import judge_downtime, read_pings
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, start_monitor
from snlm_lib.parameters import GuestTarget
from snlm_lib.step import Step

__all__ = ["baseline", "probe_target", "start"]


def probe_target(step: Step) -> GuestTarget:
    """The guest to probe, from the connection profile; raises ParameterError when none is listed."""
    wanted = step.parameters.vm
    for name, target in step.profile.guests.items():
        if name.casefold() == wanted.casefold():
            kinds = [f"{kind} {port}" for kind, port in (("UDP", target.udp_port), ("TCP", target.tcp_port)) if port]
            step.say(f"{name} is probed at {target.address} by {' and '.join(kinds)}, not by ICMP.")
            return target
    raise ParameterError(
        f"no probe target for {wanted!r}",
        where=f"connection {step.profile.name!r}",
        remedy="List the machine under 'guests', with address and udp_port or tcp_port.",
    )


def start(step: Step, target: GuestTarget) -> MonitorHandle:
    """Start the monitor as a process of its own, or go on with the one this record already has."""
    found = find_monitor(step.record.path)
    if found is not None and found.running():
        step.say(f"The monitor already runs (process {found.identity.pid}); it goes on.")
        return found
    wanted = step.parameters
    handle = start_monitor(
        {wanted.vm: target},
        step.record.path,
        interval_ms=wanted.probe_interval_ms,
        timeout_ms=wanted.probe_timeout_ms,
        limit_s=wanted.monitor_limit_s,
    )
    step.say(f"The monitor runs (process {handle.identity.pid}), a probe every {wanted.probe_interval_ms} ms.")
    return handle


def baseline(step: Step, handle: MonitorHandle) -> None:
    """Wait out the baseline and judge it; raises Refused when a probe kind never answered."""
    wanted = step.parameters
    step.clock.sleep(wanted.baseline_s + wanted.probe_timeout_ms / 1000)
    report = judge_downtime(
        read_pings(handle.pings_csv), interval_ms=wanted.probe_interval_ms, window=None, host_blackout_s=None
    )
    rows = [
        {
            "probe": item.kind,
            "sent": item.probes,
            "answered": item.answered,
            "lost": item.lost,
            "late": item.late,
            "round trip p50, ms": item.rtt.p50_ms if item.rtt else None,
            "p95, ms": item.rtt.p95_ms if item.rtt else None,
        }
        for item in report.kinds
    ]
    step.table("baseline", rows, caption="Before the move")
    step.keep(
        {
            "baseline_probes": sum(item.probes for item in report.kinds),
            "baseline_lost": sum(item.lost for item in report.kinds),
            "interval_ms": wanted.probe_interval_ms,
            "probe_kinds": ", ".join(item.kind for item in report.kinds),
        }
    )
    silent = [item.kind for item in report.kinds if not item.answered]
    if silent or not report.kinds:
        raise Refused(
            f"the guest does not answer to {' and '.join(silent) or 'any probe'} before the move",
            where=wanted.vm,
            remedy="Check address, port and firewall of the probe target; a gap could not be told from this.",
        )
