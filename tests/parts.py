"""The suite in two parts: files that may run beside each other, and files that need the machine to themselves.

Together runs what waits for conditions and asserts no pace: in folders, at ports and against labs of its own. Alone
runs all else: what measures time, what plays namespaces, browsers and whole rehearsals, and any file not named here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["ALONE", "TOGETHER", "Part", "is_together"]

PARTS = ("together", "alone")
TOGETHER = (
    "change",
    "conformance",
    "estate",
    "explain",
    "lab",
    "measure/test_bounds.py",
    "measure/test_forecast_properties.py",
    "measure/test_vantages.py",
    "proving",
    "record",
    "rehearsals/test_by_hand.py",
    "rehearsals/test_scenarios.py",
    "remote",
    "steps",
    "test_bad_input.py",
    "test_bad_input_on_the_wire.py",
    "test_closing.py",
    "test_errors.py",
    "test_failures_page.py",
    "test_imports.py",
    "test_judge.py",
    "test_kernels.py",
    "test_notebooks_form.py",
    "test_opening.py",
    "test_parameters.py",
    "test_progress.py",
    "test_proving_ground.py",
    "test_readme.py",
    "test_repository.py",
    "test_rows.py",
    "test_runbook.py",
    "test_saved.py",
    "test_show.py",
    "test_standing.py",
    "test_step.py",
    "test_units.py",
)
ALONE = (  # of what stands above
    "conformance/test_decoding.py",  # this one and seven more: something must not take long
    "estate/test_survey.py",
    "lab/test_clixml.py",
    "lab/test_server.py",
    "lab/world/test_cmdlets_ping.py",
    "remote/test_reach.py",
    "remote/test_transport.py",
    "steps/test_stream.py",
    "lab/test_listening.py",  # this one and four more: a real domain's controller, which one file at a time may start
    "lab/test_samba.py",
    "lab/test_sign_on.py",
    "lab/world/test_delegation_table.py",
    "lab/world/test_samba_move.py",
    "lab/world/test_guest.py",  # measures silences
    "lab/world/test_sizes.py",  # weighs and times hosts of a crowd
    "record/test_picture.py",  # a browser
    "record/test_report_in_browser.py",
)
_TESTS = Path(__file__).parent


def is_together(path: Path) -> bool:
    """May this file's tests run while another file's do?"""
    return _within(path, TOGETHER) and not _within(path, ALONE)


def _within(path: Path, places: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(_TESTS / place) for place in places)


class Part:
    """A plugin that leaves the files of the other part out before they are read."""

    def __init__(self, part: str) -> None:
        self._together = part == PARTS[0]

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        if collection_path.suffix not in (".py", ".ipynb"):
            return None
        return is_together(collection_path) is not self._together or None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=PARTS, help="leave out the files of the other part; the whole suite has two")


def pytest_configure(config: pytest.Config) -> None:
    part = config.getoption("part")
    if part is not None:
        config.pluginmanager.register(Part(part), "snlm-part")
