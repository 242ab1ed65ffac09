"""Kernels started ahead: each serves one notebook, knows nothing of another, and none is left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from snlm_lib.execute import execute
from snlm_lib.kernels import FORKS, KernelNeverReady, Kernels, OwnKernelManager, end_kernel
from tests.notebook_files import is_kernel

_OTHERS: set[int] = set()
KILL = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"  # its parent made it, and is needed no more
LOOK = (
    "import os, sys; "
    "print(os.getpid(), 'left' in dir(), os.path.basename(os.getcwd()), 'snlm_lib.notebook' in sys.modules)"
)


def _notebook(folder: Path, name: str, *sources: str) -> Path:
    common: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**common, "id": f"c{number}", "source": text} for number, text in enumerate(sources)]
    path = folder / name
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}), encoding="utf-8")
    return path


def _running() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True) if is_kernel(child)}


@pytest.fixture(scope="module")
def others() -> set[int]:
    """Kernels that other tests of this process still hold."""
    return _running()


@pytest.fixture(autouse=True)
def _only_ours(others: set[int]) -> None:
    _OTHERS.update(others)


def _kernels_of_ours() -> set[int]:
    return _running() - _OTHERS


def _pid(manager: OwnKernelManager) -> int:
    provisioner: Any = manager.provisioner
    return int(provisioner.pid)


@pytest.mark.parametrize("forks", sorted({False, FORKS}))
def test_each_notebook_gets_a_fresh_kernel_warm_and_in_its_folder(tmp_path: Path, forks: bool) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    told = []
    with Kernels(folder, {}, forks=forks) as kernels:
        for number in range(3):
            source = _notebook(folder, f"{number}.ipynb", LOOK, "left = 1")
            target = tmp_path / f"out{number}.ipynb"
            assert execute(source, target, values={}, kernels=kernels, ahead=kernels.prepare).whole
            cell = json.loads(target.read_text(encoding="utf-8"))["cells"][0]
            told.append("".join(cell["outputs"][0]["text"]).split())

    assert len({pid for pid, *_ in told}) == 3
    assert [rest for _, *rest in told] == [["False", "books", "True"]] * 3
    assert _kernels_of_ours() == set()


def test_a_kernel_nobody_took_is_ended(tmp_path: Path) -> None:
    with Kernels(tmp_path, {}) as kernels:
        kernels.prepare()
        manager = kernels.take()
        taken = _pid(manager)
        assert taken in _kernels_of_ours()
        end_kernel(manager)

    assert _kernels_of_ours() == set()


def test_no_more_than_one_waits(tmp_path: Path) -> None:
    with Kernels(tmp_path, {}) as kernels:
        kernels.prepare()
        kernels.prepare()
        end_kernel(kernels.take())
        assert _kernels_of_ours() == set()


def test_a_kernel_that_cannot_be_started_is_told_when_it_is_wanted(tmp_path: Path) -> None:
    with Kernels(tmp_path / "gone", {}) as kernels:
        kernels.prepare()
        with pytest.raises(KernelNeverReady, match="gone"):
            kernels.take()


def test_a_kernel_that_ends_before_its_first_cell_is_replaced(tmp_path: Path) -> None:
    """As when two runs were given the same port: the second kernel cannot listen and ends."""
    once = tmp_path / "once"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, sys\nif 'ipykernel' in ' '.join(sys.orig_argv):\n"
        f"    try: os.close(os.open({str(once)!r}, os.O_CREAT | os.O_EXCL))\n"
        f"    except FileExistsError: pass\n"
        f"    else: os._exit(1)\n",
        encoding="utf-8",
    )
    source = _notebook(tmp_path, "in.ipynb", "1 + 1")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with Kernels(tmp_path, {"PYTHONPATH": paths}, forks=False) as kernels:
        found = execute(source, tmp_path / "out.ipynb", values={}, kernels=kernels)

    assert once.exists()
    assert found.whole, found.problems


@pytest.mark.skipif(not FORKS, reason="kernels are forked on Linux only")
def test_without_its_forge_a_kernel_is_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    source = _notebook(tmp_path / "books", "in.ipynb", "1 + 1")
    with Kernels(tmp_path / "books", {}) as kernels:
        assert execute(source, tmp_path / "out.ipynb", values={}, kernels=kernels).whole
        source = _notebook(tmp_path / "books", "in.ipynb", KILL, "1 + 1")
        assert execute(source, tmp_path / "out.ipynb", values={}, kernels=kernels).whole, "its kernel goes on"
        source = _notebook(tmp_path / "books", "in.ipynb", "1 + 1")
        assert execute(source, tmp_path / "out.ipynb", values={}, kernels=kernels).whole
    assert _kernels_of_ours() == set()


@pytest.mark.skipif(not FORKS, reason="kernels are forked on Linux only")
def test_a_kernel_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    with Kernels(tmp_path, {}) as kernels:
        manager = kernels.take()
        taken = psutil.Process(_pid(manager))
    taken.wait(10)
    end_kernel(manager)
    assert not taken.is_running()
