"""The page in a real browser without a network: every figure drawn, nothing asked for, nothing complained of."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snlm_lib.record.report import build_report

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=127.0.0.1:9",  # nobody answers there: whatever is asked for fails, and the console says so
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=8000",
    "--window-size=1280,2400",
    "--dump-dom",
]


def opened(browser: str, html: Path, scratch: Path) -> tuple[str, list[str]]:
    """The page after its scripts ran, and what the browser's console said."""
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={scratch}", html.as_uri()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def drawn(dom: str) -> tuple[int, int]:
    """Places for a figure, and those that Plotly filled."""
    places = re.findall(r'<div id="figure-\d+" class="figure[^"]*"', dom)
    return len(places), sum("js-plotly-plot" in place for place in places)


def test_every_figure_is_drawn_and_the_console_is_silent(
    builder: Callable[..., Any], chromium: str, tmp_path: Path
) -> None:
    report = build_report(builder(vm="<script>document.title='owned'</script>'; Remove-VM * äöü").passed())
    unfolded = tmp_path / "unfolded.html"
    unfolded.write_text(report.read_text(encoding="utf-8").replace("<details", "<details open"), encoding="utf-8")
    dom, console = opened(chromium, unfolded, tmp_path / "profile")
    assert console == []
    assert drawn(dom) == (11, 11)
    assert 'class="main-svg"' in dom
    assert "<title>owned" not in dom


def test_a_killed_run_draws_what_there_is_and_a_folded_figure_waits(
    builder: Callable[..., Any], chromium: str, tmp_path: Path
) -> None:
    dom, console = opened(chromium, build_report(builder().killed()), tmp_path / "profile")
    assert console == []
    assert drawn(dom) == (9, 4)  # one in each of the five notebooks waits until it is unfolded


def test_this_test_would_notice(chromium: str, tmp_path: Path) -> None:
    """An error, a blocked script and a missing file each show in what the tests above look at."""
    bad = tmp_path / "bad.html"
    policy = '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">'
    bad.write_text(f"<html>{policy}<script>1</script><img src='http://127.0.0.1:9/x.png'></html>", encoding="utf-8")
    _, console = opened(chromium, bad, tmp_path / "profile")
    assert any("Content Security Policy" in line for line in console)
