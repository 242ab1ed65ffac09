"""The two clocks as bars: solid is what is certain, the frame around it what it may have been at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.blackout import EVENT_ROUNDING_S
from snlm_lib.measure.verdict import say_length
from snlm_lib.record.charts.clocks import Clocks
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.theme import COLOURS, translucent

__all__ = ["Bar", "add_bars", "bars_of"]

_ROW_PX = 42
_BY = {
    "counter": "where in its frame is not known: the counter was seen set between two looks",
    "event": "it ended no later than drawn: the event's own moment, by the host's clock corrected",
    "gap": "only its length is known: drawn in the middle of the gap",
}
_Span = tuple[float, float]


@dataclass(frozen=True)
class Bar:
    """``core_s`` is solid, hatched where its moment is not ``sure``; ``frame_s`` the most that it may have been."""

    name: str
    colour: str
    told: str
    core_s: _Span
    frame_s: _Span | None = None
    sure: bool = True
    words: str = ""
    logged_s: float | None = None  # a mark in the row


def bars_of(clocks: Clocks, span_s: _Span) -> Iterator[Bar]:
    """Topmost first; ``span_s`` is where the gap is, as far as its probes show it."""
    if clocks.gap_s is not None:
        yield _gap(clocks, clocks.gap_at_s or span_s)
    if clocks.host_blackout_s is not None:
        yield _blackout(clocks, clocks.host_blackout_s, span_s)
    if clocks.truth_s is not None:
        core_s = _around(sum(span_s) / 2, clocks.truth_s)
        yield Bar("lab's truth", COLOURS["truth"], f"{clocks.truth_s:.2f} s", core_s, sure=False, words=_BY["gap"])


def _around(middle_s: float, length_s: float) -> _Span:
    return middle_s - length_s / 2, middle_s + length_s / 2


def _gap(clocks: Clocks, at_s: _Span) -> Bar:
    name = f"gap by {KIND_WORDS.get(clocks.kind, clocks.kind)}" if clocks.kind else "gap"
    middle_s, length_s = sum(at_s) / 2, clocks.gap_s or 0.0
    if clocks.upper_s is None or clocks.lower_s is None:
        words = "no upper bound: the samples begin or end within it"
        return Bar(name, COLOURS["gap"], f"at least {clocks.lower_s or length_s:.2f} s", at_s, words=words)
    wrong_s = max(clocks.upper_s - length_s, length_s - clocks.lower_s)
    words = f"at least {clocks.lower_s:.3f} s, at most {clocks.upper_s:.3f} s"
    core_s, frame_s = _around(middle_s, clocks.lower_s), _around(middle_s, clocks.upper_s)
    return Bar(name, COLOURS["gap"], say_length(length_s, wrong_s), core_s, frame_s, words=words)


def _blackout(clocks: Clocks, length_s: float, span_s: _Span) -> Bar:
    at_s = clocks.pause_at_s or span_s
    middle_s = sum(at_s) / 2
    core_s = _around(middle_s, length_s)
    frame_s = at_s if clocks.pause_by == "counter" else _around(middle_s, length_s + 2 * EVENT_ROUNDING_S)
    return Bar(
        "host blackout",
        COLOURS["blackout"],
        f"{length_s:.2f} s ± {EVENT_ROUNDING_S:.2f} s",
        core_s,
        frame_s,
        sure=clocks.pause_by == "event",
        words=_BY[clocks.pause_by or "gap"],
        logged_s=clocks.logged_s,
    )


def add_bars(stack: Stack, bars: Iterator[Bar]) -> None:
    """A row of plots with one bar below the other; nothing when there is none."""
    found = [*bars]
    if not found:
        return
    yaxis = stack.row(
        _ROW_PX * len(found),
        gap_px=18,
        range=[len(found) - 0.45, -0.55],
        tickvals=[*range(len(found))],
        ticktext=[f"{bar.name}<br><b>{bar.told}</b>" for bar in found],
        showgrid=False,
        ticks="",
        fixedrange=True,
    )
    for row, bar in enumerate(found):
        hatched = {} if bar.sure else {"pattern": {"shape": "/", "size": 6, "solidity": 0.5}}
        if bar.frame_s:
            stack.traces.append(_bar(stack, yaxis, row, bar, bar.frame_s, {"color": translucent(bar.colour, 0.25)}))
        stack.traces.append(_bar(stack, yaxis, row, bar, bar.core_s, {"color": bar.colour, **hatched}))
    stack.traces += _logged(stack, yaxis, found)


def _bar(stack: Stack, yaxis: str, row: int, bar: Bar, at_s: _Span, look: dict[str, object]) -> go.Bar:
    return go.Bar(
        base=stack.axis.shown(np.array([at_s[0]])),
        x=stack.axis.lengths(np.array([at_s[1] - at_s[0]])),
        y=[row],
        yaxis=yaxis,
        orientation="h",
        width=0.55,
        marker={**look, "line": {"width": 1.5, "color": bar.colour}},
        showlegend=False,
        name=bar.name,
        hovertext=[f"{bar.name}: {bar.told}<br>{bar.words}"],
        hoverinfo="text",
    )


def _logged(stack: Stack, yaxis: str, bars: Sequence[Bar]) -> Iterator[go.Scatter]:
    for row, bar in enumerate(bars):
        if bar.logged_s is not None:
            yield go.Scatter(
                x=stack.axis.shown(np.array([bar.logged_s])),
                y=[row],
                yaxis=yaxis,
                mode="markers",
                marker={"symbol": "triangle-left", "size": 9, "color": bar.colour},
                name="logged by the host",
                hovertext=[f"logged at {stack.axis.words(bar.logged_s)}, the host's clock corrected by its offset"],
                hoverinfo="text",
            )
