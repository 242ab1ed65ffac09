"""An executed notebook as part of the page: the only place that knows nbconvert.

Its figures are drawn by the page's own plotly.js when the notebook is unfolded. All of its HTML goes through the
sieve: a notebook is evidence, not something to be executed.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from nbconvert.preprocessors import Preprocessor

from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Html, el, sieve

__all__ = ["notebook_html"]

PLOTLY_MIME = "application/vnd.plotly.v1+json"
_SHOWN = ("text/html", "text/markdown", "text/latex", "image/png", "image/jpeg", "text/plain")


class _KeepFigures(Preprocessor):
    """Puts a token where a figure stands, and drops outputs that show nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[tuple[str, str, str]] = []  # token, figure, words

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        if cell.cell_type == "code":
            cell.outputs = [self._token(output) for output in cell.outputs if not _silent(output)]
        return cell, resources

    def _token(self, output: Any) -> Any:
        data = output.get("data", {})
        if PLOTLY_MIME in data:
            figure = json.dumps(data[PLOTLY_MIME])
            token = f"figure {len(self.found) + 1} {hashlib.sha256(figure.encode()).hexdigest()}"
            self.found.append((token, figure, str(data.get("text/plain", "a figure"))))
            output["data"] = {"text/plain": token}
        return output


def _silent(output: Any) -> bool:
    """True for a result that travels in the notebook for machines only."""
    data = output.get("data")
    return data is not None and PLOTLY_MIME not in data and not any(data.get(mime) for mime in _SHOWN)


@cache
def _exporter() -> tuple[HTMLExporter, _KeepFigures]:
    """One for all notebooks: compiling nbconvert's templates takes longer than using them."""
    keeper = _KeepFigures()
    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)  # type: ignore[no-untyped-call]
    exporter.register_preprocessor(keeper, enabled=True)  # type: ignore[no-untyped-call]
    return exporter, keeper


def notebook_html(path: Path, figures: Figures) -> Html:
    """The notebook's cells with their outputs; a sentence when it cannot be read (cut off by a crash, say)."""
    exporter, keeper = _exporter()
    keeper.found.clear()
    try:
        body, _ = exporter.from_file(StringIO(path.read_text(encoding="utf-8")))
    except Exception as error:  # a file cut off anywhere fails anywhere, and the report must be built all the same
        return el("p", f"This notebook cannot be shown ({type(error).__name__}); the file lies beside this page.")
    html = str(sieve(body))
    for token, figure, words in keeper.found:
        html = html.replace(f"<pre>{token}</pre>", str(figures.place(figure, words=words)), 1)
    return Html(html)
