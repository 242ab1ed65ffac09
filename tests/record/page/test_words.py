"""Numbers as the page says them."""

from __future__ import annotations

import pytest

from snlm_lib.record.page.words import DASH, away_words, badge, said, step_anchor, step_title, unbroken, utc


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((0.6, 0.5, 0.7), "0.60\xa0s ±\xa00.10\xa0s"),
        ((0.6, None, None), "0.60 s"),
        ((None, None, 0.1), "less than 0.10 s"),
        ((0.0, 0.0, 0.02), "less than 0.02 s"),
        ((None, None, None), "not measured"),
    ],
)
def test_how_long_it_was_away(bounds: tuple[float | None, ...], words: str) -> None:
    assert away_words(*bounds) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("paused 0.20 to 0.60 s, 35 of 35", "paused 0.20~to~0.60~s, 35 of 35"),
        ("2 min 8 s; 602 MiB/s sent", "2~min 8~s; 602~MiB/s sent"),
        ("10.5 GiB ± 847.3 MiB", "10.5~GiB ± 847.3~MiB"),
        ("VM01 sends 4 hours, 3 s5", "VM01 sends 4 hours, 3 s5"),
    ],
)
def test_no_line_ends_between_a_figure_and_its_unit(text: str, words: str) -> None:
    assert unbroken(text) == words.replace("~", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, DASH),
        ("", DASH),
        (True, "yes"),
        (0, "0"),
        (4812111872, "4,812,111,872"),
        (0.60, "0.6"),
        (1.0, "1"),
        ("x", "x"),
    ],
)
def test_values(value: object, words: str) -> None:
    assert said(value) == words


def test_names_of_steps() -> None:
    assert step_title("05_move_vm") == "05 Move the VM"
    assert step_title("42_own_step") == "42 own step"
    assert step_anchor('a"><script>') == "step-a---script-"


def test_stamps_and_badges() -> None:
    assert utc("2026-11-23T21:04:00.123Z") == "2026-11-23 21:04:00 UTC"
    assert utc("whenever") == "whenever"
    assert utc(None) == "not recorded"
    assert badge('x" onclick="') == '<span class="badge is-xonclick">X&quot; ONCLICK=&quot;</span>'
