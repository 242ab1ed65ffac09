"""When a record cannot be written any more: what is left of it, and what the runner knows, goes to a scratch folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from snlm_lib.record.folder import Record
from snlm_lib.record.result import StepResult

__all__ = ["rescue"]


def rescue(record: Record, results: Sequence[StepResult], problem: str) -> Path | None:
    """Copy what can be read of ``record`` beside known.json, which holds the results; None when nothing can be kept."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="snlm-rescued-"))
        known = {
            "schema": "snlm.rescued/1",
            "record": str(record.path),
            "problem": problem,
            "results": [result.model_dump(mode="json") for result in results],
        }
        (folder / "known.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    except OSError:
        return None
    with suppress(OSError):  # copytree goes on past what it cannot copy, and tells at its end
        shutil.copytree(record.path, folder / "record")
    return folder
