"""HTML whose text is always escaped, and a strict sieve for HTML that somebody else made; knows no record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from html.parser import HTMLParser

__all__ = ["Html", "data_block", "el", "join", "sieve", "table"]

_VOID = frozenset({"br", "hr", "img", "meta", "col"})
_HARMLESS = (
    "a abbr b blockquote br caption code col colgroup dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre"
    " s samp small span strong sub sup table tbody td tfoot th thead tr u ul"
)
_KEPT = frozenset(_HARMLESS.split())
_DROPPED_WHOLE = frozenset({"script", "style", "template", "iframe", "object", "svg", "math", "noscript", "title"})
_ATTRIBUTES = frozenset({"class", "colspan", "rowspan", "alt", "style"})
_IMAGE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*")
_PLAIN_STYLE = re.compile(r"[\w\s:;#.,%()\-]*")
_STYLE_REFUSED = re.compile(r"url|position|expression|z-index|content", re.IGNORECASE)


class Html(str):
    """Text that is HTML already; anything else is escaped when it is put into an element."""

    __slots__ = ()


Child = str | None | Iterable["str | None"]


def join(*children: Child) -> Html:
    """Children one after the other; None is nothing."""
    return Html("".join(_render(child) for child in children))


def _render(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return str(child)
    if isinstance(child, str):
        return escape(child.encode("utf-8", "replace").decode("utf-8"))
    return "".join(_render(one) for one in child)


def el(tag: str, *children: Child, **attributes: str | bool | None) -> Html:
    """An element; ``class_`` is class, ``data_figure`` is data-figure, True a bare attribute, None none."""
    shown = []
    for name, value in attributes.items():
        key = name.rstrip("_").replace("_", "-")
        if value is True:
            shown.append(f" {key}")
        elif value is not None and value is not False:
            shown.append(f' {key}="{escape(value)}"')
    head = f"<{tag}{''.join(shown)}>"
    return Html(head if tag in _VOID else f"{head}{join(*children)}</{tag}>")


def table(head: Sequence[str], rows: Iterable[Sequence[Child]], *, class_: str = "") -> Html:
    """A table that scrolls sideways by itself; one of class "wide" becomes blocks on a narrow page instead."""
    top = el("tr", [el("th", name, scope="col") for name in head])
    body = [el("tr", [el("td", cell, data_label=name) for name, cell in zip(head, row, strict=True)]) for row in rows]
    inner = el("table", el("thead", top), el("tbody", body), class_=class_ or None)
    return el("div", inner, class_="scroll", tabindex="0")


def data_block(text: str, *, id_: str) -> Html:
    """JSON that a script of the page reads; nothing in it can end the block."""
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Html(f'<script type="application/json" id="{escape(id_)}">{safe}</script>')


class _Sieve(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._open: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WHOLE:
            self._hidden += 1
        elif tag in _KEPT and not self._hidden:
            self._start(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _KEPT and not self._hidden:
            self._start(tag, attrs)
            self.handle_endtag(tag)

    def _start(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = [f' {name}="{escape(value)}"' for name, value in attrs if value is not None and _allowed(name, value)]
        source = dict(attrs).get("src") or ""
        if tag == "img":
            if not _IMAGE.fullmatch(source):
                return
            kept.append(f' src="{escape(source)}"')
        self.parts.append(f"<{tag}{''.join(kept)}>")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED_WHOLE:
            self._hidden = max(self._hidden - 1, 0)
        elif tag in self._open and not self._hidden:
            while self._open:
                last = self._open.pop()
                self.parts.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(escape(data, quote=False))

    def close(self) -> None:
        super().close()
        self.parts += [f"</{tag}>" for tag in reversed(self._open)]


def _allowed(name: str, value: str) -> bool:
    if name == "style":
        return bool(_PLAIN_STYLE.fullmatch(value)) and not _STYLE_REFUSED.search(value)
    return name in _ATTRIBUTES


def sieve(foreign: str) -> Html:
    """Keep text and harmless markup only: no script, no address, no id, no form, every element closed."""
    parser = _Sieve()
    parser.feed(foreign)
    parser.close()
    return Html("".join(parser.parts))
