"""Every fault the lab's wire can play, at every kind of request: the client's answer stays the right one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import CommandFailed, HostUnreachable, SessionLost
from snlm_lib.lab.server import LabServer
from snlm_lib.lab.wire_faults import KINDS, SIGN_ON, WireFault, WirePlan
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.sending import NotBegun
from snlm_lib.remote.session import CommandRecord, Endpoint, HostSession
from tests.hurried import HurriedClock
from tests.remote.conftest import PASSWORD, USER, ToyHost
from tests.remote.test_session import VM_ID, move, until

HARMLESS = sorted(KINDS.keys() - {"restart"})
Spoilt = Callable[..., Any]
CLOCK = SystemClock()


@pytest.fixture
def spoilt(tmp_path: Path) -> Spoilt:
    """A session on a toy host whose wire has these faults; what it told is in ``told``."""

    @contextmanager
    def make(
        *faults: WireFault, read_timeout_s: float = 2.0, clock: Clock = CLOCK
    ) -> Iterator[tuple[HostSession, ToyHost, WirePlan, Any]]:
        toy, plan, told = ToyHost("HV01"), WirePlan(faults), list[CommandRecord]()
        toy.release.set()
        credential = Credential(USER, PASSWORD)
        server = LabServer([toy], users={USER: PASSWORD}, state_dir=tmp_path, faults=plan)
        server.start()
        endpoint = Endpoint("HV01", "127.0.0.1", server.ports["HV01"], auth="ntlm", read_timeout_s=read_timeout_s)
        session = HostSession(endpoint, credential, clock=clock, on_command=told.append, connect_timeout_s=0.3)
        try:
            yield session, toy, plan, told
        finally:
            session.close()
            server.close()

    return make


def settled(told: list[CommandRecord]) -> list[str]:
    return [each.outcome or "" for each in told if each.phase == "settled"]


@pytest.mark.parametrize("what", HARMLESS)
@pytest.mark.parametrize("action", [SIGN_ON, "Create", "Command", "Receive", "Signal"])
def test_no_fault_of_one_request_makes_a_command_run_twice_or_not_at_all(
    spoilt: Spoilt, what: str, action: str
) -> None:
    fault = WireFault(what, action=action, request=1 if action != "Receive" else 2, seconds=0.1)
    with spoilt(fault, read_timeout_s=0.6) as (session, toy, plan, _):
        assert session.start(move()).result().objects
        if action == "Signal":
            assert until(lambda: any(seen.action == "Signal" for seen in plan.seen))
        assert len(toy.heard) == 1


def test_a_lost_command_is_looked_for_and_the_record_says_how_it_was_settled(spoilt: Spoilt) -> None:
    with spoilt(WireFault("cut-after", action="Command")) as (session, toy, plan, told):
        session.start(move()).result()
        assert len(toy.heard) == 1
        (said,) = settled(told)
        assert said.endswith("the host has taken the command, it was not sent again")
        assert [seen.action for seen in plan.seen].count("Command") == 1


def test_a_command_that_never_arrived_is_sent_again_under_its_own_id(spoilt: Spoilt) -> None:
    with spoilt(WireFault("cut-before", action="Command", times=2)) as (session, toy, plan, told):
        session.start(move()).result()
        assert len(toy.heard) == 1
        (said,) = settled(told)
        assert said.endswith("the host had not taken the command, it was sent again")
        assert [seen.action for seen in plan.seen].count("Command") == 3


def test_a_change_whose_fate_the_host_cannot_tell_is_lost_and_never_sent_again(spoilt: Spoilt) -> None:
    faults = [WireFault("cut-after", action="Command"), WireFault("restart", action="Enumerate", seconds=0.0)]
    with spoilt(*faults) as (session, toy, plan, _):
        with pytest.raises(SessionLost, match="look at the host"):
            session.start(move())
        assert len(toy.heard) == 1
        assert [seen.action for seen in plan.seen].count("Command") == 1
        assert session.invoke(commands.get_vm_host()).objects


def test_a_question_is_asked_again_over_a_new_session_after_a_restart(spoilt: Spoilt) -> None:
    away_s = 0.8  # longer than a host is waited for that never answered
    with spoilt(WireFault("restart", action="Receive", request=2, seconds=away_s)) as (session, _, plan, _told):
        assert session.invoke(commands.get_vm_host()).objects
        assert [seen.action for seen in plan.seen].count("Create") == 2


def test_of_many_commands_side_by_side_one_alone_waits_for_a_host_that_does_not_come_back(spoilt: Spoilt) -> None:
    many, sends = 8, 7  # a send, and one after each of its waits
    waiting = WireFault("stall", action="Receive", command="Get-VMHost", times=many, seconds=0.5)
    gone = WireFault("restart", action="Command", request=many, seconds=0)
    stays_away = WireFault("busy", action="Create", request=2, times=999)
    together = threading.Barrier(many)

    def ask(session: HostSession) -> bool:
        together.wait()
        with suppress(HostUnreachable):
            return bool(session.invoke(commands.get_vm_host()).objects)
        return False

    with (
        spoilt(waiting, gone, stays_away, clock=HurriedClock()) as (session, _, plan, _told),
        ThreadPoolExecutor(many) as crew,
    ):
        session.open()
        assert not all(crew.map(ask, [session] * many))
        assert 1 < [seen.action for seen in plan.seen].count("Create") <= 1 + sends


def test_keys_lost_in_the_exchange_are_exchanged_anew_before_any_secret_leaves(spoilt: Spoilt) -> None:
    secret = move(Credential("CORP\\mover", "s3cret"))
    with spoilt(WireFault("cut-after", action="Send")) as (session, toy, plan, _):
        assert session.start(secret).result().objects
        assert len(toy.heard) == 1
        actions = [seen.action for seen in plan.seen]
        assert actions.count("Create") == 2
        assert actions.index("Send") < actions.index("Command")


def test_a_busy_host_is_waited_for_and_one_that_stays_busy_began_nothing(spoilt: Spoilt) -> None:
    with spoilt(WireFault("busy", action="Command", times=3)) as (session, toy, _, _told):
        assert session.start(move()).result().objects
        assert len(toy.heard) == 1
    with spoilt(WireFault("busy", times=9)) as (session, toy, _, _told):
        with pytest.raises(HostUnreachable, match="503"):
            session.open()
        assert toy.heard == []


def test_a_stall_is_told_in_seconds(spoilt: Spoilt) -> None:
    faults = [WireFault("stall", action="Command", seconds=9), WireFault("restart", action="Enumerate", seconds=0)]
    with (
        spoilt(*faults, read_timeout_s=0.3) as (session, _, _plan, _told),
        pytest.raises(SessionLost, match=r"no answer within 0\.3 s"),
    ):
        session.start(move())


@pytest.mark.parametrize("pipeline", [commands.get_vm_host(), commands.get_vhds(VM_ID)], ids=["well", "failed"])
def test_every_pipeline_is_closed_on_the_host(spoilt: Spoilt, pipeline: Pipeline) -> None:
    with spoilt() as (session, _, plan, _told):
        session.open()
        for _turn in range(3):
            with suppress(CommandFailed):
                session.invoke(pipeline)
        assert until(lambda: [seen.action for seen in plan.seen].count("Signal") == 3)


@pytest.mark.parametrize(
    "faults",
    [
        [WireFault("cut-after", action="Command"), WireFault("busy", action="Enumerate", times=40)],
        [WireFault("busy", action="Receive", command="Move-VM", times=40)],
    ],
)
def test_a_host_too_busy_to_say_what_became_of_a_command_leaves_it_open(
    spoilt: Spoilt, faults: list[WireFault]
) -> None:
    with spoilt(*faults, clock=HurriedClock()) as (session, toy, _, _told):
        with pytest.raises(SessionLost, match="look at the host") as caught:
            session.start(move()).result()
        assert "Nothing was begun" not in str(caught.value)
        assert len(toy.heard) == 1


def test_a_command_that_the_host_never_took_is_known_not_to_have_begun(spoilt: Spoilt) -> None:
    with spoilt(WireFault("cut-before", action="Command", times=40)) as (session, toy, _, _told):
        with pytest.raises(NotBegun):
            session.start(move())
        assert toy.heard == []
