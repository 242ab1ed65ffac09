"""Many questions at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from snlm_lib.errors import CommandFailed, HostUnreachable, SessionLost
from snlm_lib.estate.reads import AT_ONCE, ask, ask_all
from snlm_lib.remote import commands

Refused = Callable[..., CommandFailed]


def test_an_answer_a_refusal_and_an_accepted_error(table: Any, refused: Refused) -> None:
    session = table("HV01", {"Get-VMHost": [{"Name": "HV01"}], "Get-VHD": refused(), "Get-WinEvent": refused("None,X")})
    answer = ask(session, commands.get_vm_host())
    assert answer is not None
    assert answer[0].get("Name") == "HV01"
    assert ask(session, commands.get_vm_switches()) == ()
    assert ask(session, commands.get_event_values(1)) is None
    assert ask(session, commands.get_event_values(1), accept=("None",)) == ()


def test_all_are_asked_with_no_more_than_the_limit_at_once(table: Any) -> None:
    session = table("HV01", {"Get-VMHost": [{"Name": "x"}]}, takes_s=0.02)
    answers = ask_all(session, {str(number): commands.get_vm_host() for number in range(20)})
    assert list(answers) == [str(number) for number in range(20)]
    assert all(answer and answer[0].get("Name") == "x" for answer in answers.values())
    assert 1 < session.most_at_once <= AT_ONCE


@pytest.mark.parametrize("error", [HostUnreachable("gone", host="HV01"), SessionLost("cut", host="HV01")])
def test_a_host_that_is_gone_is_an_error(table: Any, error: Exception) -> None:
    with pytest.raises(type(error)):
        ask_all(table("HV01", {"Get-VMHost": error}), {"a": commands.get_vm_switches(), "b": commands.get_vm_host()})
