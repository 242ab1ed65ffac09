"""docs/failures.md is fresh, whole, and says of each failure what the lab really plays."""

from __future__ import annotations

from pathlib import Path

from snlm_lib.explain.catalogue import load_catalogue
from snlm_lib.lab.faults import FAULTS
from tools.failures_page import failures_markdown

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_as_the_code_makes_it() -> None:
    assert (ROOT / "docs" / "failures.md").read_text(encoding="utf-8") == failures_markdown(), "run `make docs`"


def test_catalogue_and_lab_know_the_same_failures_at_the_same_phase() -> None:
    ours = {failure.id: failure.phase for failure in load_catalogue().failures}
    codes = {failure.id: failure.hresults for failure in load_catalogue().failures}

    assert {fault.id: fault.moment.value for fault in FAULTS.values()} == ours
    assert [fault.id for fault in FAULTS.values() if fault.hresult and fault.hresult not in codes[fault.id]] == []


def test_every_failure_has_its_entry_with_what_snlm_does_and_what_to_do() -> None:
    entries = failures_markdown().split("\n### ")[1:]

    assert len(entries) == len(FAULTS)
    for entry in entries:
        assert entry.count("- **In snlm:**") == entry.count("- **What to do:**") == 1
        assert "- **What Hyper-V leaves:**" in entry
        assert "not in the lab" not in entry


def test_a_word_for_each_way_it_ends() -> None:
    page = failures_markdown()

    assert "is refused before the move, by the check `slots` (A migration slot is free on both)." in page
    assert "A check is still to be written: `guardian`. By hand: Get-VMSecurity" in page
    assert "the check `images` (No DVD image attached) warns beforehand." in page
    assert "No check can see it beforehand." in page
    assert "the verdict is unknown" in page
