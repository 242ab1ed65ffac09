"""Round trips drawn probe by probe: one plot a target, a line a kind, a diamond for each late answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from snlm_lib.measure.ledger import ANSWERED, LATE
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.theme import COLOURS
from snlm_lib.record.charts.thin import Floats, kept
from snlm_lib.record.charts.tracks import Track

__all__ = ["add_lines", "plain", "scale"]

_DASHES = {"connect": "dash", "tcp": "dot"}
_SYMBOLS = {"connect": "diamond-open", "tcp": "square-open", "icmp": "triangle-up"}
_MOST_MARKERS = 400  # points of a line, beyond which they would be a thick line


def add_lines(stack: Stack, group: Sequence[Track], *, height_px: int, most: int) -> None:
    """A plot with the ``group`` of one target's tracks in it, at most ``most`` points each."""
    answers = np.concatenate([track.rtt_ms for track in group])
    headline = f"{group[0].place}: round trip, ms"
    yaxis = stack.row(height_px, headline=headline, gap_px=18, **scale(answers))
    for track in group:
        stack.traces.append(_line(track, stack, yaxis, most))
        late = track.met(LATE) & ~np.isnan(track.rtt_ms)
        if late.any():
            stack.traces.append(_late(track.at_s[late], track.rtt_ms[late], stack, yaxis, most))


def scale(rtt_ms: Floats) -> dict[str, Any]:
    """A logarithmic axis when the highest would press all others to the ground."""
    known = rtt_ms[rtt_ms > 0]
    if len(known) and known.max() > 25 * np.median(known):
        return {"type": "log", "dtick": 1}
    return {"rangemode": "tozero", "nticks": 5}


def plain(values: Floats) -> list[float | None]:
    """Milliseconds for Plotly, to the microsecond; None is a break."""
    return [None if value != value else value for value in np.round(values, 3).tolist()]


def _line(track: Track, stack: Stack, yaxis: str, most: int) -> go.Scatter:
    values = np.where(track.met(ANSWERED), track.rtt_ms, np.nan)
    shown = kept(values, most)
    words = track.words
    return go.Scatter(
        x=stack.axis.shown(track.at_s[shown]),
        y=plain(values[shown]),
        yaxis=yaxis,
        mode="lines+markers" if len(shown) <= _MOST_MARKERS else "lines",
        line={
            "color": COLOURS.get(track.kind, COLOURS["other"]),
            "width": 1.4,
            "dash": _DASHES.get(track.kind, "solid"),
        },
        marker={"size": 5, "symbol": _SYMBOLS.get(track.kind, "circle")},
        name=words,
        legendgroup=words,
        showlegend=stack.names_first(words),
        hovertemplate=f"{words}, {stack.axis.hover}: %{{y:.2f}} ms<extra></extra>",
        connectgaps=False,
    )


def _late(at_s: Floats, rtt_ms: Floats, stack: Stack, yaxis: str, most: int) -> go.Scatter:
    shown = kept(rtt_ms, most)
    return go.Scatter(
        x=stack.axis.shown(at_s[shown]),
        y=plain(rtt_ms[shown]),
        yaxis=yaxis,
        mode="markers",
        marker={"symbol": "diamond", "size": 7, "color": COLOURS["late"]},
        showlegend=False,
        legendgroup="late",
        hovertemplate=f"late, {stack.axis.hover}: %{{y:,.0f}} ms<extra></extra>",
    )
