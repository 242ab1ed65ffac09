"""What a notebook's file says of itself: its parameters before it runs, its gaps afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.errors import InputError
from snlm_lib.saved import Declared, declared_parameters, inspect_saved


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
