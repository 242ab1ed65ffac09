"""What the two clocks say of one absence, on a figure's axis: from the judgement, or from what a step kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from snlm_lib.measure.downtime import DowntimeReport

__all__ = ["Clocks", "clocks_kept", "clocks_told", "placed"]

Span = tuple[float, float]
Scalar = str | int | float | bool | None
_SIDES = ("start", "end")


@dataclass(frozen=True)
class Clocks:
    """Lengths and moments in seconds, these on the figure's axis; None is unknown.

    ``gap_at_s`` is from and to; ``held_at_s`` is a spell of late answers, told where no probe was lost.
    ``pause_at_s`` is where the host's blackout lay, ``pause_by`` how that is known (`Pause`); ``logged_s`` when the
    host had logged it, its clock corrected by its offset. ``truth_s`` is the lab's.
    """

    gap_s: float | None = None
    lower_s: float | None = None
    upper_s: float | None = None
    kind: str | None = None
    gap_at_s: Span | None = None
    held_at_s: Span | None = None
    host_blackout_s: float | None = None
    pause_at_s: Span | None = None
    pause_by: str | None = None
    logged_s: float | None = None
    truth_s: float | None = None


def clocks_told(report: DowntimeReport, *, zero_s: float | None = None) -> Clocks:
    """What ``report`` says; moments in seconds since ``zero_s`` of the monitor, by default since its window began."""
    if zero_s is None:
        zero_s = report.told.window_s[0] if report.told and report.told.window_s else 0.0
    gap, pause = report.gap, report.pause
    held = report.told.latest if report.told and not gap else None
    logged_s = pause.over_by_s if pause else None
    return Clocks(
        gap_s=report.gap_s,
        lower_s=report.gap_lower_s,
        upper_s=report.gap_upper_s,
        kind=report.gap_kind,
        gap_at_s=(gap.start_s - zero_s, gap.end_s - zero_s) if gap else None,
        held_at_s=(held.start_s - zero_s, held.end_s - zero_s) if held else None,
        host_blackout_s=report.host_blackout_s,
        pause_at_s=(pause.start_s - zero_s, pause.end_s - zero_s) if pause else None,
        pause_by=pause.by if pause else None,
        logged_s=None if logged_s is None else logged_s - zero_s,
    )


def placed(clocks: Clocks) -> dict[str, Scalar]:
    """The moments as figures of a step, for `clocks_kept`."""
    spans = {"gap": clocks.gap_at_s, "held": clocks.held_at_s, "pause": clocks.pause_at_s}
    moments = {
        f"{name}_{side}_s": span[index] if span else None
        for name, span in spans.items()
        for index, side in enumerate(_SIDES)
    } | {"logged_s": clocks.logged_s}
    return {**{name: None if at is None else round(at, 4) for name, at in moments.items()}, "pause_by": clocks.pause_by}


def clocks_kept(figure: Callable[[str], Any], *, host_blackout_s: float | None, truth_s: float | None) -> Clocks:
    """The reverse, from a step's figures; an older record has no moments."""

    def number(name: str) -> float | None:
        found = figure(name)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    def span(name: str) -> Span | None:
        start_s, end_s = (number(f"{name}_{side}_s") for side in _SIDES)
        return None if start_s is None or end_s is None else (start_s, end_s)

    def words(name: str) -> str | None:
        found = figure(name)
        return found if isinstance(found, str) else None

    return Clocks(
        gap_s=number("gap_s"),
        lower_s=number("gap_lower_s"),
        upper_s=number("gap_upper_s"),
        kind=words("gap_kind"),
        gap_at_s=span("gap"),
        held_at_s=span("held"),
        host_blackout_s=host_blackout_s,
        pause_at_s=span("pause"),
        pause_by=words("pause_by"),
        logged_s=number("logged_s"),
        truth_s=truth_s,
    )
