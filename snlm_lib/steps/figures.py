"""What 05 and 06 draw: samples of this record, through `snlm_lib.record.charts`."""

from __future__ import annotations

from snlm_lib import show
from snlm_lib.measure.passes import phase_bands
from snlm_lib.measure.samples import Columns, read_samples
from snlm_lib.record.charts.clocks import Clocks, clocks_told
from snlm_lib.record.charts.passes import passes_figure
from snlm_lib.record.charts.pings import pings_figure
from snlm_lib.record.charts.progress import progress_figure
from snlm_lib.record.charts.tracks import read_tracks
from snlm_lib.record.charts.zoom import pings_zoom_figure
from snlm_lib.step import Step
from snlm_lib.steps.verify import Away

__all__ = ["passes", "pings", "progress", "zoom"]


def _samples(step: Step, name: str) -> Columns:
    return read_samples(step.record.samples / f"{name}.csv")


def progress(step: Step) -> None:
    """Percent against time, with the phases as bands."""
    course, memory = _samples(step, "progress"), _samples(step, "passes")
    drawn = progress_figure(course, memory, bands=phase_bands(course, memory))
    show.figure(drawn, words="Progress of the move in percent against seconds since it was requested.")


def passes(step: Step) -> None:
    """Memory passes: dirty pages and bytes."""
    show.figure(passes_figure(_samples(step, "passes")), words="Memory copied and still dirty in each pre-copy pass.")


def pings(step: Step, away: Away) -> None:
    """Every probe, lost ones marked, over the phases of the move."""
    course, memory = _samples(step, "progress"), _samples(step, "passes")
    tracks, axis = read_tracks(step.record.samples, requested_utc=away.requested_utc)
    drawn = pings_figure(tracks, axis, bands=phase_bands(course, memory))
    show.figure(drawn, words="Round-trip time of every probe; each lost probe is a mark.")


def zoom(step: Step, away: Away) -> None:
    """The seconds around the longest gap, with both clocks as bars."""
    clocks = clocks_told(away.report) if away.report else Clocks(host_blackout_s=away.host_blackout_s)
    tracks, axis = read_tracks(step.record.samples, requested_utc=away.requested_utc)
    course, memory = _samples(step, "progress"), _samples(step, "passes")
    drawn = pings_zoom_figure(tracks, axis, clocks, bands=phase_bands(course, memory))
    show.figure(drawn, words="The seconds around the longest gap, probe by probe, with both clocks below.")
