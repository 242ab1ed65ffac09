"""A notebook in JupyterLab as a browser sees it. Knows neither hosts nor records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "test"
# opens a notebook in the running app, so that the app itself is loaded once; waits for its kernel
_OPEN = """async path => {
  const panel = await window.jupyterapp.commands.execute("docmanager:open", {path, factory: "Notebook"});
  await panel.context.ready; await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  window.jupyterapp.shell.activateById(panel.id);
  window.panel = panel;
}"""
_RUN_ALL = """async () => { await window.jupyterapp.commands.execute("notebook:run-all-cells"); }"""
_DRAWN = """wanted => [...window.panel.node.querySelectorAll(".js-plotly-plot")]
  .filter(plot => plot.querySelector(".trace")).length >= wanted"""
_SHOWS = r"""words => window.panel.node.innerText.replace(/\s+/g, " ").includes(words)"""
_OUTPUTS = "() => window.panel.content.model.cells ? [...window.panel.content.model.cells].map(c => c.toJSON()) : []"
_CLOSE = "async () => { await window.panel.sessionContext.shutdown(); window.panel.dispose(); }"


@dataclass(frozen=True)
class Notebook:
    """An executed notebook as JupyterLab holds it, and what it drew."""

    cells: list[dict[str, Any]]
    figures: int

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return [output for cell in self.cells for output in cell.get("outputs", [])]

    @property
    def errors(self) -> list[str]:
        return ["\n".join(output["traceback"]) for output in self.outputs if output["output_type"] == "error"]

    @property
    def text(self) -> str:
        bundles = [output.get("data", {}) for output in self.outputs]
        return "\n".join("".join(bundle.get("text/plain", "")) for bundle in bundles)


class JupyterLab:
    """A browser before a server: opens a notebook, runs all of it, looks at it, closes it."""

    def __init__(self, address: str, page: Any, shots: Path | None) -> None:
        self._address = address
        self._page = page
        self._shots = shots
        self.failed: list[str] = []
        page.on("requestfailed", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith(self._address):  # one of our own server is cut off when a page is left
            self.failed.append(url)

    def load(self, theme: str = "JupyterLab Light") -> None:
        """A named workspace with ``reset``: a restored one would show what an earlier test ran."""
        self._page.goto(f"{self._address}/lab/workspaces/snlm?token={TOKEN}&reset")
        self._page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
        self._page.wait_for_selector(".jp-Launcher")
        self._page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)

    def open(self, notebook: str) -> None:
        """Open a notebook and wait for its kernel."""
        self._page.evaluate(_OPEN, notebook)

    def run_all(self, *, figures: int = 0) -> Notebook:
        """Run every cell and wait for the figures to be drawn."""
        self._page.evaluate(_RUN_ALL)
        if figures:
            self._page.wait_for_function(_DRAWN, arg=figures)
        cells = self._page.evaluate(_OUTPUTS)
        return Notebook(cells, self._page.locator(".js-plotly-plot").count())

    def turn(self, title: str, key: str) -> None:
        """Press ``key`` on the slider whose title begins so."""
        row = self._page.locator(".widget-slider").filter(has_text=title)
        row.locator(".noUi-handle").first.press(key)

    def sees(self, words: str) -> bool:
        """Wait until the notebook shows ``words``, however its cells part them."""
        return bool(self._page.wait_for_function(_SHOWS, arg=words, timeout=20_000))

    def shot(self, name: str) -> None:
        """A picture for a person, when SNLM_SHOTS names a folder."""
        if self._shots is not None:
            self._page.screenshot(path=str(self._shots / f"{name}.png"))

    def close(self) -> None:
        """End the notebook's kernel."""
        self._page.evaluate(_CLOSE)
