"""04: start the monitor, take the baseline, and refuse when the guest does not answer before the move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from snlm_lib.errors import ParameterError, Refused
from snlm_lib.estate.survey import find_vm
from snlm_lib.measure.aims import KIND_WORDS, left_out, probe_targets, ways
from snlm_lib.measure.downtime import Downtime, DowntimeReport, judge_downtime, read_pings
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, start_monitor, stop_monitor
from snlm_lib.measure.tally import Tally
from snlm_lib.measure.targets import ProbeTarget
from snlm_lib.parameters import ConnectionProfile, GuestTarget
from snlm_lib.step import Step
from snlm_lib.steps import vantage
from snlm_lib.steps.clocks import host_clocks

__all__ = ["HOW_TO_LIST", "Probed", "baseline", "guest_of", "kind_words", "probe_target", "start"]

HOW_TO_LIST = "List the machine under 'guests', with its address and icmp: true, udp_port, connect_port or tcp_port."
_LOOK_S = 0.02


@dataclass(frozen=True)
class Probed:
    """The guest to probe: its name in the samples, where it answers, and the neighbours probed beside it."""

    name: str
    target: GuestTarget
    controls: Mapping[str, GuestTarget] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of probe, in the order in which they are told."""
        return self.aims[0].kinds()

    @property
    def aims(self) -> tuple[ProbeTarget, ...]:
        """The guest, then the controls; raises ParameterError for one that names no way to be probed."""
        return probe_targets({self.name: self.target}, self.controls)


def probe_target(step: Step) -> Probed:
    """The guest to probe, and the controls, from the connection profile.

    Raises ParameterError when it is not listed, or when it or a control names no way to be probed.
    """
    name = _machine_name(step)
    target = guest_of(step.profile, name)
    if target is None:
        where = f"connection {step.profile.name!r}"
        raise ParameterError(f"no probe target for {name!r}", where=where, remedy=HOW_TO_LIST)
    found = Probed(name, target, step.profile.controls)
    for aim in found.aims:
        beside = "The control " if aim.role == "control" else ""
        step.say(f"{beside}{aim.name} is probed at {aim.address} by {', '.join(ways(aim))}.")
    if not found.controls:
        step.say("No control is listed: a fault of the path, or of this machine, would look like the guest's.")
    return found


def kind_words(kinds: Iterable[str]) -> str:
    """Kinds of probe as a sentence names them."""
    return " and ".join(KIND_WORDS.get(kind, kind) for kind in kinds)


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
        controls=probed.controls,
        clock_offsets_s=host_clocks(step),
    )
    step.say(f"The monitor runs (process {handle.identity.pid}), a probe every {wanted.probe_interval_ms} ms.")
    for sentence in left_out(probed.aims, handle.state_json):
        step.say(sentence)
    vantage.look(step, probed.name, probed.target)
    return handle


def _wait_out(step: Step, handle: MonitorHandle, probed: Probed) -> None:
    """The baseline, and the fate of its last probes; without a baseline one answer of each kind is enough."""
    wanted, tally = step.parameters, Tally(handle.pings_csv)
    every = {(aim.name, kind) for aim in probed.aims for kind in aim.kinds()}
    step.clock.sleep(wanted.baseline_s)
    until_s = step.clock.monotonic_s() + wanted.probe_timeout_ms / 1000
    while step.clock.monotonic_s() < until_s:
        tally.read()
        if wanted.baseline_s == 0 and all(tally.answered(probed.name, kind) for kind in probed.kinds):
            return
        if wanted.baseline_s > 0 and tally.settled and every <= tally.counts.keys():
            return
        step.clock.sleep(_LOOK_S)


def _last_words(handle: MonitorHandle) -> str:
    log = handle.state_json.with_name("monitor.log")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def baseline(step: Step, handle: MonitorHandle, probed: Probed) -> None:
    """Wait out the baseline and judge it.

    Raises Refused when a probe kind never answered, or the monitor itself has ended, RecordError when its samples
    cannot be read; it leaves none running then, which by hand nobody else would end. A control that never answered
    is only said: the machine is still measured without it.
    """
    try:
        _judge_baseline(step, handle, probed)
    except BaseException:
        stop_monitor(handle)
        raise


def _judge_baseline(step: Step, handle: MonitorHandle, probed: Probed) -> None:
    _wait_out(step, handle, probed)
    if not handle.running():
        raise Refused(
            f"the monitor has ended: {_last_words(handle)}",
            where=probed.name,
            remedy="See monitor/monitor.log in the record.",
        )
    report = judge_downtime(read_pings(handle.pings_csv), window=None, target=probed.name)
    step.table("baseline", [_row(item) for item in (*report.kinds, *report.control)], caption="Before the move")
    step.keep(
        {
            "baseline_probes": sum(item.probes for item in report.kinds),
            "baseline_lost": sum(item.lost for item in report.kinds),
            "interval_ms": step.parameters.probe_interval_ms,
            "probe_kinds": ", ".join(item.kind for item in report.kinds),
            "controls_answered": all(item.heard for item in report.control) if report.control else None,
        }
    )
    _refuse_silent(report, probed)
    for item in report.control:
        if not item.heard:
            step.say(f"WARNING: the control {item.target} does not answer by {kind_words([item.kind])}.")
    step.say(f"Baseline: {step.figures['baseline_probes']} probes, {step.figures['baseline_lost']} lost.")


def _refuse_silent(report: DowntimeReport, probed: Probed) -> None:
    """What was not allowed here has no samples and was said; what was asked and never answered is refused."""
    silent = [item.kind for item in report.kinds if not item.heard]
    if silent or not report.kinds:
        icmp = " Windows' firewall drops ICMP echo unless its rule for it is on." if "icmp" in silent else ""
        raise Refused(
            f"the guest does not answer to {kind_words(silent or probed.kinds)} before the move",
            where=probed.name,
            remedy="Check address, port and firewall of the probe target; a gap could not be told from this." + icmp,
        )


def _row(item: Downtime) -> dict[str, object]:
    return {
        "target": item.target,
        "probe": KIND_WORDS.get(item.kind, item.kind),
        "exchange": item.exchange,
        "sent": item.probes,
        "answered": item.answered,
        "lost": item.lost,
        "late": item.late,
        "round trip p50, ms": round(item.rtt.p50_ms, 3) if item.rtt else None,
        "p95, ms": round(item.rtt.p95_ms, 3) if item.rtt else None,
        "p99, ms": round(item.rtt.p99_ms, 3) if item.rtt else None,
    }
