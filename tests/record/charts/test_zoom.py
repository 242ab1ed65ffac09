"""The seconds around the gap: the one that is told, both clocks where they belong, no bar for what is not known."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
import pytest

from snlm_lib.record.charts.theme import figure_json
from snlm_lib.record.charts.zoom import Clocks, pings_zoom_figure, span_of
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


def test_both_clocks_stand_on_one_axis_with_their_bounds() -> None:
    drawn = plain(pings_zoom_figure(made.a_move(), SECONDS, Clocks(**{**vars(CLOCKS), "blackout_start_s": 31.25})))
    found = bars(drawn)

    assert found["gap by ICMP"] == [pytest.approx((31.1, 31.9), abs=2e-3), pytest.approx((31.2, 31.8), abs=2e-3)]
    assert found["host blackout"] == [pytest.approx((31.2, 31.7)), pytest.approx((31.25, 31.65))]
    assert found["lab's truth"] == [pytest.approx((31.2, 31.78), abs=2e-3)]
    ticks = [
        words
        for name, axis in drawn["layout"].items()
        if name.startswith("yaxis")
        for words in axis.get("ticktext", [])
    ]
    assert ticks[-3:] == [
        "gap by ICMP<br><b>0.70 s ± 0.10</b>",
        "host blackout<br><b>0.40 s ± 0.05</b>",
        "lab's truth<br><b>0.58 s</b>",
    ]


def test_a_bar_of_which_only_the_length_is_known_is_hatched_and_says_so() -> None:
    drawn = plain(pings_zoom_figure(made.a_move(), SECONDS, CLOCKS))
    hatched = {trace["name"] for trace in drawn["data"] if "pattern" in trace.get("marker", {})}

    assert hatched == {"host blackout", "lab's truth"}
    assert any("only its length is known" in trace["hovertext"][0] for trace in drawn["data"] if trace.get("hovertext"))


def test_ten_seconds_are_seen_and_more_for_a_longer_gap() -> None:
    low, high = plain(pings_zoom_figure(made.a_move(), SECONDS, CLOCKS))["layout"]["xaxis"]["range"]
    assert (low, high) == pytest.approx((26.5, 36.5), abs=0.01)

    long = made.track("icmp", seconds=200, outages=[(80, 110)])
    low, high = plain(pings_zoom_figure([long], SECONDS, Clocks()))["layout"]["xaxis"]["range"]
    assert low < 75
    assert high > 115


def test_the_gap_is_the_one_that_is_told_not_a_longer_one_of_the_baseline() -> None:
    one = made.track("icmp", outages=[(5, 9), (30, 31)])

    longest, told = (span_of(one, "lost", lower_s) for lower_s in (None, 0.9))
    assert longest is not None
    assert told is not None
    assert (longest.first_s, told.first_s, told.before_s) == pytest.approx((5, 30, 29.9), abs=1e-3)


def test_the_control_stands_below_and_its_own_gap_is_not_the_machines() -> None:
    control = made.track("icmp", target="GW01", control=True, outages=[(5, 20)])
    drawn = plain(pings_zoom_figure([made.track("icmp", outages=[(40, 41)]), control], SECONDS, Clocks()))

    assert [note["text"].split(":")[0] for note in drawn["layout"]["annotations"]] == ["VM01", "GW01 (control)"]
    assert drawn["layout"]["xaxis"]["range"][0] > 30


def test_where_none_was_lost_the_late_answers_are_shown() -> None:
    drawn = plain(pings_zoom_figure([made.track("icmp", late=[(30, 31.6)])], SECONDS, CLOCKS))

    assert drawn["layout"]["title"]["text"] == "Around the longest run of late answers"
    assert bars(drawn) == {}


def test_no_loss_and_nothing_late_is_said() -> None:
    drawn = plain(pings_zoom_figure([made.track("icmp")], SECONDS, Clocks()))
    assert drawn["layout"]["annotations"][0]["text"] == "no probe was lost"


def test_what_is_not_known_has_no_bar() -> None:
    assert bars(plain(pings_zoom_figure(made.a_move(), SECONDS, Clocks()))) == {}
