"""Many hosts, machines and sessions in one lab; the same seed and an injected clock give the same truth."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from snlm_lib.clock import FakeClock, SystemClock
from snlm_lib.estate.survey import survey_host
from snlm_lib.lab.__main__ import Lab, truth
from snlm_lib.lab.migration import Migration
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import MoveAttempt
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential, resolve
from snlm_lib.remote.session import Endpoint, HostSession
from tests.lab.world.conftest import OPERATOR
from tests.lab.world.crowd import crowded

HOSTS, MACHINES, SESSIONS = 64, 500, 64


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[HostSession]]:
    """One on each host of a lab in this process."""
    state = tmp_path_factory.mktemp("crowd")
    with Lab(crowded(hosts=HOSTS, machines=MACHINES, seed=7), state), ExitStack() as stack:
        told = json.loads((state / "descriptor.json").read_text(encoding="utf-8"))
        operator = resolve(told["user"], told["secret"])
        places = {name: place for name, place in told["hosts"].items() if name != told["directory"]}
        yield [stack.enter_context(session(name, place, operator)) for name, place in places.items()]


def session(name: str, place: dict[str, Any], operator: Credential) -> HostSession:
    endpoint = Endpoint(name, place["address"], place["port"], place["scheme"], auth="ntlm")
    return HostSession(endpoint, operator, clock=SystemClock())


def test_sixty_four_sessions_open_at_once_and_list_every_machine(sessions: list[HostSession]) -> None:
    assert len(sessions) == SESSIONS
    gate = threading.Barrier(SESSIONS)

    def listed(one: HostSession) -> list[object]:
        gate.wait(30)
        return [bag.get("Name") for bag in one.invoke(commands.get_vms()).bags]

    with ThreadPoolExecutor(SESSIONS) as crew:
        found = [name for names in crew.map(listed, sessions) for name in names]
    assert sorted(map(str, found)) == [f"VM{number:03}" for number in range(1, MACHINES + 1)]


def test_hosts_of_a_crowd_are_surveyed_side_by_side(sessions: list[HostSession]) -> None:
    with ThreadPoolExecutor(8) as crew:
        surveyed = list(crew.map(lambda one: survey_host(one, "HV01", SystemClock()), sessions[-8:]))
    assert [facts.name for facts in surveyed] == [f"HV{number}" for number in range(57, 65)]
    assert all(facts.settings.enabled and facts.memory_bytes and facts.volumes for facts in surveyed)


def played(seed: int) -> dict[str, Any]:
    """A crowd in which three machines move one after the other, on a clock that only moves when told."""
    world = build_world(crowded(hosts=8, machines=40, seed=seed), clock=FakeClock())
    world.set_password(OPERATOR.user, OPERATOR.password)
    for number in (1, 2, 3):
        source, target = world.host(f"HV0{number}"), world.host(f"HV0{number + 1}")
        assert source is not None
        vm = next(iter(source.vms.values()))
        attempt = MoveAttempt(
            world,
            vm,
            source,
            f"HV0{number + 1}",
            target,
            "D:\\Moved",
            caller=Caller(OPERATOR.user, "ntlm"),
            credential=OPERATOR,
        )
        migration = Migration(attempt, owner=OPERATOR.user)
        migration.enter()
        migration.run()
    return {"truth": truth(world), "world": world.snapshot(), "at_s": world.clock.monotonic_s()}


def test_the_same_seed_and_clock_give_the_same_truth_to_the_last_byte() -> None:
    first, second = (json.dumps(played(7), sort_keys=True) for _ in range(2))
    assert first == second
    assert first != json.dumps(played(8), sort_keys=True)
    assert [move["outcome"] for move in json.loads(first)["truth"]["moves"]] == ["completed"] * 3
