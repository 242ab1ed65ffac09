"""Every wrong turn: one sentence on standard error, exit code 2, nothing created, nothing changed, no traceback.

The table is tests/bad_input/*.yaml, what people write, and `MADE` below, what only a program writes. What needs a
host that answers, or one that does not, is in tests/test_bad_input_on_the_wire.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from snlm_lib import cli
from snlm_lib.errors import ParameterError
from snlm_lib.parameters import validate
from snlm_lib.process import identity_of

TABLES = Path(__file__).with_name("bad_input")
SECRET = "hunter2"
PROFILE = {
    "hosts": "hosts: {HV01: {address: hv01.invalid}, HV02: {address: hv02.invalid}}",
    "directory": "",
    "user": "user: CORP\\op",
    "secret": "secret: env:SNLM_TEST_PASSWORD",
}


@dataclass(frozen=True)
class Place:
    """A folder in which somebody works: the change's file, connections, the lab's descriptor, records."""

    folder: Path

    @property
    def change(self) -> Path:
        return self.folder / "change.yaml"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    @property
    def descriptor(self) -> Path:
        return self.folder / "lab.json"

    def connection(self, lines: dict[str, str]) -> None:
        text = "\n".join({**PROFILE, **lines}.values()) + "\n"
        (self.folder / "connections" / "real.yaml").write_text(text, encoding="utf-8")

    def lab(self, **changes: Any) -> None:
        me = identity_of()
        (self.folder / "secret").write_text("geheim\n", encoding="utf-8")
        hosts = {name: {"address": "127.0.0.1", "port": 1 + n} for n, name in enumerate(("HV01", "HV02"))}
        good = {"schema": "snlm.lab/1", "pid": me.pid, "process_started": me.started, "hosts": hosts, "directory": None}
        rest = {"user": "CORP\\op", "secret": f"file:{self.folder / 'secret'}", "guests": {}, "truth_dir": "t"}
        self.descriptor.write_text(json.dumps({**good, **rest, **changes}), encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(tmp_path)
    (tmp_path / "connections").mkdir()
    monkeypatch.setenv("SNLM_OUTPUTS", str(found.outputs))
    monkeypatch.setenv("SNLM_LAB", str(found.descriptor))
    monkeypatch.setenv("SNLM_CONNECTIONS", str(tmp_path / "connections"))
    monkeypatch.setenv("SNLM_TEST_PASSWORD", SECRET)
    return found


def _table(name: str) -> list[Any]:
    rows = yaml.safe_load((TABLES / f"{name}.yaml").read_text(encoding="utf-8"))
    return [pytest.param(row, id=row["id"]) for row in rows]


def _snlm(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def _listed(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def _refused(place: Place, says: str, *words: str | Path) -> None:
    """The one promise of this file."""
    before = _listed(place.folder)
    found = _snlm(*words)

    assert (found.exit_code, found.exception.__class__) == (2, SystemExit), found.output
    assert says in found.stderr
    assert found.stderr.startswith("snlm: ")
    assert len(found.stderr.splitlines()) == 1
    assert len(found.stderr) < 1200
    assert "Traceback" not in found.output
    assert SECRET not in found.output
    assert _listed(place.folder) == before


@pytest.mark.parametrize("row", _table("changes"))
def test_a_change(place: Place, row: dict[str, str]) -> None:
    place.lab()
    place.change.write_text(row["text"], encoding="utf-8")

    _refused(place, row["says"], "run", place.change)
    assert not Path("ran").exists()


@pytest.mark.parametrize("row", _table("connections"))
def test_a_connection(place: Place, row: dict[str, Any]) -> None:
    place.connection(row["change"])
    place.change.write_text("connection: real\nchange_id: CHG1\n", encoding="utf-8")

    _refused(place, row["says"], "run", place.change)


@pytest.mark.parametrize("row", _table("descriptors"))
def test_a_descriptor(place: Place, row: dict[str, Any]) -> None:
    place.lab(**row.get("change", {}))
    if "raw" in row:
        place.descriptor.write_text(row["raw"], encoding="utf-8")
    place.change.write_text("vm: VM01\n", encoding="utf-8")

    _refused(place, row["says"], "run", place.change)


def _laughs() -> str:
    """Nine lists of nine aliases each: a billion words when they are written out."""
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\n"


WRITTEN: dict[str, tuple[bytes, str]] = {
    "a billion laughs": (_laughs().encode(), "aliases (*)"),
    "many aliases": (b"reason: &r x\nvm: [" + b"*r, " * 60 + b"]\n", "aliases (*)"),
    "deep nesting": (b"vm: " + b"[" * 100_000, "nested deeper than"),
    "a machine's name of 60 KB": (b"vm: " + b"V" * 60_000, "at most 255 characters"),
    "a machine's name of 1 MB": (b"vm: " + b"V" * 1_000_000, "larger than 256 KiB"),
    "an unknown name of 60 KB": (b"v" * 900 + b": x", "unknown parameter"),
    "a number of 5000 digits": (b"poll_ms: " + b"9" * 5000, "Put the value in quotes"),
    "ten thousand keys alike but one": (b"".join(b"k%d: 1\n" % (n % 9999) for n in range(10_000)), "stands twice"),
    "a reason of 600 characters": (b"reason: " + b"x" * 600, "at most 500 characters"),
    "a path of 300 characters": (rb"destination_path: 'D:\%s'" % (b"x" * 300), "at most 200 characters"),
    "a binary file": (bytes(range(256)) * 4, "text"),
    "a file of zeros": (bytes(512), "U+0000"),
    "an ANSI file": ("reason: Überfällig\n".encode("cp1252"), "Set-Content -Encoding UTF8"),
    "UTF-16 without its mark": ("vm: VM01\n".encode("utf-16-le"), "U+0000"),
    "UTF-16 cut in the middle": (b"\xff\xfev\x00m\x00:", "UTF-16 text"),
    "an executed notebook": (b'{"cells": [], "metadata": {}}', "unknown parameter 'cells'"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_only_a_program_writes(place: Place, name: str) -> None:
    raw, says = WRITTEN[name]
    place.lab()
    place.change.write_bytes(raw)

    _refused(place, says, "run", place.change)


def _is_folder(place: Place) -> list[str | Path]:
    place.descriptor.mkdir()
    place.change.write_text("vm: VM01\n", encoding="utf-8")
    return ["run", place.change]


def _lab_and_outputs(outputs: Callable[[Place], str]) -> Callable[[Place], list[str | Path]]:
    def prepare(place: Place) -> list[str | Path]:
        place.lab()
        place.change.write_text("vm: VM01\n", encoding="utf-8")
        os.environ["SNLM_OUTPUTS"] = outputs(place)  # the fixture's monkeypatch sets it back
        return ["run", place.change]

    return prepare


def _deep_descriptor(place: Place) -> list[str | Path]:
    place.descriptor.write_text("[" * 100_000, encoding="utf-8")
    place.change.write_text("vm: VM01\n", encoding="utf-8")
    return ["run", place.change]


def _scenario(text: str) -> Callable[[Place], list[str | Path]]:
    def prepare(place: Place) -> list[str | Path]:
        (place.folder / "own.yaml").write_text(text, encoding="utf-8")
        return ["rehearse", place.folder / "own.yaml"]

    return prepare


def _record_of_a_file(place: Place) -> list[str | Path]:
    place.change.write_text("vm: VM01\n", encoding="utf-8")
    return ["report", place.change]


MADE: dict[str, tuple[Callable[[Place], list[str | Path]], str]] = {
    "a file that is missing": (lambda place: ["run", place.folder / "none.yaml"], "no such file"),
    "a folder instead of a file": (lambda place: ["run", place.folder], "is no file"),
    "a path that is too long": (lambda place: ["run", "x" * 5000], "cannot be read"),
    "a path through a file": (lambda place: ["run", Path(__file__) / "x.yaml"], "cannot be read"),
    "no lab at all": (lambda place: ["run", Path(__file__).parents[1] / "parameters" / "rehearsal.yaml"], "no lab"),
    "a descriptor that is a folder": (_is_folder, "not a lab descriptor (IsADirectoryError)"),
    "a descriptor of brackets": (_deep_descriptor, "not a lab descriptor"),
    "outputs that is a file": (_lab_and_outputs(lambda place: str(place.change)), "a record cannot be opened"),
    "outputs below a file": (_lab_and_outputs(lambda place: str(place.change / "x")), "a record cannot be opened"),
    "outputs that nobody can make": (_lab_and_outputs(lambda place: "x" * 300), "a record cannot be opened"),
    "a scenario that is missing": (lambda place: ["rehearse", "nosuch"], "there is no scenario 'nosuch'"),
    "a scenario that climbs": (lambda place: ["rehearse", "../rehearsal"], "scenario"),
    "a scenario without a name": (lambda place: ["rehearse", ""], "scenario"),
    "a scenario file that is missing": (lambda place: ["rehearse", place.folder / "none.yaml"], "no such"),
    "a scenario that is empty": (_scenario(""), "is empty"),
    "a scenario that is no YAML": (_scenario("hosts: ["), "not valid YAML in line 1"),
    "a scenario with an unknown key": (_scenario("based_on: quick\ncolour: red\n"), "unknown key 'colour'"),
    "a scenario based on nothing": (_scenario("based_on: nosuch\n"), "no scenario 'nosuch' to be based on"),
    "a scenario with a wrong parameter": (_scenario("based_on: quick\nparameters: {vmm: x}\n"), "Did you mean 'vm'?"),
    "a report of nothing": (lambda place: ["report", place.folder / "none"], "is no record"),
    "a report of a folder": (lambda place: ["report", place.folder], "is no record"),
    "a report of a file": (_record_of_a_file, "is no record"),
    "verifying nothing": (lambda place: ["verify", place.folder / "none"], "not a record"),
    "verifying a folder": (lambda place: ["verify", place.folder], "not a record"),
    "explaining nothing known": (lambda place: ["explain", "all is well"], "nothing"),
}


@pytest.mark.parametrize("name", MADE)
def test_a_wrong_turn(place: Place, name: str) -> None:
    prepare, says = MADE[name]

    _refused(place, says, *prepare(place))


@pytest.mark.parametrize("words", [["rehears"], ["run"], ["run", "a", "b"], ["verify", "--anker", "x"], ["report"]])
def test_a_wrong_word_is_answered_with_how_it_is_used(place: Place, words: list[str]) -> None:
    found = _snlm(*words)

    assert found.exit_code == 2
    assert "Usage:" in found.stderr
    assert "Traceback" not in found.output
    assert not place.outputs.exists()


def test_a_name_of_1_mb_is_not_repeated_through_whatever_door_it_came() -> None:
    with pytest.raises(ParameterError, match="at most 255 characters") as caught:
        validate({"vm": "V" * 1_000_000}, where="notebook 05_move_vm")

    assert len(str(caught.value)) < 300


def test_the_corpus_is_as_large_as_promised() -> None:
    rows = [row.id for name in ("changes", "connections", "descriptors") for row in _table(name)]

    assert len({*rows, *WRITTEN, *MADE}) == len(rows) + len(WRITTEN) + len(MADE)
    assert len(rows) + len(WRITTEN) + len(MADE) >= 120
