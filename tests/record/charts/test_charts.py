"""Figures say what the samples say: phases, units in the axis titles, sane when there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest

from snlm_lib.measure.passes import phase_bands
from snlm_lib.measure.samples import read_samples
from snlm_lib.record.charts.clocks import Clocks
from snlm_lib.record.charts.passes import passes_figure
from snlm_lib.record.charts.pings import pings_figure
from snlm_lib.record.charts.progress import progress_figure
from snlm_lib.record.charts.theme import figure_json, plotly_js, templates
from snlm_lib.record.charts.zoom import pings_zoom_figure
from snlm_lib.record.folder import Record
from tests.ping_synthesis import SECONDS


@pytest.fixture
def record(builder: Callable[..., Any]) -> Record:
    made: Record = builder().passed()
    return made


def traces(figure: go.Figure) -> dict[str, Any]:
    return {trace["name"]: trace for trace in json.loads(figure_json(figure))["data"] if trace.get("name")}


def words(figure: go.Figure) -> str:
    return " ".join(note["text"] for note in json.loads(figure_json(figure))["layout"].get("annotations", []))


def test_phases_come_from_the_status_and_the_counter(record: Record) -> None:
    bands = phase_bands(read_samples(record.samples / "progress.csv"), read_samples(record.samples / "passes.csv"))
    assert [(band.phase.value, band.start_s, band.end_s) for band in bands] == [
        ("checking", 0.0, 1.0),
        ("storage", 1.0, 8.0),
        ("memory", 8.0, 13.75),
        ("blackout", 13.0, 13.5),
    ]


def test_progress_shows_percent_and_where_passes_begin(record: Record) -> None:
    progress, passes = (read_samples(record.samples / f"{name}.csv") for name in ("progress", "passes"))
    found = traces(progress_figure(progress, passes))
    assert max(found["done"]["y"]) == 100
    assert found["memory pass begins"]["text"] == ["1", "2", "3", "4", "5"]
    assert found["memory pass begins"]["x"][:2] == [8.0, 11.0]


def test_passes_are_drawn_in_mib_and_the_axis_names_those_that_were_not_seen() -> None:
    columns = {"pass_number": ["1", "4"], "dirty_pages": ["512", "256"], "bytes_sent": ["1048576", "2097152"]}
    columns["t_s"] = ["0", "1"]
    assert traces(passes_figure(columns))["sent, MiB"]["y"] == [1.0, None]
    title = json.loads(figure_json(passes_figure(columns)))["layout"]["xaxis"]["title"]["text"]
    assert title == "memory pass (2, 3: too short to be sampled)"


def test_passes_far_apart_use_a_logarithmic_axis(record: Record) -> None:
    figure = passes_figure(read_samples(record.samples / "passes.csv"))
    layout = json.loads(figure_json(figure))["layout"]
    assert (layout["yaxis"]["type"], layout["yaxis"]["title"]["text"]) == ("log", "MiB (logarithmic)")


@pytest.mark.parametrize("samples", [{}, {"t_s": [], "percent": []}, {"t_s": ["x"], "percent": ["y"]}])
def test_no_samples_is_said_in_the_figure(samples: dict[str, list[str]]) -> None:
    assert "no samples" in words(progress_figure(samples, samples))
    assert "no samples" in words(passes_figure(samples))


def test_no_probe_is_said_in_the_figure() -> None:
    assert "no samples" in words(pings_figure([], SECONDS))
    assert "no samples" in words(pings_zoom_figure([], SECONDS, Clocks()))


def test_one_sample_is_enough_to_draw() -> None:
    assert "done" in traces(progress_figure({"t_s": ["0"], "percent": ["0"]}, {}))


def test_a_figure_carries_only_a_small_template() -> None:
    template = json.loads(figure_json(progress_figure({"t_s": ["0"], "percent": ["0"]}, {})))["layout"]["template"]
    assert len(json.dumps(template)) < 1_500
    assert set(templates()) == {"light", "dark"}
    assert "</script" not in plotly_js().lower()
