"""The README's picture: there, fresh enough to be made again, light, and made of a real report's parts."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.record.report import build_report
from tools import picture

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "pictures"


def _size(png: Path) -> tuple[int, int]:
    head = png.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.mark.parametrize("name", ["report.png", "report-dark.png"])
def test_the_readme_shows_a_picture_that_exists_and_is_light(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert f"docs/pictures/{name}" in readme
    assert (PICTURES / name).stat().st_size <= picture.MOST_BYTES
    assert _size(PICTURES / name)[0] >= 800


def test_no_picture_lies_about_that_nothing_shows() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])

    assert [path.name for path in PICTURES.iterdir() if path.name not in pages] == []


def test_a_report_is_cropped_to_what_the_style_names(builder: Callable[..., Any]) -> None:
    html = build_report(builder().passed()).read_text(encoding="utf-8")
    page = picture.cropped(html)

    assert "Content-Security-Policy" not in page
    for wanted in ('id="card"', 'id="step-06', 'class="facts"', 'class="figures"'):
        assert wanted in page  # a report without them would make an empty picture
    assert len(page) > len(html) - 1000


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(ValueError, match="no report"):
        picture.cropped("<html><head></head><main></main></html>")


def test_a_page_that_did_not_measure_itself_is_an_error() -> None:
    assert picture.height_in('<html lang="en" data-height="1234"><body>') == 1234
    with pytest.raises(ValueError, match="scripts did not run"):
        picture.height_in("<html><body data-height='3'>")


def test_the_browser_gets_no_window_no_network_and_the_page_last(tmp_path: Path) -> None:
    command = picture.browser_command("chromium", tmp_path / "page.html", tmp_path / "p", "--dump-dom")

    assert command[0] == "chromium"
    assert {"--headless", "--proxy-server=127.0.0.1:9", "--dump-dom"} <= set(command)
    assert command[-1] == (tmp_path / "page.html").as_uri()


def test_the_newest_report_is_taken(tmp_path: Path) -> None:
    for stamp in ("20261123T210400Z", "20261124T000000Z", "20261122T235959Z"):
        folder = tmp_path / "REHEARSAL" / stamp
        folder.mkdir(parents=True)
        (folder / "report.html").touch()

    assert picture.latest_report(tmp_path).parent.name == "20261124T000000Z"
    with pytest.raises(FileNotFoundError):
        picture.latest_report(tmp_path / "REHEARSAL")


def test_the_command_makes_both_pictures(
    builder: Callable[..., Any], chromium: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = build_report(builder().passed())

    assert picture.main(["--report", str(report), "--into", str(tmp_path / "new")]) == 0
    sizes = [_size(tmp_path / "new" / name) for name in ("report.png", "report-dark.png")]
    assert sizes[0] == sizes[1]
    assert 400 < sizes[0][1] < 2000
    light, dark = ((tmp_path / "new" / name).read_bytes() for name in ("report.png", "report-dark.png"))
    assert light != dark
    assert len(re.findall(r"report.*\.png", capsys.readouterr().out)) == 2


def test_a_picture_of_nothing_is_one_sentence(
    chromium: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.html").write_text("<html></html>", encoding="utf-8")

    assert chromium
    assert picture.main(["--report", str(tmp_path / "page.html"), "--into", str(tmp_path / "new")]) == 1
    assert capsys.readouterr().err.strip() == "no picture: this is no report of snlm"
    assert list((tmp_path / "new").iterdir()) == []
