"""The suite's two parts: each file in one of them, and every place that is named exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snlm_lib.parameters import project_root
from tests.parts import ALONE, TOGETHER, Part, is_together

TESTS = Path(__file__).parent
FILES = [*TESTS.rglob("test_*.py"), *(project_root() / "notebooks").rglob("*.ipynb")]


def test_every_file_of_tests_is_in_one_part_and_no_part_is_empty() -> None:
    parts = {
        name: [path for path in FILES if not Part(name).pytest_ignore_collect(path)] for name in ("together", "alone")
    }

    assert sorted(parts["together"] + parts["alone"]) == sorted(FILES)
    assert all(len(files) > 30 for files in parts.values())


@pytest.mark.parametrize("place", TOGETHER + ALONE)
def test_what_is_named_stands_there(place: str) -> None:
    assert (TESTS / place).exists()


@pytest.mark.parametrize("place", ALONE)
def test_what_is_taken_out_again_was_in(place: str) -> None:
    assert place.startswith(TOGETHER)


def test_only_one_file_that_runs_beside_others_asks_for_a_real_domain() -> None:
    """Two that look for a free address at once may find the same."""
    asking = [path for path in FILES if path.suffix == ".py" and is_together(path) and _asks(path)]

    assert [path.name for path in asking] == ["test_imports.py", "test_scenarios.py"]


def _asks(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return any(word in text for word in ("lab.samba import", "SambaDomain", "lab.world.samba", '"samba"'))


def test_who_holds_a_watch_against_a_limit_is_alone() -> None:
    limits = re.compile(r"assert .*(?:time\.(?:monotonic|perf_counter|process_time)\(\)|took_s|once_s).* < [\d.]+")
    holding = [path for path in FILES if limits.search(path.read_text(encoding="utf-8"))]

    assert len(holding) > 5
    assert [path.name for path in holding if is_together(path)] == []


def test_what_measures_time_is_alone() -> None:
    """In the room of measuring only what reckons with times that it was given may run beside others."""
    rooms = {path: path.relative_to(project_root()).parts[1] for path in FILES}
    reckons = [path for path, room in rooms.items() if room == "measure" and is_together(path)]

    assert [path for path in reckons if "Clock" in path.read_text(encoding="utf-8")] == []
    assert not any(is_together(path) for path, room in rooms.items() if room in ("netns", "jupyterlab", "explore"))
    assert not any(is_together(path) for path in FILES if "monitor" in path.name or path.suffix == ".ipynb")
