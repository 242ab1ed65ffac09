"""Forecast and fact side by side: the ranges, what came of the move, and the reason of a miss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snlm_lib.measure.forecast import Convergence, Span
from snlm_lib.measure.forecast.score import Fact, fact_from
from snlm_lib.measure.forecast.told import PARTS, converges_words, learnt_words, part_words
from snlm_lib.record.charts.forecast import Outline, outline_figure
from snlm_lib.record.charts.theme import figure_json
from snlm_lib.record.outlook import spans_of
from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Child, Html, el, join, table
from snlm_lib.record.page.words import DASH, said, unbroken

__all__ = ["forecast_section"]

_TITLES = {name: title for name, title in PARTS.items() if name != "sent_mib"} | {"memory_mib": "memory sent"}

# what a file that somebody changed may lead to: a key that is gone, a list for a number, a number beyond all reason
_CHANGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration)


def forecast_section(kept: Mapping[str, Any] | None, figures: Figures) -> Html | None:
    """What samples/forecast.json holds (`snlm_lib.record.outlook`); None without one."""
    if kept is None:
        return None
    try:
        body = _body(kept, figures)
    except _CHANGED as error:
        body = [
            el("p", f"The forecast cannot be shown ({type(error).__name__}): samples/forecast.json has another form.")
        ]
    return el("section", el("h2", "Forecast and fact"), join(*body), class_="step", id="forecast")


def _body(kept: Mapping[str, Any], figures: Figures) -> list[Child]:
    spans = spans_of(kept)
    fact = fact_from(kept.get("fact") or {})
    verdict, inputs = kept["verdict"], [el("li", str(words)) for words in kept["inputs"]]
    drawn = outline_figure(_outline(kept, spans), fact)
    words = "The range of each part beside its limit, the expected passes" + (
        ", and what it was" if fact.pause_s is not None or fact.total_s is not None else ""
    )
    return [
        el("p", unbroken(_headline(spans, fact, str(kept.get("miss") or ""))), class_="reason"),
        el("p", unbroken(converges_words(Convergence(verdict["word"]), verdict["reason"]))),
        el("p", unbroken(f"The largest part: {kept['dominates']}. {learnt_words(int(kept['learned_moves']))}")),
        table(["Part", "Forecast: least, middle, most", "Fact", "Inside?"], _rows(spans, fact), class_="wide"),
        el("div", figures.place(figure_json(drawn), words=words), class_="figures"),
        el("details", el("summary", f"What it started from ({len(inputs)} figures)"), el("ul", inputs)),
        [el("p", note, class_="note") for note in _notes(kept)],
    ]


def _outline(kept: Mapping[str, Any], spans: Mapping[str, Span]) -> Outline:
    verdict = kept["verdict"]
    return Outline(
        spans,
        [(float(mib), float(seconds)) for mib, seconds in kept["passes"]],
        kept.get("window_s"),
        kept.get("pause_limit_s"),
        verdict["pause_floor_s"] if verdict["word"] == Convergence.FORCED else None,
    )


def _headline(spans: Mapping[str, Span], fact: Fact, miss: str) -> str:
    scored = [held for name, span in spans.items() if (held := fact.inside(name, span)) is not None]
    if not scored:
        return "There is no fact to set beside this forecast: no finished move was scored."
    return f"{sum(scored)} of {len(scored)} figures lay inside their range. {miss[:1].upper()}{miss[1:]}".strip()


def _rows(spans: Mapping[str, Span], fact: Fact) -> list[list[Child]]:
    rows: list[list[Child]] = []
    for name, title in _TITLES.items():
        if name in spans:
            span, held = spans[name], fact.inside(name, spans[name])
            told = ", ".join(part_words(name, one) for one in (span.low, span.mid, span.high))
            rows.append([title, unbroken(told), unbroken(_happened(name, fact)), DASH if held is None else said(held)])
    return rows


def _happened(name: str, fact: Fact) -> str:
    """The fact, and how well it is known: what lasts only some looks may have been inside or not."""
    was, within = fact.part(name)
    if was is None:
        return DASH
    return part_words(name, was) + (f" \N{PLUS-MINUS SIGN} {part_words(name, within)}" if within else "")


def _notes(kept: Mapping[str, Any]) -> list[str]:
    factor, missing = float(kept.get("time_factor") or 1.0), [str(one) for one in kept["missing"]]
    notes = [f"Times of the simulated hosts; their lab ran time {factor:g} times as fast, but for the pause."]
    supposed = [f"Nobody had measured, so supposed: {', '.join(missing)}."]
    return [*(notes if factor != 1 else []), *(supposed if missing else []), str(kept["statement"])]
