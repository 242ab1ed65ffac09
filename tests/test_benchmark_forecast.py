"""The forecast benchmark: nothing of a move is known before it is forecast, and its arithmetic."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.forecast import main, naive, parts, read_moves, rehearse, score, speed

HEAD = "started_unix_s,workload,ram_mib,rate_cap_mib_s,dirty_rate_pages_4k_s,total_ms,downtime_ms,sent_kib"


def _file(path: Path, factor: float = 1.1, rows: int = 80) -> Path:
    lines = [HEAD]
    for at in range(rows):
        ram = 500 + 10 * (at % 40)
        workload = ("web", "mail")[at % 2]
        took = factor * ram / 100 * 1000
        lines.append(f"{1000 + 100 * at},{workload},{ram},100,{256 * (at % 5)},{took},200,{ram * 1024 * factor}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_keys_of_the_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = _file(tmp_path / "a.csv"), _file(tmp_path / "b.csv")
    assert main(["--set", "seoul", "--train", str(train), "--test", str(test), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    names = {"time_mape_percent", "rows_25_percent_off", "bytes_mape_percent", "pause_mae_ms", "inside_range_percent"}
    assert names <= set(told)
    assert told["time_mape_percent"] < 3
    assert {"frozen_" + name for name in names} <= set(told)
    assert told["rows"] == 80


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "has no rows"),
        (HEAD + "\n", "has no rows"),
        ("a,b\n1,2\n", "has no column 'started_unix_s', which the moves of seoul have"),
        (HEAD + "\n1,web,many,1,1,1,1,1\n", "row 1 holds something that is no number"),
        (HEAD + "\n1,web\n", "row 1 holds something that is no number"),
    ],
)
def test_a_file_of_something_else_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, says: str
) -> None:
    path = tmp_path / "other.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["--set", "seoul", "--train", str(path)]) == 2
    said = capsys.readouterr().err

    assert says in said
    assert "other.csv" in said


@pytest.mark.parametrize("split", ["chronological", "leave-one-workload-out"])
def test_the_table_stands_the_naive_models_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], split: str
) -> None:
    assert main(["--set", "seoul", "--train", str(_file(tmp_path / "a.csv")), "--split", split]) == 0
    told = capsys.readouterr().out

    names = ("snlm frozen", "memory over link", "geometric series", "saturating curve", "Hyper-V")
    assert all(name in told for name in names)
    assert ("has met no move of the workload" in told) == (split != "chronological")
    assert "Rows in the file: 80." in told


def test_ten_thousand_forecasts_are_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moves = read_moves(_file(tmp_path / "a.csv"), "seoul")
    told = speed(moves, asked=20)

    assert told["learned_moves"] == 80
    assert 0 < told["one_ms_median"] <= told["one_ms_slowest_of_100"] <= told["forecasts_s"] * 1000


def test_a_peer_is_the_best_of_its_kind(tmp_path: Path) -> None:
    """Eight passes and never more than the memory: a series that diverges would be a straw man."""
    moves = read_moves(_file(tmp_path / "a.csv", factor=9.0, rows=40), "seoul")
    busy = [replace(one, past=replace(one.past, inputs=replace(one.past.inputs, dirty_mib_s=500.0))) for one in moves]
    told = dict(naive(busy))

    assert told["geometric series"].time_mape_percent == pytest.approx(0.0, abs=0.1)
    assert told["memory over link"].time_mape_percent == pytest.approx(100 * (1 - 1 / 9), abs=0.1)


def test_an_outcome_is_not_known_before_its_move_has_ended(tmp_path: Path) -> None:
    train = read_moves(_file(tmp_path / "a.csv"), "seoul")
    slower = read_moves(_file(tmp_path / "b.csv", factor=2.2, rows=240), "seoul")
    learnt = rehearse(train, slower, learning=True)
    frozen = rehearse(train, slower, learning=False)

    assert learnt[0] == frozen[0]
    assert learnt[-1].memory_s.mid > 1.3 * frozen[-1].memory_s.mid
    assert learnt[-1].memory_s.high < 5 * learnt[-1].memory_s.mid


def test_a_workload_left_out_is_not_among_what_is_learnt_from(tmp_path: Path) -> None:
    moves = read_moves(_file(tmp_path / "a.csv"), "seoul")
    for known, asked in parts(moves, None, "leave-one-workload-out"):
        assert {one.workload for one in known}.isdisjoint({one.workload for one in asked})
    (known, asked), *rest = parts(moves, None, "chronological")

    assert max(one.began for one in known) < min(one.began for one in asked)
    assert rest == []


def test_hindsight_asks_only_for_the_later_half_and_knows_every_other_row(tmp_path: Path) -> None:
    moves = read_moves(_file(tmp_path / "a.csv"), "seoul")
    asked = [one for known, part in parts(moves, None, "hindsight") for one in part]

    assert sorted(asked, key=lambda one: one.began) == moves[40:]
    for known, part in parts(moves, None, "hindsight"):
        assert len(known) == 72
        assert not any(one in known for one in part)


def test_the_misses_are_counted(tmp_path: Path) -> None:
    moves = read_moves(_file(tmp_path / "a.csv", factor=1.25, rows=4), "seoul")
    took = [one.past.outcome.memory_s or 0 for one in moves]
    sent = [one.past.outcome.memory_mib or 0 for one in moves]
    told = score((took[:2] + [2 * one for one in took[2:]], sent, [0.1] * 4), moves, [True, True, True, False])

    assert (told.time_mape_percent, told.rows_25_percent_off, told.bytes_mape_percent) == (50.0, 50.0, 0.0)
    assert (told.pause_mae_ms, told.inside_range_percent) == (100.0, 75.0)
    assert dict(naive(moves))["memory over link"].time_mape_percent == pytest.approx(20.0)
