"""What is said after a failed move: the catalogue's remedy, else the checks' warnings, else nothing invented."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from snlm_lib.change.act import Act, Outcome
from snlm_lib.errors import HostUnreachable
from snlm_lib.record.result import CheckRow
from snlm_lib.steps.advice import advice, advised, leftovers
from tests.fake_estate import Answer, ScriptedHost, bag

IMAGE = CheckRow(id="images", title="No image", verdict="WARN", evidence="a.iso", remedy="Eject it.", host="HV01")
FINE = CheckRow(id="memory", title="Memory", verdict="PASS", evidence="enough")


def test_a_known_code_brings_its_remedy_and_where_to_read_more() -> None:
    told = advice("the machine still runs on the source: ... (0x80072746).", [IMAGE])
    assert "Check the path for filtering" in told
    assert "(snlm explain connection-reset)" in told
    assert "Eject" not in told


def test_a_known_text_without_a_code_does_too_in_another_language_as_well() -> None:
    assert "snlm explain planned-vm-exists" in advice("Failed to create Planned Virtual Machine 'VM01'", [])
    german = "Im Sicherheitspaket sind keine Anmeldeinformationen verf\u00fcgbar"
    assert "snlm explain no-delegation" in advice(german, [])


def test_an_unknown_text_falls_back_to_what_was_warned_of_and_then_to_nothing() -> None:
    assert advice("something new", [IMAGE, FINE]).endswith("The checks had warned: No image: a.iso; Eject it.")
    assert advice("something new", [FINE]) == "Nothing is retried by itself; read the cause first."
    assert "explain" not in advice("about msDS-AllowedToDelegateTo", [])  # a name alone proves nothing


def test_only_a_failure_is_advised_on_and_with_what_was_found_by_then() -> None:
    ends = iter([Outcome("failed", "new"), Outcome("done", "new"), Outcome("failed", "new")])
    rows: list[CheckRow] = []
    bare = Act("k", "move", "HV01", "back", lambda: next(ends))
    act = advised(bare, lambda: rows, lambda: "Two files stay.")
    rows.append(IMAGE)

    assert act.do().remedy.endswith("Eject it. Two files stay.")
    assert act.do().remedy == ""
    assert act.settle is None
    settled = advised(
        Act("k", "move", "HV01", "back", bare.do, settle=lambda begun: next(ends)), lambda: rows, str
    ).settle
    assert settled is not None
    assert "Eject it." in settled(datetime(2026, 11, 23, tzinfo=UTC)).remedy


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([bag(Name="8A70B304-36CC-5AFD-A509-3055D5BF9874")], "A planned machine of it stays on HV02"),
        ([], ""),
        (HostUnreachable("gone", host="HV02"), ""),
    ],
)
def test_what_remains_is_asked_of_the_destination_and_silence_is_no_second_failure(answer: Answer, told: str) -> None:
    host = ScriptedHost("HV02", {"Get-CimInstance Msvm_PlannedComputerSystem": answer})
    said = leftovers(host, UUID("8a70b304-36cc-5afd-a509-3055d5bf9874"))
    assert said.startswith(told)
    assert bool(said) is bool(told)
