"""The house's walls: who may import whom, and through which door each library comes. Lazy imports count too."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "snlm_lib"
GROUND = {"errors", "units", "clock"}
BELOW_STEPS = {"credentials", "estate", "measure", "record", "remote", "change", "parameters", "process"}

# A room is a folder, or the files that belong together. snlm_lib/__init__.py holds the version: anybody may ask.
ROOMS = {
    "awake": "process",
    "lock": "process",
    "closed": "parameters",
    "connections": "parameters",
    "connections_page": "parameters",
    "guests": "parameters",
    "places": "parameters",
    "yaml_file": "parameters",
    "remote.credentials": "credentials",
    "execute": "runbook",
    "saved": "runbook",
    "judge": "runbook",
    "kernels": "runbook",
    "rescue": "runbook",
    "undisturbed": "runbook",
    "lab_process": "rehearsal",
    "cli_change": "cli",
    "cli_downtime": "cli",
    "cli_explain": "cli",
    "cli_forecast": "cli",
    "cli_guard": "cli",
    "cli_lab": "cli",
    "cli_monitor": "cli",
    "cli_verify": "cli",
    "closing": "cli",
    "progress": "cli",
    "standing": "cli",
    "__main__": "cli",
    "show": "step",
    "opening": "step",
    "rows": "step",
    "steps": "step",
}
MAY_IMPORT: dict[str, set[str]] = {
    "version": set(),
    "errors": set(),
    "units": set(),
    "clock": set(),
    "process": {"errors"},
    "parameters": {"errors", "units"},
    "credentials": {"errors"},
    "remote": {"credentials"} | GROUND,
    "estate": {"credentials", "remote", "parameters"} | GROUND,
    "measure": {"parameters", "process"} | GROUND,
    "record": {"measure", "parameters", "process"} | GROUND,
    "change": {"credentials", "estate", "measure", "record", "remote", "parameters", "process"} | GROUND,
    "foresight": {"change", "estate", "record", "measure", "parameters", "process"} | GROUND,
    "provenance": {"version", "process"},
    "step": {"provenance", "explain", "foresight"} | BELOW_STEPS | GROUND,
    "notebook": BELOW_STEPS | GROUND | {"step"},
    "forge": {"notebook"},
    "runbook": {"provenance", "record", "parameters", "measure", "process"} | GROUND,
    "rehearsal": {"runbook", "record", "parameters", "process"} | GROUND,
    "explain": set(),
    "cli": {"version", "credentials", "explain", "foresight", "runbook", "rehearsal"}
    | {"record", "measure", "parameters", "process"}
    | GROUND,
    "lab": {"process"} | GROUND,
}
# Library -> the modules (or rooms) that may import it. What is not listed may be imported by nobody.
DOORS: dict[str, set[str]] = {
    "psutil": {"process"},
    "portalocker": {"lock"},
    "platformdirs": {"places"},
    "yaml": {"yaml_file", "lab.scenario_file"},
    "pydantic": {"parameters", "closed", "connections", "guests", "record", "lab.scenario"},
    "pypsrp": {"remote"},
    "spnego": {"remote", "lab"},
    "keyring": {"remote.credentials"},
    "psrpcore": {"lab"},
    "samba": {"lab.samba_seed", "lab.samba_keeper"},
    "ldb": {"lab.samba_seed", "lab.samba_keeper"},
    "gssapi": {"lab.samba_tickets"},
    "cryptography": {"lab.tls"},
    "plotly": {"record.charts", "record.page"},
    "nbconvert": {"record.page"},
    "traitlets": {"kernels", "record.page"},
    "IPython": {"show"},
    "ipywidgets": {"show"},
    "papermill": {"execute"},
    "nbclient": {"execute"},
    "jupyter_client": {"kernels"},
    "ipykernel": {"kernels", "forge"},
    "typer": {"cli"},
    "rich": {"cli_guard", "progress"},
    "numpy": {"measure", "record.charts", "record.page"},
    "pandas": {"measure.table"},
}
LOADED_BY_NAME = {"import_module", "__import__", "exec", "eval"}
# A command's work is imported when the command is chosen: by one call, from a table of names written out in full.
TABLE = ("cli", "_WORK")
HEAVY = {"papermill", "numpy", "pandas", "plotly", "nbformat", "nbconvert", "nbclient", "IPython", "pypsrp", "rich"}


@functools.cache
def _modules() -> list[tuple[str, ast.Module]]:
    """Dotted name below snlm_lib, and its tree; a folder's __init__ has the folder's name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append((name, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _imports(tree: ast.Module) -> Iterator[str]:
    """Every module a tree imports, wherever the statement stands; ``from a import b`` gives a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            if node.module == "snlm_lib":
                yield from (f"snlm_lib.{alias.name}" for alias in node.names)


def _room(name: str) -> str:
    first = name.split(".")[0]
    return ROOMS.get(name) or (ROOMS.get(first, first) if first else "version")


def _ours(tree: ast.Module) -> set[str]:
    found = {name.removeprefix("snlm_lib").removeprefix(".") for name in _imports(tree) if name.startswith("snlm_lib")}
    return {"version" if name == "__version__" else _room(name) for name in found if name}


def _may_use(module: str, doors: set[str]) -> bool:
    return any(module == door or module.startswith(f"{door}.") for door in doors)


@pytest.mark.parametrize(("name", "tree"), _modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_from_the_rooms_it_may_enter(name: str, tree: ast.Module) -> None:
    room = _room(name)
    assert room in MAY_IMPORT, f"{name} belongs to no room of the house: docs/architecture.md"

    entered = _ours(tree) - {room}
    assert entered <= MAY_IMPORT[room], f"{name} ({room}) enters {sorted(entered - MAY_IMPORT[room])}"


@pytest.mark.parametrize(("name", "tree"), _modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_each_library_comes_through_its_own_door(name: str, tree: ast.Module) -> None:
    foreign = {found.split(".")[0] for found in _imports(tree)} - set(sys.stdlib_module_names) - {"snlm_lib"}

    assert "" not in foreign, f"{name} imports relatively"
    wrong = sorted(library for library in foreign if not _may_use(name, DOORS.get(library, set())))
    assert wrong == [], f"{name} imports {wrong}, whose door is elsewhere"


@pytest.mark.parametrize(("name", "tree"), _modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_is_imported_by_a_computed_name(name: str, tree: ast.Module) -> None:
    called = [
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]

    loading = [word for word in called if word in LOADED_BY_NAME]
    assert loading == (["import_module"] if name == TABLE[0] else [])


def _table() -> dict[str, str]:
    module, wanted = TABLE
    tree = next(tree for name, tree in _modules() if name == module)
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [wanted]
    ]
    assert len(values) == 1, f"{wanted} of {module} is not written out in full"
    return dict(ast.literal_eval(values[0]))


def test_the_table_of_commands_names_functions_of_its_own_room() -> None:
    functions = {
        f"snlm_lib.{name}:{node.name}"
        for name, tree in _modules()
        if _room(name) == _room(TABLE[0])
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }

    assert sorted(set(_table().values()) - functions) == []


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["nosuch"]])
def test_help_and_a_wrong_word_import_nothing_heavy(words: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "snlm_lib", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in told.splitlines() if line.count("|") == 2}

    assert "typer" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("module", ["snlm_lib.measure.prober", "snlm_lib.lab.__main__", "snlm_lib.lab.guest"])
def test_monitor_and_lab_import_no_data_frames_and_no_notebook(module: str) -> None:
    look = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()

    assert set(told) & {"numpy", "pandas", "plotly", "IPython", "papermill", "nbformat", "pypsrp"} == set()


def test_the_monitor_starts_on_little() -> None:
    look = "import sys, snlm_lib.measure.prober; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()

    assert set(told) & {"portalocker", "pydantic", "importlib.metadata", "logging", "argparse"} == set()


def test_every_door_is_still_in_use() -> None:
    used = {found.split(".")[0] for _, tree in _modules() for found in _imports(tree)}

    assert sorted(set(DOORS) - used) == []


def test_the_matrix_has_no_circle() -> None:
    reached: dict[str, set[str]] = {room: set(may) for room, may in MAY_IMPORT.items()}
    for _ in MAY_IMPORT:
        reached = {room: may.union(*(reached[other] for other in may)) for room, may in reached.items()}

    assert [room for room, may in reached.items() if room in may] == []


def test_nobody_imports_the_lab_but_the_lab() -> None:
    inside = {name for name, tree in _modules() if "lab" in _ours(tree)}

    assert {_room(name) for name in inside} == {"lab"}


def test_importing_the_package_costs_nothing() -> None:
    count = "import sys; before = set(sys.modules); import snlm_lib; print(len(set(sys.modules) - before))"
    told = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True).stdout

    assert int(told) <= 2


def test_every_module_says_what_it_offers() -> None:
    silent = [
        name
        for name, tree in _modules()
        if not ast.get_docstring(tree)
        or not any(
            isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node).split("=")[0]
            for node in tree.body
        )
    ]
    packages = {name for name in silent if (PACKAGE / Path(*name.split("."))).is_dir()}

    assert sorted(set(silent) - packages) == []
