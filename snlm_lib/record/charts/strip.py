"""The strip below round trips: a row a track, and in it a mark wherever probes were lost, late or could not be sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from snlm_lib.measure.ledger import LATE, LOST, NOT_SENT, STALLED
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.theme import COLOURS, LOSS_CLASSES
from snlm_lib.record.charts.thin import Marks, marks_of
from snlm_lib.record.charts.tracks import TimeAxis, Track

__all__ = ["MOST_MARKS", "add_strip", "fates_in_words"]

MOST_MARKS = 900  # over all rows of a figure
_ROW_PX = 18


@dataclass(frozen=True)
class _Fate:
    name: str
    words: str
    thickness: float  # of a mark, in rows
    symbol: str  # in the legend
    colours: tuple[tuple[float, str], ...]  # up to which share of the probes within a mark


_FATES = (
    _Fate(STALLED, "answered while the monitor stood still", 0.3, "line-ew-open", ((1.0, COLOURS["stalled"]),)),
    _Fate(NOT_SENT, "not sent", 0.3, "line-ew-open", ((1.0, COLOURS["not_sent"]),)),
    _Fate(LATE, "late", 0.5, "diamond", ((1.0, COLOURS["late"]),)),
    _Fate(LOST, "lost", 0.84, "line-ns-open", tuple((most, colour) for most, _, colour in LOSS_CLASSES)),
)


def add_strip(stack: Stack, tracks: Sequence[Track], names: Sequence[str], *, most: int, gap_px: int = 6) -> None:
    """One more row in ``stack``: a line of it a track, with at most ``most`` marks."""
    yaxis = stack.row(
        _ROW_PX * len(tracks) + 2,
        gap_px=gap_px,
        range=[len(tracks) - 0.4, -0.6],
        tickvals=[*range(len(tracks))],
        ticktext=[*names],
        showgrid=False,
        ticks="",
        fixedrange=True,
    )
    stack.traces.append(go.Bar(x=[None], y=[0], yaxis=yaxis, orientation="h", showlegend=False))  # shows empty rows too
    for fate in _FATES:
        found = [marks_of(track.at_s, track.met(fate.name), _share(track, most)) for track in tracks]
        above = 0.0
        for share, colour in fate.colours:
            here = [marks.only((marks.share > above) & (marks.share <= share)) for marks in found]
            above = share
            if any(len(marks.hits) for marks in here):
                stack.traces.append(_bars(fate, colour, here, stack.axis, yaxis))


def _share(track: Track, most: int) -> int:
    """Of the marks of a track those of one fate."""
    return max(most // max(sum(track.count(fate.name) > 0 for fate in _FATES), 1), 2)


def fates_in_words(tracks: Sequence[Track]) -> Iterator[go.Scatter]:
    """The legend's entries for the marks, each with its count; nothing is drawn."""
    for fate in reversed(_FATES):
        count = sum(track.count(fate.name) for track in tracks)
        if count:
            colour = fate.colours[-1][1]
            yield go.Scatter(
                x=[None],
                y=[None],
                mode="markers",
                marker={"symbol": fate.symbol, "size": 10, "color": colour, "line": {"width": 2, "color": colour}},
                name=f"{fate.words} ({count:,})",
                legendgroup=fate.words,
            )


def _bars(fate: _Fate, colour: str, found: Sequence[Marks], axis: TimeAxis, yaxis: str) -> go.Bar:
    return go.Bar(
        base=[moment for marks in found for moment in axis.shown(marks.first_s)],
        x=[length for marks in found for length in axis.lengths(marks.last_s - marks.first_s)],
        y=[row for row, marks in enumerate(found) for _ in marks.hits],
        yaxis=yaxis,
        orientation="h",
        width=fate.thickness,
        marker={
            "color": colour,
            "line": {"color": colour, "width": 2},
        },  # a single probe has no length: its line is seen
        legendgroup=fate.words,
        showlegend=False,
        hovertext=[words for marks in found for words in _told(fate, marks, axis)],
        hoverinfo="text",
    )


def _told(fate: _Fate, marks: Marks, axis: TimeAxis) -> list[str]:
    columns = (marks.hits.tolist(), marks.probes.tolist(), marks.first_s.tolist(), marks.last_s.tolist())
    return [
        f"{hits:,}{'' if hits == probes else f' of {probes:,}'} {fate.words}, {axis.words(first)}"
        f"{'' if first == last else f' to {axis.words(last)}'}"
        for hits, probes, first, last in zip(*columns, strict=True)
    ]
