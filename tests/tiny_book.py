"""Tiny notebooks for the runner: each writes its own result, some do worse things first."""

from __future__ import annotations

import json
from pathlib import Path

BEGIN = """import os
from pathlib import Path
from snlm_lib.clock import SystemClock
from snlm_lib.record.folder import Record
from snlm_lib.record.result import StepResult, write_result
record = Record(Path(os.environ["SNLM_RECORD"]))
journal = record.journal(SystemClock())
now = "2026-11-23T21:04:00.000Z"
intent = {"intent_id": "i1", "what": "move VM01", "undo": "move it back", "before": {}}"""
FINISH = "write_result(record, StepResult(step=STEP, verdict=VERDICT, reason=WHY, started_utc=now, ended_utc=now))"
PASS = FINISH.replace("VERDICT", "'passed'").replace("WHY", "''")
REFUSE = FINISH.replace("VERDICT", "'refused'").replace("WHY", "'switch LAN is missing on HV02'")


def write(folder: Path, step: str, *cells: str, parameters: str = "vm: str = 'VM01'  # the machine") -> None:
    """Write the notebook of ``step``: its parameters, the record at hand, and ``cells``."""
    tagged = [(parameters, ["parameters"]), (BEGIN, []), *((cell.replace("STEP", repr(step)), []) for cell in cells)]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "shadowed", "display_name": "shadowed", "language": "python"}},
        "cells": [
            {
                "id": f"c{number}",
                "cell_type": "code",
                "metadata": {"tags": tags},
                "source": text,
                "outputs": [],
                "execution_count": None,
            }
            for number, (text, tags) in enumerate(tagged)
        ],
    }
    (folder / f"{step}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
