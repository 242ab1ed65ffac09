"""What if: sliders change what they name and nothing else, and what nobody moved stays unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from snlm_lib.estate.model import LinkFacts
from snlm_lib.foresight import told_of
from snlm_lib.measure.forecast import Outcome, PassSeen, Past
from snlm_lib.parameters import ConnectionProfile, HostAddress, Parameters
from snlm_lib.steps.what_if import Board
from tests.builders import host, pair

CARD = LinkFacts("Ethernet", 10_000.0, 1500, False, True, ("10.20.0.11",))
LAB = ConnectionProfile(
    name="lab",
    hosts={name: HostAddress(address="127.0.0.1", port=1) for name in ("HV01", "HV02")},
    user="CORP\\operator",
    secret="keyring:snlm",
    rehearsal=True,
)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path))
    return made()


def made(**wanted: object) -> Board:
    ends = {
        side: host(name, "x", links=(CARD,), peer_address="10.20.0.11")
        for side, name in (("source", "HV01"), ("destination", "HV02"))
    }
    return Board(told_of(pair(**ends), Parameters.model_validate(wanted), LAB))


def start(board: Board) -> dict[str, float]:
    return {knob.name: knob.value for knob in board.knobs}


def test_sliders_begin_where_the_survey_stands_and_change_nothing_there(board: Board) -> None:
    assert [knob.name for knob in board.knobs] == ["link_mbit_s", "dirty_mib_s", "compression"]
    assert all(knob.low <= knob.value <= knob.high for knob in board.knobs)
    assert start(board)["link_mbit_s"] == 10_000
    assert board.then(start(board)) == board.seen.told
    assert "memory writes" in board.then(start(board)).missing


def test_what_is_moved_is_known_and_only_that(board: Board) -> None:
    quiet = board.then({**start(board), "dirty_mib_s": 1.0})
    assert "memory writes" not in quiet.missing
    assert quiet.memory_s.high - quiet.memory_s.low < board.seen.told.memory_s.high - board.seen.told.memory_s.low
    slow = board.then({**start(board), "link_mbit_s": 1000.0})
    assert slow.total_s.mid > board.seen.told.total_s.mid
    assert "memory writes" in slow.missing
    assert board.then({**start(board), "compression": 1.1}).memory_s.mid > board.seen.told.memory_s.mid


def test_sliders_begin_at_what_the_machines_last_move_told(board: Board) -> None:
    seen = board.seen
    passes = (PassSeen(8192, 20.0), PassSeen(4000, 10.0), PassSeen(2500, 6.0))
    seen.model.learn(Past(seen.given, Outcome(60.0, 2.0, 15_000.0, passes=passes)))
    again = Board(replace(seen, told=seen.model.forecast(seen.given)))
    assert start(again)["dirty_mib_s"] == pytest.approx(200)
    assert again.then(start(again)) == again.seen.told
    busier = again.then({**start(again), "dirty_mib_s": 400.0})
    assert busier.memory_s.mid > again.seen.told.memory_s.mid


def test_without_compression_there_is_no_slider_for_it(board: Board) -> None:
    assert [knob.name for knob in made(performance="TCPIP").knobs] == ["link_mbit_s", "dirty_mib_s"]


def test_both_forecasts_stand_in_a_table_with_the_figure(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    board.turn({})
    told = capsys.readouterr().out.replace("\\n", "\n")
    assert "eight of ten such moves | as surveyed | as the sliders stand" in told
    assert "memory | not known | not known" in told
    board.turn({**start(board), "dirty_mib_s": 1.0})
    told = capsys.readouterr().out.replace("\\n", "\n")
    assert "memory | not known | converges" in told
    assert json.dumps("Forecast of the move")[1:-1] in told
