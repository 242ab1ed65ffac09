"""What stands behind the card: the journal in readable rows, the executed notebooks, and how to verify."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from snlm_lib.record.folder import Record
from snlm_lib.record.journal import Entry
from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Child, Html, el, join, table
from snlm_lib.record.page.notebooks import notebook_html
from snlm_lib.record.page.words import DASH, badge, moment, said, step_title
from snlm_lib.record.seal import POWERSHELL
from snlm_lib.record.state import RunState

__all__ = ["how_to_verify", "journal_section", "notebook_sections"]

_SAYS = {"outcome": ("result", "detail"), "verdict": ("verdict", "reason")}
_MOST_CHARACTERS = 4000  # of one entry; the journal beside the page has all of it


def journal_section(state: RunState) -> Html:
    """Every entry, folded; damage to the chain is said before it."""
    rows = [_row(entry) for entry in state.entries]
    problems = [el("li", text) for text in state.chain.damage]
    problems += [el("li", f"line {line} was torn by a crash; it is kept") for line in state.chain.torn]
    listed = table(["No.", "UTC", "Step", "Kind", "What"], rows, class_="journal wide")
    folded = el("details", el("summary", f"{len(rows)} entries"), listed)
    return el(
        "section", el("h2", "Journal"), el("ul", problems, class_="alarm") if problems else None, folded, id="journal"
    )


def _row(entry: Entry) -> list[Child]:
    at = moment(entry.utc).removesuffix(" UTC")
    return [str(entry.seq), at, (entry.step or "")[:2] or DASH, entry.kind, _what(entry)]


def _what(entry: Entry) -> Child:
    data = entry.data
    if entry.kind == "intent":
        return join(_text(data.get("what")), el("div", "undo: ", _text(data.get("undo")), class_="note"))
    if entry.kind == "command" and isinstance(data.get("text"), str):
        return join(el("strong", _text(data.get("host"))), " ", el("code", _text(data["text"])))
    if entry.kind == "command" and isinstance(data.get("reads"), dict):
        return join("read, changing nothing", [_reads(host, texts) for host, texts in data["reads"].items()])
    if entry.kind in _SAYS:
        word, why = (data.get(key) for key in _SAYS[entry.kind])
        return join(badge(_text(word)), " ", _text(why))
    return el("dl", [join(el("dt", key), el("dd", _value(value))) for key, value in data.items()], class_="data")


def _reads(host: str, texts: Any) -> Html:
    listed = [el("li", el("code", _text(text))) for text in (texts if isinstance(texts, list) else [texts])]
    return join(el("div", el("strong", host)), el("ul", listed, class_="reads"))


def _value(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return _text(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return _text(said(value) if not isinstance(value, str) else value)


def _text(value: Any) -> str:
    words = "" if value is None else str(value)
    more = len(words) - _MOST_CHARACTERS
    return words if more <= 0 else f"{words[:_MOST_CHARACTERS]} … {more:,} characters more in journal.jsonl"


def notebook_sections(record: Record, state: RunState, figures: Figures) -> Html:
    """Each executed notebook, folded; a step without one says so."""
    parts = []
    for step in state.steps:
        saved = sorted((record.steps_dir / step.name).glob("*.ipynb"))
        body = [el("div", notebook_html(path, figures), class_="notebook") for path in saved]
        told = body or [el("p", "No executed notebook is in the record.")]
        parts.append(el("details", el("summary", step_title(step.name)), told))
    lead = el(
        "p", "As they were saved when they ran, errors included. Nothing in them is executed here.", class_="note"
    )
    return el("section", el("h2", "Executed notebooks"), lead, parts, id="notebooks") if parts else Html("")


def how_to_verify(state: RunState) -> Html:
    """Commands for each system, and what a seal proves."""
    ways = [
        ("with snlm (also finds added files, and walks the journal's chain)", "snlm verify ."),
        ("Linux", "sha256sum -c SHA256SUMS"),
        ("macOS", "shasum -a 256 -c SHA256SUMS"),
        ("Windows PowerShell 5.1 or later", POWERSHELL),
    ]
    shown = [join(el("dt", name), el("dd", el("pre", command))) for name, command in ways]
    return el(
        "section",
        el("h2", "How to verify this record"),
        el("p", "This page is one file of a record. In the record's folder:"),
        el("dl", shown, class_="ways"),
        el(
            "p",
            f"When this page was built the journal had {state.chain.entries} entries and its head was ",
            el("code", state.chain.head, class_="hash"),
            ". Sealing came after that: VERIFY.txt holds the final chain head and the record seal, the two lines that "
            "belong in the ticket. Nothing is signed: the files do not prove who made them.",
        ),
        id="verify",
    )
