"""report.html: one page that opens offline for years, built whatever the verdict and whatever is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from snlm_lib.measure.passes import phase_bands
from snlm_lib.measure.samples import Columns, moments, numbers, read_samples
from snlm_lib.process import write_atomic
from snlm_lib.record.charts.clocks import Clocks, clocks_kept
from snlm_lib.record.charts.passes import passes_figure
from snlm_lib.record.charts.pings import pings_figure
from snlm_lib.record.charts.progress import progress_figure
from snlm_lib.record.charts.theme import figure_json
from snlm_lib.record.charts.tracks import pings_files, read_tracks
from snlm_lib.record.charts.zoom import pings_zoom_figure
from snlm_lib.record.folder import Record
from snlm_lib.record.outlook import kept_forecast
from snlm_lib.record.page.card import card, title_of
from snlm_lib.record.page.document import document
from snlm_lib.record.page.evidence import how_to_verify, journal_section, notebook_sections
from snlm_lib.record.page.figures import Figures
from snlm_lib.record.page.forecast import forecast_section
from snlm_lib.record.page.html import Child, Html, el, join
from snlm_lib.record.page.steps import overview, step_sections
from snlm_lib.record.state import RunState, read_state
from snlm_lib.units import parse_utc

__all__ = ["build_report", "clocks_of", "requested_utc"]


@dataclass(frozen=True)
class _Samples:
    progress: Columns
    passes: Columns
    folder: Path


def build_report(record: Record) -> Path:
    """Write report.html into the open record, replacing an earlier one; raises RecordError when it is sealed."""
    record.refuse_sealed()
    write_atomic(record.report_html, _page(record, read_state(record)))
    return record.report_html


def _page(record: Record, state: RunState) -> str:
    figures = Figures()
    forecast = forecast_section(kept_forecast(record.path), figures)
    body = join(
        el("main", card(state), overview(state), step_sections(state, _step_figures(record, state, figures))),
        el("main", forecast) if forecast else None,
        el("main", journal_section(state), notebook_sections(record, state, figures), how_to_verify(state)),
    )
    return document(title_of(state), body, figures)


def _step_figures(record: Record, state: RunState, figures: Figures) -> Mapping[str, Child]:
    """Progress and passes under the move; pings under 06, or under the last step that can have caused any."""
    course, memory = (read_samples(record.samples / f"{name}.csv") for name in ("progress", "passes"))
    samples = _Samples(course, memory, record.samples)
    move, monitor = state.step("05"), state.step("04")
    last = state.step("06") or move or monitor
    found: dict[str, list[Html]] = {}
    if move:
        found[move.name] = _move_figures(samples, figures)
    if last and (pings_files(record.samples) or last is not monitor):
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
    tracks, axis = read_tracks(samples.folder, requested_utc=start)
    whole = pings_figure(tracks, axis, bands=bands)
    zoom = pings_zoom_figure(tracks, axis, clocks_of(state), bands=bands)
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
    silence = (state.truth or {}).get("silence_s")
    return clocks_kept(
        lambda name: state.figure("06", name),
        host_blackout_s=state.number("06", "host_blackout_s") or state.number("05", "host_blackout_s"),
        truth_s=float(silence) if isinstance(silence, int | float) else None,
    )
