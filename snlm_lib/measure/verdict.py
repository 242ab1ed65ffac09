"""The sentence for the manager, made of the judgement, and what the data cannot support. Pure.

Digits are as many as the bounds bear. A figure that must not be quoted is not in the sentence as if it could be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, log10

from snlm_lib.measure.aims import KIND_WORDS
from snlm_lib.measure.away import Downtime, Held
from snlm_lib.measure.blackout import EVENT_ROUNDING_S
from snlm_lib.measure.downtime import Cause, DowntimeReport
from snlm_lib.measure.gaps import Gap
from snlm_lib.measure.ledger import NO_ANSWER, STALLED
from snlm_lib.measure.logs import IN_RUNS, UNSTAMPED
from snlm_lib.measure.ping_file import BETWEEN
from snlm_lib.units import say_duration_s

__all__ = ["Verdict", "say_length", "verdict"]

_FLOW, _NEW = "tcp", "connect"
_HARMLESS = (NO_ANSWER, STALLED, "address ")  # words of a probe whose connection was not broken
_NOT_WORTH_TELLING = (Cause.NO_PROBES, Cause.OPEN_ENDED, Cause.NO_GAP, Cause.HELD_NOT_DROPPED, Cause.NO_BLACKOUT_FIGURE)


@dataclass(frozen=True)
class Verdict:
    """``sentence`` can be quoted as it stands; ``doubts`` are sentences that belong beside it.

    ``supported``: the data bear the figure. When not, the sentence says so instead. ``whole``: every kind of probe
    agrees that the machine was there: none was never answered, none lost probes where the kind told lost none.
    """

    sentence: str
    doubts: tuple[str, ...]
    supported: bool
    whole: bool

    @property
    def text(self) -> str:
        """Everything, as one paragraph."""
        return " ".join((self.sentence, *self.doubts))


def verdict(report: DowntimeReport) -> Verdict:
    """Tell ``report``."""
    told = report.told
    if told is None or not told.heard:
        return Verdict(_silent(report), (), supported=False, whole=False)
    facts = [_away(report, told), _host(report), *_unanswered(report, told), *_sessions(report)]
    why = () if report.residue.cause in _NOT_WORTH_TELLING else (report.residue.cause.words,)
    doubts = (*why, *(cause.words for cause in report.residue.also), *_doubts(report, told))
    alike = all(one.heard and (told.lost or not one.lost) for one in report.kinds)
    sentence = _assumed(report) + "; ".join(filter(None, facts)) + "."
    return Verdict(sentence, doubts, report.usable and not report.blamed, alike)


def _assumed(report: DowntimeReport) -> str:
    """On what a log without time stamps is read."""
    if UNSTAMPED not in report.schema:
        return ""
    header = report.header
    runs = ", and its runs followed each other at once" if IN_RUNS in report.schema else ""
    wait = f" (and a lost one waited up to {header.timeout_ms / 1000:g} s)" if header.timeout_ms else ""
    return f"If one probe went each {_each(header.interval_ms)}{wait}{runs}: "


def _each(interval_ms: float) -> str:
    return "second" if interval_ms == 1000 else f"{interval_ms:.4g} ms"


def _silent(report: DowntimeReport) -> str:
    if report.told is None:
        return "Nothing can be said: no probe was recorded."
    asked = sum(one.probes for one in report.kinds)
    if asked:
        return f"Nothing can be said of {report.target}: none of {asked:,} probes was ever answered."
    why = ", ".join(dict.fromkeys(word for one in report.kinds for word in one.errors))
    words = f" ({why})" if why else ""
    return f"Nothing can be said of {report.target}: no probe could be sent{words}."


def _away(report: DowntimeReport, told: Downtime) -> str:
    name, gap = report.target, told.gap
    kind = KIND_WORDS.get(told.kind, told.kind)
    by = f"by {told.kind.upper()} every {report.interval_ms:.4g} ms"
    if gap is not None and (gap.upper_s is None or told.unseen_s is not None):
        return _gap(report, told, gap, by)
    if told.unseen_s is None:
        return f"How long {name} was away cannot be told: the samples do not reach over the whole time asked for"
    if told.latest is not None:
        return f"No {kind} probe to {name} was lost; {_late(told.latest)} ({by})"
    return f"No {kind} probe to {name} was lost: away less than {_up(told.unseen_s)} s ({by})"


def _gap(report: DowntimeReport, told: Downtime, gap: Gap, by: str) -> str:
    name, control = report.target, ", and the control with it" if report.blamed else ""
    if gap.upper_s is None:
        first_s = told.reach_s[0] if told.reach_s else gap.start_s
        begins = gap.start_s < first_s  # not by the wall clock, which a log may not know
        side = "it was away already when the samples begin" if begins else "it had not come back when the samples end"
        away = (
            f"seemed away at least {_down(gap.lower_s)} s{control}"
            if control
            else f"was away at least {_down(gap.lower_s)} s"
        )
        return f"{name} {away} and how long cannot be told: {side} ({by})"
    length = say_length(gap.length_s, gap.plus_minus_s) if gap.lower_s > 0 else f"at most {_most(gap.upper_s)} s"
    if control:
        return f"{name} seemed away {length}{control}: not to be quoted ({by})"
    return (
        f"{name} was away {length} ({by})" if report.usable else f"{name} seems away {length}, not to be quoted ({by})"
    )


def _most(seconds: float) -> str:
    """Rounded up: to a tenth, from ten on to a whole one, below one to a hundredth."""
    digits = 2 if seconds < 1 else 1 if seconds < 10 else 0
    return f"{ceil(seconds * 10**digits - 1e-4) / 10**digits:.{digits}f}"


def say_length(length_s: float, plus_minus_s: float | None) -> str:
    """``0.93, 0.1`` -> ``"0.93 s ± 0.10 s"``: two digits of what it can be wrong by, rounded up.

    Where that is as much as the length itself only the most is known.
    """
    if not plus_minus_s:
        return f"{length_s:.3f} s"
    if plus_minus_s >= length_s:
        return f"at most {_most(length_s + plus_minus_s)} s"
    digits = max(1 - floor(log10(plus_minus_s)), 0)
    step = 10.0**-digits
    told_s = round(length_s, digits)
    wrong_s = ceil((plus_minus_s + abs(told_s - length_s)) / step - 1e-6) * step  # what rounding takes is given back
    return f"{length_s:.{digits}f} s ± {wrong_s:.{digits}f} s"


def _up(seconds: float) -> str:
    return f"{ceil(seconds * 100 - 1e-6) / 100:.2f}"


def _late(held: Held) -> str:
    return f"answers came up to {held.most_s:.1f} s late{_between(held.started_utc, held.ended_utc)}"


def _between(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return ""
    tenths = (f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}" for moment in (start, end))
    return f" between {' and '.join(tenths)} UTC"


def _host(report: DowntimeReport) -> str:
    known = report.blackout
    if known.length_s is None:
        return ""
    return f"the host paused it {known.length_s:g} s" + (f" (event {known.event_id})" if known.event_id else "")


def _unanswered(report: DowntimeReport, told: Downtime) -> Iterator[str]:
    """Kinds never answered each for itself; the others together, unless only others than the one told lost any."""
    heard = [one for one in report.kinds if one.heard]
    if not told.lost and any(one.lost for one in heard):
        yield from (_share(one) for one in heard if one.lost)
    else:
        probes, lost = (sum(getattr(one, name) for one in heard) for name in ("probes", "lost"))
        yield f"{lost:,} of {probes:,} probes unanswered" if probes else ""
    yield from (_share(one) for one in report.kinds if not one.heard and one.probes)


def _share(one: Downtime) -> str:
    name = KIND_WORDS.get(one.kind, one.kind)
    if not one.heard:
        return f"{name} was never answered ({one.lost:,} of {one.probes:,})"
    return f"by {name} {one.lost:,} of {one.probes:,} probes unanswered"


def _down(seconds: float) -> str:
    """At least so long: never more than is certain."""
    return f"{floor(seconds * 10 + 1e-9) / 10:.1f}"


def _sessions(report: DowntimeReport) -> Iterator[str]:
    for one in report.kinds:
        if one.kind == _FLOW and one.heard:
            broken = [word for word in one.errors if not word.startswith(_HARMLESS)]
            if broken:
                yield f"the open TCP session broke ({', '.join(broken)})"
            elif one.gap is not None and one.gap.ended_utc is None:
                yield "the open TCP session was not heard again"
            else:
                yield "the open TCP session survived"


def _doubts(report: DowntimeReport, told: Downtime) -> Iterator[str]:
    yield from _reach(told, log=report.header.moments == BETWEEN)
    pause_s = report.host_blackout_s
    apart_s = max(told.interval_s, report.header.resolution_ms / 1000)
    if pause_s is not None and pause_s + EVENT_ROUNDING_S < apart_s and report.residue.cause is not Cause.TOO_COARSE:
        yield f"Probes {apart_s:g} s apart are too coarse for a pause of {pause_s:g} s."
    if report.baseline_clean is False or report.tail_clean is False:
        outside = sum((one.lost_before or 0) + (one.lost_after or 0) for one in report.kinds)
        yield f"{_probes(outside, 'more ')} lost outside the gap, before or after: the way there is not clean."
    lost = sum(one.lost for one in report.control)
    if lost:
        yield f"The control target lost {lost:,} probe{'s' if lost > 1 else ''}."
    yield from _monitor(report, told)
    if any(one.kind == _NEW and one.exchange == "none" for one in report.kinds):
        yield "New connections were opened only, no bytes came back: a kernel accepts for a service that is dead."


def _probes(count: int, more: str = "", of: str = "") -> str:
    return f"{count:,} {more}{'probe' if count == 1 else 'probes'}{of} {'was' if count == 1 else 'were'}"


def _reach(told: Downtime, *, log: bool) -> Iterator[str]:
    """Where samples and window do not fit."""
    if told.window_s is None or told.reach_s is None:
        return
    begin_s, end_s = told.window_s
    late_s, early_s = told.reach_s[0] - begin_s, end_s - told.reach_s[1]
    if log and late_s > told.interval_s:
        yield f"The log begins {late_s:.0f} s after the time asked for: what was before that nobody saw."
    elif late_s > told.interval_s:
        yield f"The monitor started {late_s:.1f} s late: what was before that nobody saw."
    if log and early_s > told.interval_s:
        yield f"The log ends {early_s:.0f} s before the time asked for does: what came after nobody saw."
    elif early_s > told.interval_s:
        yield f"The monitor ended {early_s:.1f} s early: what came after nobody saw."
    if told.gap is not None and told.gap.start_s < begin_s - told.interval_s:
        yield f"The gap began {begin_s - told.gap.start_s:.1f} s before the move: it cannot be the move's alone."


def _monitor(report: DowntimeReport, told: Downtime) -> Iterator[str]:
    if UNSTAMPED in report.schema:
        yield "The log carries no time stamps."
    for count, what in ((told.not_sent, "not sent"), (told.unrecorded, "not in the samples")):
        if count:
            yield f"{_probes(count, of=f' of {told.kind.upper()}')} {what}, which is no loss and widens the bounds."
    for step in report.clock_steps:
        ahead = "forward" if step.by_s > 0 else "back"
        yield f"This machine's clock was set {ahead} by {say_duration_s(abs(step.by_s))}; no length is touched by that."
