"""Saved notebooks made by hand, and which processes are kernels of ours: for the tests of what runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil

__all__ = ["cell", "is_kernel", "save"]


def cell(source: str, count: int | None = 1, outputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A code cell; ``count`` None: it never ran."""
    return {
        "id": f"c{abs(hash(source)) % 10**6}",
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "execution_count": count,
        "outputs": outputs or [],
    }


def save(path: Path, cells: list[dict[str, Any]], *, ended: bool = True) -> Path:
    """Write ``cells`` as a notebook that papermill has ended, or not."""
    metadata = {"papermill": {"end_time": "2026-11-23T21:04:00+00:00" if ended else None}}
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}), encoding="utf-8"
    )
    return path


def is_kernel(process: psutil.Process) -> bool:
    """A kernel of its own, or the child of a forge; the forge itself is none, nor is what has just ended."""
    try:
        words, parent = " ".join(process.cmdline()), process.parent()
        forged = "snlm_lib.forge" in words and parent is not None and "snlm_lib.forge" in " ".join(parent.cmdline())
        return "ipykernel" in words or forged
    except psutil.Error:
        return False
