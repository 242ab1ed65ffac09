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
from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.downtime import Downtime, DowntimeReport, judge_downtime, read_pings
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, stop_monitor
from snlm_lib.measure.verdict import verdict
from snlm_lib.record.moved import MOVE_STEP, blackout_of
from snlm_lib.record.result import StepResult
from snlm_lib.step import Step
from snlm_lib.steps import vantage
from snlm_lib.steps.away import away_figures, away_row, trip_rows
from snlm_lib.steps.clocks import drifted, host_clocks
from snlm_lib.steps.monitor import guest_of
from snlm_lib.units import parse_utc

__all__ = ["Away", "end_monitor", "measure_away", "moved", "settled", "tell_away", "where_it_is"]

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
    """Judge the probes of the move against the host's own figure, on one axis of time."""
    blackout = blackout_of(step.record, move)
    requested = parse_utc(str(move.figures["requested_utc"]))
    ended = parse_utc(str(move.figures["ended_utc"]))
    handle = find_monitor(step.record.path)
    report = None
    if handle is not None:
        report = judge_downtime(read_pings(handle.pings_csv), window=(requested, ended), blackout=blackout)
    for sentence in drifted(step, host_clocks(step)) if report else ():
        step.say(sentence)
    return Away(report, blackout.length_s, requested, ended)


def tell_away(step: Step, away: Away) -> tuple[CheckResult, ...]:
    """Keep and say the figures; a probe kind that does not answer again is a failure, a control's gap a warning."""
    report = away.report
    if report is None:
        return ()
    told = verdict(report)
    step.table("away", [away_row(item) for item in report.kinds], caption="What the probes saw, during the move")
    if report.control:
        step.table("control", [away_row(item) for item in report.control], caption="What the control saw meanwhile")
    trips = [row for item in report.kinds for row in trip_rows(item)]
    step.table("round_trips", trips, caption="Round trips before, during and after the move")
    step.keep({**away_figures(report), "supported": told.supported})
    vantage.seen(step, (away.requested_utc, away.ended_utc))
    step.say(told.text)
    vm = step.parameters.vm
    return (*(_answers_again(item, vm) for item in report.kinds), *(_stayed(item) for item in report.control))


def _answers_again(item: Downtime, vm: str) -> CheckResult:
    """Every probe after the move answered: pass; some: warn; none: fail, and the guest is blamed only if asked."""
    check_id, title = f"answers-{item.kind}", f"Answers again by {KIND_WORDS.get(item.kind, item.kind)}"
    if not item.probes_after:
        told = "nothing was probed after the move: the monitor had ended"
        remedy = "See monitor/monitor.log in the record; ask the guest by hand."
        return CheckResult(check_id, title, Level.FAIL, told, remedy, "", None)
    level = Level.FAIL if item.rtt_after is None else Level.WARN if item.lost_after else Level.PASS
    evidence = {
        Level.PASS: "every probe after the move was answered",
        Level.WARN: f"{item.lost_after} probes after the move were lost, others answered",
        Level.FAIL: "no probe after the move was answered",
    }[level]
    remedy = "" if level is Level.PASS else "Look at the guest's console and its network on the new host."
    return CheckResult(check_id, title, level, evidence, remedy, vm, None)


def _stayed(item: Downtime) -> CheckResult:
    """A control is a witness: what it missed weakens the measurement, and says nothing against the move."""
    title = f"The control answers by {KIND_WORDS.get(item.kind, item.kind)}"
    evidence, remedy = f"all of {item.probes} probes during the move were answered", ""
    if item.lost:
        evidence = f"{item.lost} of {item.probes} probes during the move were lost"
        remedy = "The way there, or this machine, had a fault of its own: do not quote the gap as the machine's."
    if not item.heard:
        evidence, remedy = (
            "it never answered",
            "Name a control that answers; without one a fault of the path is not seen.",
        )
    level = Level.WARN if remedy else Level.PASS
    return CheckResult(f"control-{item.kind}", title, level, evidence, remedy, item.target, None)
