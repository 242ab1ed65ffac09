"""A move that ended, as a record keeps it, and what its passes say of the guest's writes. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from snlm_lib.measure.forecast.inputs import MoveInputs, Source, Transport

__all__ = ["SCHEMA", "Outcome", "PassSeen", "Past", "Reading", "past_from", "reading_of", "with_history"]

SCHEMA = "snlm.past-move/1"
_STUCK = 0.97  # a pass this much of the one before it shows the link's rate, not the guest's
_WHOLE = 0.95  # nearly all memory written again: more could not be seen
_LEAST_S = 0.05


@dataclass(frozen=True)
class PassSeen:
    """One recorded pass: MiB sent in it, seconds it took."""

    mib: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What happened; None is unknown. ``memory_s`` runs from the first pass to the guest's resume."""

    memory_s: float | None
    pause_s: float | None = None
    memory_mib: float | None = None
    storage_s: float | None = None
    passes: tuple[PassSeen, ...] = ()


@dataclass(frozen=True)
class Past:
    """A move that ended: what was known before it, what came of it, when it ended (s since 1970, UTC)."""

    inputs: MoveInputs
    outcome: Outcome
    ended_unix_s: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """For a record; `past_from` reads it back."""
        inputs = {name: value for name, value in vars(self.inputs).items() if value is not None and name != "sources"}
        inputs["sources"] = {name: str(source) for name, source in self.inputs.sources.items()}
        return {"schema": SCHEMA, "ended_unix_s": self.ended_unix_s, "inputs": inputs, "outcome": asdict(self.outcome)}


def past_from(kept: Mapping[str, object]) -> Past | None:
    """What `Past.as_dict` wrote; None when it is something else: a record is never refused for it."""
    inputs, outcome, ended = kept.get("inputs"), kept.get("outcome"), kept.get("ended_unix_s")
    if kept.get("schema") != SCHEMA or not isinstance(inputs, Mapping) or not isinstance(outcome, Mapping):
        return None
    try:
        passes = tuple(PassSeen(float(one["mib"]), float(one["seconds"])) for one in outcome.get("passes", ()))
        if not all(_fits(name, value) for one in passes for name, value in vars(one).items()):
            return None
        known = {field.name for field in fields(MoveInputs)}
        given = {name: value for name, value in inputs.items() if name in known}
        given["sources"] = {name: Source(source) for name, source in given.get("sources", {}).items()}
        given["transport"] = Transport(given.get("transport", Transport.TCP))
        given["dirty_shape"] = shape = tuple((float(at), float(mib)) for at, mib in given.get("dirty_shape", ()))
        names = ("memory_s", "pause_s", "memory_mib", "storage_s")
        figures = {name: outcome.get(name) for name in names}
        if not all(
            _fits(name, value)
            for name, value in (*given.items(), *figures.items(), *(("", one) for pair in shape for one in pair))
        ):
            return None
        return Past(MoveInputs(**given), Outcome(**figures, passes=passes), float(str(ended or 0.0)))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None


_LEAST, _MOST = 1e-6, 1e9  # seconds, MiB or MiB/s: thirty years, a pebibyte
_TEXTS = frozenset({"platform", "machine", "workload"})


def _fits(name: str, value: object) -> bool:
    """Is a figure a finite number, a name a text? A record may have been written by anybody."""
    if value is None or name in ("transport", "sources", "dirty_shape"):
        return True
    if name in _TEXTS:
        return isinstance(value, str)
    if name == "dirty_censored":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value == 0 or _LEAST <= value <= _MOST


@dataclass(frozen=True)
class Reading:
    """Writes of a guest from the passes of a move: MiB/s over ``window_s``; ``censored``: a lower bound only.

    ``shape``: shorter points of the curve as shares of the window and of what was read over it, ascending.
    """

    mib_s: float
    window_s: float
    shape: tuple[tuple[float, float], ...]
    censored: bool


def reading_of(passes: Sequence[PassSeen], ram_mib: float | None = None) -> Reading | None:
    """The dirty curve's points are V(i+1) = D(t(i)): the longest uncensored one, and those within it.

    None when no pair of passes was seen. A stuck move only shows that the guest writes at least as fast as the link.
    """
    points = [
        (before.seconds, after.mib, after.mib >= _STUCK * before.mib or (ram_mib or math.inf) * _WHOLE <= after.mib)
        for before, after in itertools.pairwise(passes)
        if before.seconds >= _LEAST_S and after.mib > 0
    ]
    if not points:
        return None
    free = [(seconds, mib) for seconds, mib, stuck in points if not stuck]
    if not free:
        seconds, mib, _ = max(points)
        return Reading(mib / seconds, seconds, (), censored=True)
    seconds, mib = max(free)
    shorter = ((at / seconds, written / mib) for at, written in sorted(free))
    return Reading(mib / seconds, seconds, tuple(one for one in shorter if one < (1, 1)), censored=False)


def with_history(given: MoveInputs, reading: Reading | None) -> MoveInputs:
    """The inputs with an earlier move's reading in place of a missing one, marked as history."""
    if reading is None or given.dirty_mib_s is not None:
        return given
    return replace(
        given,
        dirty_mib_s=reading.mib_s,
        dirty_window_s=reading.window_s,
        dirty_shape=reading.shape,
        dirty_censored=reading.censored,
        sources={**given.sources, "dirty_mib_s": Source.HISTORY},
    )
