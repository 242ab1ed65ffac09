"""What a forecast says: figures with their ranges, never a number alone. Frozen models; knows no arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from snlm_lib.measure.forecast.inputs import Quantity
from snlm_lib.units import MIB, say_bytes, say_duration_s

__all__ = ["NO_CLAIM", "Advice", "Convergence", "Forecast", "Pass", "Span", "Verdict"]

NO_CLAIM = (
    "How good such forecasts are on Hyper-V is not known: no recorded move of a real Hyper-V host was there to score "
    "them. They are scored on public records of KVM and QEMU moves."
)


PARTS = {
    "total_s": "in all",
    "storage_s": "storage",
    "memory_s": "memory and pause",  # from the order to the resume, whatever is not storage: with its set-up
    "pause_s": "the pause alone",
    "sent_mib": "bytes sent",
}
"""The ranges of a `Forecast` as tables name them."""

LIMITS = {"total_s": "window", "pause_s": "limit of the host's pause"}
"""What a change may set for a part of `PARTS`."""


def part_words(name: str, value: float) -> str:
    """A figure of a part: a duration, or bytes."""
    return say_bytes(round(value * MIB)) if name.endswith("_mib") else say_duration_s(value)


def limit_words(seconds: float) -> str:
    """A limit as somebody set it: a tiny one is not told as nothing."""
    return f"{seconds:g} s" if seconds < 120 else say_duration_s(seconds)


MEANT = "Meant to hold eight of ten such moves from least to most; never tested on Hyper-V."


def supposed_words(told: Forecast) -> str:
    """What nobody measured, and whose range is the widest; "" when all was measured."""
    if not told.missing:
        return ""
    copied, memory = told.storage_s, told.memory_s
    storage = copied is not None and copied.high - copied.low > memory.high - memory.low
    widest = "the copy of the storage, for the speed of its disks" if storage else "the memory, for its writes"
    return f"Nobody measured, so supposed: {', '.join(told.missing)}. Least known is {widest}."


def hosts_time_words(factor: float) -> str:
    """Whose seconds a rehearsal's forecast is told in."""
    return f"These are seconds of the hosts; this lab runs time {factor:g} times as fast, but for the pause."


def limit_held(span: Span, limit_s: float) -> str:
    """How many such moves keep a limit, in words."""
    if span.high <= limit_s:
        return "nine of ten such moves stay within it"
    more = "nearly all" if limit_s < span.low else "more than half" if limit_s < span.mid else "more than one in ten"
    return f"NOT SAFE, {more} take longer"


class Convergence(StrEnum):
    """Whether the memory copy catches up with the guest."""

    CONVERGES = "converges"
    SLOWLY = "converges slowly"
    FORCED = "will be forced"
    NOT_KNOWN = "not known"


def learnt_words(moves: int) -> str:
    """From how many moves a forecast has learnt."""
    if not moves:
        return "No move that ended has taught it anything yet."
    return f"Learnt from {moves} moves that ended." if moves > 1 else "Learnt from one move that ended."


_ANSWERS = {
    Convergence.CONVERGES: "Yes",
    Convergence.SLOWLY: "Slowly",
    Convergence.FORCED: "No, the switch-over will be forced",
    Convergence.NOT_KNOWN: "Not known",
}


def converges_words(word: Convergence, reason: str) -> str:
    """The verdict as question, answer and reason."""
    return f"Does the memory copy catch up with the machine (converge)? {_ANSWERS[word]}. {reason}"


@dataclass(frozen=True)
class Span:
    """Eight of ten outcomes lie from ``low`` to ``high``; ``mid`` is the forecast. low <= mid <= high, all above 0."""

    low: float
    mid: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether an outcome lies inside the range."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Pass:
    """One pass over the memory as expected: what it sends and how long that takes."""

    number: int
    mib: float
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """``load``: writes over rate. ``pause_floor_s``: the shortest pause that can be had while it does not converge."""

    word: Convergence
    reason: str
    load: float
    pause_floor_s: float


@dataclass(frozen=True)
class Advice:
    """Something that would shorten the move: the middle forecast with it, and what is saved of the total."""

    what: str
    total_s: float
    saved_s: float


@dataclass(frozen=True)
class Forecast:
    """``storage_s`` is None when no storage moves. ``total_s`` holds ``storage_s``, ``memory_s`` and the pause in it.

    ``sent_mib`` counts bytes of memory, compressed or not, and of storage. ``learned_moves``: how many moves that
    ended were asked; ``missing`` names figures that had to be supposed.
    """

    total_s: Span
    storage_s: Span | None
    memory_s: Span
    pause_s: Span
    sent_mib: Span
    memory_mib: Span
    passes: tuple[Pass, ...]
    verdict: Verdict
    dominates: str
    inputs: tuple[Quantity, ...]
    missing: tuple[str, ...]
    learned_moves: int
    window_s: float | None = None
    pause_limit_s: float | None = None
    statement: str = NO_CLAIM

    @property
    def limits_s(self) -> dict[str, float]:
        """The change's own limits, by part; none where none was set."""
        return {
            name: one for name, one in zip(LIMITS, (self.window_s, self.pause_limit_s), strict=True) if one is not None
        }

    @property
    def fits_window(self) -> bool | None:
        """True when nine of ten such moves end inside the window; None without a window."""
        return None if self.window_s is None else self.total_s.high <= self.window_s

    @property
    def fits_pause(self) -> bool | None:
        """True when nine of ten pauses stay below the limit; None without a limit."""
        return None if self.pause_limit_s is None else self.pause_s.high <= self.pause_limit_s
