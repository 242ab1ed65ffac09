"""The move's percentage against time, with its phases and where each memory pass began."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from snlm_lib.measure.passes import Band, memory_passes
from snlm_lib.measure.samples import Columns, numbers
from snlm_lib.record.charts.theme import COLOURS, add_bands, blank, new_figure
from snlm_lib.record.charts.thin import kept

__all__ = ["progress_figure"]

TITLE = "Progress of the move"
_MOST_LABELS = 12


def progress_figure(progress: Columns, passes: Columns, *, bands: Sequence[Band] = ()) -> go.Figure:
    """``progress`` has t_s and percent, ``passes`` t_s and pass_number (either may be empty)."""
    pairs = zip(numbers(progress, "t_s"), numbers(progress, "percent"), strict=False)
    points = [(time, value) for time, value in pairs if time is not None]
    known = [point for point in points if point[1] is not None]
    if not known:
        return blank(TITLE, "no samples: no progress of the move was recorded")
    figure = new_figure(TITLE, x="time since the move was requested, s", y="done, %")
    add_bands(figure, bands)
    values = np.array([np.nan if value is None else value for _, value in points])
    drawn = [points[index] for index in kept(values)]
    figure.add_trace(
        go.Scatter(
            x=[time for time, _ in drawn],
            y=[value for _, value in drawn],
            mode="lines+markers" if len(known) < 60 else "lines",
            line={"color": COLOURS["percent"], "width": 2, "shape": "hv"},
            marker={"size": 5},
            name="done",
            hovertemplate="%{x:.1f} s: %{y:.0f} %<extra></extra>",
            showlegend=True,
        )
    )
    _mark_passes(figure, [(one.number, one.start_s) for one in memory_passes(passes)])
    figure.update_yaxes(range=[0, 108], tickvals=[0, 25, 50, 75, 100])
    return figure


def _mark_passes(figure: go.Figure, starts: list[tuple[int, float]]) -> None:
    if not starts:
        return
    labelled = len(starts) <= _MOST_LABELS
    figure.add_trace(
        go.Scatter(
            x=[time for _, time in starts],
            y=[103] * len(starts),
            mode="markers+text" if labelled else "markers",
            marker={"symbol": "triangle-down", "size": 8, "color": COLOURS["pass"]},
            text=[str(number) for number, _ in starts] if labelled else None,
            textposition="middle right",
            textfont={"size": 11},
            name="memory pass begins",
            hovertemplate="a memory pass begins at %{x:.1f} s<extra></extra>",
            cliponaxis=False,
        )
    )
    for _, time in starts if labelled else ():
        figure.add_shape(
            type="line", x0=time, x1=time, y0=0, y1=103, line={"width": 1, "dash": "dot", "color": COLOURS["pass"]}
        )
