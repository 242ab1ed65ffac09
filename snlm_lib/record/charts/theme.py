"""How every figure looks, by day and by night; the colours stay apart for colour-blind readers.

Knows no sample. A figure carries a small neutral template, readable on white and on black; the report replaces
it by the one that fits the reader's screen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from snlm_lib.measure.passes import Band

__all__ = [
    "COLOURS",
    "LOSS_CLASSES",
    "add_bands",
    "blank",
    "figure_json",
    "new_figure",
    "plotly_js",
    "templates",
    "translucent",
]

COLOURS = {
    "icmp": "#2a9d8f",
    "connect": "#9b7a00",
    "udp": "#2f86d1",
    "tcp": "#c06aa8",
    "other": "#7f8791",
    "lost": "#d7263d",
    "late": "#e08a00",
    "not_sent": "#8a94a0",
    "stalled": "#5f6b78",
    "percent": "#2f86d1",
    "dirty": "#2f86d1",
    "bytes": "#e08a00",
    "gap": "#d7263d",
    "blackout": "#e08a00",
    "truth": "#2a9d8f",
    "pass": "#8a94a0",
    "bounds": "#8a94a0",
}
# Up to which share of probes lost, how it is told, its colour: one hue, so that lightness alone tells them apart.
LOSS_CLASSES = (
    (0.01, "up to 1 % lost", "#eda08c"),
    (0.1, "up to 10 % lost", "#e5654f"),
    (1.0, "more lost", "#d7263d"),
)
_BANDS = {
    "checking": "rgba(138,148,160,0.18)",
    "storage": "rgba(47,134,209,0.16)",
    "memory": "rgba(42,157,143,0.18)",
    "cut-over": "rgba(224,141,0,0.24)",
    "blackout": "rgba(215,38,61,0.28)",
}
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
HEIGHT_PX = 380


def _template(ink: str, grid: str, line: str, hover: str) -> dict[str, Any]:
    axis = {
        "gridcolor": grid,
        "zeroline": False,
        "linecolor": line,
        "showline": True,
        "ticks": "outside",
        "tickcolor": line,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 13}},
    }
    layout = {
        "font": {"family": _FONT, "size": 13, "color": ink},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis,
        "yaxis": axis,
        "hoverlabel": {"bgcolor": hover, "font": {"color": ink}, "bordercolor": line},
        "legend": {"bgcolor": "rgba(0,0,0,0)"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": line, "activecolor": ink},
    }
    return {"layout": layout}


_NEUTRAL = _template("#737d88", "rgba(128,138,150,0.25)", "#8a94a0", "#f2f4f7")


def templates() -> dict[str, dict[str, Any]]:
    """The looks for a page by day and by night."""
    return {
        "light": _template("#333c47", "#e6e9ed", "#b4bcc5", "#ffffff"),
        "dark": _template("#d3dae2", "#2b333c", "#55606c", "#20262d"),
    }


def new_figure(title: str, *, x: str, y: str) -> go.Figure:
    """An empty figure: title, axis titles with their units, legend below the plot, outside of it."""
    figure = go.Figure(layout={"template": _NEUTRAL})  # given later, it would be merged into Plotly's large one
    figure.update_layout(
        title={"text": title, "x": 0, "xref": "paper", "y": 0.97, "yref": "container", "font": {"size": 15}},
        height=HEIGHT_PX,
        margin={"l": 10, "r": 14, "t": 46, "b": 10},
        legend={
            "orientation": "h",
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
        hovermode="closest",
    )
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    return figure


def translucent(colour: str, alpha: float) -> str:
    """A colour of six hexadecimal digits that lets through what is behind it."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def blank(title: str, words: str) -> go.Figure:
    """A figure that says why there is nothing to see."""
    figure = new_figure(title, x="", y="")
    figure.update_layout(height=160, showlegend=False, xaxis={"visible": False}, yaxis={"visible": False})
    figure.add_annotation(text=words, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 14})
    return figure


def add_bands(figure: go.Figure, bands: Sequence[Band]) -> None:
    """Shade the phases behind the plot; each name stands in the legend once."""
    seen: set[str] = set()
    for band in bands:
        figure.add_shape(
            type="rect",
            xref="x",
            yref="paper",
            x0=band.start_s,
            x1=band.end_s,
            y0=0,
            y1=1,
            layer="below",
            line={"width": 0},
            fillcolor=_BANDS.get(band.phase.value, _BANDS["checking"]),
            name=band.phase.value,
            showlegend=band.phase.value not in seen,
        )
        seen.add(band.phase.value)


def figure_json(figure: go.Figure) -> str:
    """The figure as Plotly's JSON."""
    return str(figure.to_json())


def plotly_js() -> str:
    """plotly.js as it ships inside the Python package: one file, no address."""
    return str(get_plotlyjs())


def templates_json() -> str:
    return json.dumps(templates())
