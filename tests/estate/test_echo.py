"""What a host's ping came to: numbers in, a fate out; what the host could not send is nobody's silence."""

from __future__ import annotations

import pytest

from snlm_lib.estate.echo import EchoFacts, echo_facts
from snlm_lib.remote.clixml import PsObject


def told(**properties: object) -> EchoFacts:
    return echo_facts([PsObject(("Selected.CimInstance",), "", properties)])


def test_an_answer_has_its_whole_milliseconds() -> None:
    assert told(StatusCode=0, ResponseTime=3) == EchoFacts(True, True, False, 3, "")


def test_a_time_out_was_waited_for() -> None:
    assert told(StatusCode=11010, ResponseTime=None) == EchoFacts(True, False, True, None, "no-answer")


@pytest.mark.parametrize(("code", "why"), [(11002, "unreachable"), (11003, "unreachable"), (11013, "expired")])
def test_somebody_on_the_way_said_no(code: int, why: str) -> None:
    assert told(StatusCode=code) == EchoFacts(True, False, False, None, why)


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"StatusCode": 11050}, "status-11050"),  # general failure: the host's own network is away
        ({"StatusCode": 11006}, "status-11006"),
        ({"StatusCode": None, "PrimaryAddressResolutionStatus": 11001}, "unresolved"),
        ({"StatusCode": None}, "no-status"),
        ({}, "no-status"),
    ],
)
def test_what_could_not_be_sent_says_nothing_of_the_machine(properties: dict[str, object], why: str) -> None:
    assert told(**properties) == EchoFacts(False, False, False, None, why)


def test_no_object_is_no_answer() -> None:
    assert echo_facts([]).error == "no-status"
