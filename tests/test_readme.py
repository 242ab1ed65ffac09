"""The README and its sisters: what they tell a reader to type, open or look at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from snlm_lib import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]


def _links(text: str) -> set[str]:
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    return {link for link in found if "://" not in link}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something(page: Path) -> None:
    links = _links(page.read_text(encoding="utf-8"))

    assert sorted(link for link in links if not (page.parent / link).exists()) == []


def test_every_command_it_names_exists_and_every_command_is_named() -> None:
    known = set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"\bsnlm ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`|^    .*$", README, re.MULTILINE))))

    assert named == known


def test_every_target_of_make_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^    |SNLM_WHEELS=wheels )make ([a-z]+)", pages, re.MULTILINE))

    assert {"rehearse", "test", "picture"} <= named
    assert named <= targets


def test_every_file_and_variable_it_names_exists() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in [*ROOT.glob("snlm_lib/**/*.py"), *ROOT.glob("tools/*.py")]
    )

    named = set(re.findall(r"`((?:parameters|docs|tools|notebooks)/[\w./-]+)`", README)) - {
        "parameters/scenarios/mine.yaml"
    }
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
    assert {name for name in re.findall(r"SNLM_[A-Z]+", README) if name not in source} == set()


def test_powershell_gets_no_joined_commands_and_no_activation() -> None:
    block = README[README.index("Windows PowerShell 5.1") : README.index("The rehearsal takes")]

    assert "py -3 tools\\setup_venv.py" in block
    assert "&&" not in README
    assert "activate" not in README.lower()
    assert (ROOT / "tools" / "setup_venv.py").exists()


def test_the_first_screen_is_what_a_run_says() -> None:
    source = (ROOT / "snlm_lib" / "closing.py").read_text(encoding="utf-8")
    screen = [line.strip() for line in README.splitlines() if line.startswith("    ")]
    fixed = [line for line in screen if line.startswith(("REHEARSAL:", "Never run on real"))]

    assert len(fixed) == 2
    assert all(line in source for line in fixed)


def test_the_python_versions_are_the_projects() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'requires-python = ">=3.11,<3.15"' in project
    assert "Python 3.11 to 3.14" in README
