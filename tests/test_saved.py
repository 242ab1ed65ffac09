"""What a notebook's file says of itself: its parameters before it runs, its gaps afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snlm_lib.errors import InputError
from snlm_lib.saved import Declared, declared_parameters, inspect_saved
from tests.notebook_files import cell, save


@pytest.mark.parametrize(
    ("cells", "ended", "words"),
    [
        ([cell("1"), cell("  ", None)], True, []),
        ([cell("1"), cell("2", None)], True, ["cell 2 never ran"]),
        ([cell("1")], False, ["cut off before its end"]),
        (
            [cell("1", 1, [{"output_type": "error", "ename": "Refused", "evalue": "no\nswitch"}])],
            True,
            ["cell 1 raised Refused: no switch"],
        ),
    ],
)
def test_a_saved_notebook_is_complete_only_if_every_cell_ran(
    tmp_path: Path, cells: list[dict[str, Any]], ended: bool, words: list[str]
) -> None:
    problems = inspect_saved(save(tmp_path / "out.ipynb", cells, ended=ended))

    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cells'])
def test_a_truncated_save_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "out.ipynb"
    path.write_text(content, encoding="utf-8")

    assert len(inspect_saved(path)) == 1


def test_declared_parameters_keep_order_type_and_default(tmp_path: Path) -> None:
    tagged = cell("vm: str = 'VM01'  # the machine\nbaseline_s: float = 3.0", None)
    tagged["metadata"] = {"tags": ["parameters"]}
    path = save(tmp_path / "in.ipynb", [tagged, cell("other = 1", None)])

    assert declared_parameters(path) == (Declared("vm", "str", "VM01"), Declared("baseline_s", "float", 3.0))


def test_a_computed_default_is_refused(tmp_path: Path) -> None:
    tagged = cell("vm: str = open('x').read()", None)
    tagged["metadata"] = {"tags": ["parameters"]}

    with pytest.raises(InputError, match=r"in\.ipynb"):
        declared_parameters(save(tmp_path / "in.ipynb", [tagged]))
