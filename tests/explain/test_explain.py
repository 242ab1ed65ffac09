"""From a pasted text to the failures it may be: numbers before texts, texts before names, the reason told."""

from __future__ import annotations

import pytest

from snlm_lib.explain.catalogue import Failure, KnownEvent, State, load_catalogue
from snlm_lib.explain.explain import Explanation, explain, known_hresult

CATALOGUE = load_catalogue()


def _ask(text: str) -> Explanation:
    return explain(text, CATALOGUE)


def _ids(text: str) -> list[str]:
    return [match.entry.id for match in _ask(text).matches if isinstance(match.entry, Failure)]


@pytest.mark.parametrize("failure", [item for item in CATALOGUE.failures if item.hresults], ids=lambda item: item.id)
def test_every_hresult_leads_to_its_failure_first_in_any_language(failure: Failure) -> None:
    for code in failure.hresults:
        signed = int(code, 16) - (1 << 32)
        for text in (
            f"Fehler beim Vorgang ({code.lower()}).",
            f"Échec de l'opération. (Exception de HRESULT : {code})",
            f"Error en la operación: {code}",
            f"仮想マシンの移行に失敗しました ({code})。",
            f"{signed}",
            f"returned {signed & 0xFFFFFFFF}",
        ):
            assert _ids(text)[0] == failure.id


@pytest.mark.parametrize("failure", [item for item in CATALOGUE.failures if item.fragments], ids=lambda item: item.id)
def test_every_english_fragment_leads_to_its_failure(failure: Failure) -> None:
    for fragment in failure.fragments:
        spaced = "  \n".join(fragment.upper().split(" "))
        assert failure.id in _ids(f"Virtual machine migration operation failed: {spaced}. More.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Im Sicherheitspaket sind keine Anmeldeinformationen verfügbar", "no-delegation"),
        ("Le serveur RPC n\u2019est pas disponible.", "destination-unreachable"),
        ("El servidor RPC no está disponible.", "destination-unreachable"),
        ("Es steht nicht genug Speicherplatz auf dem Datenträger zur Verfügung.", "disk-full"),
        ("Acceso denegado", "remote-second-hop-denied"),
        ("Regel VIRT-MIGL-In-TCP-NoScope ist deaktiviert", "peer-timeout"),
        ("L'attribut msDS-AllowedToDelegateTo est vide", "no-delegation"),
    ],
)
def test_a_text_of_another_language_leads_there_without_a_number(text: str, expected: str) -> None:
    assert _ids(text)[0] == expected


def test_a_text_that_a_console_broke_inside_its_words_is_still_known() -> None:
    assert _ids("No creden\n    tials are avail\n    able in the security pack\n    age")[0] == "no-delegation"


def test_a_text_whose_letters_became_question_marks_in_a_pipe_is_still_known() -> None:
    assert _ids("Im Sicherheitspaket sind keine Anmeldeinformationen verf?gbar.")[0] == "no-delegation"
    assert _ids("El servidor RPC no est? disponible.")[0] == "destination-unreachable"


def test_a_number_weighs_more_than_a_text_and_both_more_than_one() -> None:
    found = _ask("Access is denied (0x80070005). General access denied error").matches

    assert [getattr(match.entry, "id", None) for match in found[:2]] == [
        "access-denied-on-files",
        "remote-second-hop-denied",
    ]
    assert found[0].reasons == ("HRESULT 0x80070005", 'text "General access denied error"')
    assert found[0].score > _ask("0x80070005").matches[0].score > found[1].score


def test_a_fragment_inside_a_longer_word_or_number_is_none() -> None:
    assert "smb-config-read" in _ids("The operation failed with error 59.")
    assert "smb-config-read" not in _ids("The operation failed with error 590.")


def test_a_message_id_and_an_error_of_vmm_are_known() -> None:
    assert _ids("33012")[0] == "switch-missing"
    assert _ids("MessageId : 40010")[0] == "iso-reported-by-compare"
    assert _ids("VMM Fehler 10698")[0] == "vtpm-guardian"


def test_an_event_is_told_before_what_it_may_come_from() -> None:
    first, second = _ask("Ereignis-ID 20413").matches

    assert isinstance(first.entry, KnownEvent)
    assert second.entry.id == "path-missing-on-destination" if isinstance(second.entry, Failure) else False


def test_a_success_event_is_no_failure() -> None:
    assert _ids("20415") == []
    assert [match.reasons for match in _ask("20415").matches] == [("event 20415",)]


def test_a_short_event_number_needs_a_word_that_says_so() -> None:
    assert _ask("took 1106 ms").matches == ()
    assert _ask("event 1106").matches


def test_a_lone_number_means_all_that_it_can_mean() -> None:
    found = [match.entry for match in _ask("32768").matches]

    assert {entry.kind for entry in found if isinstance(entry, State)} == {"JobState", "MigrationType"}


def test_a_state_with_its_name_means_only_that() -> None:
    (match,) = _ask("JobState : 32768").matches

    assert isinstance(match.entry, State)
    assert match.entry.name == "CompletedWithWarnings"


def test_an_id_and_a_check_can_be_asked_for() -> None:
    assert _ids("cpu-vendor")[0] == "cpu-vendor"
    assert set(_ids("memory")) >= {"memory-short", "partition-create-failed"}
    assert "switch-missing" in _ids("Virtual switches exist at the destination")


def test_an_hresult_that_is_not_known_is_said_and_a_bare_number_that_may_be_one_is_not() -> None:
    assert _ask("failed with 0x80041234").unknown_hresults == ("0x80041234",)
    assert _ask("-2147216844").unknown_hresults == ("0x80041234",)
    assert _ask("serial 2147750452 of the disk").unknown_hresults == ()
    assert _ask("0x8009030E").unknown_hresults == ()


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\x00\x1b[2J", "hello", "8009030E-1111-4222-8333-444444444444", "\ud800"]
)
def test_what_says_nothing_finds_nothing(text: str) -> None:
    assert _ask(text) == Explanation((), (), False)


def test_ten_megabytes_are_read_from_both_ends() -> None:
    found = _ask("0x80070070 " + "é[(0x80 event id 1, " * 500_000 + " 0x8009030E")

    assert found.cut
    assert {match.entry.id for match in found.matches if isinstance(match.entry, Failure)} >= {
        "disk-full",
        "no-delegation",
    }


def test_the_known_hresult_of_a_sentence() -> None:
    assert known_hresult("HV01: no (0x8009030e)", CATALOGUE) == "0x8009030E"
    assert known_hresult("HV01: no (0x80041234)", CATALOGUE) is None
    assert known_hresult("serial 2148074254", CATALOGUE) is None
