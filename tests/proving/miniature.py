"""A rehearsal in miniature: settings, delegation, preflight and move through the real client and the real wire.

No kernels and no guest; the lab runs in this process, so that a test sees the truth, and hurries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from snlm_lib.change import delegation, settings
from snlm_lib.change.checks.preflight import obstacles, preflight
from snlm_lib.change.ledger import carry_out
from snlm_lib.change.move_act import MoveOrder, move_act
from snlm_lib.change.parity import identity_rows, place_rows
from snlm_lib.clock import Clock, SystemClock
from snlm_lib.estate.connect import Connection
from snlm_lib.estate.reads import AT_ONCE
from snlm_lib.estate.survey import survey_pair
from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.scenario import Scenario
from snlm_lib.lab.scenario_file import load_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.lab.server import LabServer
from snlm_lib.lab.wire_faults import Seen, WireFault, WirePlan
from snlm_lib.lab.world import World
from snlm_lib.parameters import Parameters
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.journal import Entry
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import CommandRecord, Endpoint, HostSession

__all__ = ["Played", "play"]

USER, PASSWORD = "CORP\\operator", "Rehearse-1!"
QUICK = Path(__file__).parents[2] / "parameters" / "scenarios" / "quick.yaml"


@dataclass
class Played:
    """What came of one run: the lab's truth, what went over the wire, what the journal and the session told."""

    world: World
    seen: list[Seen]
    entries: tuple[Entry, ...] = ()
    told: list[CommandRecord] = field(default_factory=list)

    @property
    def moves(self) -> list[str]:
        """How each move that was really begun ended."""
        return [each.outcome for each in self.world.moves]

    @property
    def notes(self) -> list[str]:
        """What was said of answers that were lost."""
        lost = [str(entry.data["lost"]) for entry in self.entries if "lost" in entry.data]
        return lost + [record.outcome or "" for record in self.told if record.phase == "settled"]

    def changes(self) -> dict[str, str]:
        """Every intent and its outcome."""
        ends = {e.data["intent_id"]: str(e.data["result"]) for e in self.entries if e.kind == "outcome"}
        intents = [entry for entry in self.entries if entry.kind == "intent"]
        return {str(e.data["what"]): ends.get(e.data["intent_id"], "unknown") for e in intents}


def play(folder: Path, *faults: WireFault, read_timeout_s: float = 5.0, clock: Clock | None = None) -> Played:
    """One run with these faults; ``clock``: the sessions'. Raises what the toolkit raises when it cannot go on."""
    world = build_world(_hurried(load_scenario(QUICK)))
    world.set_password(USER, PASSWORD)
    plan = WirePlan(faults, on_restart=world.restarted)
    played = Played(world, plan.seen)
    computers = [LabComputer(world, host) for host in world.hosts.values()]
    server = LabServer(computers, users={USER: PASSWORD}, state_dir=folder, faults=plan)
    server.start()
    record = create_record(folder, "MINI", clock=SystemClock(), facts={})
    sessions = [
        HostSession(
            Endpoint(name, "127.0.0.1", server.ports[name], auth="ntlm", read_timeout_s=read_timeout_s),
            Credential(USER, PASSWORD),
            clock=clock or SystemClock(),
            on_command=played.told.append,
            at_once=AT_ONCE,
        )
        for name in ("HV01", "HV02", "DC01")
    ]
    connection = Connection(sessions[0], sessions[1], sessions[2], hop=Credential(USER, PASSWORD))
    try:
        _change(connection, record)
    finally:
        played.entries = record.journal(SystemClock()).entries()
        connection.close()
        server.close()
    return played


def _change(connection: Connection, record: Record) -> None:
    """The book's order, without its notebooks."""
    clock, wanted, journal = SystemClock(), Parameters(poll_ms=20), record.journal(SystemClock())
    estate = connection.estate
    facts = survey_pair(estate, wanted.vm, clock)
    for act in settings.acts(estate, settings.plan_settings(facts, wanted)):
        carry_out(journal, "01_enable_live_migration", act)
    for act in delegation.acts(estate.directory, delegation.plan_delegation(facts)):
        carry_out(journal, "02_configure_delegation", act)
    facts = survey_pair(estate, wanted.vm, clock)
    assert obstacles(preflight(facts, wanted)) == ()
    assert facts.vm is not None
    order = MoveOrder(
        connection=connection,
        parameters=wanted,
        credential=Credential(USER, PASSWORD),
        vm_id=facts.vm.vm_id,
        vm_name=facts.vm.name,
        machine=tuple(identity_rows(facts.vm)),
        places=tuple(place_rows(facts.vm)),
        samples=record.samples,
        clock=clock,
        say=lambda line: None,
    )
    carry_out(journal, "05_move_vm", move_act(order))


def _hurried(scenario: Scenario) -> Scenario:
    """The same move in a tenth of a second."""
    brief = replace(scenario.move, check_wall_s=0.01, mirror_wall_s=0.01, relearn_wall_s=0.01, cleanup_wall_s=0.01)
    pace = replace(brief, time_factor=5000, tick_wall_s=0.01, blackout_fixed_wall_s=0.02)
    return replace(scenario, move=pace)


def distinct(seen: Sequence[Seen]) -> list[tuple[Seen, int]]:
    """The first request of each kind: (which, how many-th of the run)."""
    found: dict[Seen, int] = {}
    for ordinal, each in enumerate(seen, 1):
        found.setdefault(each, ordinal)
    return list(found.items())
