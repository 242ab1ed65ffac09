"""Ten seconds around the cut-over, probe by probe, and below them what the two clocks say, as bars on the same axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from snlm_lib.measure.ledger import LATE, LOST
from snlm_lib.measure.passes import Band
from snlm_lib.record.charts.bars import add_bars, bars_of
from snlm_lib.record.charts.clocks import Clocks
from snlm_lib.record.charts.lines import add_lines
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.strip import MOST_MARKS, add_strip, fates_in_words
from snlm_lib.record.charts.theme import blank
from snlm_lib.record.charts.thin import MOST_POINTS, marks_of
from snlm_lib.record.charts.tracks import TimeAxis, Track

__all__ = ["pings_zoom_figure"]

TITLE = "Around the longest gap"
LATE_TITLE = "Around the longest spell of late answers"
PAUSE_TITLE = "Around the host's blackout"
WIDTH_S = 10.0  # seen at first, when the gap is not longer
_REACH_S = 10.0  # drawn before and after, for who zooms out
_MOST_TARGETS = 3

_Span = tuple[float, float]


def pings_zoom_figure(
    tracks: Sequence[Track], axis: TimeAxis, clocks: Clocks, *, bands: Sequence[Band] = ()
) -> go.Figure:
    """The seconds around the gap that ``clocks`` tell, or around the longest.

    Where no probe was lost, around the longest run of late answers, or the host's blackout.
    """
    tracks = [track for track in tracks if len(track.at_s)]
    if not tracks:
        return blank(TITLE, "no samples: no probe was recorded")
    title, span_s = _around(tracks, clocks)
    if span_s is None:
        return blank(title, "no probe was lost")
    middle_s, length_s = sum(span_s) / 2, span_s[1] - span_s[0]
    half_s = max(WIDTH_S / 2, 0.9 * length_s)
    reach_s = max(half_s, length_s / 2 + _REACH_S)
    near = [track.within(middle_s - reach_s, middle_s + reach_s) for track in tracks]
    stack = Stack(axis)
    _plots(stack, [track for track in near if len(track.at_s)])
    add_bars(stack, bars_of(clocks, span_s))
    stack.traces += fates_in_words(near)
    figure = stack.figure(title, bands=bands, barmode="overlay")
    figure.update_xaxes(range=axis.shown(np.array([middle_s - half_s, middle_s + half_s])))
    return figure


def _around(tracks: Sequence[Track], clocks: Clocks) -> tuple[str, _Span | None]:
    """What there is to see: of the kind that is told, else of any kind of a machine, else of a control."""
    if clocks.gap_at_s is not None:
        return TITLE, clocks.gap_at_s
    if clocks.held_at_s is not None:
        return LATE_TITLE, clocks.held_at_s
    machines = [track for track in tracks if not track.control]
    told = [track for track in machines if track.kind == clocks.kind]
    for fate, title in ((LOST, TITLE), (LATE, LATE_TITLE)):
        for group in (told, machines, tracks):
            spans = [span_s for track in group if (span_s := _longest(track, fate, clocks))]
            if spans:
                return title, max(spans, key=lambda span_s: span_s[1] - span_s[0])
    return (PAUSE_TITLE if clocks.pause_at_s else TITLE), clocks.pause_at_s


def _longest(track: Track, fate: str, clocks: Clocks) -> _Span | None:
    """The longest run of this fate; of a gap whose length is told, the run that is nearest to it."""
    hit = track.met(fate)
    runs = marks_of(track.at_s, hit, max(len(hit), 2))
    if not len(runs.hits):
        return None
    length_s = runs.last_s - runs.first_s
    told_s = clocks.lower_s if fate == LOST and track.kind == clocks.kind else None
    chosen = int(np.argmax(length_s) if told_s is None else np.argmin(np.abs(length_s - told_s)))
    return float(runs.first_s[chosen]), float(runs.last_s[chosen])


def _plots(stack: Stack, tracks: Sequence[Track]) -> None:
    targets = [[*group] for _, group in groupby(tracks, key=lambda track: track.place)]
    for group in targets[:_MOST_TARGETS]:
        add_lines(stack, group, height_px=90 if group[0].control else 140, most=MOST_POINTS // 2)
        add_strip(stack, group, [track.words for track in group], most=MOST_MARKS // len(tracks))
