"""05: the move, from the order to the figures."""

from __future__ import annotations

from uuid import UUID

from snlm_lib.change.act import Act
from snlm_lib.change.checks.preflight import preflight
from snlm_lib.change.ledger import Done
from snlm_lib.change.move import LONG_BLACKOUT_EVENT
from snlm_lib.change.move_act import MoveOrder, move_act
from snlm_lib.change.parity import identity_rows, place_rows
from snlm_lib.errors import Refused
from snlm_lib.estate.model import PairFacts, VmFacts
from snlm_lib.opening import move_begun
from snlm_lib.step import Step
from snlm_lib.steps import vantage
from snlm_lib.steps.advice import advised, leftovers
from snlm_lib.steps.live import LiveMove
from snlm_lib.steps.monitor import guest_of
from snlm_lib.units import say_duration_s

__all__ = ["gate", "order", "tell"]


def order(step: Step, facts: PairFacts) -> list[Act]:
    """The one act of this step; for a move that was begun before, the same act again, to be settled.

    Keeps what the machine was like before, for 06 to compare with. Raises Refused when the source has
    no such machine and no move of it was begun in this record.
    """
    begun = move_begun(step.journal.entries())
    jobs = None
    if begun is not None:
        before = begun.data["before"]
        jobs = frozenset(before["jobs"]) if "jobs" in before else None
        vm_id, name = UUID(str(before["vm_id"])), str(before["name"])
        rows, places = list(before["machine"]), list(before["places"])
    else:
        vm = _machine(facts)
        vm_id, name, rows, places = vm.vm_id, vm.name, identity_rows(vm), place_rows(vm)
    step.table("machine", rows, caption=f"{name} before the move")
    step.table("places", places, caption="Its files before the move")
    offsets_s = {host.name: host.clock_offset_s for host in (facts.source, facts.destination)}
    vantage.watch(step, vantage.seen_of(name, guest_of(step.profile, name)), offsets_s)
    live = LiveMove(step.record.samples, step.clock)
    act = move_act(
        MoveOrder(
            connection=step.connection,
            parameters=step.parameters,
            credential=step.connection.hop,
            vm_id=vm_id,
            vm_name=name,
            machine=tuple(rows),
            places=tuple(places),
            samples=step.record.samples,
            clock=step.clock,
            say=live.say,
            jobs_before=jobs,
        )
    )
    destination = step.connection.destination
    return [live.around(advised(act, lambda: step.checks, lambda: leftovers(destination, vm_id)))]


def gate(step: Step, facts: PairFacts) -> None:
    """The whole preflight, unless a move was begun in this record: then looking comes before judging."""
    if move_begun(step.journal.entries()) is not None:
        step.say("A move was begun in this record already: it is looked at, not started again.")
        return
    step.gate(preflight(facts, step.parameters))


def _machine(facts: PairFacts) -> VmFacts:
    if facts.vm is None:
        raise Refused(f"no machine called {facts.vm_wanted!r}", where=facts.source.name, remedy="Correct 'vm'.")
    return facts.vm


def tell(step: Step, done: list[Done]) -> None:
    """What came of it, in sentences and numbers."""
    if not done:
        return
    vantage.tell(step)
    facts = done[0].outcome.facts
    step.keep({name: value for name, value in facts.items() if isinstance(value, str | int | float | bool | None)})
    duration, pause = facts.get("duration_s"), facts.get("host_blackout_s")
    again = "" if done[0].begun_here else " (by an earlier run of this cell; nothing was started again)"
    if pause is not None:
        step.say(f"The host says the processors stood still for {pause} s (event {facts.get('blackout_event_id')}).")
        if facts.get("blackout_event_id") == LONG_BLACKOUT_EVENT:
            step.say("That event means: longer than Hyper-V expects. Memory was written faster than it was copied.")
    else:
        step.say("The host gave no blackout figure; the gap that the probes saw stands in 06.")
    most = "at most " if facts.get("duration_is_at_most") else ""
    step.say(f"Moved in {most}{say_duration_s(_number(duration))}{again}.")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
