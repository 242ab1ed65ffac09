"""Pings: the whole run, and some seconds around the longest gap with its two clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import plotly.graph_objects as go

from snlm_lib.measure.passes import Band
from snlm_lib.measure.samples import Columns, moments, numbers, texts
from snlm_lib.record.charts.theme import COLOURS, add_bands, blank, new_figure
from snlm_lib.record.charts.thin import min_max, one_a_bucket

__all__ = ["Clocks", "Probe", "longest_loss", "pings_figure", "pings_zoom_figure", "probes_of"]

TITLE = "Pings"
ZOOM_TITLE = "Around the longest gap"
_MARKS = (("lost", "line-ns-open", 13), ("not_sent", "circle-open", 6))
_DASHES = {"tcp": "dot"}
_SYMBOLS = {"udp": "circle", "tcp": "square-open"}
_SIDE_S = 2.5  # seen before and after the gap, at least


@dataclass(frozen=True)
class Probe:
    """One probe: when it was due or sent, on the figure's axis; ``rtt_ms`` None unless an answer came."""

    time_s: float
    kind: str
    status: str
    rtt_ms: float | None


@dataclass(frozen=True)
class Clocks:
    """What 06 told: the gap with its bounds, the host's figure, and in a rehearsal the lab's true silence."""

    gap_s: float | None = None
    lower_s: float | None = None
    upper_s: float | None = None
    kind: str | None = None
    host_blackout_s: float | None = None
    truth_s: float | None = None


def probes_of(pings: Columns, requested_utc: datetime | None) -> list[Probe]:
    """The probes in order of time, in seconds since ``requested_utc``, or since the monitor's start if None.

    Times come from the monitor's monotonic scale; one UTC stamp ties it to the moment of the request.
    """
    sent, due = numbers(pings, "sent_s"), numbers(pings, "due_s")
    shift = _shift(moments(pings, "sent_utc"), sent, requested_utc)
    columns = (sent, due, texts(pings, "kind"), texts(pings, "status"), numbers(pings, "rtt_ms"))
    found = []
    for at, planned, kind, status, rtt in zip(*columns, strict=False):
        time = planned if at is None else at
        if time is not None:
            found.append(Probe(time + shift, kind, status, rtt))
    return sorted(found, key=lambda probe: probe.time_s)


def _shift(stamps: list[datetime | None], sent: list[float | None], requested: datetime | None) -> float:
    if requested is None:
        return 0.0
    for stamp, at in zip(stamps, sent, strict=False):
        if stamp is not None and at is not None:
            return (stamp - requested).total_seconds() - at
    return 0.0


def longest_loss(probes: Sequence[Probe], kind: str | None = None) -> tuple[float, float] | None:
    """Times of the first and the last of the most consecutive lost probes of one kind; None when none is lost."""
    best: tuple[int, float, float] | None = None
    for one in [kind] if kind else _kinds(probes):
        count, first = 0, 0.0
        for probe in (probe for probe in probes if probe.kind == one):
            count = count + 1 if probe.status == "lost" else 0
            first = probe.time_s if count == 1 else first
            if count and (best is None or count > best[0]):
                best = (count, first, probe.time_s)
    return None if best is None else best[1:]


def _kinds(probes: Sequence[Probe]) -> list[str]:
    return sorted({probe.kind for probe in probes}, reverse=True)  # udp above tcp


def pings_figure(pings: Columns, *, requested_utc: datetime | None = None, bands: Sequence[Band] = ()) -> go.Figure:
    """Round-trip time of every answer, late ones marked; below it a strip with a mark for each lost probe."""
    probes = probes_of(pings, requested_utc)
    if not probes:
        return blank(TITLE, "no samples: no probe was recorded")
    lost = sum(probe.status == "lost" for probe in probes)
    figure = new_figure(f"{TITLE}: {lost:,} of {len(probes):,} lost", x=_axis(requested_utc), y="")
    add_bands(figure, bands)
    _latency(figure, probes, markers=False)
    _strip(figure, probes)
    _two_rows(figure, probes, 0.24)
    return figure


def pings_zoom_figure(pings: Columns, clocks: Clocks, *, requested_utc: datetime | None = None) -> go.Figure:
    """The seconds around the longest gap, probe by probe, and below them the gap beside the host's blackout.

    The gap stands where its probes were lost. The other bars start with it: only their length was measured.
    """
    probes = probes_of(pings, requested_utc)
    found = longest_loss(probes, clocks.kind) or longest_loss(probes)
    if found is None:
        return blank(ZOOM_TITLE, "no probe was lost" if probes else "no samples: no probe was recorded")
    first, last = found
    side = max(_SIDE_S, 1.2 * (last - first))
    near = [probe for probe in probes if first - side <= probe.time_s <= last + side]
    figure = new_figure(ZOOM_TITLE, x=_axis(requested_utc), y="")
    _latency(figure, near, markers=True)
    _strip(figure, near, yaxis="y2")
    _two_rows(figure, near, 0.24)
    bars = _clock_bars(figure, clocks, first)
    figure.update_layout(
        height=470,
        yaxis={"domain": [0.64, 1]},
        yaxis2={"domain": [0.40, 0.56]},
        yaxis3={"domain": [0, 0.08 + 0.08 * bars], "autorange": "reversed", "anchor": "x", "showgrid": False},
        barmode="overlay",
    )
    figure.update_xaxes(range=[first - side, last + side])
    return figure


def _axis(requested_utc: datetime | None) -> str:
    return "time since the " + ("move was requested, s" if requested_utc else "monitor started, s")


def _latency(figure: go.Figure, probes: Sequence[Probe], *, markers: bool) -> None:
    for kind in _kinds(probes):
        points = [(one.time_s, one.rtt_ms if one.status == "answered" else None) for one in probes if one.kind == kind]
        drawn = min_max(points)
        colour = COLOURS.get(kind, COLOURS["other"])
        figure.add_trace(
            go.Scatter(
                x=[round(time, 4) for time, _ in drawn],
                y=[value for _, value in drawn],
                mode="lines+markers" if markers else "lines",
                line={"color": colour, "width": 1.3, "dash": _DASHES.get(kind, "solid")},
                marker={"size": 5, "symbol": _SYMBOLS.get(kind, "circle")},
                name=f"{kind.upper()} round trip",
                hovertemplate=f"{kind.upper()} %{{x:.2f}} s: %{{y:.2f}} ms<extra></extra>",
                connectgaps=False,
            )
        )
    late = [(probe.time_s, probe.rtt_ms) for probe in probes if probe.status == "late" and probe.rtt_ms is not None]
    if late:
        shown = min_max(late)
        figure.add_trace(
            go.Scatter(
                x=[time for time, _ in shown],
                y=[value for _, value in shown],
                mode="markers",
                marker={"symbol": "diamond", "size": 8, "color": COLOURS["late"]},
                name=f"late ({len(late)})",
                hovertemplate="late at %{x:.2f} s: %{y:.0f} ms<extra></extra>",
            )
        )


def _strip(figure: go.Figure, probes: Sequence[Probe], yaxis: str = "y2") -> None:
    for status, symbol, size in _MARKS:
        marks = [
            (time, _row_name(kind))
            for kind in _kinds(probes)
            for time in one_a_bucket([one.time_s for one in probes if (one.status, one.kind) == (status, kind)])
        ]
        count = sum(probe.status == status for probe in probes)
        if count:
            figure.add_trace(
                go.Scatter(
                    x=[round(time, 4) for time, _ in marks],
                    y=[kind for _, kind in marks],
                    yaxis=yaxis,
                    mode="markers",
                    marker={"symbol": symbol, "size": size, "color": COLOURS[status], "line": {"width": 2}},
                    name=f"{status.replace('_', ' ')} ({count})",
                    hovertemplate=f"{status.replace('_', ' ')} at %{{x:.2f}} s<extra></extra>",
                )
            )


def _row_name(kind: str) -> str:
    return f"lost {kind.upper()}"


def _two_rows(figure: go.Figure, probes: Sequence[Probe], strip: float) -> None:
    """Latency above, the strip of lost probes below, one time axis under both."""
    known = [probe.rtt_ms for probe in probes if probe.rtt_ms]
    wide = bool(known) and max(known) / min(known) > 50
    kinds = [_row_name(kind) for kind in _kinds(probes)]
    figure.update_layout(
        yaxis={
            "domain": [strip + 0.08, 1],
            "title": {"text": "round trip, ms"},
            **({"type": "log", "dtick": 1} if wide else {"rangemode": "tozero"}),
        },
        yaxis2={
            "domain": [0, strip - 0.02],
            "anchor": "x",
            "type": "category",
            "categoryorder": "array",
            "categoryarray": kinds[::-1],
            "range": [-0.6, len(kinds) - 0.4],
            "showgrid": False,
        },
        xaxis={"anchor": "free", "position": 0},
    )


def _clock_bars(figure: go.Figure, clocks: Clocks, start: float) -> int:
    """The bars, topmost first; how many there are."""
    bars = [
        (f"gap{_by(clocks.kind)}", clocks.gap_s, "gap", _spread(clocks)),
        ("host blackout", clocks.host_blackout_s, "blackout", None),
        ("lab's truth", clocks.truth_s, "truth", None),
    ]
    known = [bar for bar in bars if bar[1] is not None]
    for name, length, colour, spread in known:
        told = f"{length:.2f} s" + (f" ± {spread:.2f}" if spread else "")
        figure.add_trace(
            go.Bar(
                base=[start],
                x=[length],
                y=[name],
                yaxis="y3",
                orientation="h",
                marker={"color": COLOURS[colour]},
                error_x={"array": [spread], "thickness": 2, "color": COLOURS["bounds"]} if spread else None,
                showlegend=False,
                hovertemplate=f"{name}: {told}<extra></extra>",
            )
        )
        figure.add_trace(_told(told, start, name))
    return len(known)


def _told(words: str, start: float, row: str) -> go.Scatter:
    """Words to the left of a bar: to its right stand its bounds."""
    return go.Scatter(
        x=[start],
        y=[row],
        yaxis="y3",
        mode="text",
        text=[f"{words}  "],
        textposition="middle left",
        showlegend=False,
        hoverinfo="skip",
    )


def _by(kind: str | None) -> str:
    return f" by {kind.upper()}" if kind else ""


def _spread(clocks: Clocks) -> float | None:
    if clocks.lower_s is None or clocks.upper_s is None:
        return None
    return (clocks.upper_s - clocks.lower_s) / 2
