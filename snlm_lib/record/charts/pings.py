"""The whole run of the probes: round trips of every target above a strip in which each lost probe is marked.

What can be drawn is drawn probe by probe, all kinds of a target in one plot. A longer run is drawn as smoke, each
kind by itself. The number of probes decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import plotly.graph_objects as go

from snlm_lib.measure.ledger import LOST
from snlm_lib.measure.passes import Band
from snlm_lib.record.charts.lines import add_lines
from snlm_lib.record.charts.smoke import add_smoke
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.strip import MOST_MARKS, add_strip, fates_in_words
from snlm_lib.record.charts.theme import blank
from snlm_lib.record.charts.tracks import TimeAxis, Track

__all__ = ["MOST_SINGLE", "TITLE", "pings_figure"]

TITLE = "Pings"
MOST_SINGLE = 4000  # probes of a track that are drawn one by one
_POINTS = 9000  # over all lines of a figure
_SLICES, _MOST_SLICES = 1080, 400  # over all smoke of a figure, and in one plot
_MOST_PLOTS = 6  # of round trips in one figure: further tracks have their row of marks


def pings_figure(tracks: Sequence[Track], axis: TimeAxis, *, bands: Sequence[Band] = ()) -> go.Figure:
    """Round trips of all ``tracks`` (in the order wanted, machines above controls), phases shaded, fates marked."""
    tracks = [track for track in tracks if len(track.at_s)]
    if not tracks:
        return blank(TITLE, "no samples: no probe was recorded")
    stack = Stack(axis)
    if max(len(track.at_s) for track in tracks) > MOST_SINGLE:
        _smoke(stack, tracks)
    else:
        _lines(stack, tracks)
    stack.traces += fates_in_words(tracks)
    lost, sent = sum(track.count(LOST) for track in tracks), sum(track.sent for track in tracks)
    return stack.figure(f"{TITLE}: {lost:,} of {sent:,} lost", bands=bands, barmode="overlay")


def _lines(stack: Stack, tracks: Sequence[Track]) -> None:
    """A plot a target."""
    targets = [[*group] for _, group in groupby(tracks, key=lambda track: track.place)]
    most = max(MOST_MARKS // len(tracks), 2)
    for group in targets[:_MOST_PLOTS]:
        height_px = 90 if group[0].control else 150
        add_lines(stack, group, height_px=height_px, most=max(_POINTS // len(tracks), 300))
        add_strip(stack, group, [track.words for track in group], most=most)
    _only_marks(stack, [track for group in targets[_MOST_PLOTS:] for track in group], most)


def _smoke(stack: Stack, tracks: Sequence[Track]) -> None:
    """A plot a track."""
    span_s = (min(track.at_s[0] for track in tracks), max(track.at_s[-1] for track in tracks))
    shown = tracks[:_MOST_PLOTS]
    most = max(MOST_MARKS // len(tracks), 2)
    for track in shown:
        add_smoke(stack, track, span_s, min(_SLICES // len(shown), _MOST_SLICES), height_px=110)
        add_strip(stack, [track], [""], most=most, gap_px=2)
    _only_marks(stack, tracks[_MOST_PLOTS:], most)


def _only_marks(stack: Stack, tracks: Sequence[Track], most: int) -> None:
    if tracks:
        names = [f"{track.place} {track.words}" for track in tracks]
        add_strip(stack, tracks, names, most=most, gap_px=24)
