"""What a notebook shows: the card, tables, figures, progress lines; the only room that knows IPython.

Outputs must say the same in five years and without a network: plain HTML with its colours inside,
figures as Plotly's own data with a sentence beside them. Everything from outside is escaped.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

__all__ = [
    "CARD_COLOURS",
    "Card",
    "Knob",
    "Line",
    "Live",
    "figure",
    "knobs",
    "namespace",
    "on_error",
    "result_output",
    "table",
    "text",
]

RESULT_MIME = "application/vnd.snlm.result+json"
PLOTLY_MIME = "application/vnd.plotly.v1+json"
CARD_COLOURS = {  # readable on white and on black: at least 3.5 : 1
    "running": "#6b7f93",
    "passed": "#1b8a61",
    "refused": "#9a6700",
    "failed": "#d23b32",
    "unknown": "#9a5cc0",
    "PASS": "#1b8a61",
    "WARN": "#9a6700",
    "FAIL": "#d23b32",
}


def _publish(bundle: Mapping[str, Any], *, display_id: str | None = None, update: bool = False) -> None:
    options: dict[str, Any] = {"display_id": display_id} if display_id else {}
    display(dict(bundle), raw=True, update=update, **options)  # type: ignore[no-untyped-call]


class Card:
    """The first output of a notebook: RUNNING until `update` says how it ended.

    A killed kernel leaves RUNNING standing, which is the honest answer.
    """

    def __init__(self, step: str) -> None:
        self._step = step
        self._id = f"snlm-card-{step}"
        _publish(_card(step, "running", "in progress, or ended without saying how", []), display_id=self._id)

    def update(self, verdict: str, reason: str, rows: Sequence[tuple[str, str]]) -> None:
        """Replace the card, also in the saved notebook."""
        _publish(_card(self._step, verdict, reason, rows), display_id=self._id, update=True)


def _card(step: str, verdict: str, reason: str, rows: Sequence[tuple[str, str]]) -> dict[str, str]:
    colour = CARD_COLOURS[verdict]
    lines = "".join(
        f"<div><span style='opacity:.65'>{html.escape(name)}</span> {html.escape(value)}</div>" for name, value in rows
    )
    body = (
        f"<div class='{_NO_FORMULAS}'"
        f" style='border-left:6px solid {colour};padding:.6em 1em;margin:.3em 0;line-height:1.5'>"
        f"<strong style='color:{colour};font-size:1.15em'>{html.escape(verdict.upper())}</strong> "
        f"<code>{html.escape(step)}</code><div>{html.escape(reason)}</div>{lines}</div>"
    )
    plain = "\n".join([f"{verdict.upper()} {step}: {reason}", *(f"{name} {value}" for name, value in rows)])
    return {"text/html": body, "text/plain": plain}


class Line:
    """One line that is rewritten in place: progress for a person watching.

    It appears where it first speaks, below the cell that is running then.
    """

    def __init__(self, name: str) -> None:
        self._id = f"snlm-line-{name}"
        self._last = ""

    def say(self, words: str) -> None:
        """Show ``words``; the same words twice are published once."""
        if words != self._last:
            _publish(self._bundle(words), display_id=self._id, update=bool(self._last))
            self._last = words

    @staticmethod
    def _bundle(words: str) -> dict[str, str]:
        return {"text/html": f"<code>{html.escape(words)}</code>", "text/plain": words}


class Live:
    """A figure that is redrawn in place; the saved notebook holds its last state alone."""

    def __init__(self, name: str) -> None:
        self._id = f"snlm-live-{name}"
        self._shown = False

    def draw(self, drawn: Any, *, words: str) -> None:
        """Show a Plotly figure, or put it in the place of the one before."""
        if self._shown:  # Plotly's renderer in JupyterLab ignores new data: only a change of type makes it draw again
            self._put({"text/plain": words})
        self._put({PLOTLY_MIME: json.loads(drawn.to_json()), "text/plain": words})

    def tell(self, rows: Sequence[Mapping[str, object]], *, caption: str = "", marked: Collection[int] = ()) -> None:
        """A table, as `table`, instead of a figure."""
        self._put(_tabled(rows, caption, marked))

    def end(self, words: str) -> None:
        """Put a sentence in the figure's place, if there was one."""
        if self._shown:
            self._put({"text/html": f"<p>{html.escape(words)}</p>", "text/plain": words})

    def _put(self, bundle: Mapping[str, Any]) -> None:
        _publish(bundle, display_id=self._id, update=self._shown)
        self._shown = True


def table(rows: Sequence[Mapping[str, object]], *, caption: str = "", marked: Collection[int] = ()) -> None:
    """Rows as a table; columns in the order of their first appearance; None shows as a dash.

    ``marked`` are numbers of rows that catch the eye; in plain text they begin with a star.
    """
    if not any(rows):
        text(f"{caption}: nothing to show" if caption else "nothing to show")
        return
    _publish(_tabled(rows, caption, marked))


def _tabled(rows: Sequence[Mapping[str, object]], caption: str, marked: Collection[int]) -> dict[str, str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th style='text-align:left;padding:.2em .8em'>{html.escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr{_MARKED if number in marked else ''}>" + "".join(_cell(row.get(name)) for name in names) + "</tr>"
        for number, row in enumerate(rows)
    )
    title = f"<caption style='text-align:left;padding:.4em 0'>{html.escape(caption)}</caption>" if caption else ""
    lines = [" | ".join(_words(row.get(name)) for name in names) for row in rows]
    starred = [f"* {line}" if number in marked else line for number, line in enumerate(lines)]
    plain = "\n".join([" | ".join(names), *starred])
    return {"text/html": f"<table class='{_NO_FORMULAS}'>{title}<tr>{head}</tr>{body}</table>", "text/plain": plain}


_NO_FORMULAS = "mathjax_ignore"  # or JupyterLab takes what stands between two dollar signs of a command for one
_MARKED = " style='background:rgba(224,138,0,.22)'"  # amber, readable by day and by night


def _words(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _cell(value: object) -> str:
    words = _words(value)
    colour = CARD_COLOURS.get(words) if words in {"PASS", "WARN", "FAIL"} else None
    style = f"color:{colour};font-weight:600;" if colour else ""
    return f"<td style='text-align:left;padding:.2em .8em;{style}'>{html.escape(words)}</td>"


def text(words: str) -> None:
    """One plain sentence."""
    _publish({"text/html": f"<p class='{_NO_FORMULAS}'>{html.escape(words)}</p>", "text/plain": words})


def figure(drawn: Any, *, words: str) -> None:
    """A Plotly figure as its own data; ``words`` says in a sentence what it shows.

    Published by hand: Plotly's own ``show`` pulls a validator that costs more than a second.
    """
    _publish({PLOTLY_MIME: json.loads(drawn.to_json()), "text/plain": words})
    text(words)


@dataclass(frozen=True)
class Knob:
    """A slider from ``low`` to ``high``, each above 0; a wide one moves by ratios."""

    name: str
    title: str
    value: float
    low: float
    high: float


def knobs(wanted: Sequence[Knob], turned: Callable[[Mapping[str, float]], None]) -> dict[str, Any]:
    """Show sliders, and return them; ``turned`` is called with name -> value of all whenever one moves.

    Where nobody minds widgets (an archived notebook, papermill, a saved page) a sentence stands in their place.
    """
    import ipywidgets as widgets  # a tenth of a second that only a notebook with sliders shall pay

    sliders = {knob.name: _slider(widgets, knob) for knob in wanted}
    for slider in sliders.values():
        slider.observe(lambda _: turned({name: one.value for name, one in sliders.items()}), names="value")
    bundle = widgets.VBox([*sliders.values()])._repr_mimebundle_()
    _publish({**bundle, "text/plain": "Sliders: run this notebook in JupyterLab to move them."})
    return sliders


def _slider(widgets: ModuleType, knob: Knob) -> Any:
    look = {"layout": {"width": "32em", "max_width": "100%"}, "style": {"description_width": "14em"}}
    common = {"value": knob.value, "description": knob.title, **look}
    if knob.high <= 20 * knob.low:
        step = _step(knob.low, knob.value, knob.high)
        return widgets.FloatSlider(min=knob.low, max=knob.high, step=step, **common)
    least, start, most = (math.log10(one) for one in (knob.low, knob.value, knob.high))
    step = _step(least, start, most)
    return widgets.FloatLogSlider(min=least, max=most, step=step, readout_format=",.1f", **common)


def _step(least: float, start: float, most: float) -> float:
    """About a hundredth of the way, and so that the start is on it: a browser moves what is not."""
    rough = (most - least) / 100
    count = round((start - least) / rough)
    return (start - least) / count if count else rough


def result_output(payload: str) -> None:
    """The step's result as a hidden output of an own type, so that it travels in the notebook."""
    _publish({RESULT_MIME: json.loads(payload), "text/plain": ""})


def namespace() -> dict[str, Any]:
    """The kernel's variables; empty outside a kernel."""
    shell = get_ipython()
    return dict(shell.user_ns) if shell is not None else {}


def on_error(told: Callable[[BaseException], str | None]) -> None:
    """Hand every exception of a cell to ``told``; a sentence it returns replaces the traceback."""
    shell = get_ipython()
    if shell is None:
        return

    def handler(
        running: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: Any = None
    ) -> list[str]:
        sentence = told(error)
        if sentence is None:
            lines = running.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
        else:
            lines = [sentence]
        running._showtraceback(kind, error, lines)
        return list(lines)

    shell.set_custom_exc((Exception, KeyboardInterrupt), handler)  # type: ignore[no-untyped-call]
