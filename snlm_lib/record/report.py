"""report.html: one page that opens offline for years, built whatever the verdict and whatever is missing.

plotly.js stands in it once. A content security policy lets only the page's own two scripts run and lets nothing
be fetched, so text from a host or a notebook stays text even if it slipped through the escaping.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from snlm_lib.measure.passes import phase_bands
from snlm_lib.measure.samples import Columns, moments, numbers, read_samples
from snlm_lib.process import write_atomic
from snlm_lib.record.charts.passes import passes_figure
from snlm_lib.record.charts.pings import Clocks, pings_figure, pings_zoom_figure
from snlm_lib.record.charts.progress import progress_figure
from snlm_lib.record.charts.theme import figure_json, plotly_js, templates_json
from snlm_lib.record.folder import Record
from snlm_lib.record.page.card import card, title_of
from snlm_lib.record.page.evidence import how_to_verify, journal_section, notebook_sections
from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.html import Child, Html, data_block, el, join
from snlm_lib.record.page.steps import overview, step_sections
from snlm_lib.record.state import RunState, read_state
from snlm_lib.units import parse_utc

__all__ = ["build_report", "clocks_of", "requested_utc"]


@dataclass(frozen=True)
class _Samples:
    progress: Columns
    passes: Columns
    pings: Columns


def build_report(record: Record) -> Path:
    """Write report.html into the open record, replacing an earlier one; raises RecordError when it is sealed."""
    record.refuse_sealed()
    write_atomic(record.report_html, _page(record, read_state(record)))
    return record.report_html


def _page(record: Record, state: RunState) -> str:
    figures = Figures()
    body = join(
        el("main", card(state), overview(state), step_sections(state, _step_figures(record, state, figures))),
        el("main", journal_section(state), notebook_sections(record, state, figures), how_to_verify(state)),
    )
    return _document(title_of(state), body, figures)


def _step_figures(record: Record, state: RunState, figures: Figures) -> Mapping[str, Child]:
    """Progress and passes under the move; pings under 06, or under the last step that can have caused any."""
    samples = _Samples(*(read_samples(record.samples / f"{name}.csv") for name in ("progress", "passes", "pings")))
    move, monitor = state.step("05"), state.step("04")
    last = state.step("06") or move or monitor
    found: dict[str, list[Html]] = {}
    if move:
        found[move.name] = _move_figures(samples, figures)
    if last and (samples.pings or last is not monitor):
        found.setdefault(last.name, []).extend(_ping_figures(samples, state, figures))
    return {name: el("div", places, class_="figures") for name, places in found.items()}


def _move_figures(samples: _Samples, figures: Figures) -> list[Html]:
    bands = phase_bands(samples.progress, samples.passes)
    progress = progress_figure(samples.progress, samples.passes, bands=bands)
    return [
        figures.place(figure_json(progress), words="The move's percentage against time, with its phases"),
        figures.place(figure_json(passes_figure(samples.passes)), words="Dirty memory and bytes sent in each pass"),
    ]


def _ping_figures(samples: _Samples, state: RunState, figures: Figures) -> list[Html]:
    start = requested_utc(state, samples.progress)
    bands = phase_bands(samples.progress, samples.passes) if start else []
    whole = pings_figure(samples.pings, requested_utc=start, bands=bands)
    zoom = pings_zoom_figure(samples.pings, clocks_of(state), requested_utc=start)
    return [
        figures.place(figure_json(whole), words="Round-trip time of each ping, and each lost one"),
        figures.place(
            figure_json(zoom), words="The seconds around the longest gap, with the gap and the host blackout"
        ),
    ]


def requested_utc(state: RunState, progress: Columns) -> datetime | None:
    """When the move was requested: as 05 says, else worked back from the first sample of its progress."""
    told = state.figure("05", "requested_utc")
    try:
        return parse_utc(str(told))
    except ValueError:
        pass
    for stamp, at in zip(moments(progress, "utc"), numbers(progress, "t_s"), strict=False):
        if stamp is not None and at is not None:
            return stamp - timedelta(seconds=at)
    return None


def clocks_of(state: RunState) -> Clocks:
    """The numbers of the zoom figure, from the results and the lab's truth."""
    kind = state.figure("06", "gap_kind")
    silence = (state.truth or {}).get("silence_s")
    return Clocks(
        gap_s=state.number("06", "gap_s"),
        lower_s=state.number("06", "gap_lower_s"),
        upper_s=state.number("06", "gap_upper_s"),
        kind=kind if isinstance(kind, str) else None,
        host_blackout_s=state.number("06", "host_blackout_s") or state.number("05", "host_blackout_s"),
        truth_s=float(silence) if isinstance(silence, int | float) else None,
    )


def _document(title: str, body: Html, figures: Figures) -> str:
    style, script, plotly = _part("page.css"), _part("page.js"), plotly_js()
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(plotly, script)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Html(style)),
    )
    data = join(data_block(templates_json(), id_="figure-templates"), figures.blocks())
    scripts = join(el("script", Html(plotly)), el("script", Html(script)))
    return f"<!DOCTYPE html>\n{el('html', head, el('body', body, data, scripts), lang='en')}\n"


def _policy(*scripts: str) -> str:
    allowed = " ".join(f"'sha256-{_base64_sha256(script)}'" for script in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _base64_sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _part(name: str) -> str:
    # newlines as in the repository, whatever the check-out made of them: the script's hash depends on them
    return files("snlm_lib.record.page").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
