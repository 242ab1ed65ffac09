"""What a notebook shows: escaped, with its colours inside, readable as plain text too."""

from __future__ import annotations

import json
import math

import plotly.graph_objects as go
import pytest

from snlm_lib import show
from snlm_lib.show import CARD_COLOURS, Card, Line

HOSTILE = "<script>alert(1)</script> 'x'; Remove-VM *"


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """Outside a kernel IPython prints what it would publish."""
    return capsys.readouterr().out


def test_a_card_says_running_until_it_is_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    card = Card("05_move_vm")
    assert "RUNNING" in shown(capsys)
    card.update("unknown", "the kernel died", [("record:", "REHEARSAL")])
    told = shown(capsys)
    assert "UNKNOWN 05_move_vm: the kernel died" in told
    assert CARD_COLOURS["unknown"] in told


def test_a_command_with_dollar_signs_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    for write in (show.text, lambda words: show.table([{"undo": words}]), lambda words: Card(words)):
        write("Set-VMHost -UseAnyNetworkForMigration:$false -Confirm:$false")
        assert "mathjax_ignore" in shown(capsys)


@pytest.mark.parametrize(
    "write", [show.text, lambda words: show.table([{"name": words}]), lambda words: Line("x").say(words)]
)
def test_nothing_from_outside_becomes_markup(write: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(write)
    write(HOSTILE)
    html = shown(capsys).split("'text/plain'")[0].split('"text/plain"')[0]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_unknown_is_a_dash_and_a_flag_is_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([{"setting": "any network", "HV01": None, "HV02": True}, {"setting": "more", "extra": 0}])
    told = shown(capsys)
    assert "any network | - | yes | -" in told
    assert "more | - | - | 0" in told


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([], caption="Changes")
    assert "Changes: nothing to show" in shown(capsys)


def test_a_line_publishes_the_same_words_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = Line("move")
    assert shown(capsys) == ""
    line.say("copying storage, 10 %")
    line.say("copying storage, 10 %")
    assert shown(capsys).count("copying storage, 10 %") == 2  # as HTML and as text, one time each


def test_a_figure_travels_as_plotlys_data_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    show.figure(go.Figure(go.Scatter(x=[0, 1], y=[2, 3])), words="Progress against seconds.")
    told = shown(capsys)
    assert show.PLOTLY_MIME in told
    assert told.count("Progress against seconds.") >= 2


def test_the_result_travels_as_a_type_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show.result_output(json.dumps({"schema": "snlm.result/1"}))
    assert show.RESULT_MIME in shown(capsys)


def test_outside_a_kernel_there_are_no_parameters_and_no_hook() -> None:
    show.on_error(lambda error: str(error))
    assert show.namespace() == {}


def test_a_knob_that_is_turned_tells_the_values_of_all_and_words_stand_where_no_slider_can(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[dict[str, float]] = []
    wanted = [show.Knob("wide", "link, Mbit/s", 1000.0, 100.0, 100_000.0), show.Knob("narrow", "to 1", 2.0, 1.0, 4.0)]
    sliders = show.knobs(wanted, lambda values: told.append(dict(values)))
    assert "Sliders: run this notebook in JupyterLab" in shown(capsys)
    assert told == []
    sliders["narrow"].value = 3.0
    assert told == [{"wide": 1000.0, "narrow": 3.0}]


@pytest.mark.parametrize(("low", "value", "high"), [(0.1, 163.84, 10_000.0), (1.0, 2.37, 4.0), (5.0, 5.0, 500.0)])
def test_a_knob_begins_on_its_own_grid_or_a_browser_would_move_it(low: float, value: float, high: float) -> None:
    slider = show.knobs([show.Knob("one", "one", value, low, high)], lambda values: None)["one"]
    wide = high > 20 * low
    at, least = (math.log10(value), math.log10(low)) if wide else (value, low)
    steps = (at - least) / slider.step
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert 60 <= (slider.max - slider.min) / slider.step <= 160
