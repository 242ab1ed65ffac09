"""What a person sees while the machine moves: a figure in one place, rarely enough."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from snlm_lib import show
from snlm_lib.change.act import Act, Outcome
from snlm_lib.clock import FakeClock
from snlm_lib.steps.live import LiveMove

HEADER = "t_s,utc,job_state,percent,vm_state,operational_status,pass_number,bytes_sent\n"


def look(samples: Path, t_s: float, percent: int) -> None:
    path = samples / "progress.csv"
    before = path.read_text(encoding="utf-8") if path.exists() else HEADER
    path.write_text(f"{before}{t_s:.3f},,4,{percent},Running,StorageMigrationPhaseOne,,\n", encoding="utf-8")


def drawn(capsys: pytest.CaptureFixture[str]) -> int:
    return capsys.readouterr().out.count(show.PLOTLY_MIME)


def test_it_is_drawn_once_there_is_a_percentage_and_then_once_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    live = LiveMove(tmp_path, clock)
    live.say("no percentage yet")
    assert drawn(capsys) == 0
    counts = []
    for number in range(1, 9):
        look(tmp_path, number / 4, 10 * number)
        live.say(f"copying storage, {10 * number} %")
        counts.append(drawn(capsys))
        clock.advance(0.25)
    assert counts == [1, 0, 0, 0, 1, 0, 0, 0]


def test_slow_drawing_is_done_rarely(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Slow(FakeClock):
        def monotonic_s(self) -> float:
            self.advance(0.5)  # half a second from one question to the next
            return super().monotonic_s()

    live = LiveMove(tmp_path, Slow())
    look(tmp_path, 0.0, 5)
    counts = []
    for _ in range(12):
        live.say("copying storage, 5 %")
        counts.append(drawn(capsys))
    assert counts == [1, *[0] * 8, 1, 0, 0]


@pytest.mark.parametrize(("result", "words"), [("done", "The whole course is drawn below."), ("failed", "")])
def test_a_finished_move_makes_room_and_a_failed_one_keeps_its_figure(
    result: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = LiveMove(tmp_path, FakeClock())
    look(tmp_path, 0.1, 5)
    live.say("copying storage, 5 %")
    end = Outcome(result, "")
    act = live.around(Act("k", "HV01: x", "HV01", "back", lambda: end, lambda begun: end))
    capsys.readouterr()
    assert act.do() == end
    assert words in capsys.readouterr().out
    assert act.settle is not None
    assert act.settle(datetime(2026, 11, 23, tzinfo=UTC)) == end
    assert ("drawn below" in capsys.readouterr().out) == (result == "done")
