"""More round trips than can be drawn, as smoke: for each slice of time the median and how far the rest spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from snlm_lib.measure.ledger import LOST, NOT_SENT
from snlm_lib.record.charts.lines import plain, scale
from snlm_lib.record.charts.stack import Stack
from snlm_lib.record.charts.theme import COLOURS, LOSS_CLASSES, translucent
from snlm_lib.record.charts.thin import Floats
from snlm_lib.record.charts.tracks import Track

__all__ = ["LEVELS", "Smoke", "add_smoke", "outline", "smoke_of"]

LEVELS = np.array([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
_MEDIAN = 3
_BANDS = ((0, 6, "all answers", 0.2), (1, 5, "90 % of them", 0.22), (2, 4, "half of them", 0.34))  # levels, alpha


@dataclass(frozen=True)
class Smoke:
    """Slices of equal width from ``start_s``; ``levels_ms`` has a row for each of `LEVELS`, NaN without an answer."""

    start_s: float
    width_s: float
    levels_ms: Floats
    lost: NDArray[np.int64]
    sent: NDArray[np.int64]

    @property
    def middle_s(self) -> Floats:
        """The middle of each slice."""
        first_s = self.start_s + self.width_s / 2
        return first_s + np.arange(len(self.lost), dtype=np.float64) * self.width_s

    @property
    def median_ms(self) -> Floats:
        """The median of each slice."""
        found: Floats = self.levels_ms[_MEDIAN]
        return found


def smoke_of(track: Track, start_s: float, end_s: float, slices: int) -> Smoke:
    """Cut a track into ``slices`` from ``start_s`` to ``end_s``; the lowest and highest answer of each are exact."""
    width_s = (end_s - start_s) / slices or 1.0
    number = np.clip(((track.at_s - start_s) / width_s).astype(np.int64), 0, slices - 1)
    sent = np.bincount(number[~track.met(NOT_SENT)], minlength=slices)
    lost = np.bincount(number[track.met(LOST)], minlength=slices)
    known = ~np.isnan(track.rtt_ms)
    return Smoke(start_s, width_s, _levels(number[known], track.rtt_ms[known], slices), lost, sent)


def _levels(number: NDArray[np.int64], rtt_ms: Floats, slices: int) -> Floats:
    """``number`` never falls, so that a slice's answers lie together."""
    found = np.full((slices, len(LEVELS)), np.nan)
    ends = np.cumsum(np.bincount(number, minlength=slices))
    for one, answers in zip(found, np.split(rtt_ms, ends[:-1]), strict=True):
        if len(answers):
            one[:] = np.sort(answers)[np.rint(LEVELS * (len(answers) - 1)).astype(np.int64)]
    return found.T


def outline(smoke: Smoke, low: int, high: int) -> tuple[Floats, Floats]:
    """The edge of a band as closed shapes, NaN between two: where nothing was answered there is no smoke.

    A slice is as wide as it was, also when it stands alone.
    """
    lower, upper = smoke.levels_ms[low], smoke.levels_ms[high]
    known = np.concatenate([[False], ~np.isnan(lower), [False]])
    edges = np.flatnonzero(known[1:] != known[:-1])
    xs: list[Floats] = []
    ys: list[Floats] = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        x = smoke.middle_s[begin:end]
        x = np.concatenate([[x[0] - smoke.width_s / 2], x[1:-1], [x[-1] + smoke.width_s / 2]])
        up, down = upper[begin:end], lower[begin:end]
        if end - begin == 1:
            up, down = np.repeat(up, 2), np.repeat(down, 2)
        xs += [x, x[::-1], np.array([np.nan])]
        ys += [up, down[::-1], np.array([np.nan])]
    return (np.concatenate(xs), np.concatenate(ys)) if xs else (np.array([]), np.array([]))


def add_smoke(stack: Stack, track: Track, span_s: tuple[float, float], slices: int, *, height_px: int) -> None:
    """A plot of one track's round trips: bands from the lowest to the highest, the median coloured by what was lost."""
    smoke = smoke_of(track, *span_s, slices)
    headline = f"{track.place}, {track.words}: round trip, ms"
    yaxis = stack.row(height_px, headline=headline, gap_px=16, **scale(track.rtt_ms))
    colour = COLOURS.get(track.kind, COLOURS["other"])
    stack.traces += [_band(smoke, stack, yaxis, colour, *band) for band in _BANDS]
    stack.traces.append(_median(smoke, stack, yaxis, colour))
    stack.traces += _losses(smoke, stack, yaxis)


def _band(
    smoke: Smoke, stack: Stack, yaxis: str, colour: str, low: int, high: int, words: str, alpha: float
) -> go.Scatter:
    x, y = outline(smoke, low, high)
    between = np.isnan(x)
    return go.Scatter(
        x=[None if gap else at for gap, at in zip(between.tolist(), stack.axis.shown(np.nan_to_num(x)), strict=True)],
        y=plain(y),
        yaxis=yaxis,
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(colour, alpha),
        hoverinfo="skip",
        name=words,
        legendgroup=words,
        showlegend=stack.names_first(words),
    )


def _median(smoke: Smoke, stack: Stack, yaxis: str, colour: str) -> go.Scatter:
    start, width = stack.axis.shown(smoke.middle_s[:1]), stack.axis.lengths(np.array([smoke.width_s]))
    return go.Scatter(
        x0=start[0],
        dx=width[0],
        y=plain(smoke.median_ms),
        yaxis=yaxis,
        mode="lines",
        line={"color": colour, "width": 1.5},
        name="median",
        legendgroup="median",
        showlegend=stack.names_first("median"),
        customdata=[
            [*levels, lost, sent]
            for *levels, lost, sent in zip(
                *(plain(smoke.levels_ms[row]) for row in (0, 1, 5, 6)),
                smoke.lost.tolist(),
                smoke.sent.tolist(),
                strict=True,
            )
        ],
        hovertemplate=f"{stack.axis.hover}: median %{{y:.2f}} ms<br>90 % from %{{customdata[1]:.2f}} to "
        "%{customdata[2]:.2f}, all from %{customdata[0]:.2f} to %{customdata[3]:.2f} ms<br>"
        "%{customdata[4]:,} of %{customdata[5]:,} lost<extra></extra>",
    )


def _losses(smoke: Smoke, stack: Stack, yaxis: str) -> Iterator[go.Scatter]:
    share = smoke.lost / np.maximum(smoke.sent, 1)
    above = 0.0
    for most, words, colour in LOSS_CLASSES:
        here = (share > above) & (share <= most) & ~np.isnan(smoke.median_ms)
        above = most
        if here.any():
            yield go.Scatter(
                x=stack.axis.shown(smoke.middle_s[here]),
                y=plain(smoke.median_ms[here]),
                yaxis=yaxis,
                mode="markers",
                marker={"symbol": "square", "size": 5, "color": colour},
                hoverinfo="skip",  # the median below it tells
                name=words,
                legendgroup=words,
                showlegend=stack.names_first(words),
            )
