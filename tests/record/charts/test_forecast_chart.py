"""A forecast's figure shows what was told: ranges, middle, limits, passes, and the facts beside them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import pytest

from snlm_lib.measure.forecast import Forecast, Forecaster, MoveInputs
from snlm_lib.measure.forecast.score import Fact
from snlm_lib.record.charts.forecast import Outline, forecast_figure, outline_figure
from snlm_lib.record.charts.theme import figure_json

KNOWN = MoveInputs(
    ram_assigned_mib=8192, ram_demand_mib=6000, link_mbit_s=10_000, dirty_mib_s=120, disk_used_mib=61_440
)


def told(**changes: Any) -> Forecast:
    return Forecaster().forecast(replace(KNOWN, **changes))


def drawn(figure: go.Figure) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = json.loads(figure_json(figure))
    return found["data"], found["layout"]


def named(figure: go.Figure, name: str) -> list[dict[str, Any]]:
    return [trace for trace in drawn(figure)[0] if trace["name"] == name]


def notes(figure: go.Figure) -> list[str]:
    return [note["text"] for note in drawn(figure)[1]["annotations"]]


def test_each_part_has_its_range_and_its_middle_and_the_pause_an_axis_of_its_own() -> None:
    found = told(disk_used_mib=2000)
    bars, middles = (named(forecast_figure(found), name) for name in ("eight of ten such moves", "middle"))
    assert [bar["x"] for bar in bars] == [
        [pytest.approx(span.low), pytest.approx(span.high)]
        for span in (found.total_s, found.storage_s, found.memory_s, found.pause_s)
        if span is not None
    ]
    assert middles[0]["x"] == [pytest.approx(found.total_s.mid)]
    assert {bar["xaxis"] for bar in bars[:3]} == {"x"}
    assert bars[3]["xaxis"] == "x2"


def test_rows_are_called_what_the_table_calls_them() -> None:
    labels = drawn(forecast_figure(told(disk_used_mib=2000)))[1]["yaxis"]["ticktext"]
    assert [label.partition("<br>")[0] for label in labels] == ["in all", "storage", "memory and pause"]


def test_without_the_whole_there_is_no_window() -> None:
    spans = {"memory_s": told().memory_s}
    found = drawn(outline_figure(Outline(spans, [], window_s=spans["memory_s"].mid), None))[0]
    assert [trace["name"] for trace in found] == []


def test_without_storage_the_memory_is_the_whole_and_stands_once() -> None:
    labels = drawn(forecast_figure(told(disk_used_mib=0)))[1]["yaxis"]["ticktext"]
    assert [label.partition("<br>")[0] for label in labels] == ["in all"]


def test_minutes_are_minutes_for_ranges_and_for_the_window_alike() -> None:
    found = told(window_s=600.0)
    assert found.total_s.high > 240
    (window,) = named(forecast_figure(found), "window 10 min")
    assert window["x"] == [10.0, 10.0]
    assert window["y"] == [-0.5, 0.5], "it holds for the whole alone, the first row"
    assert notes(forecast_figure(found))[0] == "time, min, log scale"


def test_an_axis_of_decades_says_so_and_only_that_one() -> None:
    found = told(disk_used_mib=2000, dirty_mib_s=1)
    headlines = [note.partition(",")[2] for note in notes(forecast_figure(found))[:2]]
    axes = drawn(forecast_figure(found))[1]
    assert ["log scale" in headline for headline in headlines] == [
        axes[axis].get("type") == "log" for axis in ("xaxis", "xaxis2")
    ]
    wide = replace(found, total_s=replace(found.total_s, high=found.memory_s.low * 1000))
    assert notes(forecast_figure(wide))[0].endswith(", log scale")


def test_a_window_far_off_is_told_and_squeezes_nothing() -> None:
    found = told(window_s=86_400.0)
    assert "window 24 h →" in notes(forecast_figure(found))
    assert [trace for trace in drawn(forecast_figure(found))[0] if trace["name"].startswith("window")] == []


def test_the_shortest_pause_is_a_line_only_where_the_copy_is_forced() -> None:
    forced = forecast_figure(told(dirty_mib_s=5000.0, pause_limit_s=1.0))
    assert len([trace for trace in drawn(forced)[0] if trace["name"].startswith("shortest pause")]) == 1
    assert len(named(forced, "pause limit 1 s")) == 1
    calm = drawn(forecast_figure(told()))[0]
    assert [trace for trace in calm if trace["name"].startswith("shortest pause")] == []


def test_passes_are_drawn_over_the_time_they_take() -> None:
    found = told()
    (line,) = named(forecast_figure(found), "expected pass")
    assert line["y"][:-1] == [each.mib for each in found.passes]
    assert line["x"][-1] == pytest.approx(sum(each.seconds for each in found.passes))
    assert f"{len(found.passes)} passes expected: MiB each sends" in notes(forecast_figure(found))
    assert drawn(forecast_figure(found))[1]["xaxis3"]["title"]["text"] == "time since the first pass began, s"


def test_facts_are_diamonds_and_those_outside_are_told_apart_by_more_than_colour() -> None:
    found = told()
    fact = Fact(found.total_s.mid, None, found.memory_s.high * 2, found.pause_s.mid, None)
    inside, outside = (named(forecast_figure(found, fact), f"fact, {word} its range") for word in ("inside", "outside"))
    assert {trace["marker"]["symbol"] for trace in inside} == {"diamond"}
    assert [trace["marker"]["symbol"] for trace in outside] == ["diamond-open"]
    assert [trace["showlegend"] for trace in inside] == [True, False]
    assert [trace["showlegend"] for trace in outside] == [True]


def test_what_a_record_lacks_leaves_no_row_and_no_axis() -> None:
    spans = {"pause_s": told().pause_s}
    figure = outline_figure(Outline(spans, []), Fact(3.0, None, None, None, None))
    assert notes(figure) == ["pause, s"]
    assert "yaxis2" not in drawn(figure)[1]
    assert drawn(outline_figure(Outline({}, []), None))[0] == []


@pytest.mark.parametrize(
    "given", [MoveInputs(), MoveInputs(dirty_mib_s=1e6), MoveInputs(link_mbit_s=1, disk_used_mib=1e9)]
)
def test_any_forecast_can_be_drawn_and_is_small(given: MoveInputs) -> None:
    text = figure_json(forecast_figure(Forecaster().forecast(given)))
    assert "NaN" not in text
    assert len(text) < 40_000
