"""A forecast as a figure: the range of each part beside its limit, the pause on its own axis, the expected passes.

After the move a diamond in each row says what it was. Draws what it is told; forecasts nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from snlm_lib.measure.forecast.inputs import said
from snlm_lib.measure.forecast.score import Fact
from snlm_lib.measure.forecast.told import PARTS, Convergence, Forecast, Span
from snlm_lib.record.charts.theme import COLOURS, new_figure, translucent
from snlm_lib.units import unit_of

__all__ = ["Outline", "forecast_figure", "outline_figure"]

TITLE = "Forecast of the move"
_WHOLE, _PAUSE = ("total_s", "storage_s", "memory_s"), "pause_s"
_ROWS = {name: PARTS[name] for name in (*_WHOLE, _PAUSE)}
_COLOURS = {"total_s": "other", "storage_s": "percent", "memory_s": "truth", _PAUSE: "blackout"}
_TITLE_PX, _FOOT_PX, _HEADLINE_PX, _TICKS_PX, _ROW_PX, _PASSES_PX = 46, 100, 26, 28, 46, 170
_PASSES_X = "time since the first pass began, s"
_WIDE = 40  # highest over lowest, beyond which an axis is logarithmic
_BEYOND = 2.5  # times the longest: a limit further off is told, not drawn


@dataclass(frozen=True)
class Outline:
    """What of a forecast is drawn; ``passes`` are MiB and seconds of each, ``floor_s`` is None where it converges."""

    spans: Mapping[str, Span]
    passes: Sequence[tuple[float, float]]
    window_s: float | None = None
    pause_limit_s: float | None = None
    floor_s: float | None = None


@dataclass(frozen=True)
class _Limit:
    words: str
    at_s: float
    dash: str


@dataclass(frozen=True)
class _Panel:
    """Rows over one axis of time; the limits are those of the first row alone."""

    names: tuple[str, ...]
    headline: str
    limits: tuple[_Limit, ...]


def forecast_figure(told: Forecast, fact: Fact | None = None) -> go.Figure:
    """The figure of ``told``; with ``fact`` also what it was, in seconds of the hosts."""
    spans = {name: span for name in _ROWS if (span := getattr(told, name)) is not None}
    forced = told.verdict.word is Convergence.FORCED
    outline = Outline(
        spans,
        [(each.mib, each.seconds) for each in told.passes],
        told.window_s,
        told.pause_limit_s,
        told.verdict.pause_floor_s if forced else None,
    )
    return outline_figure(outline, fact)


def outline_figure(outline: Outline, fact: Fact | None) -> go.Figure:
    """The same from what a record keeps."""
    figure = new_figure(TITLE, x="", y="")
    panels = _panels(outline)
    heights = [*(_ROW_PX * len(panel.names) for panel in panels), _PASSES_PX if outline.passes else 0]
    total = sum(heights) + (_HEADLINE_PX + _TICKS_PX) * len([height for height in heights if height]) - _TICKS_PX
    top = 0
    for number, (panel, height) in enumerate(itertools.zip_longest(panels, heights), 1):
        if not height:
            continue
        top += _HEADLINE_PX
        domain = (max(0.0, 1 - (top + height) / total), 1 - top / total)
        _open(figure, number, domain)
        if panel is None:
            _add_passes(figure, number, outline)
        else:
            _add_rows(figure, number, panel, outline.spans, fact)
        top += height + _TICKS_PX
    _name_once(figure)
    figure.update_layout(height=_TITLE_PX + total + _FOOT_PX, hovermode="closest")
    return figure


def _name_once(figure: go.Figure) -> None:
    """Facts of one kind stand in the legend once, whichever row has the first."""
    named: set[str] = set()
    for trace in figure.data:
        if trace.legendgroup:
            trace.showlegend = trace.legendgroup not in named
            named.add(trace.legendgroup)


def _panels(outline: Outline) -> list[_Panel]:
    whole = _WHOLE if outline.spans.get("storage_s") else _WHOLE[:1]  # without storage the memory is the whole
    rest = tuple(name for name in whole if name in outline.spans)
    window = [_Limit("window", outline.window_s, "dash")] if outline.window_s and "total_s" in rest else []
    pause = [_Limit("pause limit", outline.pause_limit_s, "dash")] if outline.pause_limit_s else []
    floor = [_Limit("shortest pause, middle", outline.floor_s, "dot")] if outline.floor_s else []
    found = [
        _Panel(rest, "time", tuple(window)),
        _Panel((_PAUSE,) if _PAUSE in outline.spans else (), "pause", (*pause, *floor)),
    ]
    return [panel for panel in found if panel.names]


def _open(figure: go.Figure, number: int, domain: tuple[float, float]) -> None:
    """Axes of their own for the panel ``number``."""
    tail = str(number) if number > 1 else ""
    own = {"anchor": f"y{tail}", "domain": [0, 1], "title": {"text": ""}, "nticks": 6}
    figure.update_layout({f"xaxis{tail}": own, f"yaxis{tail}": {"anchor": f"x{tail}", "domain": list(domain)}})


def _axes(number: int) -> dict[str, str]:
    tail = str(number) if number > 1 else ""
    return {"xaxis": f"x{tail}", "yaxis": f"y{tail}"}


def _headline(figure: go.Figure, number: int, left: str, right: str = "") -> None:
    """Above the panel: what it shows, and what lies beyond its right end."""
    y = figure.layout[f"yaxis{number if number > 1 else ''}"].domain[1]
    for words, x, anchor in ((left, 0, "left"), (right, 1, "right")):
        if words:
            place = {"x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": anchor, "yanchor": "bottom"}
            figure.add_annotation(text=words, showarrow=False, **place)


def _add_rows(figure: go.Figure, number: int, panel: _Panel, spans: Mapping[str, Span], fact: Fact | None) -> None:
    """A row a part: a bar from tenth to ninetieth hundredth, a tick at the middle, a diamond at the fact."""
    facts = {name: was for name in panel.names if fact is not None and (was := getattr(fact, name)) is not None}
    ends = [*(end for name in panel.names for end in (spans[name].low, spans[name].high)), *facts.values()]
    most_s = max(ends)
    scale, unit = unit_of(most_s)
    near = [limit for limit in panel.limits if limit.at_s <= _BEYOND * most_s]
    shown = [one / scale for one in (*ends, *(limit.at_s for limit in near))]
    reach = _reach(shown)
    steps = ", log scale" if reach.get("type") == "log" else ""
    far = [f"{limit.words} {_told(limit.at_s)} \N{RIGHTWARDS ARROW}" for limit in panel.limits if limit not in near]
    _headline(figure, number, f"{panel.headline}, {unit}{steps}", ", ".join(far))
    axes = _axes(number)
    for row, name in enumerate(panel.names):
        figure.add_traces(_fan(name, row, spans[name], scale, axes))
        if name in facts:
            held = bool(fact is not None and fact.inside(name, spans[name]))
            figure.add_trace(_fact(name, row, facts[name], held, scale, axes))
    for limit in near:
        figure.add_trace(_line(limit, scale, axes))
    figure.update_layout({axes["xaxis"].replace("x", "xaxis"): reach})
    labels = [f"{_ROWS[name]}<br><b>{_range(spans[name])}</b>" for name in panel.names]
    rows = {"tickvals": [*range(len(labels))], "ticktext": labels, "showgrid": False, "ticks": "", "fixedrange": True}
    figure.update_layout({axes["yaxis"].replace("y", "yaxis"): {"range": [len(labels) - 0.5, -0.5], **rows}})


def _reach(shown: Sequence[float]) -> dict[str, Any]:
    """From nothing to a little beyond the highest; logarithmic when the lowest would not be seen."""
    known = [one for one in shown if one > 0]
    if known and max(known) > _WIDE * min(known):
        return {"type": "log", "dtick": 1, "range": [math.log10(min(known) * 0.8), math.log10(max(known) * 1.2)]}
    return {"range": [0, 1.06 * max(shown)]}


def _fan(name: str, row: int, span: Span, scale: float, axes: Mapping[str, str]) -> list[go.Scatter]:
    colour = COLOURS[_COLOURS[name]]
    words = f"{_ROWS[name]}: {_told(span.low)} to {_told(span.high)}, middle {_told(span.mid)}<extra></extra>"
    bar = go.Scatter(
        x=[span.low / scale, span.high / scale],
        y=[row, row],
        mode="lines",
        line={"color": translucent(colour, 0.4), "width": 18},
        name="eight of ten such moves",
        showlegend=name == "total_s",
        hovertemplate=words,
        **axes,
    )
    middle = go.Scatter(
        x=[span.mid / scale],
        y=[row],
        mode="markers",
        marker={"symbol": "line-ns", "size": 22, "line": {"width": 3, "color": colour}},
        name="middle",
        showlegend=name == "total_s",
        hovertemplate=words,
        **axes,
    )
    return [bar, middle]


def _fact(name: str, row: int, was: float, inside: bool, scale: float, axes: Mapping[str, str]) -> go.Scatter:
    words = "fact, inside its range" if inside else "fact, outside its range"
    return go.Scatter(
        x=[was / scale],
        y=[row],
        mode="markers",
        marker={
            "symbol": "diamond" if inside else "diamond-open",
            "size": 12,
            "color": COLOURS["tcp" if inside else "lost"],
            "line": {"width": 2, "color": COLOURS["tcp" if inside else "lost"]},
        },
        name=words,
        legendgroup=words,
        cliponaxis=False,
        hovertemplate=f"{_ROWS[name]}: it was {_told(was)}<extra></extra>",
        **axes,
    )


def _line(limit: _Limit, scale: float, axes: Mapping[str, str]) -> go.Scatter:
    words = f"{limit.words} {_told(limit.at_s)}"
    return go.Scatter(
        x=[limit.at_s / scale] * 2,
        y=[-0.5, 0.5],
        mode="lines",
        line={"color": COLOURS["lost"], "width": 2, "dash": limit.dash},
        name=words,
        hovertemplate=f"{words}<extra></extra>",
        **axes,
    )


def _add_passes(figure: go.Figure, number: int, outline: Outline) -> None:
    """What each pass sends, over the time it takes; the middle forecast, without a range."""
    axes = _axes(number)
    sizes = [mib for mib, _ in outline.passes]
    ends = [*itertools.accumulate(seconds for _, seconds in outline.passes)]
    starts = [0.0, *ends[:-1]]
    count = f"{len(sizes)} passes" if len(sizes) > 1 else "1 pass"
    _headline(figure, number, f"{count} expected: MiB each sends")
    figure.add_trace(
        go.Scatter(
            x=[*starts, ends[-1]],
            y=[*sizes, sizes[-1]],
            mode="lines+markers",
            line={"color": COLOURS["dirty"], "width": 2, "shape": "hv"},
            marker={"size": [6] * len(sizes) + [0]},
            customdata=[*range(1, len(sizes) + 1), len(sizes)],
            name="expected pass",
            showlegend=False,
            hovertemplate="pass %{customdata}, from %{x:.3g} s: %{y:,.4g} MiB<extra></extra>",
            **axes,
        )
    )
    wide = max(sizes) > _WIDE * min(sizes)
    scale = {"type": "log", "dtick": 1} if wide else {"rangemode": "tozero", "nticks": 5}
    figure.update_layout({axes["yaxis"].replace("y", "yaxis"): scale})
    figure.update_layout({axes["xaxis"].replace("x", "xaxis"): {"rangemode": "tozero", "title": {"text": _PASSES_X}}})


def _told(seconds: float) -> str:
    scale, unit = unit_of(seconds)
    return f"{said(seconds / scale)} {unit}"


def _range(span: Span) -> str:
    scale, unit = unit_of(span.high)
    return f"{said(span.low / scale)} to {said(span.high / scale)} {unit}"
