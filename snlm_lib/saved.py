"""A notebook as a file: what it declares before it runs, and what in the saved one forbids to call it complete."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snlm_lib.errors import InputError

__all__ = ["Declared", "Execution", "declared_parameters", "inspect_saved", "short"]


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
            f"cell {number} raised {output.get('ename')}: {short(str(output.get('evalue')))}"
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


def short(text: str) -> str:
    """One line of at most 300 characters."""
    return " ".join(text.split())[:300]
