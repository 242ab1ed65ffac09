"""The door to papermill: this interpreter, no warnings, and a saved notebook that is not believed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from snlm_lib.execute import execute
from snlm_lib.kernels import Kernels
from snlm_lib.saved import Execution
from tests.notebook_files import cell, save


def _run(source: Path, target: Path, **environ: str) -> Execution:
    with Kernels(source.parent, environ) as kernels:
        return execute(source, target, values={}, kernels=kernels)


def test_the_kernel_is_this_interpreter_without_warnings(tmp_path: Path) -> None:
    tell = "import os, sys; print(sys.executable, os.environ['SNLM_X'], sys.modules['rfc3987_syntax'])"
    source = save(tmp_path / "in.ipynb", [cell(tell, None)])
    found = _run(source, tmp_path / "out.ipynb", SNLM_X="y")
    assert found.problems == ()
    outputs = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"][0]["outputs"]

    assert found.whole
    assert ["".join(one["text"]).split() for one in outputs] == [[sys.executable, "y", "None"]]


def test_a_notebook_that_is_missing_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    found = _run(tmp_path / "none.ipynb", tmp_path / "out.ipynb")

    assert not found.whole
    assert "no such notebook" in found.problems[-1]
