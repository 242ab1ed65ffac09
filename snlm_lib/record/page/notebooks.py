"""An executed notebook as part of the page: the only place that knows nbconvert.

Its figures are drawn by the page's own plotly.js when the notebook is unfolded. All of its HTML goes through the
sieve: a notebook is evidence, not something to be executed.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from functools import cache, lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.preprocessors import Preprocessor

from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Html, el, sieve

__all__ = ["convert_ahead", "notebook_html"]

PLOTLY_MIME = "application/vnd.plotly.v1+json"
_SHOWN = ("text/html", "text/markdown", "text/latex", "image/png", "image/jpeg", "text/plain")
_ONE_AT_A_TIME = threading.Lock()  # the exporter is one for all


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


class _Exporter(HTMLExporter):
    """Without HTMLExporter's second reading of the whole page, which only marks what the sieve takes away again."""

    def from_notebook_node(  # type: ignore[override]  # as HTMLExporter does
        self, nb: Any, resources: Any = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        lexer = nb.metadata.get("language_info", {}).get("pygments_lexer")
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer=lexer, parent=self))  # type: ignore[no-untyped-call]
        return TemplateExporter.from_notebook_node(self, nb, resources, **options)


@cache
def _exporter() -> tuple[HTMLExporter, _KeepFigures]:
    """One for all notebooks: compiling nbconvert's templates takes longer than using them."""
    keeper = _KeepFigures()
    exporter = _Exporter(template_name="basic", exclude_anchor_links=True)  # type: ignore[no-untyped-call]
    exporter.register_preprocessor(keeper, enabled=True)  # type: ignore[no-untyped-call]
    return exporter, keeper


def notebook_html(path: Path, figures: Figures) -> Html:
    """The notebook's cells with their outputs; a sentence when it cannot be read (cut off by a crash, say)."""
    try:
        html, found = _converted(path.read_text(encoding="utf-8"))
    except Exception as error:  # a file cut off anywhere fails anywhere, and the report must be built all the same
        return el("p", f"This notebook cannot be shown ({type(error).__name__}); the file lies beside this page.")
    for token, figure, words in found:
        html = html.replace(f"<pre>{token}</pre>", str(figures.place(figure, words=words)), 1)
    return Html(html)


def convert_ahead(path: Path) -> None:
    """Convert a saved notebook now, and keep it for its page: what fails fails again there, and is told."""
    with suppress(Exception):
        _converted(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=16)
def _converted(notebook: str) -> tuple[str, tuple[tuple[str, str, str], ...]]:
    """Its HTML with a token for each figure, and token, figure and words of each."""
    with _ONE_AT_A_TIME:
        exporter, keeper = _exporter()
        keeper.found.clear()
        body, _ = exporter.from_file(StringIO(notebook))
        return str(sieve(body)), tuple(keeper.found)
