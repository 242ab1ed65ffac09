"""The answer in words: complete, within its width, and without a letter of what was pasted."""

from __future__ import annotations

import json

from snlm_lib.explain.catalogue import load_catalogue
from snlm_lib.explain.explain import explain
from snlm_lib.explain.words import as_lines, as_object, list_lines, nothing_found

CATALOGUE = load_catalogue()


def _lines(text: str, width: int = 80) -> list[str]:
    return as_lines(explain(text, CATALOGUE), CATALOGUE, width=width)


def test_a_failure_is_told_with_cause_fix_check_certainty_and_source() -> None:
    told = "\n".join(_lines("0x8009030E", width=200))

    assert told.startswith("No usable delegation between the hosts (no-delegation; when the move starts)")
    for words in ("matched by  HRESULT 0x8009030E", "cause  ", "fix  ", "source  ", "never tried on real hosts"):
        assert words in told
    assert "our checks  delegation (Delegation, source to destination)" in told
    assert "by hand" in told


def test_a_general_windows_code_without_a_text_beside_it_is_told_with_care() -> None:
    assert "other causes are possible" in "\n".join(_lines("0x80070057", width=200))
    assert "other causes" not in "\n".join(_lines("0x80070057 the key protector could not be unwrapped", width=200))
    assert "other causes" not in "\n".join(_lines("0x8009030E", width=200))


def test_without_a_gap_there_is_nothing_to_do_by_hand_and_without_a_check_it_says_none() -> None:
    assert "by hand" not in "\n".join(_lines("cpu-vendor"))
    assert "our checks  none. Permissions" in "\n".join(_lines("0x80070005"))


def test_an_event_and_a_state_say_what_they_mean() -> None:
    assert "  see also    network-lost-after-move" in _lines("event 21024")
    assert _lines("JobState 10")[0] == "JobState 10: Exception (Msvm_MigrationJob.JobState)"


def test_no_line_is_wider_than_asked() -> None:
    codes = " ".join(code for failure in CATALOGUE.failures for code in failure.hresults)
    for width in (40, 60, 100):
        full = [line for line in _lines(codes, width) if line.startswith("  ") and "(" not in line]
        assert max(map(len, full)) <= max(width, 60)


def test_many_matches_end_in_a_list_and_a_count() -> None:
    codes = " ".join(code for failure in CATALOGUE.failures for code in failure.hresults)
    told = _lines(codes)

    assert "Also possible:" in told
    assert any("more: paste less of the text" in line for line in told)
    assert sum("matched by" in line for line in told) == 3


def test_what_was_pasted_is_never_given_back() -> None:
    pasted = "password=hunter2 \x1b[31m net use /user:corp\\bob Secret! 0x8009030E 0x80041234 token abc.def"
    found = explain(pasted, CATALOGUE)
    said = "\n".join(as_lines(found, CATALOGUE, width=80)) + json.dumps(as_object(found)) + nothing_found(found)

    for secret in ("hunter2", "bob", "Secret!", "abc.def", "\x1b"):
        assert secret not in said
    assert "0x80041234 is not in the catalogue." in said


def test_a_cut_text_is_said_to_be_cut() -> None:
    assert "half million" in _lines("0x8009030E " + "x" * 2_000_000)[-1]


def test_nothing_found_names_the_code_and_where_windows_explains_it() -> None:
    assert nothing_found(explain("0x80070541", CATALOGUE)) == (
        "0x80070541 is not in the catalogue; 'net helpmsg 1345' on Windows says its general meaning"
    )
    assert nothing_found(explain("0xC0000022", CATALOGUE)) == "0xC0000022 is not in the catalogue"
    assert nothing_found(explain("hello", CATALOGUE)) == "nothing in the failure catalogue fits this text"


def test_the_object_has_every_field_and_says_what_kind_each_match_is() -> None:
    found = as_object(explain("JobState 10, event 20413, 0x8009030E", CATALOGUE))
    kinds = [match["kind"] for match in found["matches"]]

    assert found["schema"] == "snlm.explanation/1"
    assert sorted(set(kinds)) == ["event", "failure", "state"]
    assert next(match for match in found["matches"] if match["kind"] == "state")["property"] == "JobState"
    assert found["matches"][0]["remedy"]
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(found, ensure_ascii=False))


def test_the_list_has_every_failure_once() -> None:
    assert [line.split()[0] for line in list_lines(CATALOGUE)] == [failure.id for failure in CATALOGUE.failures]
