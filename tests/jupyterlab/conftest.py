"""One JupyterLab of our own with headless Chromium before it; nothing of the user's is read or written."""

# ruff: noqa: E402  (what is not installed is a skipped test, not a broken collection)
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from snlm_lib.clock import SystemClock
from snlm_lib.lab_process import LabProcess, running_lab, scenario_file
from snlm_lib.parameters import project_root
from tests.browser import TOKEN, JupyterLab

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_up(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    clock = SystemClock()
    end = clock.monotonic_s() + 60
    while clock.monotonic_s() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api", timeout=5):
                return
        except OSError:
            clock.sleep(0.1)
    pytest.fail(f"JupyterLab did not come up: {log.read_text(encoding='utf-8', errors='replace')[-1000:]}")


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine: JupyterLab cannot be opened")
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's own folder: lab.json says which lab its kernels find, outputs/ holds their records."""
    return tmp_path_factory.mktemp("jupyter")


@pytest.fixture(scope="module")
def address(chromium: str, home: Path) -> Iterator[str]:
    """A server on a copy of the notebooks."""
    book = home / "book"
    shutil.copytree(project_root() / "notebooks", book, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    environ = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environ |= {"SNLM_LAB": str(home / "lab.json"), "SNLM_OUTPUTS": str(home / "outputs"), "SNLM_RECORD": ""}
    port = _free_port()
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += [f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=", "--expose-app-in-browser"]
    log = home / "server.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={book}"]
        server = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environ})
    try:
        _wait_up(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def lab(home: Path) -> Iterator[LabProcess]:
    """A fresh quick lab that the server's kernels find."""
    with running_lab(scenario_file("quick"), clock=SystemClock()) as found:
        shutil.copyfile(found.descriptor, home / "lab.json")
        yield found


@pytest.fixture(scope="module")  # the browser's event loop must not outlive its tests
def jupyterlab(address: str, chromium: str) -> Iterator[JupyterLab]:
    shots = os.environ.get("SNLM_SHOTS")
    # so high that no cell is outside: JupyterLab draws only what is in sight
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 4200})
        page.set_default_timeout(60_000)
        app = JupyterLab(address, page, Path(shots) if shots else None)
        app.load()
        yield app
        browser.close()
