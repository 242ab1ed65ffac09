"""An order whose answer was lost, and one that nobody came back from: never given twice, no other move believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.change.ledger import carry_out
from snlm_lib.change.move_act import MoveOrder, move_act
from snlm_lib.clock import FakeClock
from snlm_lib.errors import CommandFailed, OutcomeUnknown, SessionLost, SnlmError
from snlm_lib.estate.connect import Connection
from snlm_lib.parameters import Parameters
from snlm_lib.record.journal import Journal, open_intents
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.sending import NotBegun
from snlm_lib.remote.session import Operation
from tests import builders
from tests.fake_estate import ScriptedHost, bag

STEP = "05_move_vm"
JOB = "Get-CimInstance Msvm_MigrationJob"


@dataclass
class LosingHost(ScriptedHost):
    """Takes each order, and loses its answer in the given way."""

    lost: Callable[[], SessionLost] = lambda: SessionLost("the connection broke", host="HV01")
    orders: list[str] = field(default_factory=list)

    def start(self, pipeline: Pipeline, *, accept: tuple[str, ...] = ()) -> Operation:
        self.orders.append(pipeline.text())
        raise self.lost()


@dataclass
class Scene:
    """A machine on the source; when moved, on the destination. Jobs as the test lists them by the clock's seconds."""

    clock: FakeClock
    folder: Path
    jobs: Callable[[float], list[Any]] = lambda now_s: []
    moved_s: float = float("inf")

    def __post_init__(self) -> None:
        self._began_s = self.clock.monotonic_s()
        gone = CommandFailed("not found", host="HV01", command="Get-VM", fq_error_id="InvalidParameter,GetVM")
        machine = [bag(Id=builders.VM_ID, State="Running", OperationalStatus=["Ok"], Status="Operating normally")]
        self.source = LosingHost(
            "HV01",
            {
                JOB: lambda n: self.jobs(self.now_s),
                "Get-VM": lambda n: gone if self.now_s > self.moved_s else machine,
                "Get-WinEvent": [],
            },
        )
        there = {JOB: [], "Get-VM": lambda n: machine if self.now_s > self.moved_s else gone, "Get-WinEvent": []}
        self.destination = ScriptedHost("HV02", there)  # type: ignore[arg-type]  # dict is invariant

    @property
    def now_s(self) -> float:
        return self.clock.monotonic_s() - self._began_s

    def order(self, *, jobs_before: frozenset[str] | None = None) -> MoveOrder:
        return MoveOrder(
            connection=Connection(self.source, self.destination, None, hop=None),  # type: ignore[arg-type]  # a fake
            parameters=Parameters(move_limit_s=60, poll_ms=500),
            credential=None,
            vm_id=builders.VM_ID,
            vm_name="VM01",
            machine=(),
            places=(),
            samples=self.folder,
            clock=self.clock,
            say=lambda words: None,
            jobs_before=jobs_before,
        )


def job(state: int, name: str) -> Any:
    return bag(InstanceID=name, VirtualSystemName=str(builders.VM_ID).upper(), JobState=state, PercentComplete=5)


def ends(journal: Journal) -> list[str]:
    return [str(entry.data["result"]) for entry in journal.entries() if entry.kind == "outcome"]


def test_a_lost_order_with_no_job_yet_is_unknown_and_never_given_again(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    scene = Scene(clock, tmp_path, jobs=lambda now_s: [job(4, "ours")] if now_s > 12 else [])
    with pytest.raises(OutcomeUnknown, match="no job of its move shows"):
        carry_out(journal, STEP, move_act(scene.order()))
    assert len(scene.source.orders) == 1
    assert len(open_intents(journal.entries(), STEP)) == 1


def test_a_job_that_shows_up_while_watching_is_attached_to(journal: Journal, clock: FakeClock, tmp_path: Path) -> None:
    def jobs(now_s: float) -> list[Any]:
        return [job(7 if now_s > 20 else 4, "ours")] if now_s > 8 else []

    scene = Scene(clock, tmp_path, jobs=jobs, moved_s=20)
    assert carry_out(journal, STEP, move_act(scene.order())).outcome.result == "done"
    assert len(scene.source.orders) == 1


def test_an_order_that_the_host_never_had_is_a_known_failure(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    scene = Scene(clock, tmp_path)
    scene.source.lost = lambda: NotBegun("the connection broke", host="HV01")
    with pytest.raises(SnlmError, match="the order never arrived"):
        carry_out(journal, STEP, move_act(scene.order()))
    assert ends(journal) == ["failed"]


def left_over(journal: Journal, order: MoveOrder, **before: object) -> None:
    act = move_act(order)
    intent = {"intent_id": "i2", "key": act.key, "what": act.what, "host": "HV01", "undo": "", "before": before}
    journal.append("intent", STEP, intent)


@pytest.mark.parametrize("known", [frozenset({"old"}), None])
def test_a_left_over_order_does_not_end_with_the_failed_job_of_an_earlier_one(
    journal: Journal, clock: FakeClock, tmp_path: Path, known: frozenset[str] | None
) -> None:
    def jobs(now_s: float) -> list[Any]:
        ours = [job(7 if now_s > 20 else 4, "ours")] if now_s > 3 else []
        return [job(10, "old"), *ours]

    scene = Scene(clock, tmp_path, jobs=jobs, moved_s=20)
    order = scene.order(jobs_before=known)
    left_over(journal, order)
    assert carry_out(journal, STEP, move_act(order)).outcome.result == "done"
    assert scene.source.orders == []


def test_a_left_over_order_of_which_nothing_shows_stays_unknown(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    scene = Scene(clock, tmp_path, jobs=lambda now_s: [job(10, "old")])
    order = scene.order(jobs_before=frozenset({"old"}))
    left_over(journal, order)
    with pytest.raises(OutcomeUnknown):
        carry_out(journal, STEP, move_act(order))
    assert (ends(journal), scene.source.orders) == ([], [])


def test_a_left_over_order_whose_own_job_failed_is_a_known_failure(
    journal: Journal, clock: FakeClock, tmp_path: Path
) -> None:
    scene = Scene(clock, tmp_path, jobs=lambda now_s: [job(10, "old"), job(10, "ours")])
    order = scene.order(jobs_before=frozenset({"old"}))
    left_over(journal, order)
    with pytest.raises(SnlmError, match="still runs on the source"):
        carry_out(journal, STEP, move_act(order))
    assert ends(journal) == ["failed"]


def test_the_jobs_of_other_moves_stand_in_the_intent(journal: Journal, clock: FakeClock, tmp_path: Path) -> None:
    scene = Scene(clock, tmp_path, jobs=lambda now_s: [job(10, "old")])
    with pytest.raises(OutcomeUnknown):
        carry_out(journal, STEP, move_act(scene.order()))
    (intent,) = open_intents(journal.entries(), STEP)
    assert intent.data["before"]["jobs"] == ["old"]
