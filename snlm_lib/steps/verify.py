"""06: the machine is there, only there, unchanged; and how long it was away, by two clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.change.move import continuity_events
from snlm_lib.change.parity import (
    addresses_in,
    continuity_proof,
    differences,
    files_proof,
    identity_rows,
    place_rows,
    proofs,
)
from snlm_lib.change.reconcile import locate, owner_of
from snlm_lib.clock import Clock
from snlm_lib.errors import Refused
from snlm_lib.estate.model import VmFacts
from snlm_lib.estate.survey import find_vm
from snlm_lib.measure.downtime import Downtime, DowntimeReport, HostBlackout, judge_downtime, read_pings
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, stop_monitor
from snlm_lib.record.result import StepResult
from snlm_lib.step import Step
from snlm_lib.steps import vantage
from snlm_lib.steps.monitor import guest_of
from snlm_lib.units import parse_utc

__all__ = ["Away", "end_monitor", "measure_away", "moved", "settled", "tell_away", "where_it_is"]

MOVE_STEP = "05_move_vm"
REPORT_LIMIT_S = 30.0  # our choice: a guest tells its addresses to the new host some seconds after the move
_LOOK_AGAIN_S = 3.0


@dataclass(frozen=True)
class Away:
    """How long the machine was away: what the probes saw and what the host says."""

    report: DowntimeReport | None  # None: no monitor ran for this record
    host_blackout_s: float | None
    requested_utc: datetime
    ended_utc: datetime


def moved(step: Step) -> StepResult:
    """05's result; raises Refused when the move has no result in this record."""
    found = step.result_of(MOVE_STEP)
    if found is None or not found.figures.get("requested_utc") or not found.figures.get("vm_id"):
        raise Refused(
            "05 left no finished move in this record, so there is nothing to verify",
            where=str(step.record.path),
            remedy="Run 05 first; if it was cut off, run its change cell again: it looks before it acts.",
        )
    return found


def where_it_is(step: Step, move: StepResult) -> tuple[CheckResult, ...]:
    """Ask both hosts; keep the machine as it is now and what differs from before."""
    vantage.go_on(step)
    wanted, vm_id = step.parameters, UUID(str(move.figures["vm_id"]))
    estate = step.connection.estate
    found = locate(estate, vm_id)
    before = move.tables.get("machine", [])
    vm = settled(lambda: find_vm(estate.destination, str(vm_id))[0], addresses_in(before), step.clock)
    after = identity_rows(vm) if vm else []
    step.table("machine", after, caption=f"{wanted.vm} as it is now")
    places = place_rows(vm) if vm else []
    step.table("places", places, caption="Its files now")
    changed = differences(before, after)
    owner = owner_of(found)
    step.keep(
        {
            "running_on": wanted.destination if found.destination and found.destination.state == "Running" else None,
            "gone_from_source": found.source is None,
            "owner": owner.value,
        }
    )
    target = guest_of(step.profile, vm.name) if vm else None
    folder = str(move.figures.get("destination_path") or "")
    held = proofs(
        owner,
        found.destination,
        names=(wanted.source, wanted.destination),
        changed=changed,
        addresses=([*addresses_in(before), *(target.ips if target else [])], addresses_in(after)),
    )
    since = parse_utc(str(move.figures["requested_utc"]))
    through = continuity_proof(vm_id, continuity_events(estate, vm_id, since))
    return (*held, files_proof(places, folder, wanted.destination), through)


def settled(look: Callable[[], VmFacts | None], addresses: Sequence[str], clock: Clock) -> VmFacts | None:
    """The machine, looked at again for `REPORT_LIMIT_S` at most until its guest reports its ``addresses`` again."""
    until_s = clock.monotonic_s() + REPORT_LIMIT_S
    while True:
        vm = look()
        if vm is None or set(addresses) <= set(addresses_in(identity_rows(vm))) or clock.monotonic_s() >= until_s:
            return vm
        clock.sleep(_LOOK_AGAIN_S)


def end_monitor(step: Step, move: StepResult) -> None:
    """Let the tail pass, then end the monitor, so that the last probes have their fate."""
    handle = find_monitor(step.record.path)
    if handle is None:
        step.say("No monitor ran for this record: only the host's own figure is known.")
        return
    ended = parse_utc(str(move.figures["ended_utc"]))
    if handle.running():
        since_s = (step.clock.utc_now() - ended).total_seconds()
        step.clock.sleep(step.parameters.tail_s - since_s)
        vantage.end(step)
        end = stop_monitor(handle)
        step.say(f"The monitor ended ({end.how}) after {end.rows} probes.")
    else:
        step.say(_ended_already(handle, ended))


def _ended_already(handle: MonitorHandle, move_ended: datetime) -> str:
    end = stop_monitor(handle)
    if end.reason == "stop-file":
        return f"The monitor had been ended already (stop-file) after {end.rows} probes."
    last = read_pings(handle.pings_csv).last_sent_utc
    when = "the move did" if last is None or last < move_ended else "it was told to"
    return f"The monitor had ended before {when} (reason {end.reason or 'not known'}): the rest nobody saw."


def measure_away(step: Step, move: StepResult) -> Away:
    """Judge the probes of the move against the host's own figure."""
    blackout = move.figures.get("host_blackout_s")
    host_s = float(blackout) if isinstance(blackout, int | float) else None
    requested = parse_utc(str(move.figures["requested_utc"]))
    handle = find_monitor(step.record.path)
    report = None
    if handle is not None:
        report = judge_downtime(
            read_pings(handle.pings_csv),
            blackout=HostBlackout(host_s, *_logged(move)),
            window=(requested, parse_utc(str(move.figures["ended_utc"]))),
        )
    return Away(report, host_s, requested, parse_utc(str(move.figures["ended_utc"])))


def _logged(move: StepResult) -> tuple[int | None, str | None]:
    event, host = move.figures.get("blackout_event_id"), move.figures.get("blackout_event_host")
    return (int(event) if isinstance(event, int | float) else None, str(host) if host else None)


def tell_away(step: Step, away: Away) -> tuple[CheckResult, ...]:
    """Keep and say the figures; a probe kind that does not answer again is a failure."""
    report = away.report
    if report is None:
        return ()
    step.table("away", [_row(item) for item in report.kinds], caption="What the probes saw, during the move")
    step.keep(
        {
            "probes": sum(item.probes for item in report.kinds),
            "lost": sum(item.lost for item in report.kinds),
            "gap_s": _thousandths(report.gap_s),
            "gap_lower_s": _thousandths(report.gap_lower_s),
            "gap_upper_s": _thousandths(report.gap_upper_s),
            "gap_kind": report.gap_kind,
            "interval_s": report.interval_ms / 1000,
            "host_blackout_s": away.host_blackout_s,
            "residue_s": _thousandths(report.residue_s),
            "cause": report.residue.cause.value,
            "usable": report.usable,
        }
    )
    step.say(_sentence(report))
    return tuple(_answers_again(item, step.parameters.vm) for item in report.kinds)


def _row(item: Downtime) -> dict[str, str | int | float | None]:
    gap = item.gap
    return {
        "probe": item.kind,
        "sent": item.probes,
        "lost": item.lost,
        "late": item.late,
        "not sent": item.not_sent,
        "longest gap, s": _thousandths(gap.length_s) if gap else None,
        "at least, s": _thousandths(gap.lower_s) if gap else 0.0,
        "at most, s": _thousandths(gap.upper_s if gap and item.unseen_s is not None else item.unseen_s),
    }


def _sentence(report: DowntimeReport) -> str:
    """The number the manager asks for, with its bounds and both clocks."""
    if report.told is None or not report.told.heard:
        return "No probe was ever answered, so no gap can be told."
    if report.gap_s is None and report.gap_upper_s is None:
        return "The probes do not reach over the whole move, so no gap can be told."
    if report.gap_s is None:
        return f"No probe was lost: away for less than {report.gap_upper_s:.2f} s."
    upper = "no upper bound" if report.gap_upper_s is None else f"at most {report.gap_upper_s:.2f} s"
    host = "no figure from the host" if report.host_blackout_s is None else f"host blackout {report.host_blackout_s} s"
    return (
        f"Away {report.gap_s:.2f} s by {str(report.gap_kind).upper()} probes"
        f" (at least {report.gap_lower_s:.2f} s, {upper}); {host}. {report.residue.cause.words}"
    )


def _thousandths(seconds: float | None) -> float | None:
    """Probes are sent to the millisecond at best: more digits would claim more."""
    return None if seconds is None else round(seconds, 3)


def _answers_again(item: Downtime, vm: str) -> CheckResult:
    """Every probe after the move answered: pass; some: warn; none: fail, and the guest is blamed only if asked."""
    if not item.probes_after:
        title, told = (
            f"Answers again by {item.kind.upper()}",
            "nothing was probed after the move: the monitor had ended",
        )
        remedy = "See monitor/monitor.log in the record; ask the guest by hand."
        return CheckResult(f"answers-{item.kind}", title, Level.FAIL, told, remedy, "", None)
    level = Level.FAIL if item.rtt_after is None else Level.WARN if item.lost_after else Level.PASS
    evidence = {
        Level.PASS: "every probe after the move was answered",
        Level.WARN: f"{item.lost_after} probes after the move were lost, others answered",
        Level.FAIL: "no probe after the move was answered",
    }[level]
    remedy = "" if level is Level.PASS else "Look at the guest's console and its network on the new host."
    return CheckResult(
        f"answers-{item.kind}", f"Answers again by {item.kind.upper()}", level, evidence, remedy, vm, None
    )
