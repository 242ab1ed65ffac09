"""A page as one file that opens offline for years.

plotly.js stands in it once. A content security policy lets only the page's own two scripts run and lets nothing
be fetched, so text from a host or a notebook stays text even if it slipped through the escaping.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from snlm_lib.record.charts.theme import plotly_js, templates_json
from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Html, data_block, el, join

__all__ = ["document"]


def document(title: str, body: Html, figures: Figures) -> str:
    """The page as text: ``body`` with its style, its figures and its scripts."""
    style, script, plotly = _part("page.css"), _part("page.js"), plotly_js()
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(plotly, script)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Html(style)),
    )
    data = join(data_block(templates_json(), id_="figure-templates"), figures.blocks())
    scripts = join(el("script", Html(plotly)), el("script", Html(script)))
    return f"<!DOCTYPE html>\n{el('html', head, el('body', body, data, scripts), lang='en')}\n"


def _policy(*scripts: str) -> str:
    allowed = " ".join(f"'sha256-{_base64_sha256(script)}'" for script in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _base64_sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _part(name: str) -> str:
    # newlines as in the repository, whatever the check-out made of them: the script's hash depends on them
    return files("snlm_lib.record.page").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
