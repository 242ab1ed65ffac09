"""Where things stand on this machine: the project, records, connections, the lab's descriptor. Opens none of them.

Found from the package or an environment variable, never from where somebody stands: a scheduled task has another
working directory and may have no home.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from snlm_lib.errors import ParameterError

__all__ = ["connections_root", "lab_descriptor_path", "lab_identity", "outputs_root", "project_root"]


def project_root() -> Path:
    """The folder that holds notebooks/ and parameters/, found upwards from this package."""
    here = Path(__file__).resolve()
    for folder in here.parents:
        if (folder / "notebooks").is_dir() and (folder / "parameters").is_dir():
            return folder
    raise ParameterError(
        "the folder with notebooks/ and parameters/ is not above the installed package",
        where=str(here.parent),
        remedy="Install from a clone, with 'make rehearse' or 'pip install -e .'.",
    )


def outputs_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Where records go: ``SNLM_OUTPUTS``, else outputs/ of the project; absolute, for kernels stand elsewhere."""
    chosen = environ.get("SNLM_OUTPUTS")
    return Path(chosen).absolute() if chosen else project_root() / "outputs"


def connections_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Where connection profiles stand: ``SNLM_CONNECTIONS``, else parameters/connections/ of the project."""
    chosen = environ.get("SNLM_CONNECTIONS")
    return Path(chosen).absolute() if chosen else project_root() / "parameters" / "connections"


def lab_descriptor_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The lab's descriptor: ``SNLM_LAB``, else the per-user file that ``snlm lab up`` writes."""
    chosen = environ.get("SNLM_LAB")
    return Path(chosen) if chosen else Path(platformdirs.user_state_dir("snlm", appauthor=False)) / "lab.json"


def lab_identity(environ: Mapping[str, str] = os.environ) -> str | None:
    """Which lab is running, by process and start; None when none is. Each lab is a world of its own."""
    try:
        raw = json.loads(lab_descriptor_path(environ).read_text(encoding="utf-8"))
        return f"{raw.get('pid')}@{raw.get('process_started')}"
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
