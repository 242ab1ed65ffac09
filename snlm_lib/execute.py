"""One notebook, one fresh kernel of this very interpreter: the only door to papermill. Judges no step.

papermill's own cell status is not believed (it calls cells completed that never ran): what counts is
read from the saved file afterwards.
"""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from snlm_lib.errors import InputError
from snlm_lib.kernels import START_LIMIT_S, KernelNeverReady, Kernels, OwnKernelManager

__all__ = ["Declared", "Execution", "declared_parameters", "execute", "inspect_saved"]

_NAME = "snlm"  # of kernel and engine
_START_TRIES = 3
_AUTOSAVE_S = 2  # what a killed cell had shown until then is kept


@dataclass(frozen=True)
class Declared:
    """One line of a parameters cell: ``name: kind = default``."""

    name: str
    kind: str
    default: Any


@dataclass(frozen=True)
class Execution:
    """What is wrong with an executed notebook, in sentences; none = every code cell ran to its end."""

    problems: tuple[str, ...]
    interrupted: bool = False

    @property
    def whole(self) -> bool:
        """True when papermill returned, every code cell ran, and none of them raised."""
        return not self.problems and not self.interrupted


class _Engine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's own engine, given a kernel that runs already; ends it at once when the notebook has ended."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, kernel: OwnKernelManager, **_: Any
    ) -> None:
        client = PapermillNotebookClient(
            nb_man,
            km=kernel,
            kernel_name=kernel_name,
            startup_timeout=START_LIMIT_S,
            shutdown_kernel="immediate",
            log=logging.getLogger("papermill"),
        )
        client.execute(cleanup_kc=True)


papermill_engines.register(_NAME, _Engine)


def declared_parameters(notebook: Path) -> tuple[Declared, ...]:
    """The parameters a notebook declares, in order; raises InputError when the cell is not plain declarations."""
    return tuple(
        _declared(statement, notebook)
        for cell in _read(notebook).get("cells", [])
        if "parameters" in cell.get("metadata", {}).get("tags", [])
        for statement in ast.parse(_source(cell)).body
    )


def _declared(statement: ast.stmt, notebook: Path) -> Declared:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        try:
            default = ast.literal_eval(statement.value)
        except ValueError:
            default = ...
        if default is not ...:
            return Declared(statement.target.id, ast.unparse(statement.annotation), default)
    raise InputError(
        f"not a parameter: {ast.unparse(statement)!r}",
        where=notebook.name,
        remedy="Write it as 'name: type = default  # help'.",
    )


def execute(source: Path, target: Path, *, values: Mapping[str, Any], kernels: Kernels, more: int) -> Execution:
    """Run ``source`` with ``values`` in a kernel of its own, save it as ``target``, and look at what was saved.

    ``more`` notebooks may follow: their kernels are started meanwhile. A Ctrl-C ends the kernel and is
    reported, not raised.
    """
    for chatty in ("papermill", "asyncio", "traitlets"):  # what they say of a dead kernel is in the judgement
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    try:
        _execute(source, target, values, kernels, more)
    except KeyboardInterrupt:
        return Execution(("it was interrupted", *inspect_saved(target)), interrupted=True)
    except PapermillExecutionError as error:
        return Execution((f"a cell raised {error.ename}: {_short(error.evalue)}",))
    except DeadKernelError:
        return Execution(("its kernel died", *inspect_saved(target)))
    except Exception as error:  # whatever papermill or the kernel throws, the record must still be judged and sealed
        return Execution((f"papermill ended with {type(error).__name__}: {_short(str(error))}", *inspect_saved(target)))
    return Execution(inspect_saved(target))


def _execute(source: Path, target: Path, values: Mapping[str, Any], kernels: Kernels, more: int) -> None:
    """Another kernel is tried only for one that never got a cell: two runs may have wanted the same port."""
    for attempt in range(1, _START_TRIES + 1):
        kernel = kernels.take()
        kernels.prepare(more)
        try:
            papermill.execute_notebook(
                str(source),
                str(target),
                parameters=dict(values),
                engine_name=_NAME,
                kernel_name=_NAME,
                language="python",
                progress_bar=False,
                cwd=str(source.parent),
                autosave_cell_every=_AUTOSAVE_S,
                kernel=kernel,
            )
            return
        except KernelNeverReady:
            if attempt == _START_TRIES:
                raise


def inspect_saved(notebook: Path) -> tuple[str, ...]:
    """What in a saved notebook forbids to call it complete; empty when nothing does."""
    try:
        data = _read(notebook)
    except InputError as error:
        return (str(error),)
    problems = [] if data["metadata"].get("papermill", {}).get("end_time") else ["it was cut off before its end"]
    for number, cell in enumerate(data["cells"], 1):
        if cell["cell_type"] != "code" or not _source(cell).strip():
            continue
        if cell.get("execution_count") is None:
            problems.append(f"cell {number} never ran")
        problems += [
            f"cell {number} raised {output.get('ename')}: {_short(str(output.get('evalue')))}"
            for output in cell.get("outputs", [])
            if output.get("output_type") == "error"
        ]
    return tuple(problems)


def _read(notebook: Path) -> dict[str, Any]:
    try:
        data = json.loads(notebook.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("there is no such notebook", where=notebook.name) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as a notebook ({type(error).__name__})", where=notebook.name) from None
    if not isinstance(data, dict):
        raise InputError("is not a notebook", where=notebook.name)
    return data


def _source(cell: Mapping[str, Any]) -> str:
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
