"""Numbers in pasted text: every way of writing one, and what only looks like one."""

from __future__ import annotations

import pytest

from snlm_lib.explain.findings import (
    LIMIT,
    bounded,
    event_ids,
    hresults,
    lone_number,
    plain,
    state_numbers,
    tight,
    whole_numbers,
)


@pytest.mark.parametrize(
    "text",
    [
        "0x8009030E",
        "0x8009030e",
        "0X8009030E)",
        "(0x8009030EL)",
        "HRESULT:0x8009030E.",
        "0xFFFFFFFF8009030E",
        "0x8009\n030E",
        "0x800903\r\n  0E",
        "\uff10\uff58\uff18\uff10\uff10\uff19\uff10\uff13\uff10\uff25",
    ],
)
def test_a_written_hresult_is_found_however_it_is_written(text: str) -> None:
    assert "0x8009030E" in hresults(plain(text))[0]


@pytest.mark.parametrize("text", ["-2146893042", "\u22122146893042", "2148074254", "code 8009030E", "[8009030e]"])
def test_a_number_that_may_be_one_is_kept_apart(text: str) -> None:
    assert hresults(plain(text)) == (set(), {"0x8009030E"})


@pytest.mark.parametrize(
    "text",
    [
        "8009030E-0000-4000-8000-000000000000",
        "{0A8009030E}",
        "0x8009030E1",
        "0x8009030",
        "10.0.80070005",
        "1.2148074254",
        "x8009030Ex",
        "99999999999",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert hresults(plain(text))[0] == set()
    assert "0x8009030E" not in hresults(plain(text))[1]


def test_plain_drops_guids_controls_accents_case_and_breaks() -> None:
    assert plain("\x1b[31mÉCHEC\x00  de\r\n\tl\u2019opération A0B1C2D3-0000-4000-8000-000000000000 \u202eX") == (
        "[31mechec de l'operation x"
    )


def test_tight_joins_what_a_console_broke() -> None:
    assert tight(plain("creden\n  tials")) == "credentials"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Event ID: 20413", {20413}),
        ("EventID 20413, 20415 follows", {20413}),
        ("Ereignis-ID: 21024", {21024}),
        ("ID d'événement : 20415", {20415}),
        ("Identificador de evento 20415", {20415}),
        ("Id. de suceso: 20415", {20415}),
        ("イベント ID 20415", {20415}),
        ("<EventID>20100</EventID>", {20100}),
        ("<EventID Qualifiers='0'>20100</EventID>", {20100}),
        ("on port 6600 at 10:15", set()),
        ("idle 20415", set()),
    ],
)
def test_an_event_is_what_the_text_calls_one(text: str, ids: set[int]) -> None:
    assert event_ids(plain(text)) == ids


def test_five_digits_alone_are_a_number_and_parts_of_others_are_not() -> None:
    assert whole_numbers("at 33012, 10.0.20348 build 10.0.26100.1 20415: 127.0.0.1:40010 12345-6") == {33012, 20415}


@pytest.mark.parametrize(
    ("text", "number"), [("10", 10), ("20415", 20415), ("", None), ("10 %", None), ("123456", None)]
)
def test_a_lone_number_is_all_there_is(text: str, number: int | None) -> None:
    assert lone_number(plain(text)) == number


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("JobState            : 10", "JobState", {10}),
        ("job state=32768", "JobState", {32768}),
        ("OperationalStatus   : {11, 32774}", "OperationalStatus", {11, 32774}),
        ("jobstate: Running, percent 7", "JobState", set()),
        ("JobState 1234567", "JobState", set()),
    ],
)
def test_a_state_is_read_after_its_name(text: str, kind: str, numbers: set[int]) -> None:
    assert state_numbers(plain(text), kind) == numbers


def test_a_long_text_keeps_both_its_ends() -> None:
    kept, cut = bounded("a" + "x" * 10_000_000 + "z")

    assert cut
    assert (kept[0], kept[-1]) == ("a", "z")
    assert len(kept) <= LIMIT + 1
    assert bounded("short") == ("short", False)
