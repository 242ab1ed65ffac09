"""What happened beside what was told: facts from a move's samples, which part missed and why, what is left. Pure.

``looks``: the moments (s) at which the move was looked at; what began or ended while nobody did is unknown.
A lab runs its time faster: its phases are told in the seconds of its hosts (``time_factor``), its pause as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from statistics import median
from typing import TypeGuard

from snlm_lib.measure.forecast.inputs import MoveInputs
from snlm_lib.measure.forecast.learn import Outcome, PassSeen
from snlm_lib.measure.forecast.told import Span
from snlm_lib.measure.passes import Band, MemoryPass, Phase
from snlm_lib.units import MIB, say_duration_s

__all__ = ["Fact", "fact_from", "fact_of", "left_s", "miss_of", "outcome_of"]

_PARTS = {"storage_s": "the copy of the storage", "memory_s": "the memory", "pause_s": "the pause"}
_PHASES = ("memory_s", "storage_s")
_PAUSE_ROUNDING_S = 0.05  # event 20415 tells tenths
_COARSE = 0.25  # of a part: known no better than that it is no lesson
_AT_LEAST = 0.1  # of a part that lasts longer than forecast, so much is told to be left
_TRUSTED = 0.1  # of the memory: from so much on the rate that was measured speaks alone
_HOLE, _BLIND = 5, 0.1  # a phase is unknown when an end of it lies in a gap of so many looks and this share of it
_ENDLESS = 1e12
_SEEN = 4  # looks within a pass, for its length to be a lesson


@dataclass(frozen=True)
class Fact:
    """What a move took, in seconds of the hosts; None is unknown.

    ``memory_s`` counts from the order to the guest's resume whatever is not ``storage_s``, so the ``setup_s`` of the
    checks before it as well, as a forecast does.
    ``within_s``: a phase begins and ends between two looks at the move, so its length is known no better than that,
    and what was sent no better than what is sent in it.
    """

    total_s: float | None
    storage_s: float | None
    memory_s: float | None
    pause_s: float | None
    memory_mib: float | None
    within_s: float = 0.0
    setup_s: float | None = None

    @property
    def copied_s(self) -> float:
        """How long memory was sent while the machine ran; 0 when that is not known."""
        return max((self.memory_s or 0.0) - (self.pause_s or 0.0) - (self.setup_s or 0.0), 0.0)

    def part(self, name: str) -> tuple[float | None, float]:
        """A part, and how well it is known; the host tells its pause to a tenth."""
        known = {"pause_s": _PAUSE_ROUNDING_S, "memory_mib": self._unseen_mib()}
        return getattr(self, name, None), known.get(name, self.within_s)

    def _unseen_mib(self) -> float:
        """What went between two looks."""
        return (self.memory_mib or 0.0) * min(self.within_s / self.copied_s, 1.0) if self.copied_s > 0 else 0.0

    def inside(self, name: str, span: Span) -> bool | None:
        """May the part have lain inside its range? None when it is not known."""
        was, within_s = self.part(name)
        return None if was is None else span.low - within_s <= was <= span.high + within_s


def fact_from(kept: Mapping[str, object]) -> Fact:
    """The fact that a record keeps; what is no number there is unknown."""
    names = [one.name for one in fields(Fact) if one.name != "within_s"]
    known = {name: kept.get(name) for name in (*names, "within_s")}
    numbers = {name: float(value) for name, value in known.items() if _counts(value)}
    return Fact(**{name: numbers.get(name) for name in names}, within_s=numbers.get("within_s", 0.0))


def _counts(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _ENDLESS


def fact_of(
    bands: Sequence[Band],
    passes: Sequence[MemoryPass],
    *,
    pause_s: float | None,
    time_factor: float = 1.0,
    looks: Sequence[float] = (),
) -> Fact:
    """The facts from the sampled phases and passes; ``pause_s`` is the host's own figure."""
    lengths = (_length(bands, phase, looks) for phase in (Phase.CHECKING, Phase.STORAGE, Phase.MEMORY))
    setup, storage, memory = (None if length is None else length * time_factor for length in lengths)
    # the source may list the machine until it has gone over: what it stood still is no copying, and is told apart
    memory = None if memory is None else max(memory - _still_s(bands) * time_factor, 0.0)
    whole = None if memory is None or pause_s is None else (setup or 0.0) + memory + pause_s
    sent = passes[-1].until_bytes if passes else None
    copied = storage is not None or all(band.phase is not Phase.STORAGE for band in bands)
    return Fact(
        total_s=whole + (storage or 0.0) if whole is not None and copied else None,
        storage_s=storage,
        memory_s=whole,
        pause_s=pause_s,
        memory_mib=None if sent is None else sent / MIB,
        within_s=_step_s(looks) * time_factor,
        setup_s=setup,
    )


def outcome_of(fact: Fact, passes: Sequence[MemoryPass], *, time_factor: float = 1.0) -> Outcome:
    """The same as a lesson; a phase that lasted only some looks is none."""
    memory_s, storage_s = (
        None if was is None or within_s > _COARSE * was else was for was, within_s in map(fact.part, _PHASES)
    )
    seen = tuple(_passes_seen(passes, _SEEN * fact.within_s, time_factor))
    return Outcome(memory_s, fact.pause_s, fact.memory_mib, storage_s, seen)


def _passes_seen(passes: Sequence[MemoryPass], least_s: float, factor: float) -> Iterator[PassSeen]:
    """The first passes, as far as each lasted ``least_s``: what the next one had to send was written in that time.

    That next one stands last, its seconds 0 for not known.
    """
    for place, one in enumerate(passes):
        amount = one.sent_bytes if one.dirty_bytes is None else one.dirty_bytes
        if one.number != place + 1 or not amount:
            return
        after = passes[place + 1] if place + 1 < len(passes) else None
        follows = after is not None and after.number == one.number + 1
        lasted_s = (after.start_s - one.start_s) * factor if after is not None and follows else 0.0
        known = lasted_s > least_s
        yield PassSeen(amount / MIB, lasted_s if known else 0.0)
        if not known:
            return


def _length(bands: Sequence[Band], phase: Phase, looks: Sequence[float]) -> float | None:
    """Real seconds of a phase; None when it was not seen, or nobody looked when it began or ended."""
    own = [band for band in bands if band.phase is phase]
    if not own:
        return None
    begin_s, end_s = own[0].start_s, own[-1].end_s
    unseen_s = max(_since_look(looks, begin_s), _since_look(looks, end_s))
    return None if unseen_s > max(_HOLE * _step_s(looks), _BLIND * (end_s - begin_s)) else end_s - begin_s


def _since_look(looks: Sequence[float], at_s: float) -> float:
    """How long before ``at_s`` the last look was; the order of the move counts as one."""
    return at_s - max((look for look in looks if look < at_s), default=0.0) if looks else 0.0


def _step_s(looks: Sequence[float]) -> float:
    """The usual time between two looks at the move."""
    return median([after - before for before, after in pairwise(looks)] or [0.0])


def _still_s(bands: Sequence[Band]) -> float:
    """How much of the memory phase lies after the counters' blackout began, real seconds; 0 when they saw none."""
    began = min((band.start_s for band in bands if band.phase is Phase.BLACKOUT), default=math.inf)
    return max(max((band.end_s for band in bands if band.phase is Phase.MEMORY), default=0.0) - began, 0.0)


def miss_of(told: Mapping[str, Span], fact: Fact, given: MoveInputs, supposed: Sequence[str]) -> str:
    """Which parts lay outside their range and what speaks for itself about why; "" when all lay inside."""
    words = []
    for name, title in _PARTS.items():
        span, (was, _) = told.get(name), fact.part(name)
        if span is None or was is None or fact.inside(name, span):
            continue
        how = "more" if was > span.high else "less"
        expected = f"{say_duration_s(span.low)} to {say_duration_s(span.high)} expected"
        words.append(f"{title} took {how} time: {say_duration_s(was)}, {expected}{_why(name, fact, given)}")
    if not words:
        return ""
    guessed = f". Nobody had measured: {', '.join(supposed)}" if supposed else ""
    return f"{'; '.join(words)}{guessed}."


def _why(name: str, fact: Fact, given: MoveInputs) -> str:
    if name == "storage_s" and fact.storage_s and given.disk_used_mib:
        return f" (copied at {given.disk_used_mib / fact.storage_s:,.0f} MiB/s)"
    if name == "memory_s" and fact.memory_s and fact.memory_mib and given.ram_assigned_mib:
        again = fact.memory_mib / given.ram_assigned_mib
        return f" (sent at {fact.memory_mib / max(fact.copied_s, 1e-3):,.0f} MiB/s, {again:.1f} times the memory)"
    return ""


def left_s(
    told: Mapping[str, Span], bands: Sequence[Band], now_s: float, *, sent_mib: float | None, time_factor: float = 1.0
) -> Span | None:
    """Real seconds that are left ``now_s`` (on the samples' axis, real too); None before the storage.

    In the memory phase the measured rate counts: what is expected to be sent, over what was sent a second.
    """
    memory, pause = told.get("memory_s"), told.get("pause_s")
    storage_s, memory_s, still_s = (_begun_s(bands, phases) for phases in (_STORAGE, _MEMORY, _STILL))
    if memory is None or pause is None or (storage_s is None and memory_s is None):
        return None
    if still_s is not None:
        return _rest(pause, max(now_s - still_s, 0.0))
    copy = Span(*sorted(max(whole - part, 0.0) for whole, part in zip(_ends(memory), _ends(pause), strict=True)))
    spent_s = max(now_s - (storage_s or 0.0 if memory_s is None else memory_s), 0.0) * time_factor
    if memory_s is None:
        rest = _sum(_rest(told.get("storage_s") or _NOTHING, spent_s), copy)
    else:
        rest = _copy_left(copy, told.get("memory_mib"), spent_s, sent_mib)
    return _sum(_times(rest, 1 / time_factor), pause)


_STORAGE, _MEMORY, _STILL = (Phase.STORAGE,), (Phase.MEMORY,), (Phase.CUT_OVER, Phase.BLACKOUT)
_NOTHING = Span(0.0, 0.0, 0.0)


def _begun_s(bands: Sequence[Band], phases: Sequence[Phase]) -> float | None:
    return min((band.start_s for band in bands if band.phase in phases), default=None)


def _copy_left(copy: Span, expected: Span | None, spent_s: float, sent_mib: float | None) -> Span:
    """What was forecast, until a tenth of the memory is sent more and more what the measured rate says."""
    by_time = _rest(copy, spent_s)
    if expected is None or not sent_mib or spent_s <= 0:
        return by_time
    by_rate = _rest(_times(expected, spent_s / sent_mib), spent_s)
    weight = min(sent_mib / (_TRUSTED * expected.mid), 1.0)
    return _sum(_times(by_time, 1 - weight), _times(by_rate, weight))


def _ends(span: Span) -> tuple[float, float, float]:
    return span.low, span.mid, span.high


def _times(span: Span, factor: float) -> Span:
    return Span(*(one * factor for one in _ends(span)))


def _sum(one: Span, other: Span) -> Span:
    return Span(one.low + other.low, one.mid + other.mid, one.high + other.high)


def _rest(span: Span, spent_s: float) -> Span:
    """What is left of a part; one that lasts longer than expected is told to last a tenth of its time more."""
    least = _AT_LEAST * spent_s
    mid = max(span.mid - spent_s, least)
    return Span(min(max(span.low - spent_s, 0.0), mid), mid, max(span.high - spent_s, mid, 2 * least))
