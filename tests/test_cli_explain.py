"""`snlm explain` as typed: words, a file, standard input; one sentence when nothing fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from snlm_lib import cli
from snlm_lib.cli_explain import decoded, pasted_text
from snlm_lib.errors import InputError

GERMAN = "Fehler bei der Livemigration: Im Sicherheitspaket sind keine Anmeldeinformationen verfügbar (0x8009030E)."


def _explain(*words: str, stdin: bytes | str | None = None) -> Result:
    return CliRunner().invoke(cli.app, ["explain", *words], input=stdin)


def test_words_need_no_quotes_and_a_code_may_begin_with_a_minus() -> None:
    assert _explain(*GERMAN.split()).stdout.startswith("No usable delegation")
    assert _explain("-2146893042").stdout.startswith("No usable delegation")
    assert _explain("0x8009030E").exit_code == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_as_windows_writes_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "error.txt"
    path.write_bytes(GERMAN.replace("0x8009030E", "-").encode(encoding))
    found = _explain("--file", str(path))

    assert found.exit_code == 0
    assert found.stdout.startswith("No usable delegation")


@pytest.mark.parametrize("words", [(), ("-",)])
def test_standard_input_is_read_when_no_text_is_given(words: tuple[str, ...]) -> None:
    assert _explain(*words, stdin=GERMAN).stdout.startswith("No usable delegation")
    assert _explain(*words, stdin=GERMAN.encode("utf-16")).stdout.startswith("No usable delegation")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hello",), "nothing in the failure catalogue fits"),
        (("0x80041234",), "0x80041234 is not in the catalogue"),
        ((), "nothing to explain"),
        (("--file", "no-such-file.txt"), "no-such-file.txt: cannot be read"),
        (("--file", "."), "cannot be read"),
        (("text", "--file", "x"), "both a text and --file"),
    ],
)
def test_when_there_is_no_answer_one_sentence_says_so(words: tuple[str, ...], told: str) -> None:
    found = _explain(*words, stdin="")

    assert found.exit_code == 2
    assert told in found.stderr
    assert found.stdout == ""
    assert len(found.stderr.strip().splitlines()) == 1


def test_the_sentence_does_not_give_back_what_was_pasted() -> None:
    assert "hunter2" not in _explain("password", "hunter2").output


def test_json_is_one_object_found_or_not() -> None:
    found, none = _explain("0x8009030E", "--json"), _explain("hello", "--json")

    assert (found.exit_code, none.exit_code) == (0, 2)
    assert json.loads(found.stdout)["matches"][0]["id"] == "no-delegation"
    assert json.loads(none.stdout)["matches"] == []


def test_the_list_names_what_can_be_asked_for() -> None:
    told = _explain("--list").stdout.splitlines()

    assert len(told) >= 47
    assert _explain(told[-1].split()[0]).exit_code == 0


def test_help_names_an_example_and_the_exit_code() -> None:
    told = _explain("--help").stdout

    assert "Example:  snlm explain 0x8009030E" in told
    assert "Exit code 2" in told


def test_bytes_of_no_encoding_are_read_all_the_same() -> None:
    assert decoded(b"\x81\xff 0x8009030E").endswith("0x8009030E")
    assert decoded("é".encode("utf-16-be").join((b"\xfe\xff", b""))) == "é"


def test_a_huge_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.log"
    with path.open("wb") as file:
        file.seek((65 << 20) + 1)
        file.write(b" 0x8009030E")
    text = pasted_text([], path)

    assert len(text) == 64 << 20
    assert text.endswith("0x8009030E")


def test_both_sources_at_once_are_refused() -> None:
    with pytest.raises(InputError, match="both a text and --file"):
        pasted_text(["x"], Path("y"))
