"""Plots one above the other over one time axis, their heights in pixels; knows no probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from snlm_lib.measure.passes import Band
from snlm_lib.record.charts.theme import add_bands, new_figure
from snlm_lib.record.charts.tracks import TimeAxis

__all__ = ["Stack"]

_TITLE_PX, _FOOT_PX = 46, 96  # above the topmost plot; the axis and the legend below the lowest
_HEADLINE_PX = 22


@dataclass
class _Row:
    height_px: int
    gap_px: int  # above it
    axis: dict[str, Any]
    headline: str


@dataclass
class Stack:
    """Collects rows from the top down, and the traces that stand in them."""

    axis: TimeAxis
    traces: list[Any] = field(default_factory=list)
    _rows: list[_Row] = field(default_factory=list)
    _named: set[str] = field(default_factory=set)

    def row(self, height_px: int, *, headline: str = "", gap_px: int = 6, **axis: Any) -> str:
        """Open a row below the others; returns the name of its axis for ``yaxis`` of a trace."""
        above = (_HEADLINE_PX if headline else 0) + (gap_px if self._rows else 0)
        self._rows.append(_Row(height_px, above, axis, headline))
        return f"y{len(self._rows)}" if len(self._rows) > 1 else "y"

    def names_first(self, words: str) -> bool:
        """True the first time that ``words`` are to stand in the legend."""
        first = words not in self._named
        self._named.add(words)
        return first

    def figure(self, title: str, *, bands: Sequence[Band] = (), **layout: Any) -> go.Figure:
        """Everything as a figure."""
        figure = new_figure(title, x=self.axis.title, y="")
        add_bands(figure, bands)
        total = sum(row.height_px + row.gap_px for row in self._rows)
        axes: dict[str, Any] = {"xaxis": {"anchor": "free", "position": 0}}
        if self.axis.zero_utc is not None:
            axes["xaxis"]["type"] = "date"
        top = 0
        for number, row in enumerate(self._rows, 1):
            top += row.gap_px
            domain = [max(0.0, 1 - (top + row.height_px) / total), 1 - top / total]
            axes[f"yaxis{number if number > 1 else ''}"] = {"domain": domain, "anchor": "x", **row.axis}
            if row.headline:
                figure.add_annotation(_headline(row.headline, domain[1]))
            top += row.height_px
        figure.add_traces(self.traces)
        figure.update_layout(height=_TITLE_PX + total + _FOOT_PX, **axes, **layout)
        return figure


def _headline(words: str, y: float) -> dict[str, Any]:
    return {
        "text": words,
        "x": 0,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "align": "left",
    }
