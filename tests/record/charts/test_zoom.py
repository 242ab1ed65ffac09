"""The seconds around the gap: the one that is told, both clocks where they belong, no bar for what is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import pytest

from snlm_lib.record.charts.clocks import Clocks
from snlm_lib.record.charts.theme import figure_json
from snlm_lib.record.charts.zoom import pings_zoom_figure
from tests import ping_synthesis as made
from tests.ping_synthesis import SECONDS

CLOCKS = Clocks(gap_s=0.7, lower_s=0.6, upper_s=0.8, kind="icmp", host_blackout_s=0.4, truth_s=0.58)


def plain(figure: go.Figure) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(figure_json(figure))
    return found


def bars(drawn: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """From and to of each bar below the plots, the bounds first."""
    found: dict[str, list[tuple[float, float]]] = {}
    for trace in drawn["data"]:
        if trace["type"] == "bar" and trace.get("name"):
            found.setdefault(trace["name"], []).append((trace["base"][0], trace["base"][0] + trace["x"][0]))
    return found


def labels(drawn: dict[str, Any]) -> list[str]:
    axes = [axis for name, axis in drawn["layout"].items() if name.startswith("yaxis")]
    return [words for axis in axes for words in axis.get("ticktext", []) if "<b>" in words]


def hatched(drawn: dict[str, Any]) -> set[str]:
    return {trace["name"] for trace in drawn["data"] if "pattern" in trace.get("marker", {})}


def test_both_clocks_stand_on_one_axis_with_their_bounds() -> None:
    known = replace(CLOCKS, gap_at_s=(31.15, 31.85), pause_at_s=(31.3, 31.7), pause_by="event", logged_s=31.8)
    drawn = plain(pings_zoom_figure(made.a_move(), SECONDS, known))
    found = bars(drawn)

    assert found["gap by ICMP"] == [pytest.approx((31.1, 31.9)), pytest.approx((31.2, 31.8))]
    assert found["host blackout"] == [pytest.approx((31.25, 31.75)), pytest.approx((31.3, 31.7))]
    assert found["lab's truth"] == [pytest.approx((31.21, 31.79))]
    assert labels(drawn) == [
        "gap by ICMP<br><b>0.70 s ± 0.10 s</b>",
        "host blackout<br><b>0.40 s ± 0.05 s</b>",
        "lab's truth<br><b>0.58 s</b>",
    ]
    assert hatched(drawn) == {"lab's truth"}
    assert [trace["x"] for trace in drawn["data"] if trace.get("name") == "logged by the host"] == [[31.8]]


def test_a_blackout_that_the_counter_saw_lies_somewhere_between_two_looks() -> None:
    seen = replace(CLOCKS, pause_at_s=(31.0, 32.0), pause_by="counter")
    drawn = plain(pings_zoom_figure(made.a_move(), SECONDS, seen))

    assert bars(drawn)["host blackout"] == [pytest.approx((31.0, 32.0)), pytest.approx((31.3, 31.7))]
    assert "host blackout" in hatched(drawn)


def test_a_bar_of_which_only_the_length_is_known_is_hatched_and_says_so() -> None:
    drawn = plain(pings_zoom_figure(made.a_move(), SECONDS, CLOCKS))

    assert hatched(drawn) == {"host blackout", "lab's truth"}
    assert any("only its length is known" in trace["hovertext"][0] for trace in drawn["data"] if trace.get("hovertext"))


def test_a_gap_that_is_open_is_told_as_at_least() -> None:
    drawn = plain(pings_zoom_figure(made.a_move(), SECONDS, replace(CLOCKS, upper_s=None)))

    assert labels(drawn)[0] == "gap by ICMP<br><b>at least 0.60 s</b>"


def test_ten_seconds_are_seen_and_more_for_a_longer_gap() -> None:
    low, high = plain(pings_zoom_figure(made.a_move(), SECONDS, CLOCKS))["layout"]["xaxis"]["range"]
    assert (low, high) == pytest.approx((26.5, 36.5), abs=0.01)

    long = made.track("icmp", seconds=200, outages=[(80, 110)])
    low, high = plain(pings_zoom_figure([long], SECONDS, Clocks()))["layout"]["xaxis"]["range"]
    assert low < 75
    assert high > 115


def test_the_gap_is_the_one_that_is_told_not_a_longer_one_of_the_baseline() -> None:
    one = made.track("icmp", outages=[(5, 9), (30, 30.95)])
    middles = []
    for clocks in (Clocks(), Clocks(lower_s=0.9, kind="icmp"), Clocks(gap_at_s=(29.95, 31.0))):
        low, high = plain(pings_zoom_figure([one], SECONDS, clocks))["layout"]["xaxis"]["range"]
        middles.append((low + high) / 2)

    assert middles == pytest.approx([6.95, 30.45, 30.475], abs=0.01)


def test_the_control_stands_below_and_its_own_gap_is_not_the_machines() -> None:
    control = made.track("icmp", target="GW01", control=True, outages=[(5, 20)])
    drawn = plain(pings_zoom_figure([made.track("icmp", outages=[(40, 41)]), control], SECONDS, Clocks()))

    assert [note["text"].split(":")[0] for note in drawn["layout"]["annotations"]] == ["VM01", "GW01 (control)"]
    assert drawn["layout"]["xaxis"]["range"][0] > 30


def test_where_none_was_lost_the_late_answers_are_shown() -> None:
    drawn = plain(pings_zoom_figure([made.track("icmp", late=[(30, 31.6)])], SECONDS, Clocks()))

    assert drawn["layout"]["title"]["text"] == "Around the longest spell of late answers"
    assert drawn["layout"]["xaxis"]["range"] == pytest.approx([25.25, 35.25], abs=0.1)


def test_answers_that_waited_less_than_the_time_out_are_shown_where_they_are_told() -> None:
    one = made.track("icmp", late=[(30, 30.9)])
    drawn = plain(pings_zoom_figure([one], SECONDS, Clocks(held_at_s=(30.0, 30.9), host_blackout_s=0.8)))

    assert drawn["layout"]["title"]["text"] == "Around the longest spell of late answers"
    assert set(bars(drawn)) == {"host blackout"}


def test_no_loss_and_nothing_late_is_said() -> None:
    drawn = plain(pings_zoom_figure([made.track("icmp")], SECONDS, Clocks()))
    assert drawn["layout"]["annotations"][0]["text"] == "no probe was lost"


def test_what_is_not_known_has_no_bar() -> None:
    assert bars(plain(pings_zoom_figure(made.a_move(), SECONDS, Clocks()))) == {}
