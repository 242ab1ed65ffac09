"""The catalogue's own data: complete, in form, and true to the checks that the product has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from snlm_lib import explain as room
from snlm_lib.change.checks.preflight import ALL_CHECKS
from snlm_lib.explain.catalogue import Catalogue, Failure, load_catalogue, read_catalogue
from snlm_lib.explain.findings import plain

TEXT = (Path(room.__file__).parent / "catalogue.json").read_text(encoding="utf-8")
CATALOGUE = load_catalogue()


def _changed(**fields: Any) -> str:
    """The catalogue with other values in its first failure; a value of None takes the field away."""
    data = json.loads(TEXT)
    data["failures"][0].update(fields)
    data["failures"][0] = {key: value for key, value in data["failures"][0].items() if value is not None}
    return json.dumps(data)


def test_it_knows_what_is_known() -> None:
    assert len(CATALOGUE.failures) >= 47
    assert {20413, 20415, 20417, 20418, 21024, 1106} <= {event.id for event in CATALOGUE.events}
    assert {7, 10, 32768} <= {state.number for state in CATALOGUE.states if state.kind == "JobState"}
    assert {33012, 40010} <= {item.number for failure in CATALOGUE.failures for item in failure.numbers}


def test_every_check_named_is_a_check_of_the_preflight_under_its_title() -> None:
    ours = {check.check_id: check.title for check in ALL_CHECKS}

    assert {check: ours.get(check) for check in CATALOGUE.checks} == dict(CATALOGUE.checks)


def test_no_title_is_kept_for_a_check_that_no_failure_names() -> None:
    assert {check for failure in CATALOGUE.failures for check in failure.checks} == set(CATALOGUE.checks)


@pytest.mark.parametrize("failure", CATALOGUE.failures, ids=lambda failure: failure.id)
def test_every_failure_names_a_check_or_says_why_none_and_can_be_acted_on(failure: Failure) -> None:
    assert failure.checks or failure.gap
    assert all(len(text) > 10 for text in (failure.title, failure.cause, failure.remedy, failure.by_hand))
    assert failure.source
    assert not re.search(r"\[[VCIM]\]|\.md\b", f"{failure.cause}{failure.remedy}{failure.by_hand}{failure.source}")


def test_a_failure_that_no_check_of_ours_sees_and_nobody_foresees_says_so_by_its_gap() -> None:
    blind = [failure for failure in CATALOGUE.failures if not failure.foreseeable]

    assert blind
    assert all(failure.gap and not failure.checks for failure in blind)


def test_no_hresult_stands_for_two_failures() -> None:
    codes = [code for failure in CATALOGUE.failures for code in failure.hresults]

    assert len(set(codes)) == len(codes)


def test_a_fragment_is_long_enough_to_mean_something() -> None:
    short = [
        item
        for failure in CATALOGUE.failures
        for item in (*failure.fragments, *failure.translated)
        if len(plain(item)) < 8
    ]

    assert short == []


def test_every_word_can_be_written_on_a_western_windows_console() -> None:
    TEXT.encode("cp1252")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": None}, "has not just the fields"),
        ({"surplus": "x"}, "has not just the fields"),
        ({"title": 3}, "'title' is no str"),
        ({"foreseeable": "yes"}, "'foreseeable' is no bool"),
        ({"fragments": ["a", 3]}, "'fragments' is no tuple"),
        ({"fragments": "a text"}, "'fragments' is no tuple"),
        ({"hresults": ["0x8009030e"]}, "no-delegation: has an HRESULT"),
        ({"phase": "lunch"}, "no-delegation: has an HRESULT, a phase"),
        ({"mark": "X"}, "no-delegation: has an HRESULT, a phase or a mark"),
        ({"checks": ["nosuch"]}, "names a check without a title"),
        ({"checks": [], "gap": ""}, "names no check and does not say why"),
        ({"id": "cpu-vendor"}, "an id stands twice"),
        ({"id": "other", "events": [{"id": 1}]}, "has not just the fields channel, id"),
        ({"events": {}}, "'events' is no list"),
        ({"numbers": [{"kind": "MessageId", "number": True}]}, "'number' is no int"),
    ],
)
def test_what_the_form_does_not_allow_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        read_catalogue(_changed(**fields))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("schema", "snlm.catalogue/9", "schema snlm.catalogue/1"),
        ("marks", {"V": 1}, "'marks' does not map"),
        ("phases", [], "'phases' does not map"),
        ("failures", {}, "'failures' is no list"),
        ("failures", ["text"], "'text' is no failure"),
        ("events", ["text"], "has not just the fields"),
        ("events", [{"channel": "c", "id": 1, "meaning": "m", "mark": "V", "see": ["nosuch"]}], "refers to nosuch"),
        ("events", [{"channel": "c", "id": 1, "meaning": "m", "mark": "Q", "see": []}], "'Q' is no mark"),
    ],
)
def test_a_file_of_another_form_is_refused(key: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        read_catalogue(json.dumps({**json.loads(TEXT), key: value}))


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="not a catalogue"):
        read_catalogue("[]")


def test_the_file_loads_as_it_was_written() -> None:
    loaded = read_catalogue(TEXT)

    assert isinstance(loaded, Catalogue)
    assert [failure.id for failure in loaded.failures] == [item["id"] for item in json.loads(TEXT)["failures"]]
