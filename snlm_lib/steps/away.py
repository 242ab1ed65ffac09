"""What 06 keeps of the probes: numbers for the report and rows for its tables. Decides nothing."""

from __future__ import annotations

from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.away import Downtime, RttBand
from snlm_lib.measure.downtime import DowntimeReport
from snlm_lib.record.charts.clocks import clocks_told, placed
from snlm_lib.units import thousandths

__all__ = ["away_figures", "away_row", "trip_rows"]

Scalar = str | int | float | bool | None


def away_figures(report: DowntimeReport) -> dict[str, Scalar]:
    """Lengths in seconds, round trips in milliseconds; counts over all kinds of the machine."""
    rtt = report.told.rtt if report.told else None
    counts = ("probes", "lost", "late", "not_sent", "duplicated", "reordered")
    return {
        **{name: sum(getattr(item, name) for item in report.kinds) for name in counts},
        "gap_s": thousandths(report.gap_s),
        "gap_lower_s": thousandths(report.gap_lower_s),
        "gap_upper_s": thousandths(report.gap_upper_s),
        "gap_kind": report.gap_kind,
        "interval_s": report.interval_ms / 1000,
        "host_blackout_s": report.host_blackout_s,
        "residue_s": thousandths(report.residue_s),
        "cause": report.residue.cause.value,
        "usable": report.usable,
        "doubtful": report.doubtful,
        "quotable": not report.blamed,
        "control": _control(report),
        "rtt_p50_ms": thousandths(rtt.p50_ms if rtt else None),
        "rtt_p95_ms": thousandths(rtt.p95_ms if rtt else None),
        "rtt_p99_ms": thousandths(rtt.p99_ms if rtt else None),
        **placed(clocks_told(report)),
    }


def _control(report: DowntimeReport) -> str | None:
    """ "clean", "lost probes" or "never answered"; None without a control."""
    if not report.control:
        return None
    if not any(item.heard for item in report.control):
        return "never answered"
    return "lost probes" if any(item.lost for item in report.control if item.heard) else "clean"


def away_row(item: Downtime) -> dict[str, Scalar]:
    """One kind of one target during the move."""
    gap = item.gap
    return {
        "target": item.target,
        "probe": KIND_WORDS.get(item.kind, item.kind),
        "exchange": item.exchange,
        "sent": item.probes,
        "lost": item.lost,
        "late": item.late,
        "not sent": item.not_sent,
        "twice answered": item.duplicated,
        "out of order": item.reordered,
        "longest gap, s": thousandths(gap.length_s) if gap else None,
        "at least, s": thousandths(gap.lower_s) if gap else 0.0,
        "at most, s": thousandths(gap.upper_s if gap and item.unseen_s is not None else item.unseen_s),
    }


def trip_rows(item: Downtime) -> list[dict[str, Scalar]]:
    """Percentiles of round trips; a part of which nothing was answered has no row."""
    parts = {"before": item.rtt_before, "during": item.rtt, "after": item.rtt_after}
    return [_trips(item, when, band) for when, band in parts.items() if band is not None]


def _trips(item: Downtime, when: str, band: RttBand) -> dict[str, Scalar]:
    return {
        "probe": KIND_WORDS.get(item.kind, item.kind),
        "when": when,
        "p50, ms": thousandths(band.p50_ms),
        "p95, ms": thousandths(band.p95_ms),
        "p99, ms": thousandths(band.p99_ms),
        "longest, ms": thousandths(band.most_ms),
    }
