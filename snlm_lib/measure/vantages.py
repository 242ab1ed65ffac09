"""One machine seen from several places: what of an absence is the machine's, and what only one way's. Pure analysis.

An answer that reached any place proves that the machine was there. So it cannot have been away longer than the
shortest upper bound of all places that looked, whatever the others missed; and where one place was answered within
another's certain absence, the way from that other one is at fault. Nothing more is concluded: that all places missed
it does not prove that it stood still, for ways have parts in common.

Moments are compared by UTC: exactly where one clock took them (several files of one machine), else corrected by the
offsets to a host that both had measured, and then trusted to `TRUST_S`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import inf, isfinite
from statistics import median

import numpy as np

from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.away import Window
from snlm_lib.measure.gaps import Gap, blind_after, gaps_of
from snlm_lib.measure.life import Life, life_of
from snlm_lib.measure.ping_file import PingHeader
from snlm_lib.measure.pings import CONTROL, Pings, Series, series_of
from snlm_lib.measure.wall import Floats
from snlm_lib.units import parse_utc, thousandths

__all__ = ["SeenFrom", "Sight", "View", "seen_from"]

TRUST_S = 0.1  # how far two clocks may still be apart once corrected by a common host
BLIND_TRUST_S = 1.0  # and where there is none
_ONE_CLOCK_S = 0.05

_Span = tuple[float, float]


class View(StrEnum):
    """What a place saw of the longest absence."""

    AWAY = "unanswered"
    REACHED = "answered meanwhile"
    TOO_COARSE = "too coarse to tell"
    NOT_LOOKING = "did not look then"
    NOTHING = "no probe lost"


@dataclass(frozen=True)
class Sight:
    """One place, by the kind whose figures are told there. Seconds.

    ``gap`` is its own, of the same absence; ``most_s`` the longest that the machine can have been away by what was
    answered here, None where that is open.
    """

    vantage: str
    kind: str
    interval_s: float
    probes: int
    lost: int
    gap: Gap | None
    most_s: float | None
    view: View

    def row(self) -> dict[str, str | int | float | None]:
        """For a table, one line a place."""
        gap = self.gap
        return {
            "seen from": self.vantage,
            "probe": KIND_WORDS.get(self.kind, self.kind),
            "every, ms": round(self.interval_s * 1000),
            "sent": self.probes,
            "lost": self.lost,
            "longest gap, s": thousandths(gap.length_s) if gap else None,
            "at least, s": thousandths(gap.lower_s) if gap else 0.0,
            "at most, s": thousandths(gap.upper_s if gap else self.most_s),
            "what it saw": self.view.value,
        }


@dataclass(frozen=True)
class SeenFrom:
    """``sights`` in the order of the files; ``longest``: whose gap lasted longest for certain, None when none was lost.

    ``machine_most_s``: the machine itself was away no longer, by every kind of every place; None when that is open.
    """

    target: str
    sights: tuple[Sight, ...]
    longest: Sight | None
    machine_most_s: float | None

    @property
    def reached_from(self) -> tuple[str, ...]:
        """The places that were answered while the longest gap lasted elsewhere."""
        return tuple(sight.vantage for sight in self.sights if sight.view is View.REACHED)

    @property
    def sentence(self) -> str:
        """What each place saw, and what follows from it."""
        most_s = self.machine_most_s
        if self.longest is None:
            least = "" if most_s is None else f": away for less than {most_s:.2f} s"
            return f"Seen from {_listed([sight.vantage for sight in self.sights])} no probe was lost{least}."
        name = self.longest.vantage
        if self.reached_from:
            told = f"{_listed(self.reached_from)} got answers while {name} got none: the way from {name} had its part"
        elif any(sight.view is View.AWAY for sight in self.sights if sight is not self.longest):
            told = "Nobody was answered meanwhile"
        else:
            told = "No other place can tell the machine's part from the way's"
        most = "" if most_s is None else f"; {self.target} itself was away {most_s:.2f} s at most"
        return f"Seen {', '.join(map(_seen, self.sights))}. {told}{most}."


@dataclass(frozen=True)
class _Look:
    """What one file says of the machine; ``told`` is the kind whose figures are told."""

    pings: Pings
    kinds: tuple[tuple[Series, Life], ...]
    told: tuple[Series, Life]


def seen_from(files: Sequence[Pings], *, window: Window | None = None, target: str | None = None) -> SeenFrom | None:
    """Lay the files over each other; None when there are not two that probed the machine.

    ``window`` in UTC by the first file's clock; ``target`` is the machine, by default the first file's. A file that
    knows it under another name is taken by its only machine.
    """
    name = target or next((series.name for pings in files for series in _machines(pings)), "")
    looks = [look for look in (_looked(pings, name) for pings in files) if look is not None]
    if len(looks) < 2:
        return None
    gaps = [_longest(look, _span(looks[0], look, window)) for look in looks]
    certain = [gap.lower_s if gap else -1.0 for gap in gaps]  # a coarse place's middle says little
    first = certain.index(max(certain))
    gap = gaps[first]
    if gap is None:
        sights = [_unbroken(look, _span(looks[0], look, window)) for look in looks]
        mosts = [sight.most_s for sight in sights if window and sight.most_s is not None]
        return SeenFrom(name, tuple(sights), None, min(mosts, default=None))
    axes = [_Axis(looks[first].pings, look.pings) for look in looks]
    told = looks[first].told
    (begins_s,), (ends_s,) = _outer(told, [gap])
    spans = [_moved((float(begins_s), float(ends_s)), axis) for axis in axes]
    sights = [
        _told(looks[first], span, gap, gap.upper_s, View.AWAY)
        if look is looks[first]
        else _sight(look, span, _moved(_inner(told, gap), axis, certain=True))
        for look, span, axis in zip(looks, spans, axes, strict=True)
    ]
    bounds = [
        gap.upper_s,
        *(_most_s(kind, span) for look, span in zip(looks, spans, strict=True) for kind in look.kinds),
    ]
    most_s = min((each for each in bounds if each is not None), default=None)
    return SeenFrom(name, tuple(sights), sights[first], most_s)


def _machines(pings: Pings) -> list[Series]:
    return [series for series in series_of(pings) if series.target.role != CONTROL]


def _looked(pings: Pings, name: str) -> _Look | None:
    machines = _machines(pings)
    named = [series for series in machines if series.name.casefold() == name.casefold()]
    if not named and len({series.name for series in machines}) == 1:
        named = machines
    kinds = tuple((series, life_of(series)) for series in named if series.answered.any())
    return _Look(pings, kinds, kinds[0]) if kinds else None


class _Axis:
    """From the seconds of one file to those of another; they may be ``trust_s`` off."""

    def __init__(self, one: Pings, other: Pings) -> None:
        self._one, self._other = one, other
        self._shift_s = _one_clock_s(one.header, other.header)
        ahead, behind = one.header.clock_offsets_s, other.header.clock_offsets_s
        pairs = ((ahead[host], behind.get(host)) for host in ahead)
        common = [mine - theirs for mine, theirs in pairs if mine is not None and theirs is not None]
        self._correction_s = median(common) if common else 0.0
        self.trust_s = 0.0 if self._shift_s is not None else TRUST_S if common else BLIND_TRUST_S

    def seconds(self, at_s: float) -> float:
        """Infinite stays so, and what cannot be told is infinitely far away."""
        if not isfinite(at_s) or self._one is self._other:
            return at_s
        if self._shift_s is not None:
            return at_s + self._shift_s
        utc = self._one.wall.utc(at_s)
        found = self._other.wall.seconds(utc + timedelta(seconds=self._correction_s)) if utc else None
        return inf if found is None else found


def _one_clock_s(one: PingHeader, other: PingHeader) -> float | None:
    """How far apart the zeros of two files lie that one machine wrote since it started; None for two machines."""
    if one.started_monotonic_s is None or other.started_monotonic_s is None:
        return None
    apart_s = one.started_monotonic_s - other.started_monotonic_s
    told_s = (parse_utc(one.started_utc) - parse_utc(other.started_utc)).total_seconds()
    return apart_s if abs(apart_s - told_s) < _ONE_CLOCK_S else None


def _span(first: _Look, look: _Look, window: Window | None) -> _Span:
    """The window in a file's own seconds."""
    if window is None:
        return -inf, inf
    start_s, end_s = first.pings.wall.seconds(window[0]), first.pings.wall.seconds(window[1], last=True)
    if start_s is None or end_s is None:
        return -inf, inf
    return _moved((start_s, end_s), _Axis(first.pings, look.pings))


def _moved(span: _Span, axis: _Axis, *, certain: bool = False) -> _Span:
    """What may lie within ``span`` by another file's clock; ``certain``: what must."""
    slack_s = -axis.trust_s if certain else axis.trust_s
    return axis.seconds(span[0]) - slack_s, axis.seconds(span[1]) + slack_s


def _touching(look: _Look, span: _Span) -> list[Gap]:
    """Its gaps that may have been at that time."""
    gaps = gaps_of(*look.told)
    begins_s, ends_s = _outer(look.told, gaps)
    return [gaps[row] for row in np.flatnonzero((begins_s < span[1]) & (ends_s > span[0]))]


def _longest(look: _Look, span: _Span) -> Gap | None:
    return max(_touching(look, span), key=lambda gap: gap.length_s, default=None)


def _outer(told: tuple[Series, Life], gaps: Sequence[Gap]) -> tuple[Floats, Floats]:
    """For each gap the last proof of life before it and the first one after it."""
    series, life = told
    first = np.searchsorted(series.seq, [gap.first_seq for gap in gaps])
    last = np.searchsorted(series.seq, [gap.last_seq for gap in gaps])
    return life.last_before(life.from_s[first]), life.next_s[last]


def _most_s(kind: tuple[Series, Life], span: _Span) -> float | None:
    """How long the machine can have been away within ``span``; None when the answers do not reach over it."""
    series, life = kind
    answered = series.answered
    sent, by = life.from_s[answered], life.alive_by_s[answered]
    if not (by <= span[0]).any() or not (sent >= span[1]).any():
        return None
    absent = life.absences_s()[answered]
    within = np.isfinite(absent) & (sent < span[1]) & (sent + absent > span[0])
    return max(float(absent[within].max(initial=0.0)), 0.0)


def _inner(told: tuple[Series, Life], gap: Gap) -> _Span:
    """Nothing was answered within: from when the first lost probe may have arrived to the sending of the last one; the
    longest such time throughout which this place did look."""
    series, life = told
    lost = np.flatnonzero(series.lost & (series.seq >= gap.first_seq) & (series.seq <= gap.last_seq))
    parts = np.split(lost, np.flatnonzero(blind_after(series, lost)) + 1)
    spans = [(float(series.at_s[part[0]] + life.unsteady_s[part[0]]), float(series.from_s[part[-1]])) for part in parts]
    return max(spans, key=lambda span: span[1] - span[0])


def _sight(look: _Look, span: _Span, within: _Span) -> Sight:
    """What another place saw of an absence that took ``span`` at most and ``within`` at least."""
    gap, most_s = _longest(look, span), _most_s(look.told, span)
    series, life = look.told
    if (series.answered & (life.from_s >= within[0]) & (life.alive_by_s <= within[1])).any():
        view = View.REACHED
    elif gap is not None:
        view = View.AWAY
    else:
        view = View.NOT_LOOKING if most_s is None else View.TOO_COARSE
    return _told(look, span, gap, most_s, view)


def _unbroken(look: _Look, span: _Span) -> Sight:
    return _told(look, span, None, _most_s(look.told, span), View.NOTHING)


def _told(look: _Look, span: _Span, gap: Gap | None, most_s: float | None, view: View) -> Sight:
    series, _ = look.told
    inside = ~series.not_sent & (series.at_s >= span[0]) & (series.at_s <= span[1])
    lost = int((series.lost & inside).sum())
    return Sight(series.vantage, series.kind, series.interval_s, int(inside.sum()), lost, gap, most_s, view)


def _seen(sight: Sight) -> str:
    gap, place = sight.gap, f"from {sight.vantage}"
    if gap is None:
        return f"{place} {'nothing then' if sight.view is View.NOT_LOOKING else 'without a loss'}"
    most = "" if gap.upper_s is None else f" to {gap.upper_s:.2f}"
    return f"{place} {gap.length_s:.2f} s ({gap.lower_s:.2f}{most or ' at least'})"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
