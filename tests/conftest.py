"""What every test of the tree may lean on: the lab behind the notebooks, one shared rehearsal, no silent skips.

nbval's items take no fixtures, so a plugin starts the lab before the first of them and ends it, and any
monitor left running, after the last.
"""

# ruff: noqa: E402  (the line that blocks a slow import must come before the imports that ask for it)
from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

# jupyter_events asks for it and it compiles grammars for a second in every kernel's client
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from snlm_lib.clock import SystemClock
from snlm_lib.lab_process import running_lab, scenario_file
from snlm_lib.measure.monitor import find_monitor, stop_monitor
from snlm_lib.record.folder import open_records
from tests import parts

_CHANGE = "REHEARSAL"
_COMMAND_LIMIT_S = 180


@dataclass(frozen=True)
class Rehearsed:
    """One finished `snlm rehearse`: what it said, how it ended, the record it left."""

    code: int
    out: str
    err: str
    record: Path


class _NotebookLab:
    """Plays the quick scenario behind the notebooks that nbval runs; its record goes to a temporary folder."""

    def __init__(self) -> None:
        self._stack: ExitStack | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.path.suffix == ".ipynb" and self._stack is None:
            self._stack = self._open()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        if nextitem is None or nextitem.path.suffix != ".ipynb":
            self._close()

    def pytest_sessionfinish(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def _open(self) -> ExitStack:
        with ExitStack() as stack:
            outputs = stack.enter_context(tempfile.TemporaryDirectory(prefix="snlm-nbval-", ignore_cleanup_errors=True))
            lab = stack.enter_context(running_lab(scenario_file("quick"), clock=SystemClock()))
            stack.callback(_stop_monitors, Path(outputs))
            for name, value in {"SNLM_LAB": str(lab.descriptor), "SNLM_OUTPUTS": outputs}.items():
                stack.callback(_restore, name, os.environ.get(name))
                os.environ[name] = value
            return stack.pop_all()
        raise AssertionError("an exit stack swallows nothing")


def _restore(name: str, value: str | None) -> None:
    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value


def _stop_monitors(outputs: Path) -> None:
    for record in open_records(outputs, _CHANGE):
        handle = find_monitor(record.path)
        if handle is not None:
            stop_monitor(handle)


class _NoSkips:
    """With SNLM_REQUIRE_ALL a test that skips for want of a program fails: CI has the whole set."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.skipped and not hasattr(report, "wasxfail") and not _only_elsewhere(report):
            report.outcome = "failed"
            report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
        return report


def _only_elsewhere(report: pytest.TestReport) -> bool:
    """True for a test of another operating system, whose reason must begin with "only on"."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return reason.removeprefix("Skipped: ").startswith("only on")


pytest_addoption = parts.pytest_addoption


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: to look for garbage in its million objects takes six of ten seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    parts.pytest_configure(config)
    config.pluginmanager.register(_NotebookLab(), "snlm-notebook-lab")
    if os.environ.get("SNLM_REQUIRE_ALL"):
        config.pluginmanager.register(_NoSkips(), "snlm-no-skips")


def _rehearse(scenario: str, outputs: Path) -> Rehearsed:
    command = [sys.executable, "-m", "snlm_lib", "rehearse", scenario, "--outputs", str(outputs)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=_COMMAND_LIMIT_S, check=False
    )
    records = sorted((outputs / _CHANGE).glob("*Z"))
    return Rehearsed(done.returncode, done.stdout, done.stderr, records[0] if records else outputs)


@pytest.fixture(scope="session")
def quick_rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """`snlm rehearse quick`, run once for all who look at what it leaves."""
    return _rehearse("quick", tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="session")
def refused_rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """`snlm rehearse missing-switch`, run once."""
    return _rehearse("missing-switch", tmp_path_factory.mktemp("refused"))
