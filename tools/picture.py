"""Make the README's pictures from a real report (`make picture`); knows a report's outline and a headless browser.

A rehearsal is run, its report opened, and what matters first is kept: the card, and the seconds around the gap.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["FLAGS", "MOST_BYTES", "browser_command", "cropped", "height_in", "latest_report", "main"]

MOST_BYTES = 250_000  # of one picture: a README loads it at each visit
WIDTH = 1180
_DARK = "--blink-settings=preferredColorScheme=0"
FLAGS = (
    "--headless",
    "--no-sandbox",  # a container's root has no other way; the page is ours and asks for nothing
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--proxy-server=127.0.0.1:9",
    "--virtual-time-budget=8000",
)
_STYLE = """<style>
main > :not(#card):not([id^="step-06"]) { display: none; }
#card h2, #card h2 ~ *, .facts > :nth-child(n+4), .modebar { display: none; }
section.step > :not(header):not(.figures) { display: none; }
.figures .figure:first-of-type { display: none; }
body { padding: 1rem; } section { margin-bottom: 1rem; padding-bottom: 1rem; } .figures { margin: 0; }
</style>
"""
_MEASURE = """<script>
addEventListener("load", () => setTimeout(() => {
  const bottom = document.querySelector("main").getBoundingClientRect().bottom;
  document.documentElement.dataset.height = Math.ceil(bottom + 16);
}, 1000));
</script>
"""


def cropped(html: str) -> str:
    """A report's page with only the card and the seconds around the gap."""
    if 'id="card"' not in html or "</head>" not in html:
        raise ValueError("this is no report of snlm")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)  # it would refuse what is added here
    return html.replace("</head>", f"{_STYLE}{_MEASURE}</head>", 1)


def height_in(dom: str) -> int:
    """The height that the page measured of itself; ValueError when its scripts did not run."""
    found = re.search(r'<html[^>]*data-height="(\d+)"', dom)
    if found is None:
        raise ValueError("the page did not measure itself: its scripts did not run")
    return int(found[1])


def browser_command(browser: str, page: Path, scratch: Path, *more: str) -> list[str]:
    """The command line that opens ``page`` without a window and without a network."""
    return [browser, *FLAGS, f"--user-data-dir={scratch}", *more, page.as_uri()]


def latest_report(outputs: Path) -> Path:
    """The newest report below ``outputs``; FileNotFoundError when there is none."""
    found = sorted(outputs.glob("*/*/report.html"), key=lambda path: path.parent.name)
    if not found:
        raise FileNotFoundError(f"no report below {outputs}")
    return found[-1]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _rehearse(outputs: Path) -> Path:
    command = [sys.executable, "-m", "snlm_lib", "rehearse"]
    done = subprocess.run(command, check=False, env={**os.environ, "SNLM_OUTPUTS": str(outputs)})
    if done.returncode != 0:
        raise RuntimeError("the rehearsal did not pass: no picture is made of it")
    return latest_report(outputs)


def _shoot(browser: str, report: Path, picture: Path, *, scratch: Path, dark: bool) -> None:
    page = scratch / "page.html"
    page.write_text(cropped(report.read_text(encoding="utf-8")), encoding="utf-8")
    look = [_DARK] if dark else []
    size = f"--window-size={WIDTH}"
    dom = _run(browser_command(browser, page, scratch / "profile", *look, f"{size},2000", "--dump-dom"))
    shot = f"--screenshot={picture}"
    _run(browser_command(browser, page, scratch / "profile", *look, f"{size},{height_in(dom)}", shot))
    if picture.stat().st_size > MOST_BYTES:
        raise RuntimeError(f"{picture} has {picture.stat().st_size} bytes, more than {MOST_BYTES}")


def main(words: Sequence[str]) -> int:
    """Write report.png and report-dark.png; returns 0, 1 when no picture was made, 2 without a browser."""
    parser = argparse.ArgumentParser(description="Make the README's pictures from a rehearsal's report.")
    parser.add_argument("--report", type=Path, help="an existing report.html; without it a rehearsal is run")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "pictures")
    wanted = parser.parse_args(words)
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("pictures need Chromium or Chrome on the PATH", file=sys.stderr)
        return 2
    try:
        _make(browser, wanted.report, wanted.into.resolve())
    except (RuntimeError, ValueError, OSError) as error:
        print(f"no picture: {error}", file=sys.stderr)
        return 1
    return 0


def _make(browser: str, report: Path | None, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        shown = report or _rehearse(scratch / "outputs")
        for name, dark in (("report.png", False), ("report-dark.png", True)):
            _shoot(browser, shown, into / name, scratch=scratch, dark=dark)
            print(into / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
