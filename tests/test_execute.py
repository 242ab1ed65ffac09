"""The door to papermill: this interpreter, no warnings, and a saved notebook that is not believed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.errors import InputError
from snlm_lib.execute import Declared, Execution, declared_parameters, execute, inspect_saved
from snlm_lib.kernels import Kernels


def _cell(source: str, count: int | None = 1, outputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "id": f"c{abs(hash(source)) % 10**6}",
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": count,
        "outputs": outputs or [],
    }


def _save(path: Path, cells: list[dict[str, Any]], *, ended: bool = True) -> Path:
    metadata = {"papermill": {"end_time": "2026-11-23T21:04:00+00:00" if ended else None}}
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}), encoding="utf-8"
    )
    return path


def _run(source: Path, target: Path, **environ: str) -> Execution:
    with Kernels(source.parent, environ) as kernels:
        return execute(source, target, values={}, kernels=kernels, more=0)


def test_the_kernel_is_this_interpreter_without_warnings(tmp_path: Path) -> None:
    tell = "import os, sys; print(sys.executable, os.environ['SNLM_X'], sys.modules['rfc3987_syntax'])"
    source = _save(tmp_path / "in.ipynb", [_cell(tell, None)])
    found = _run(source, tmp_path / "out.ipynb", SNLM_X="y")
    assert found.problems == ()
    outputs = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"][0]["outputs"]

    assert found.whole
    assert ["".join(one["text"]).split() for one in outputs] == [[sys.executable, "y", "None"]]


def test_a_notebook_that_is_missing_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    found = _run(tmp_path / "none.ipynb", tmp_path / "out.ipynb")

    assert not found.whole
    assert "no such notebook" in found.problems[-1]


@pytest.mark.parametrize(
    ("cells", "ended", "words"),
    [
        ([_cell("1"), _cell("  ", None)], True, []),
        ([_cell("1"), _cell("2", None)], True, ["cell 2 never ran"]),
        ([_cell("1")], False, ["cut off before its end"]),
        (
            [_cell("1", 1, [{"output_type": "error", "ename": "Refused", "evalue": "no\nswitch"}])],
            True,
            ["cell 1 raised Refused: no switch"],
        ),
    ],
)
def test_a_saved_notebook_is_complete_only_if_every_cell_ran(
    tmp_path: Path, cells: list[dict[str, Any]], ended: bool, words: list[str]
) -> None:
    problems = inspect_saved(_save(tmp_path / "out.ipynb", cells, ended=ended))

    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cells'])
def test_a_truncated_save_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "out.ipynb"
    path.write_text(content, encoding="utf-8")

    assert len(inspect_saved(path)) == 1


def test_declared_parameters_keep_order_type_and_default(tmp_path: Path) -> None:
    cell = _cell("vm: str = 'VM01'  # the machine\nbaseline_s: float = 3.0", None)
    cell["metadata"] = {"tags": ["parameters"]}
    path = _save(tmp_path / "in.ipynb", [cell, _cell("other = 1", None)])

    assert declared_parameters(path) == (Declared("vm", "str", "VM01"), Declared("baseline_s", "float", 3.0))


def test_a_computed_default_is_refused(tmp_path: Path) -> None:
    cell = _cell("vm: str = open('x').read()", None)
    cell["metadata"] = {"tags": ["parameters"]}

    with pytest.raises(InputError, match=r"in\.ipynb"):
        declared_parameters(_save(tmp_path / "in.ipynb", [cell]))
