"""What one probe kind of one target saw: counts, gaps, late answers, round-trip times. Pure analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from snlm_lib.measure.gaps import Gap, gaps_of
from snlm_lib.measure.ledger import ANSWERED, LATE, LOST, NOT_SENT
from snlm_lib.measure.life import Life, life_of
from snlm_lib.measure.pings import Series
from snlm_lib.measure.wall import Floats

__all__ = ["Downtime", "Held", "RttBand", "Span", "Window", "downtime_of", "joined"]

Window = tuple[datetime, datetime]
Bools = NDArray[np.bool_]
Span = tuple[float, float]
_SLACK_INTERVALS = 2
_TOGETHER_S = 1e-5  # answers read in one go are in no order


@dataclass(frozen=True)
class RttBand:
    """Round-trip times of answered and late probes, milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float


@dataclass(frozen=True)
class Held:
    """Probes one after the other that were answered, but much later than usual: sent from ``start_s`` on, the last
    answer at ``end_s``; ``most_s`` is the longest that one waited beyond the usual."""

    probes: int
    most_s: float
    start_s: float
    end_s: float
    started_utc: datetime | None
    ended_utc: datetime | None


@dataclass(frozen=True)
class Downtime:
    """One kind of one target within the window (without one: over all samples).

    ``gap`` is the longest of ``gaps``; None when no probe was lost: then an absence was shorter than ``unseen_s``,
    the longest time without a proof of life (never less than the interval). ``sum_s`` is all gaps together.
    ``stall_s`` is the longest wait between two answers that came, late ones too. ``held`` are spells of late answers.
    ``probes`` left; ``unrecorded`` ticks have no row (yet); ``stalled`` were answered while the monitor did not run.
    ``lost_before`` and ``lost_after`` are losses outside the window that belong to none of its gaps, nor to the time
    that another kind of the machine was away,
    ``probes_after`` every probe that left after it; None without a window. ``heard``: an answer came at all, in the
    window or not. ``errors``: how many probes carry which word. ``reach_s`` is from the first probe to the last,
    ``window_s`` the window, both in seconds of the monitor; None without one.
    """

    target: str
    role: str
    vantage: str
    kind: str
    exchange: str | None
    interval_s: float
    heard: bool
    gaps: tuple[Gap, ...]
    unseen_s: float | None
    stall_s: float | None
    held: tuple[Held, ...]
    probes: int
    answered: int
    lost: int
    late: int
    not_sent: int
    duplicated: int
    reordered: int
    stalled: int
    unrecorded: int
    errors: dict[str, int]
    reach_s: tuple[float, float] | None
    window_s: tuple[float, float] | None
    lost_before: int | None
    lost_after: int | None
    probes_after: int | None
    rtt: RttBand | None
    rtt_before: RttBand | None
    rtt_after: RttBand | None

    @property
    def gap(self) -> Gap | None:
        """The longest; of equal ones the first."""
        return max(self.gaps, key=lambda gap: gap.length_s, default=None)

    @property
    def gap_count(self) -> int:
        """How many there are."""
        return len(self.gaps)

    @property
    def sum_s(self) -> float:
        """All gaps together."""
        return sum(gap.length_s for gap in self.gaps)

    @property
    def latest(self) -> Held | None:
        """The spell with the longest wait."""
        return max(self.held, key=lambda held: held.most_s, default=None)


@dataclass(frozen=True)
class _Parts:
    """Which probes of a series are before, in and after the window; a gap that reaches in is in as a whole."""

    before: Bools
    inside: Bools
    after: Bools


def joined(kinds: Sequence[Downtime]) -> Span | None:
    """The window and every gap that reaches into it, two ticks beyond one that reaches out; None without a window."""
    window = next((one.window_s for one in kinds if one.window_s is not None), None)
    if window is None:
        return None
    slack_s = _SLACK_INTERVALS * max(one.interval_s for one in kinds)
    begins, ends = ([getattr(gap, name) for one in kinds for gap in one.gaps] for name in ("start_s", "end_s"))
    begin_s, end_s = min(begins, default=window[0]), max(ends, default=window[1])
    return (
        begin_s - slack_s if begin_s < window[0] else window[0],
        end_s + slack_s if end_s > window[1] else window[1],
    )


def downtime_of(series: Series, window: Window | None, away: Span | None = None) -> Downtime:
    """Count ``series`` within ``window`` (UTC), or `joined` as ``away``; a gap that reaches in is in as a whole."""
    span, life = _span(series, window), life_of(series)
    wide = away or span
    chosen = tuple(gap for gap in gaps_of(series, life) if gap.start_s < wide[1] and gap.end_s > wide[0])
    own, parts = _split(series, span, chosen), _split(series, wide, chosen)
    inside, lost = parts.inside, series.lost
    seqs = series.seq[inside]
    counted = {name: int((series.status.equals(name) & inside).sum()) for name in (ANSWERED, LATE, LOST, NOT_SENT)}
    return Downtime(
        target=series.name,
        role=series.target.role,
        vantage=series.vantage,
        kind=series.kind,
        exchange=series.target.exchanges.get(series.kind),
        interval_s=series.interval_s,
        heard=bool(series.answered.any()),
        gaps=chosen,
        unseen_s=_unseen_s(series, life, span),
        stall_s=_stall_s(series, span),
        held=_held(series, life, inside),
        probes=counted[ANSWERED] + counted[LATE] + counted[LOST],
        answered=counted[ANSWERED],
        lost=counted[LOST],
        late=counted[LATE],
        not_sent=counted[NOT_SENT],
        duplicated=int(((series.duplicates_s >= wide[0]) & (series.duplicates_s <= wide[1])).sum()),
        reordered=_reordered(series.received_s[inside]),
        stalled=int((series.stalled & inside).sum()),
        unrecorded=int(seqs[-1] - seqs[0]) + 1 - len(seqs) if len(seqs) else 0,
        errors={name: int((series.error.equals(name) & inside).sum()) for name in series.error.names if name},
        reach_s=_reach_s(series),
        window_s=None if window is None or span[0] == float("-inf") else span,
        lost_before=int((lost & parts.before).sum()) if window else None,
        lost_after=int((lost & parts.after).sum()) if window else None,
        probes_after=int((~series.not_sent & (series.at_s > span[1])).sum()) if window else None,
        rtt=_band(series, inside),
        rtt_before=_band(series, own.before) if window else None,
        rtt_after=_band(series, own.after) if window else None,
    )


def _reach_s(series: Series) -> tuple[float, float] | None:
    sent = series.at_s[~series.not_sent]
    return (float(sent.min()), float(sent.max())) if len(sent) else None


def _span(series: Series, window: Window | None) -> Span:
    everything = (float("-inf"), float("inf"))
    if window is None:
        return everything
    start_s, end_s = series.wall.seconds(window[0]), series.wall.seconds(window[1], last=True)
    return everything if start_s is None or end_s is None else (start_s, end_s)


def _split(series: Series, span: Span, chosen: tuple[Gap, ...]) -> _Parts:
    inside = (series.at_s >= span[0]) & (series.at_s <= span[1])
    for gap in (gap for gap in chosen if gap.start_s < span[0] or gap.end_s > span[1]):
        inside |= (series.seq >= gap.first_seq) & (series.seq <= gap.last_seq)
    return _Parts(~inside & (series.at_s < span[0]), inside, ~inside & (series.at_s >= span[0]))


def _unseen_s(series: Series, life: Life, span: Span) -> float | None:
    """None when the answers do not reach over the whole span: what is beyond them nobody saw."""
    sent = series.at_s[series.answered]
    if len(sent) < 2 or sent[0] > _start_s(span, series.interval_s) or sent[-1] < _end_s(span, series.interval_s):
        return None
    absent = life.absences_s()[series.answered]
    reaching = np.isfinite(absent) & (sent < span[1]) & (sent + absent > span[0])
    return max(float(absent[reaching].max()), series.interval_s) if reaching.any() else None


def _start_s(span: Span, interval_s: float) -> float:
    return span[0] + interval_s if span[0] != float("-inf") else float("inf")


def _end_s(span: Span, interval_s: float) -> float:
    return span[1] - interval_s if span[1] != float("inf") else float("-inf")


def _stall_s(series: Series, span: Span) -> float | None:
    came = np.sort(series.received_s[series.answered & np.isfinite(series.rtt_ms)])
    waits = np.diff(came)[(came[:-1] < span[1]) & (came[1:] > span[0])]
    return float(waits.max()) if len(waits) else None


def _held(series: Series, life: Life, inside: Bools) -> tuple[Held, ...]:
    """Spells of held answers; an ordinary answer between two of them parts them."""
    rows = np.flatnonzero(life.held & inside)
    if not len(rows):
        return ()
    ordinary = np.cumsum(series.answered & ~life.held)
    heads = np.concatenate([[0], np.flatnonzero(np.diff(ordinary[rows])) + 1])
    spells = np.split(rows, heads[1:])
    return tuple(_spell(series, life, spell) for spell in spells)


def _spell(series: Series, life: Life, rows: NDArray[np.intp]) -> Held:
    start_s, end_s = float(series.at_s[rows[0]]), float(series.received_s[rows].max())
    most_s = float(life.late_s[rows].max())
    return Held(len(rows), most_s, start_s, end_s, series.wall.utc(start_s), series.wall.utc(end_s))


def _reordered(came_s: Floats) -> int:
    """How many answers came after the answer to a later probe."""
    known = came_s[np.isfinite(came_s)]
    if len(known) < 2:
        return 0
    soonest_later = np.minimum.accumulate(known[::-1])[::-1][1:]
    return int((known[:-1] > soonest_later + _TOGETHER_S).sum())


def _band(series: Series, chosen: Bools) -> RttBand | None:
    times: Floats = series.rtt_ms[chosen & np.isfinite(series.rtt_ms) & series.answered]
    if not len(times):
        return None
    return RttBand(*(float(value) for value in np.percentile(times, [50, 95, 99, 100])))
