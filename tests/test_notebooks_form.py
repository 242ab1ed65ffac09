"""Every notebook has the house's form: short, told in one order, without outputs, with declared parameters."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from snlm_lib.parameters import Parameters
from snlm_lib.runbook import REPORT_STEP, STEPS
from snlm_lib.saved import declared_parameters

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
STEP_BOOKS = sorted(FOLDER.glob("*.ipynb"))
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))
CHANGING = {"01_enable_live_migration", "02_configure_delegation", "05_move_vm"}
KNOWN_TAGS = {"parameters", "snlm-change", "nbval-ignore-output"}
FORBIDDEN = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.For, ast.While, ast.If, ast.Try, ast.With)
PARAMETER = re.compile(r"[a-z][a-z0-9_]*: (str|int|float|bool|list\[str\]) = .+  # \S.+")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_step = pytest.mark.parametrize("path", STEP_BOOKS, ids=lambda path: path.stem)


def _cells(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def _code(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in _cells(path) if cell["cell_type"] == "code"]


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: dict[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def _lines(cell: dict[str, Any]) -> list[str]:
    return [line for line in _text(cell).splitlines() if line.strip()]


def test_the_seven_notebooks_of_the_runbook_are_there() -> None:
    assert {path.stem for path in STEP_BOOKS} >= {*STEPS, REPORT_STEP}
    assert all(re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)*", path.stem) for path in STEP_BOOKS)


@each
def test_it_is_committed_without_outputs(path: Path) -> None:
    assert [cell["id"] for cell in _code(path) if cell["outputs"] or cell["execution_count"] is not None] == []
    assert "papermill" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]


@each
def test_it_is_short(path: Path) -> None:
    assert len(_cells(path)) <= 20
    assert len(_code(path)) <= 10
    long = [cell["id"] for cell in _code(path) if len(_lines(cell)) > 10 and "parameters" not in _tags(cell)]
    assert long == []


@each
def test_its_text_is_short_and_stands_before_the_code_it_explains(path: Path) -> None:
    wordy = [cell["id"] for cell in _cells(path) if cell["cell_type"] == "markdown" and len(_text(cell).split()) > 80]
    kinds = [cell["cell_type"] for cell in _cells(path)]
    explained_from = 3  # title, card and parameters explain themselves

    assert wordy == []
    assert [
        number
        for number, kind in enumerate(kinds)
        if number > explained_from and kind == "code" and kinds[number - 1] != "markdown"
    ] == []


@each
def test_its_code_only_tells_the_story(path: Path) -> None:
    for cell in _code(path):
        text = _text(cell)
        assert text.strip(), f"{cell['id']} is empty"
        assert not re.search(r"^\s*[!%]", text, re.MULTILINE), f"{cell['id']} uses a magic"
        clever = [type(node).__name__ for node in ast.walk(ast.parse(text)) if isinstance(node, FORBIDDEN)]
        assert clever == [], f"{cell['id']} has {clever}: what needs a test belongs into the library"


@each
def test_it_imports_nothing_but_its_vocabulary(path: Path) -> None:
    imported = {
        getattr(node, "module", None) or node.names[0].name
        for cell in _code(path)
        for node in ast.walk(ast.parse(_text(cell)))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    assert imported == {"snlm_lib.notebook"}


@each_step
def test_its_parts_stand_in_the_order_of_the_house(path: Path) -> None:
    cells = _cells(path)
    code = [_text(cell) for cell in _code(path)]

    assert cells[0]["cell_type"] == "markdown"
    assert _text(cells[0]).startswith(f"# {path.stem[:2]} ")
    assert f'card("{path.stem}")' in code[0]
    assert "parameters" in _tags(_code(path)[1])
    assert f'begin("{path.stem}")' in code[2]
    assert "finish(" in code[-1]


@each
def test_a_kernel_without_snlm_is_told_where_to_look(path: Path) -> None:
    (line,) = [line for cell in _code(path) for line in _lines(cell) if line.startswith("import")]
    assert line.partition("  # ")[2] == "not found? The kernel must be this project's: .venv, see README"


def test_a_notebook_for_exploring_only_looks() -> None:
    exploring = [path for path in NOTEBOOKS if path not in STEP_BOOKS]
    assert {path.parent.name for path in exploring} == {"explore"}
    for path in exploring:
        told = " ".join(_text(cell) for cell in _code(path))
        assert not re.search(r"begin|change\(|finish|gate|monitor", told)
        assert "Changes nothing, opens no record" in _text(_cells(path)[0])


@each
def test_its_tags_are_known_and_used_once(path: Path) -> None:
    tags = [tag for cell in _cells(path) for tag in _tags(cell)]

    assert set(tags) <= KNOWN_TAGS
    assert tags.count("parameters") == 1
    assert tags.count("snlm-change") == (1 if path.stem in CHANGING else 0)


@each
def test_its_parameters_are_the_schemas(path: Path) -> None:
    cell = next(cell for cell in _code(path) if "parameters" in _tags(cell))
    crooked = [line for line in _lines(cell) if not PARAMETER.fullmatch(line)]
    assert crooked == []

    hints = get_type_hints(Parameters)
    for one in declared_parameters(path):
        assert one.name in Parameters.model_fields, f"{one.name} is not in the schema"
        assert one.default == Parameters.model_fields[one.name].default, f"{one.name} has another default"
        assert one.kind == _kind(hints[one.name]), f"{one.name} has another type"


def _kind(hint: Any) -> str:
    """The type a notebook writes: a choice of words is a str."""
    words = get_args(hint)
    if words and all(isinstance(word, str) for word in words):
        return "str"
    return str(getattr(hint, "__name__", hint))


def test_every_parameter_is_declared_by_some_notebook() -> None:
    declared = {one.name for path in NOTEBOOKS for one in declared_parameters(path)}

    assert declared == set(Parameters.model_fields)


@each
def test_its_kernel_is_named_so_that_no_foreign_one_shadows_it(path: Path) -> None:
    kernel = json.loads(path.read_text(encoding="utf-8"))["metadata"]["kernelspec"]

    assert (kernel["name"], kernel["language"]) == ("python3", "python")
