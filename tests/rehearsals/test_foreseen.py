"""Two machines that no forecast has met, the whole way: what the sealed record says was forecast, and what happened."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.foreseen import PARTS, Row, meet
from benchmarks.strangers import Stranger, strangers

_HURRY = 8.0


def _met(who: Stranger, folder: Path) -> Row:
    (row,) = meet(replace(who, hurry=_HURRY), 1, folder / who.name, turns=("first",))
    return row


def test_forecast_and_fact_of_two_random_moves_stand_in_their_records(tmp_path: Path) -> None:
    found = [who for who in strangers(20, 2)[0] if who.course.pause_s < 2][:2]
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(_met, found, [tmp_path] * 2))

    for who, row in zip(found, rows, strict=True):
        assert row.good, row
        assert (row.learned, set(row.parts)) == (0, set(PARTS))
        kept = json.loads((Path(row.record) / "samples" / "forecast.json").read_text(encoding="utf-8"))
        given = kept["given"]["inputs"]
        assert (given["ram_assigned_mib"], given["link_mbit_s"]) == (who.ram_mib, who.link_mbit_s)
        assert not {"storage_mib_s", "compression", "dirty_mib_s"} & set(given)  # nothing of its secrets
        total, pause = row.parts["total_s"], row.parts["pause_s"]
        assert [total.low, total.mid, total.high] == kept["spans"]["total_s"]
        assert (total.was, pause.was) == (kept["fact"]["total_s"], kept["fact"]["pause_s"])
        assert total.was == pytest.approx(who.course.total_s, rel=0.25)  # looked at from far apart
        assert pause.was == pytest.approx(who.course.pause_s, abs=0.2)
        assert row.parts["memory_mib"].was == pytest.approx(who.course.memory_mib, rel=0.01)
