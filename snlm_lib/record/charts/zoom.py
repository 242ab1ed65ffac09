"""Ten seconds around the cut-over, probe by probe, and below them what the two clocks say, as bars on the same axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from snlm_lib.measure.blackout import EVENT_ROUNDING_S
from snlm_lib.measure.ledger import LATE, LOST
from snlm_lib.measure.passes import Band
from snlm_lib.record.charts.lines import add_lines
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.strip import MOST_MARKS, add_strip, fates_in_words
from snlm_lib.record.charts.theme import COLOURS, blank, translucent
from snlm_lib.record.charts.thin import MOST_POINTS, marks_of
from snlm_lib.record.charts.tracks import KIND_WORDS, TimeAxis, Track

__all__ = ["Clocks", "Span", "pings_zoom_figure", "span_of"]

TITLE = "Around the longest gap"
LATE_TITLE = "Around the longest run of late answers"
WIDTH_S = 10.0  # seen at first, when the gap is not longer
_REACH_S = 10.0  # drawn before and after, for who zooms out
_MOST_TARGETS = 3
_ROW_PX = 42


@dataclass(frozen=True)
class Clocks:
    """What is told: the gap with its bounds, the host's blackout, and in a rehearsal the lab's true silence.

    ``blackout_start_s`` is on the figure's axis, the host's clock corrected by its offset; None: only its length
    is known.
    """

    gap_s: float | None = None
    lower_s: float | None = None
    upper_s: float | None = None
    kind: str | None = None
    host_blackout_s: float | None = None
    truth_s: float | None = None
    blackout_start_s: float | None = None


@dataclass(frozen=True)
class Span:
    """A run of probes without an answer in time: from the first to the last, and from the answered one before."""

    first_s: float
    last_s: float
    before_s: float


@dataclass(frozen=True)
class _Bar:
    name: str
    colour: str
    start_s: float
    length_s: float
    told: str
    outer_s: tuple[float, float] | None = None  # from, to: the most it can have been
    placed: bool = True  # False: only its length is known


def span_of(track: Track, fate: str, lower_s: float | None) -> Span | None:
    """The run of this fate that is ``lower_s`` from its first to its last probe, else the longest; None without one."""
    hit = track.met(fate)
    runs = marks_of(track.at_s, hit, max(len(hit), 2))
    if not len(runs.hits):
        return None
    length = runs.last_s - runs.first_s
    chosen = int(np.argmax(length) if lower_s is None else np.argmin(np.abs(length - lower_s)))
    first, last = float(runs.first_s[chosen]), float(runs.last_s[chosen])
    before = track.at_s[track.at_s < first]
    return Span(first, last, float(before[-1]) if len(before) else first)


def pings_zoom_figure(
    tracks: Sequence[Track], axis: TimeAxis, clocks: Clocks, *, bands: Sequence[Band] = ()
) -> go.Figure:
    """The seconds around the gap that ``clocks`` tell, or around the longest; where none was lost, around late answers.

    The gap stands where its probes were lost, its bounds around it. A bar of which only the length is known begins
    with the gap and is hatched.
    """
    tracks = [track for track in tracks if len(track.at_s)]
    if not tracks:
        return blank(TITLE, "no samples: no probe was recorded")
    span, fate = _chosen(tracks, clocks)
    if span is None:
        return blank(TITLE, "no probe was lost")
    length_s, middle_s = span.last_s - span.first_s, (span.first_s + span.last_s) / 2
    half_s = max(WIDTH_S / 2, 0.9 * length_s)
    reach_s = max(half_s, length_s / 2 + _REACH_S)
    near = [track.within(middle_s - reach_s, middle_s + reach_s) for track in tracks]
    stack = Stack(axis)
    _plots(stack, [track for track in near if len(track.at_s)])
    _bars(stack, [*_clock_bars(clocks, span)] if fate == LOST else [])
    stack.traces += fates_in_words(near)
    figure = stack.figure(TITLE if fate == LOST else LATE_TITLE, bands=bands, barmode="overlay")
    figure.update_xaxes(range=axis.shown(np.array([middle_s - half_s, middle_s + half_s])))
    return figure


def _chosen(tracks: Sequence[Track], clocks: Clocks) -> tuple[Span | None, str]:
    """Of the kind that is told, else of any kind of a machine, else of anything."""
    machines = [track for track in tracks if not track.control]
    told = [track for track in machines if track.kind == clocks.kind]
    for fate in (LOST, LATE):
        for group, lower_s in ((told, clocks.lower_s), (machines, None), (tracks, None)):
            spans = [span for track in group if (span := span_of(track, fate, lower_s))]
            if spans:
                return max(spans, key=lambda span: span.last_s - span.first_s), fate
    return None, LOST


def _plots(stack: Stack, tracks: Sequence[Track]) -> None:
    targets = [[*group] for _, group in groupby(tracks, key=lambda track: track.place)]
    for group in targets[:_MOST_TARGETS]:
        add_lines(stack, group, height_px=90 if group[0].control else 140, most=MOST_POINTS // 2)
        add_strip(stack, group, [track.words for track in group], most=MOST_MARKS // len(tracks))


def _clock_bars(clocks: Clocks, span: Span) -> Iterator[_Bar]:
    """Topmost first."""
    if clocks.gap_s is not None:
        name = f"gap by {KIND_WORDS.get(clocks.kind, clocks.kind)}" if clocks.kind else "gap"
        told, outer = f"{clocks.gap_s:.2f} s", None
        if clocks.lower_s is not None and clocks.upper_s is not None:
            told += f" ± {(clocks.upper_s - clocks.lower_s) / 2:.2f}"
            outer = (span.before_s, span.before_s + clocks.upper_s)
        yield _Bar(name, COLOURS["gap"], span.first_s, span.last_s - span.first_s, told, outer)
    start_s = span.first_s if clocks.blackout_start_s is None else clocks.blackout_start_s
    if clocks.host_blackout_s is not None:
        length_s = clocks.host_blackout_s
        yield _Bar(
            "host blackout",
            COLOURS["blackout"],
            start_s,
            length_s,
            f"{length_s:.2f} s ± {EVENT_ROUNDING_S:.2f}",
            (start_s - EVENT_ROUNDING_S, start_s + length_s + EVENT_ROUNDING_S),
            placed=clocks.blackout_start_s is not None,
        )
    if clocks.truth_s is not None:
        told = f"{clocks.truth_s:.2f} s"
        yield _Bar("lab's truth", COLOURS["truth"], span.first_s, clocks.truth_s, told, placed=False)


def _bars(stack: Stack, bars: Sequence[_Bar]) -> None:
    if not bars:
        return
    yaxis = stack.row(
        _ROW_PX * len(bars),
        gap_px=18,
        range=[len(bars) - 0.45, -0.55],
        tickvals=[*range(len(bars))],
        ticktext=[f"{bar.name}<br><b>{bar.told}</b>" for bar in bars],
        showgrid=False,
        ticks="",
        fixedrange=True,
    )
    for row, bar in enumerate(bars):
        if bar.outer_s:
            stack.traces.append(_bar(stack, yaxis, row, bar, bar.outer_s))
        stack.traces.append(_bar(stack, yaxis, row, bar, None))


def _bar(stack: Stack, yaxis: str, row: int, bar: _Bar, outer_s: tuple[float, float] | None) -> go.Bar:
    start_s, end_s = outer_s or (bar.start_s, bar.start_s + bar.length_s)
    look = {"color": translucent(bar.colour, 0.25) if outer_s else bar.colour}
    hatched = {} if bar.placed else {"pattern": {"shape": "/", "size": 6, "solidity": 0.5}}
    where = "" if bar.placed else "<br>only its length is known: drawn from the first lost probe"
    return go.Bar(
        base=stack.axis.shown(np.array([start_s])),
        x=stack.axis.lengths(np.array([end_s - start_s])),
        y=[row],
        yaxis=yaxis,
        orientation="h",
        width=0.55,
        marker={**look, "line": {"width": 1.5, "color": bar.colour}, **({} if outer_s else hatched)},
        showlegend=False,
        name=bar.name,
        hovertext=[f"{bar.name}: {bar.told}{where}"],
        hoverinfo="text",
    )
