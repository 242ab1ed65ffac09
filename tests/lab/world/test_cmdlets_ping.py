"""Win32_PingStatus: a ping sent from any computer of the world tells whether the machine is there at that moment."""

from __future__ import annotations

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.guests import GuestProcess
from tests.lab.world.conftest import CountingGuest, Lab, RecordingSink
from tests.lab.world.test_endpoints import ask, behind

MACHINE = "10.20.0.51"


def question(address: str, timeout_ms: int = 1000) -> tuple[str, dict[str, object]]:
    wanted: dict[str, object] = {
        "ClassName": "Win32_PingStatus",
        "Filter": f"Address='{address}' and Timeout={timeout_ms}",
    }
    return "Get-CimInstance", wanted


def ping(lab: Lab, address: str, *, at: str = "DC01", timeout_ms: int = 1000) -> RecordingSink:
    return lab.ask(at, question(address, timeout_ms))


def living(lab: Lab) -> CountingGuest:
    guest = CountingGuest(lab.world)
    lab.world.guests[lab.vm("VM01").vm_id] = guest
    return guest


def slept_s(lab: Lab) -> float:
    assert isinstance(lab.world.clock, FakeClock)
    return sum(lab.world.clock.slept_s)


@pytest.mark.parametrize("at", ["HV01", "HV02", "DC01"])
def test_a_machine_that_is_there_answers_every_computer(lab: Lab, at: str) -> None:
    living(lab)
    told = ping(lab, MACHINE, at=at).one.properties
    assert (told["StatusCode"], told["ResponseTime"], told["ProtocolAddress"]) == (0, 0, MACHINE)
    assert told["Timeout"] == 1000


def test_one_that_is_away_is_waited_for_as_long_as_was_said(lab: Lab) -> None:
    living(lab).silence()
    told = ping(lab, MACHINE, timeout_ms=700).one.properties
    assert (told["StatusCode"], told["ResponseTime"]) == (11010, None)
    assert slept_s(lab) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("address", "status", "resolved"),
    [("VM01", 0, 0), ("HV02", 0, 0), ("10.20.0.250", 11010, 0), ("nobody.corp.example", None, 11001)],
)
def test_names_computers_and_addresses_that_nobody_has(
    lab: Lab, address: str, status: int | None, resolved: int
) -> None:
    told = ping(lab, address).one.properties
    assert (told["StatusCode"], told["PrimaryAddressResolutionStatus"]) == (status, resolved)


def test_a_machine_that_is_off_does_not_answer(lab: Lab) -> None:
    lab.vm("VM01").state = "Off"
    assert ping(lab, MACHINE).one.properties["StatusCode"] == 11010


def test_without_an_address_there_is_no_instance(lab: Lab) -> None:
    assert lab.ask("DC01", ("Get-CimInstance", {"ClassName": "Win32_PingStatus"})).output_values == []


def test_the_world_is_not_held_while_a_ping_waits(lab: Lab) -> None:
    guest = living(lab)
    guest.silence()
    free: list[bool] = []
    clock = lab.world.clock
    waited = clock.sleep

    class Watching(FakeClock):
        def sleep(self, seconds: float) -> None:
            free.append(not lab.world.lock._is_owned())  # type: ignore[attr-defined]  # CPython's own
            waited(seconds)

    lab.world.clock = Watching()
    ping(lab, MACHINE)
    assert free == [True]


@pytest.mark.parametrize(("host", "name"), [("HV01", "Snlm.Operator"), ("DC01", "Snlm.Operator")])
def test_the_shipped_endpoints_let_snlm_ping_and_ask_nothing_more(lab: Lab, host: str, name: str) -> None:
    living(lab)
    selected = ("Select-Object", {"Property": ["StatusCode", "ResponseTime", "PrimaryAddressResolutionStatus"]})
    assert ask(behind(lab, host, name), question(MACHINE), selected).one.properties["StatusCode"] == 0
    more = {"ClassName": "Win32_PingStatus", "Filter": f"Address='{MACHINE}' and BufferSize=60000"}
    refused = ask(behind(lab, host, name), ("Get-CimInstance", more))
    assert refused.fq_error_ids == ["ParameterArgumentValidationError,Get-CimInstance"]


def test_a_living_guest_says_itself_whether_it_is_there() -> None:
    guest = GuestProcess("VM01")
    try:
        took_s = guest.echo(5.0)
        assert took_s is not None
        assert took_s < 5.0
        guest.silence()
        assert guest.echo(0.05) is None
    finally:
        guest.stop()
    assert guest.echo(0.05) is None
