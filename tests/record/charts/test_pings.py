"""The whole run: nothing lost and no extreme is left out, whether it is drawn probe by probe or as smoke."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snlm_lib.measure.passes import Band, Phase
from snlm_lib.record.charts.pings import MOST_SINGLE, pings_figure
from snlm_lib.record.charts.theme import figure_json
from snlm_lib.record.charts.tracks import Track
from tests import ping_synthesis as made
from tests.ping_synthesis import SECONDS, UTC_AXIS

MOST_BYTES = 300 * 1024


def plain(figure: go.Figure) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(figure_json(figure))
    return found


def named(drawn: dict[str, Any]) -> dict[str, Any]:
    return {trace["name"]: trace for trace in drawn["data"] if trace.get("name")}


def marks(drawn: dict[str, Any], fate: str) -> list[tuple[float, float, str]]:
    """From, to and hover text of each mark."""
    return [
        (base, base + length, words)
        for trace in drawn["data"]
        if trace["type"] == "bar" and trace.get("legendgroup") == fate
        for base, length, words in zip(trace["base"], trace["x"], trace["hovertext"], strict=True)
    ]


def answers(drawn: dict[str, Any]) -> list[float]:
    return [value for trace in drawn["data"] for value in trace.get("y") or [] if trace["type"] == "scatter" and value]


def test_every_lost_late_and_unsent_probe_is_a_mark_and_no_line() -> None:
    one = Track(
        "VM01", "udp", False, np.arange(7.0), np.array([0, 0, 2, 2, 1, 0, 3], np.int8), np.array([1, 1, 0, 0, 9, 1, 0])
    )
    drawn = plain(pings_figure([one], SECONDS))

    assert marks(drawn, "lost") == [(2.0, 3.0, "2 lost, 2.00 s to 3.00 s")]
    assert marks(drawn, "late") == [(4.0, 4.0, "1 late, 4.00 s")]
    assert marks(drawn, "not sent") == [(6.0, 6.0, "1 not sent, 6.00 s")]
    assert named(drawn)["UDP"]["y"] == [1.0, 1.0, None, None, None, 1.0, None]
    assert {"lost (2)", "late (1)", "not sent (1)"} <= set(named(drawn))
    assert drawn["layout"]["title"]["text"] == "Pings: 2 of 6 lost"


def test_a_target_has_a_plot_with_its_kinds_and_the_control_stands_below() -> None:
    drawn = plain(pings_figure(made.a_move(), SECONDS, bands=[Band(Phase.STORAGE, 1, 8)]))
    layout = drawn["layout"]
    domains = [axis["domain"] for name, axis in layout.items() if name.startswith("yaxis")]

    assert [note["text"] for note in layout["annotations"]] == [
        "VM01: round trip, ms",
        "GW01 (control): round trip, ms",
    ]
    assert layout["yaxis2"]["ticktext"] == ["ICMP", "UDP", "TCP connect", "TCP flow"]
    assert all(upper[0] > lower[1] for upper, lower in pairwise(domains))
    assert domains[0][1] < 1  # its headline stands within the figure
    assert domains[-1][0] == pytest.approx(0)
    assert [shape["name"] for shape in layout["shapes"]] == ["storage"]
    assert layout["xaxis"]["title"]["text"] == SECONDS.title
    assert sum(trace.get("showlegend", True) for trace in drawn["data"] if trace.get("name") == "ICMP") == 1


def test_a_long_run_is_smoke_by_itself() -> None:
    short, long = (made.track("icmp", seconds=count * 0.1) for count in (MOST_SINGLE, MOST_SINGLE + 1))

    assert "ICMP" in named(plain(pings_figure([short], SECONDS)))
    assert {"median", "all answers", "half of them"} <= set(named(plain(pings_figure([long], SECONDS))))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(10, 3 * MOST_SINGLE),
    st.lists(st.tuples(st.floats(0, 1200), st.floats(0.05, 100)), max_size=8),
    st.sampled_from([0.0, 0.001, 0.3]),
    st.integers(0, 99),
)
def test_no_lost_probe_and_no_extreme_disappears(
    count: int, outages: list[tuple[float, float]], loss: float, seed: int
) -> None:
    gone = [(start, start + length) for start, length in outages]
    one = made.track("udp", seconds=count * 0.1, outages=gone, loss=loss, seed=seed)
    drawn = plain(pings_figure([one], SECONDS))
    lost_s = one.at_s[one.met("lost")]
    spans = np.array([(begin, end) for begin, end, _ in marks(drawn, "lost")]).reshape(-1, 2)

    assert all(((spans[:, 0] <= at + 2e-4) & (at - 2e-4 <= spans[:, 1])).any() for at in lost_s)
    told = [int(words.split()[0].replace(",", "")) for _, _, words in marks(drawn, "lost")]
    assert sum(told) == len(lost_s)
    if not np.isnan(one.rtt_ms).all():
        assert max(answers(drawn)) == pytest.approx(np.nanmax(one.rtt_ms), abs=6e-4)
        assert min(answers(drawn)) == pytest.approx(np.nanmin(one.rtt_ms), abs=6e-4)


def test_a_bad_day_of_several_targets_is_small_and_told_in_utc() -> None:
    held = [(start_s, start_s + 5.0) for start_s in range(0, int(made.DAY_S), 60)]
    day = [
        made.track(kind, target=target, seconds=made.DAY_S, interval_s=0.5, loss=0.4, late=held)
        for target in ("VM01", "VM02")
        for kind in made.USUAL_MS
    ]
    figure = pings_figure(day, UTC_AXIS)
    drawn = plain(figure)

    assert len(figure_json(figure)) <= MOST_BYTES
    assert drawn["layout"]["xaxis"]["type"] == "date"
    assert len(drawn["layout"]["annotations"]) == 6  # plots of round trips; further tracks have their rows of marks
    assert drawn["layout"]["yaxis13"]["ticktext"] == ["VM02 TCP connect", "VM02 TCP flow"]


def test_fifty_targets_stay_small_and_each_has_its_row() -> None:
    many = [made.track("icmp", target=f"VM{number:02}", seconds=60, loss=0.1) for number in range(50)]
    figure = pings_figure(many, SECONDS)

    assert len(figure_json(figure)) <= MOST_BYTES
    assert len(plain(figure)["layout"]["yaxis13"]["ticktext"]) == 44


def test_where_nothing_was_answered_there_is_no_smoke() -> None:
    one = made.track("icmp", seconds=1000, outages=[(400, 600)])
    band = named(plain(pings_figure([one], SECONDS)))["all answers"]
    drawn_s = [at for at in band["x"] if at is not None]

    assert None in band["x"]
    assert not [at for at in drawn_s if 405 < at < 595]


def test_the_median_wears_the_colour_of_the_loss() -> None:
    one = made.track("icmp", seconds=4000, outages=[(100, 104), (1000, 1000.5), (2000, 2000.05)])
    found = named(plain(pings_figure([one], SECONDS)))

    assert {"up to 1 % lost", "up to 10 % lost", "more lost"} <= set(found)


def test_one_probe_and_one_that_was_lost_are_enough() -> None:
    assert "ICMP" in named(plain(pings_figure([made.track("icmp", seconds=0.1)], SECONDS)))
    gone = made.track("icmp", seconds=0.1, outages=[(0, 1)])
    assert marks(plain(pings_figure([gone], UTC_AXIS)), "lost")
