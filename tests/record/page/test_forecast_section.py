"""Forecast and fact in the report: the ranges, the facts, the reason of a miss; nothing without a forecast."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from snlm_lib.measure.forecast import NO_CLAIM, Forecaster, MoveInputs, Outcome, Past
from snlm_lib.measure.forecast.score import Fact
from snlm_lib.measure.forecast.told import MEANT
from snlm_lib.record.charts.theme import plotly_js
from snlm_lib.record.folder import Record
from snlm_lib.record.outlook import keep_forecast, keep_past
from snlm_lib.record.report import build_report
from snlm_lib.record.result import result_path

GIVEN = MoveInputs(
    ram_assigned_mib=8192, ram_demand_mib=6000, link_mbit_s=10_000, dirty_mib_s=120, disk_used_mib=20_000
)
TOLD = Forecaster().forecast(GIVEN)


@pytest.fixture
def record(builder: Callable[..., Any]) -> Record:
    made: Record = builder().passed()
    return made


def section(record: Record) -> str:
    """What a reader reads of the section; "" when there is none."""
    html = build_report(record).read_text(encoding="utf-8").replace(plotly_js(), "")
    found = re.search(r'<section class="step" id="forecast">(.*?)</section>', html, re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", found[1]))) if found else ""


def test_a_record_without_a_forecast_says_nothing_of_one(record: Record) -> None:
    assert section(record) == ""


def test_before_the_move_there_are_ranges_and_no_fact(record: Record) -> None:
    keep_forecast(record.path, TOLD, GIVEN, time_factor=20.0)
    told = section(record)
    assert "There is no fact to set beside this forecast" in told
    assert "Part Forecast: least, middle, most Fact Inside?" in told
    assert "their lab ran time 20 times as fast" in told
    assert NO_CLAIM in told


def test_what_it_has_learnt_stands_before_the_table(record: Record) -> None:
    keep_forecast(record.path, TOLD, GIVEN)
    assert "No move that ended has taught it anything yet." in section(record).partition("Part Forecast")[0]


def test_a_table_of_the_forecast_says_what_its_range_means(record: Record) -> None:
    path = result_path(record, "06_verify_migration")
    plain = path.read_text(encoding="utf-8")
    assert MEANT not in build_report(record).read_text(encoding="utf-8")
    path.write_text(plain.replace('"tables": {', '"tables": {"forecast": [{"part": "in all"}],'), encoding="utf-8")
    assert f'<h3>Forecast</h3><p class="note">{MEANT}</p>' in build_report(record).read_text(encoding="utf-8")


def test_after_the_move_facts_stand_beside_their_ranges_with_the_reason_of_a_miss(record: Record) -> None:
    keep_forecast(record.path, TOLD, GIVEN)
    late = TOLD.memory_s.high * 2
    storage = TOLD.storage_s.mid if TOLD.storage_s else 0.0
    fact = Fact(TOLD.total_s.mid, storage, late, TOLD.pause_s.mid, None)
    keep_past(record.path, Past(GIVEN, Outcome(late), 1.0), fact, "the memory took longer: why not.", lab=None)
    told = section(record)
    assert "3 of 4 figures lay inside their range. The memory took longer: why not." in told
    assert re.search(r"memory and pause [^a-z]+ s, [^a-z]+ s, [^a-z]+ s [^a-z]+ s no ", told)
    assert "the simulated hosts" not in told


def test_a_fact_says_how_well_it_is_known_and_bytes_are_bytes(record: Record) -> None:
    keep_forecast(record.path, TOLD, GIVEN)
    fact = Fact(100.0, 80.0, 20.0, 1.0, 9000.0, within_s=2.0)
    keep_past(record.path, Past(GIVEN, Outcome(20.0), 1.0), fact, "", lab=None)
    told = section(record)
    assert "100 s \N{PLUS-MINUS SIGN} 2.0 s" in told
    assert re.search(r"memory sent [^a-z]+ GiB, .* 8.8 GiB \N{PLUS-MINUS SIGN}", told)
    assert "No move that ended has taught it anything yet." in told


@pytest.mark.parametrize("odd", ["NaN", "1e999", "-1", "true", '"x"', "[]"])
def test_an_impossible_fact_is_none(record: Record, odd: str) -> None:
    keep_forecast(record.path, TOLD, GIVEN)
    path = record.samples / "forecast.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"fact": null', f'"fact": {{"total_s": {odd}}}'), "utf-8")
    assert "There is no fact to set beside this forecast" in section(record)


def test_its_figure_stands_in_the_page_with_words_for_who_cannot_see_it(record: Record) -> None:
    keep_forecast(record.path, TOLD, GIVEN)
    html = build_report(record).read_text(encoding="utf-8")
    assert 'aria-label="The range of each part beside its limit, the expected passes"' in html
    assert "Forecast of the move" in html


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ({"passes": [[1]]}, "The forecast cannot be shown (ValueError)"),
        ({"verdict": "x"}, "The forecast cannot be shown (TypeError)"),
        ({"fact": "x"}, "The forecast cannot be shown (AttributeError)"),
        ({"spans": None}, ""),
        ({"missing": 3}, ""),
        ({"missing": [None]}, ""),
        ({"window_s": float("nan")}, "The forecast cannot be shown (StopIteration)"),
        ({"window_s": 10**400}, "The forecast cannot be shown (OverflowError)"),
        ({"learned_moves": float("inf")}, "The forecast cannot be shown (OverflowError)"),
    ],
)
def test_a_file_that_somebody_changed_costs_its_section_alone(
    record: Record, spoilt: dict[str, Any], told: str
) -> None:
    keep_forecast(record.path, TOLD, GIVEN)
    path = record.samples / "forecast.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **spoilt}), encoding="utf-8")
    found = section(record)
    assert told in found
    assert bool(found) == bool(told)
