"""What happened beside what was told: facts from a move's samples, which part missed and why, what is left. Pure.

A lab runs its time faster: its phases are told in the seconds of its hosts (``time_factor``), its pause as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from snlm_lib.measure.forecast.inputs import MoveInputs
from snlm_lib.measure.forecast.learn import Outcome, PassSeen
from snlm_lib.measure.forecast.told import Span
from snlm_lib.measure.passes import Band, MemoryPass, Phase
from snlm_lib.units import MIB

__all__ = ["Fact", "fact_from", "fact_of", "left_s", "miss_of", "outcome_of"]

_PARTS = {"storage_s": "the copy of the storage", "memory_s": "the memory", "pause_s": "the pause"}
_PAUSE_ROUNDING_S = 0.05  # event 20415 tells tenths
_AT_LEAST = 0.1  # of a part that lasts longer than forecast, so much is told to be left


@dataclass(frozen=True)
class Fact:
    """What a move took, in seconds of the hosts; None is unknown.

    ``within_s``: a phase begins and ends between two looks at the move, so its length is known no better than that,
    and what was sent no better than what is sent in it.
    """

    total_s: float | None
    storage_s: float | None
    memory_s: float | None
    pause_s: float | None
    memory_mib: float | None
    within_s: float = 0.0

    def part(self, name: str) -> tuple[float | None, float]:
        """A part, and how well it is known; the host tells its pause to a tenth."""
        known = {"pause_s": _PAUSE_ROUNDING_S, "memory_mib": self._unseen_mib()}
        return getattr(self, name, None), known.get(name, self.within_s)

    def _unseen_mib(self) -> float:
        """What went between two looks."""
        copied_s = (self.memory_s or 0.0) - (self.pause_s or 0.0)
        return (self.memory_mib or 0.0) * min(self.within_s / copied_s, 1.0) if copied_s > 0 else 0.0

    def inside(self, name: str, span: Span) -> bool | None:
        """May the part have lain inside its range? None when it is not known."""
        was, within_s = self.part(name)
        return None if was is None else span.low - within_s <= was <= span.high + within_s


def fact_from(kept: Mapping[str, object]) -> Fact:
    """The fact that a record keeps; what is no number there is unknown."""
    names = [one.name for one in fields(Fact) if one.name != "within_s"]
    known = {name: kept.get(name) for name in (*names, "within_s")}
    numbers = {name: float(value) for name, value in known.items() if isinstance(value, int | float)}
    return Fact(**{name: numbers.get(name) for name in names}, within_s=numbers.get("within_s", 0.0))


def fact_of(
    bands: Sequence[Band],
    passes: Sequence[MemoryPass],
    *,
    pause_s: float | None,
    time_factor: float = 1.0,
    step_s: float = 0.0,
) -> Fact:
    """The facts from the sampled phases and passes; ``pause_s`` is the host's own figure."""
    storage, memory = (_length(bands, phase, time_factor) for phase in (Phase.STORAGE, Phase.MEMORY))
    # the source may list the machine until it has gone over: what it stood still is no copying, and is told apart
    memory = None if memory is None else max(memory - _still_s(bands) * time_factor, 0.0)
    whole = None if memory is None or pause_s is None else memory + pause_s
    sent = [one.sent_bytes for one in passes]
    known = sum(count for count in sent if count is not None)
    return Fact(
        total_s=None if whole is None else whole + (storage or 0.0),
        storage_s=storage,
        memory_s=whole,
        pause_s=pause_s,
        memory_mib=known / MIB if sent and None not in sent else None,
        within_s=step_s * time_factor,
    )


def outcome_of(fact: Fact, passes: Sequence[MemoryPass], *, time_factor: float = 1.0) -> Outcome:
    """The same as a lesson. A pass that was not sampled whole is left out: its length would be wrong."""
    seen = [
        PassSeen((one.sent_bytes or 0) / MIB, (after.start_s - one.start_s) * time_factor)
        for one, after in pairwise(passes)
        if one.sent_bytes and after.number == one.number + 1 and after.start_s > one.start_s
    ]
    return Outcome(fact.memory_s, fact.pause_s, fact.memory_mib, fact.storage_s, tuple(seen))


def _length(bands: Sequence[Band], phase: Phase, factor: float) -> float | None:
    own = [band for band in bands if band.phase is phase]
    return (own[-1].end_s - own[0].start_s) * factor if own else None


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
        expected = f"{span.low:,.3g} to {span.high:,.3g} expected"
        words.append(f"{title} took {how} time: {was:,.3g} s, {expected}{_why(name, fact, given)}")
    if not words:
        return ""
    guessed = f". Nobody had measured: {', '.join(supposed)}" if supposed else ""
    return f"{'; '.join(words)}{guessed}."


def _why(name: str, fact: Fact, given: MoveInputs) -> str:
    if name == "storage_s" and fact.storage_s and given.disk_used_mib:
        return f" (copied at {given.disk_used_mib / fact.storage_s:,.0f} MiB/s)"
    if name == "memory_s" and fact.memory_s and fact.memory_mib and given.ram_assigned_mib:
        copied_s = max(fact.memory_s - (fact.pause_s or 0.0), 1e-3)
        again = fact.memory_mib / given.ram_assigned_mib
        return f" (sent at {fact.memory_mib / copied_s:,.0f} MiB/s, {again:.1f} times the memory)"
    return ""


def left_s(
    told: Mapping[str, Span], bands: Sequence[Band], now_s: float, *, sent_mib: float | None, time_factor: float = 1.0
) -> Span | None:
    """Seconds of the hosts that are left ``now_s`` (on the samples' axis, real seconds); None before the storage.

    In the memory phase the measured rate counts: what is still expected to be sent, over what was sent a second.
    """
    memory, storage = told.get("memory_s"), told.get("storage_s")
    current = max((band for band in bands if band.phase in (Phase.STORAGE, Phase.MEMORY)), key=_start, default=None)
    if current is None or memory is None:
        return None
    spent_s = (now_s - current.start_s) * time_factor
    if current.phase is Phase.STORAGE:
        rest = _rest(storage, spent_s) if storage is not None else Span(0.0, 0.0, 0.0)
        return Span(rest.low + memory.low, rest.mid + memory.mid, rest.high + memory.high)
    expected, pause = told.get("memory_mib"), told.get("pause_s")
    if expected is None or pause is None or not sent_mib or spent_s <= 0:
        return _rest(memory, spent_s)
    rate = sent_mib / spent_s
    more = [max(one - sent_mib, 0.0) / rate for one in (expected.low, expected.mid, expected.high)]
    return Span(more[0] + pause.low, more[1] + pause.mid, more[2] + pause.high)


def _start(band: Band) -> float:
    return band.start_s


def _rest(span: Span, spent_s: float) -> Span:
    """What is left of a part; one that lasts longer than expected is told to last a tenth of its time more."""
    least = _AT_LEAST * spent_s
    mid = max(span.mid - spent_s, least)
    return Span(min(max(span.low - spent_s, 0.0), mid), mid, max(span.high - spent_s, 2 * mid))
