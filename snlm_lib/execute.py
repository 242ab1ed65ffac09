"""One notebook, one fresh kernel of this very interpreter: the only door to papermill. Judges no step.

papermill's own cell status is not believed (it calls cells completed that never ran): what counts is
read from the saved file afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from snlm_lib.kernels import START_LIMIT_S, KernelNeverReady, Kernels, OwnKernelManager
from snlm_lib.saved import Execution, inspect_saved, short

__all__ = ["execute"]

Ahead = Callable[[], object]
_NAME = "snlm"  # of kernel and engine
_START_TRIES = 3
_AUTOSAVE_S = 2  # what a killed cell had shown until then is kept


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs and saves code cells only: saving the notebook before and after each text takes longer than a short step.

    ``ahead`` is called when the kernel is ready, so that what it begins does not slow the kernel's own start.
    """

    def __init__(self, *arguments: Any, ahead: Ahead, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ahead = ahead

    def papermill_execute_cells(self) -> None:
        self._ahead()
        for index, cell in enumerate(self.nb.cells):
            if cell.cell_type != "code":
                continue
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                break
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)


class _Engine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's own engine, given a kernel that runs already; ends it at once when the notebook has ended."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, kernel: OwnKernelManager, ahead: Ahead, **_: Any
    ) -> None:
        client = _Client(
            nb_man,
            km=kernel,
            kernel_name=kernel_name,
            startup_timeout=START_LIMIT_S,
            shutdown_kernel="immediate",
            log=logging.getLogger("papermill"),
            ahead=ahead,
        )
        client.execute(cleanup_kc=True)


papermill_engines.register(_NAME, _Engine)


def execute(
    source: Path, target: Path, *, values: Mapping[str, Any], kernels: Kernels, ahead: Ahead | None = None
) -> Execution:
    """Run ``source`` with ``values`` in a kernel of its own, save it as ``target``, and look at what was saved.

    ``ahead`` is called when the kernel is ready: there the next one is started. A Ctrl-C ends the kernel and
    is reported, not raised.
    """
    for chatty in ("papermill", "asyncio", "traitlets"):  # what they say of a dead kernel is in the judgement
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    try:
        _execute(source, target, values, kernels, ahead or _nothing)
    except KeyboardInterrupt:
        return Execution(("it was interrupted", *inspect_saved(target)), interrupted=True)
    except PapermillExecutionError as error:
        return Execution((f"a cell raised {error.ename}: {short(error.evalue)}",))
    except DeadKernelError:
        return Execution(("its kernel died", *inspect_saved(target)))
    except Exception as error:  # whatever papermill or the kernel throws, the record must still be judged and sealed
        return Execution((f"papermill ended with {type(error).__name__}: {short(str(error))}", *inspect_saved(target)))
    return Execution(inspect_saved(target))


def _nothing() -> None:
    """Nothing follows."""


def _execute(source: Path, target: Path, values: Mapping[str, Any], kernels: Kernels, ahead: Ahead) -> None:
    """Another kernel is tried only for one that never got a cell: two runs may have wanted the same port."""
    for attempt in range(1, _START_TRIES + 1):
        try:
            kernel = kernels.take()
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
                ahead=ahead,
            )
            return
        except KernelNeverReady:
            if attempt == _START_TRIES:
                raise
