"""Figures say what the samples say: every lost probe a mark, units in the axis titles, sane when there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from snlm_lib.measure.passes import Band, Phase, phase_bands
from snlm_lib.measure.samples import read_samples
from snlm_lib.record.charts.passes import passes_figure
from snlm_lib.record.charts.pings import Clocks, longest_loss, pings_figure, pings_zoom_figure, probes_of
from snlm_lib.record.charts.progress import progress_figure
from snlm_lib.record.charts.theme import figure_json, plotly_js, templates
from snlm_lib.record.folder import Record
from snlm_lib.units import parse_utc

REQUESTED = parse_utc("2026-11-23T21:04:20.000Z")
CLOCKS = Clocks(gap_s=0.6, lower_s=0.5, upper_s=0.7, kind="udp", host_blackout_s=0.4, truth_s=0.58)


@pytest.fixture
def record(builder: Callable[..., Any]) -> Record:
    made: Record = builder().passed()
    return made


def traces(figure: go.Figure) -> dict[str, Any]:
    return {trace["name"]: trace for trace in json.loads(figure_json(figure))["data"] if trace.get("name")}


def words(figure: go.Figure) -> str:
    return " ".join(note["text"] for note in json.loads(figure_json(figure))["layout"].get("annotations", []))


def ping_file(path: Path, statuses: str) -> dict[str, list[str]]:
    """One probe a second: a answered, l lost, t late, n not sent."""
    names = {"a": "answered", "l": "lost", "t": "late", "n": "not_sent"}
    rows = [
        f"{seq},VM01,udp,{seq},{'' if one == 'n' else '2026-11-23T21:04:20.000Z'},"
        f"{'' if one == 'n' else seq},{names[one]},{'1.0' if one in 'at' else ''}"
        for seq, one in enumerate(statuses)
    ]
    path.write_text("\n".join(["seq,target,kind,due_s,sent_utc,sent_s,status,rtt_ms", *rows]) + "\n", encoding="utf-8")
    return read_samples(path)


def test_every_lost_late_and_unsent_probe_is_a_mark(tmp_path: Path) -> None:
    found = traces(pings_figure(ping_file(tmp_path / "p.csv", "aalltan"), requested_utc=None))
    assert found["lost (2)"]["x"] == [2.0, 3.0]
    assert found["late (1)"]["x"] == [4.0]
    assert found["not sent (1)"]["x"] == [6.0]
    assert found["UDP round trip"]["y"] == [1.0, 1.0, None, None, None, 1.0, None]


def test_the_time_axis_counts_from_the_request(record: Record) -> None:
    pings = read_samples(record.samples / "pings.csv")
    probes = probes_of(pings, REQUESTED)
    assert probes[0].time_s == pytest.approx(-4.0, abs=0.01)
    figure = json.loads(figure_json(pings_figure(pings, requested_utc=REQUESTED, bands=[Band(Phase.STORAGE, 1, 8)])))
    assert figure["layout"]["xaxis"]["title"]["text"] == "time since the move was requested, s"
    assert figure["layout"]["yaxis"]["title"]["text"] == "round trip, ms"
    assert [shape["name"] for shape in figure["layout"]["shapes"]] == ["storage"]


def test_the_longest_loss_counts_consecutive_ones_of_one_kind(tmp_path: Path) -> None:
    probes = probes_of(ping_file(tmp_path / "p.csv", "lalllanll"), None)
    assert longest_loss(probes) == (2.0, 4.0)
    assert longest_loss(probes, "tcp") is None


def test_the_zoom_sets_the_clocks_side_by_side(record: Record) -> None:
    figure = pings_zoom_figure(read_samples(record.samples / "pings.csv"), CLOCKS, requested_utc=REQUESTED)
    plain = json.loads(figure_json(figure))
    bars = {trace["y"][0]: trace for trace in plain["data"] if trace["type"] == "bar"}
    assert {name: bar["x"][0] for name, bar in bars.items()} == {
        "gap by UDP": 0.6,
        "host blackout": 0.4,
        "lab's truth": 0.58,
    }
    assert bars["gap by UDP"]["error_x"]["array"] == [pytest.approx(0.1)]
    assert {trace["text"][0].strip() for trace in plain["data"] if trace.get("mode") == "text"} >= {"0.60 s ± 0.10"}
    low, high = plain["layout"]["xaxis"]["range"]
    assert low < 13.05 < 13.63 < high < 20


def test_a_blackout_that_is_not_known_has_no_bar(tmp_path: Path) -> None:
    figure = pings_zoom_figure(ping_file(tmp_path / "p.csv", "aallaa"), Clocks())
    assert [trace for trace in json.loads(figure_json(figure))["data"] if trace["type"] == "bar"] == []


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


@pytest.mark.parametrize("samples", [{}, {"t_s": [], "percent": []}, {"t_s": ["x"], "percent": ["y"], "kind": ["udp"]}])
def test_no_samples_is_said_in_the_figure(samples: dict[str, list[str]]) -> None:
    assert "no samples" in words(progress_figure(samples, samples))
    assert "no samples" in words(passes_figure(samples))
    assert "no samples" in words(pings_figure(samples))
    assert "no samples" in words(pings_zoom_figure(samples, Clocks()))


def test_one_sample_is_enough_to_draw(tmp_path: Path) -> None:
    assert "UDP round trip" in traces(pings_figure(ping_file(tmp_path / "p.csv", "a")))
    assert "lost (1)" in traces(pings_zoom_figure(ping_file(tmp_path / "p.csv", "l"), Clocks(gap_s=1.0)))
    assert words(pings_zoom_figure(ping_file(tmp_path / "p.csv", "aa"), Clocks())) == "no probe was lost"
    assert "done" in traces(progress_figure({"t_s": ["0"], "percent": ["0"]}, {}))


def test_a_long_run_stays_small_and_keeps_its_peak(tmp_path: Path) -> None:
    pings = ping_file(tmp_path / "p.csv", "a" * 30_000 + "l" * 5_000)
    pings["rtt_ms"][12_345] = "9.9"
    figure = pings_figure(pings)
    found = traces(figure)
    assert len(found["UDP round trip"]["x"]) <= 2_000
    assert 9.9 in found["UDP round trip"]["y"]
    assert len(found["lost (5000)"]["x"]) <= 2_000
    assert len(figure_json(figure)) < 120_000


def test_a_figure_carries_only_a_small_template() -> None:
    template = json.loads(figure_json(progress_figure({"t_s": ["0"], "percent": ["0"]}, {})))["layout"]["template"]
    assert len(json.dumps(template)) < 1_500
    assert set(templates()) == {"light", "dark"}
    assert "</script" not in plotly_js().lower()
