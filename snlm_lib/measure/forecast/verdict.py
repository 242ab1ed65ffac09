"""Whether the memory copy catches up, and why: in words. Pure."""

from __future__ import annotations

import numpy as np

from snlm_lib.measure.forecast.course import Course, Load, floor_mib
from snlm_lib.measure.forecast.inputs import Quantity, Source, said
from snlm_lib.measure.forecast.told import Convergence, Verdict
from snlm_lib.measure.forecast.traits import Traits
from snlm_lib.units import say_duration_s

__all__ = ["dominates", "judge", "load_of"]

_FIRST = np.array([0])
_SLOW = 0.7  # writes over rate: the facts' warning line


def load_of(load: Load, traits: Traits) -> float:
    """Writes over rate: how much of what is sent is written again meanwhile."""
    return float((load.dirty_mib_s[0] + load.cold_mib_s[0]) / load.rate(traits)[0])


def judge(load: Load, traits: Traits, course: Course, *, dirty: Quantity, censored: bool) -> Verdict:
    """The verdict on the central situation, the first."""
    load = load.take(_FIRST)
    share = load_of(load, traits)
    rest = float(floor_mib(load, traits)[0])
    floor_s = traits.pause_fixed_s + rest / float((traits.share * load.line_mib_s)[0])
    word = _word(share, forced=bool(course.forced[0]), known=dirty.source is not Source.PRIOR)
    rate = f"{said(dirty.value)} MiB/s written, {said(float(load.rate(traits)[0]))} MiB/s sent"
    passes = int((course.passes[:, 0] > 0).sum())
    return Verdict(word, _reason(word, rate, rest, passes) + _CENSORED * censored, share, floor_s)


_CENSORED = " The reading was taken while a move was stuck: it shows the link's rate, the guest may write faster."


def _word(share: float, *, forced: bool, known: bool) -> Convergence:
    if not known:
        return Convergence.NOT_KNOWN
    if forced:
        return Convergence.FORCED
    return Convergence.SLOWLY if share > _SLOW else Convergence.CONVERGES


def _reason(word: Convergence, rate: str, rest: float, count: int) -> str:
    passes = f"{count} passes" if count != 1 else "1 pass"
    if word is Convergence.NOT_KNOWN:
        return f"Nobody measured how fast this machine writes memory; supposed: {rate}."
    if word is Convergence.FORCED and rest > 0:
        return f"The passes stop shrinking at about {rest:,.0f} MiB ({rate}); the switch-over is forced after {passes}."
    if word is Convergence.FORCED:
        return f"After {passes} the rest does not fit the pause yet ({rate})."
    if word is Convergence.SLOWLY:
        return f"Each pass is not much smaller than the one before it ({rate}), {passes} expected."
    if count == 1:
        return f"What is written while the memory is sent fits the pause ({rate}), 1 pass expected."
    return f"Each pass is clearly smaller than the one before it ({rate}), {passes} expected."


def dominates(storage_s: float, course: Course, load: Load, traits: Traits) -> str:
    """The largest part of the forecast time, in words."""
    rate = float(load.rate(traits)[0])
    copied = [float(one) / rate for one in course.passes[:, 0]]
    parts = {
        "the copy of the storage": storage_s,
        "the first pass over the memory": copied[0],
        "memory that the guest writes again": sum(copied[1:]),
        "the pause": float(course.pause_s[0]),
        "starting and ending": traits.setup_s + traits.scan_s_per_gib * float(load.ram_mib[0]) / 1024,
    }
    name, seconds = max(parts.items(), key=lambda part: part[1])
    return f"{name}: {say_duration_s(seconds)} of {say_duration_s(sum(parts.values()))}"
