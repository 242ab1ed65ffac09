"""The connection cut at every request of a rehearsal: it passes all the same, and the machine moves once.

Here a run for each kind of request; `make proving-ground` takes every single one, cut before it is read and after
it was done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from snlm_lib.errors import OutcomeUnknown, SnlmError
from snlm_lib.lab.wire_faults import Seen, WireFault
from tests.hurried import HurriedClock
from tests.proving.miniature import Played, distinct, play

WHOLE = bool(os.environ.get("SNLM_PROVING_GROUND"))
LONG = pytest.mark.skipif(not WHOLE, reason="only on the proving ground: make proving-ground")
CHANGES = {"Enable-VMMigration", "Set-VMHost", "Set-ADComputer", "Set-ADAccountControl", "Move-VM"}
QUESTION = "Get-VMHost"
CUTS = ("cut-before", "cut-after")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("clean"))


def kinds(seen: Iterable[Seen]) -> Iterator[WireFault]:
    """Both cuts of each kind of request once: what belongs to no pipeline, each change, and one question for all."""
    met: set[tuple[str, str]] = set()
    for each, _ in distinct(list(seen)):
        pair = (each.action, each.command)
        if pair in met or each.command not in {"", *CHANGES, QUESTION}:
            continue
        met.add(pair)
        yield from (WireFault(what, host=each.host, action=each.action, command=each.command) for what in CUTS)


def fell(folder: Path, faults: Iterable[WireFault]) -> list[str]:
    """The faults after which a run did not end as it should."""
    wrong = []
    for number, fault in enumerate(faults):
        try:
            played = play(folder / str(number), fault)
        except SnlmError as error:
            wrong.append(f"{fault}: {error}")
            continue
        ends = set(played.changes().values())
        if played.moves != ["completed"] or ends != {"done"}:
            wrong.append(f"{fault}: moves {played.moves}, changes {ends}")
    return wrong


def test_the_clean_run_moves_once_and_closes_every_pipeline(clean: Played) -> None:
    assert clean.moves == ["completed"]
    assert set(clean.changes().values()) == {"done"}
    assert clean.notes == []
    assert {each.command for each in clean.seen} >= CHANGES
    actions = [each.action for each in clean.seen]
    assert actions.count("Command") - actions.count("Signal") < 5  # the last ones may be closed with their session
    secret = actions.index("Send")
    assert all(each.command != "Move-VM" for each in clean.seen[:secret])


def test_a_cut_at_every_kind_of_request_ends_passed_with_one_move(clean: Played, tmp_path: Path) -> None:
    assert fell(tmp_path, kinds(clean.seen)) == []


@LONG
@pytest.mark.parametrize("what", CUTS)
def test_a_cut_at_every_single_request_ends_passed_with_one_move(clean: Played, tmp_path: Path, what: str) -> None:
    every = (WireFault(what, request=ordinal) for ordinal in range(1, len(clean.seen) + 1))
    assert fell(tmp_path, every) == []


@pytest.mark.parametrize("command", sorted(CHANGES))
def test_a_change_whose_answer_was_lost_is_settled_and_the_record_says_how(tmp_path: Path, command: str) -> None:
    played = play(tmp_path, WireFault("cut-after", action="Command", command=command))
    (said,) = played.notes
    assert "the host has taken the command, it was not sent again" in said


@LONG
def test_an_order_to_move_that_nobody_can_vouch_for_is_not_given_again(tmp_path: Path) -> None:
    lost = WireFault("cut-before", action="Command", command="Move-VM")
    shells_gone = WireFault("restart", host="HV01", action="Enumerate", seconds=0.0)
    with pytest.raises(OutcomeUnknown, match="nothing was begun a second time"):
        play(tmp_path, lost, shells_gone)


def test_an_order_that_was_taken_is_attached_to_when_the_host_is_too_busy_to_say_so(tmp_path: Path) -> None:
    lost = WireFault("cut-after", action="Command", command="Move-VM")
    busy = WireFault("busy", host="HV01", action="Enumerate", times=200)
    played = play(tmp_path, lost, busy, clock=HurriedClock())
    assert played.moves == ["completed"]
    assert set(played.changes().values()) == {"done"}


@pytest.mark.parametrize("command", ["Set-VMHost", "Set-ADComputer"])
@pytest.mark.parametrize("first", CUTS)
def test_a_setting_that_nobody_can_vouch_for_is_looked_at_and_set_once_more_if_need_be(
    tmp_path: Path, command: str, first: str
) -> None:
    lost = WireFault(first, action="Command", command=command)
    played = play(tmp_path, lost, WireFault("restart", action="Enumerate", seconds=0.0))
    assert played.moves == ["completed"]
    assert set(played.changes().values()) == {"done"}
    (detail,) = [str(e.data["detail"]) for e in played.entries if "lost" in str(e.data.get("detail"))]
    assert "sent again" in detail or first == "cut-after"


def test_a_move_goes_on_through_a_restart_of_the_source(tmp_path: Path) -> None:
    restart = WireFault("restart", host="HV01", action="Receive", command="Move-VM", seconds=0.2)
    assert play(tmp_path, restart).moves == ["completed"]


@LONG
def test_a_move_that_a_restart_ended_is_not_begun_again(tmp_path: Path) -> None:
    """A known failure if anybody had seen its job; the restart may come before the first look."""
    restart = WireFault("restart", host="HV01", action="Receive", command="Move-VM", seconds=0.2, move_goes_on=False)
    known, unknown = "still runs on the source.*Nothing is retried by itself", "no job of its move shows"
    with pytest.raises(SnlmError, match=f"{known}|{unknown}"):
        play(tmp_path, restart)
