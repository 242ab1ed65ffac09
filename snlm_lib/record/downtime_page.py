"""What samples say, as one page that opens offline: the sentence, its doubts, the pictures and a table. No record."""

from __future__ import annotations

from collections.abc import Sequence

from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.away import Downtime
from snlm_lib.measure.downtime import DowntimeReport
from snlm_lib.measure.pings import Pings, series_of
from snlm_lib.measure.verdict import verdict
from snlm_lib.record.charts.clocks import clocks_told
from snlm_lib.record.charts.pings import pings_figure
from snlm_lib.record.charts.theme import figure_json
from snlm_lib.record.charts.tracks import tracks_of
from snlm_lib.record.charts.zoom import pings_zoom_figure
from snlm_lib.record.page.document import document
from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Html, el, join, table

__all__ = ["page_of"]

_COLUMNS = ("target", "probe", "sent", "lost", "late", "not sent", "longest gap, s", "median, ms", "99 % below, ms")


def page_of(judged: Sequence[tuple[Pings, DowntimeReport]], *, foot: str = "") -> str:
    """The page as text: what each report says, every file in one timeline, the gap of each machine close to.

    Files that do not tell the time of day have a timeline each. ``foot`` is a sentence over all of them.
    """
    figures = Figures()
    names = ", ".join(dict.fromkeys(report.target or "nobody" for _, report in judged))
    parts = [_card(report) for _, report in judged]
    timelines = [_timeline(files, figures) for files in _on_one_axis([pings for pings, _ in judged])]
    closer = [_closer(pings, report, figures) for pings, report in judged]
    body = el("main", parts, timelines, closer, el("p", foot) if foot else None)
    return document(f"How long {names} was away", join(body), figures)


def _on_one_axis(files: Sequence[Pings]) -> list[list[Pings]]:
    each = list({id(pings): pings for pings in files}.values())
    dated = [pings for pings in each if pings.wall.zero_utc is not None]
    return [*([dated] if dated else []), *([pings] for pings in each if pings.wall.zero_utc is None)]


def _timeline(files: Sequence[Pings], figures: Figures) -> Html:
    tracks, axis = tracks_of(series_of(*files))
    whole = figures.place(
        figure_json(pings_figure(tracks, axis)), words="Round-trip time of each ping, and each lost one"
    )
    return el("section", el("h2", "All probes"), el("div", whole, class_="figures"))


def _card(report: DowntimeReport) -> Html:
    told = verdict(report)
    header = report.header
    seen = f"seen from {header.vantage}, " if header.vantage else ""
    facts = f"{seen}a probe every {report.interval_ms:g} ms, {report.schema}"
    return el(
        "section",
        el("h1", report.target or "No machine"),
        el("p", told.sentence, class_="lead"),
        el("ul", [el("li", doubt) for doubt in told.doubts], class_="highlights") if told.doubts else None,
        el("p", facts, class_="note"),
        class_=f"card {'is-done' if told.supported and told.whole else 'is-unknown'}",
    )


def _closer(pings: Pings, report: DowntimeReport, figures: Figures) -> Html:
    """One machine and its controls, ten seconds of them, and what each kind saw."""
    beside = {report.target, *(one.target for one in report.control)}
    tracks, axis = tracks_of(one for one in series_of(pings) if one.target.name in beside)
    zoom = pings_zoom_figure(tracks, axis, clocks_told(report, zero_s=0.0))
    place = figures.place(figure_json(zoom), words="The seconds around the longest gap, probe by probe")
    rows = [_row(one) for one in (*report.kinds, *report.control)]
    return el(
        "section",
        el("h2", f"{report.target or 'No machine'} close to"),
        el("div", place, class_="figures"),
        table(_COLUMNS, rows, class_="wide"),
    )


def _row(one: Downtime) -> list[str]:
    gap, rtt = one.gap, one.rtt
    return [
        one.target,
        KIND_WORDS.get(one.kind, one.kind),
        *(f"{count:,}" for count in (one.probes, one.lost, one.late, one.not_sent)),
        f"{gap.length_s:.3f}" if gap else "-",
        *(f"{value:.2f}" for value in ((rtt.p50_ms, rtt.p99_ms) if rtt else ())),
        *([] if rtt else ["-", "-"]),
    ]
