"""One forecast, with its range, from what is known and from what moves that ended have taught. Pure; reads no file.

model = Forecaster.trained(pasts)      # or Forecaster() before anything was measured
told = model.forecast(MoveInputs(...))
model.learn(Past(inputs, outcome))     # after the move: used next time
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from snlm_lib.measure.forecast.advice import changes
from snlm_lib.measure.forecast.course import Course, Load, run
from snlm_lib.measure.forecast.experience import MEASURES, OFFSET, Experience, Recall, features, log_ratios, tenths
from snlm_lib.measure.forecast.fit import MACHINE, Ended, fit
from snlm_lib.measure.forecast.inputs import QUANTITIES, MoveInputs, Quantity, Source, complete
from snlm_lib.measure.forecast.learn import Past, Reading, reading_of, with_history
from snlm_lib.measure.forecast.situation import TENTH, Eased, Situation, situation, standard_draws
from snlm_lib.measure.forecast.storage import StorageRatio, storage_course
from snlm_lib.measure.forecast.told import Advice, Forecast, Pass, Span
from snlm_lib.measure.forecast.traits import Traits, traits_of
from snlm_lib.measure.forecast.verdict import dominates, judge

__all__ = ["Forecaster"]

Array = npt.NDArray[np.float64]
_FEW = 8  # moves of a class before it gets traits of its own
_EASE = 0.05  # support at which the readings' own noise is half forgotten
_LEAST = 1e-3
_UNTOLD = 1.06  # both ways for each figure that is missing: its prior may not hold here, and its middle may be too sure
_WORTH_SAYING = 0.05


class Forecaster:
    """What was learnt so far: traits by platform and class, moves that ended, the last reading of each machine."""

    def __init__(self) -> None:
        self._traits: dict[str, Traits] = {}
        self._kinds: dict[tuple[str, str], Traits] = {}
        self._codes: dict[str, int] = {}
        self._moves = Experience()
        self._storage = StorageRatio()
        self._readings: dict[str, Reading] = {}
        self._lessons = 0

    @classmethod
    def trained(cls, pasts: Sequence[Past]) -> Forecaster:
        """Traits fitted to moves that ended, then each of them learnt in the order given: the order of their ends."""
        model = cls()
        by_platform: dict[str, list[Past]] = {}
        for past in pasts:
            by_platform.setdefault(past.inputs.platform, []).append(past)
        for platform, own in by_platform.items():
            model._fit(platform, own)
        for past in pasts:
            model.learn(past)
        return model

    def _fit(self, platform: str, pasts: Sequence[Past]) -> None:
        usable = [past for past in pasts if past.outcome.memory_s]
        if not usable:
            return
        load, ended = _loads(usable), _ended(usable)
        whole = fit(load, ended, traits_of(platform))
        self._traits[platform] = whole
        kinds = np.array([past.inputs.workload or "" for past in usable])
        for kind in sorted(set(kinds) - {""}):
            own = np.flatnonzero(kinds == kind)
            if len(own) >= _FEW:
                self._kinds[platform, kind] = fit(load.take(own), ended.take(own), whole, names=MACHINE)

    def traits(self, given: MoveInputs) -> Traits:
        """The constants used for a machine: of its class, else of its platform, else supposed.

        What a class decides is not learnt from other classes: a new one gets the suppositions (with a whole workload
        left out, a fit to the others was 16.4 % off, this 14.5 %).
        """
        supposed = traits_of(given.platform)
        whole = self._traits.get(given.platform, supposed)
        if not given.workload:
            return whole
        own = self._kinds.get((given.platform, given.workload))
        return own or replace(whole, **{name: getattr(supposed, name) for name in MACHINE})

    def learn(self, past: Past) -> None:
        """One move more. Unknown outcomes teach nothing; what is stuck is kept as a lower bound, never as a rate."""
        taught = bool(past.outcome.storage_s or past.outcome.memory_s)
        if past.inputs.machine is not None:
            reading = reading_of(past.outcome.passes, past.inputs.ram_demand_mib or past.inputs.ram_assigned_mib)
            if reading is not None:
                self._readings[past.inputs.machine] = reading
                taught = True
            # scored as it will be forecast: with what its passes told
            past = replace(past, inputs=with_history(past.inputs, reading))
        if past.outcome.storage_s:
            told = storage_course(_central(past.inputs), self.traits(past.inputs))
            self._storage.learn(float(told[0]), past.outcome.storage_s, past.inputs.machine)
        if past.outcome.memory_s:
            load, traits = _central(past.inputs).load, self.traits(past.inputs)
            ratio = log_ratios(run(load, traits), _ended([past]))[0]
            self._moves.learn(self._place(load, past.inputs), ratio, *self._who(past.inputs))
        self._lessons += taught

    def _who(self, given: MoveInputs) -> tuple[int, int]:
        names = (
            None if not given.workload else "class " + given.workload,
            given.machine and "machine " + given.machine,
        )
        kind, machine = (-1 if not one else self._codes.setdefault(one, len(self._codes)) for one in names)
        return kind, machine

    def _place(self, load: Load, given: MoveInputs) -> Array:
        place: Array = features(load, self._traits.get(given.platform, traits_of(given.platform)))[0]
        return place

    def known(self, given: MoveInputs) -> MoveInputs:
        """The inputs, with the machine's reading of an earlier move where nobody measured: a what-if begins here."""
        return with_history(given, self._readings.get(given.machine or ""))

    def recall(self, given: MoveInputs) -> Recall:
        """What moves that ended say of this one; a what-if keeps it while the inputs change."""
        given = self.known(given)
        return self._moves.recall(self._place(_central(given).load, given), *self._who(given))

    def forecast(self, given: MoveInputs, recall: Recall | None = None) -> Forecast:
        """The forecast for one move. With ``recall`` of a like move given, it is monotone in every input."""
        given = self.known(given)
        recall = recall or self.recall(given)
        found, missing = complete(given)
        traits = self.traits(given)
        around = situation(given, found, Eased(*(_EASE / (_EASE + one) for one in (recall.support, recall.own))))
        course = run(around.load, traits)
        told = [_draws(course, recall, column) for column in range(len(MEASURES))]
        storage = self._storage_draws(storage_course(around, traits), given.machine)
        mirrored = around.disk_write_mib_s * (storage + told[0])
        span = functools.partial(_span, slack=_UNTOLD ** len(missing))
        return Forecast(
            total_s=span(told[0] + storage),
            storage_s=span(storage) if storage[0] > 0 else None,
            memory_s=span(told[0]),
            pause_s=span(np.minimum(told[2], told[0])),  # which holds it: histories of either may disagree
            sent_mib=span(told[1] + around.storage_mib + mirrored),
            memory_mib=span(told[1]),
            passes=_passes(course, around.load, traits),
            verdict=judge(around.load, traits, course, dirty=found["dirty_mib_s"], censored=given.dirty_censored),
            dominates=dominates(float(storage[0]), course, around.load, traits),
            inputs=tuple(self._told_inputs(given, found, storage).values()),
            missing=missing,
            learned_moves=self._lessons,
            window_s=given.window_s,
            pause_limit_s=given.pause_limit_s,
        )

    def _told_inputs(self, given: MoveInputs, found: Mapping[str, Quantity], storage: Array) -> Mapping[str, Quantity]:
        """With the disks' speed as the machine's own earlier copies showed it, where nobody measured it."""
        speed = found["storage_mib_s"]
        if speed.source is not Source.PRIOR or not self._storage.knows(given.machine) or storage[0] <= 0:
            return found
        span, copied = _span(storage, 1.0), found["disk_used_mib"].value
        value, low, high = copied / span.mid, copied / span.high, copied / span.low
        return {**found, "storage_mib_s": Quantity(speed.name, value, low, high, speed.unit, Source.HISTORY)}

    def shorten(self, given: MoveInputs) -> tuple[Advice, ...]:
        """What would shorten the move by a twentieth or more, the most first; what is known of it stays the same."""
        given = self.known(given)
        recall = self.recall(given)
        now_s = self.forecast(given, recall).total_s.mid
        found = []
        for what, changed in changes(given):
            then_s = self.forecast(changed, recall).total_s.mid
            if then_s <= (1 - _WORTH_SAYING) * now_s:
                found.append(Advice(what, then_s, now_s - then_s))
        return tuple(sorted(found, key=lambda advice: -advice.saved_s))

    def _storage_draws(self, told: Array, machine: str | None) -> Array:
        if not told[0]:
            return told
        learnt = self._storage.recall(machine)
        tilt = learnt.width * np.log(told / told[0]) + _tilts()[::-1] * learnt.scatter  # not the memory phase's draw
        drawn: Array = told[0] * np.exp(learnt.centre + tilt)
        drawn[0] = told[0] * np.exp(learnt.centre)
        return drawn


def _draws(course: Course, recall: Recall, column: int) -> Array:
    """The middle first, then the draws, each tilted by how far the arithmetic was off."""
    by, z = OFFSET[column], _tilts() / TENTH
    tilt = np.where(z < 0, -recall.low[column], recall.high[column]) * z
    seen: Array = (getattr(course, MEASURES[column]) + by) * np.exp(recall.centre[column] + tilt) - by
    return np.maximum(seen, _LEAST)


@functools.cache
def _tilts() -> Array:
    """0 for the middle, then a standard normal draw a situation."""
    return np.append(0.0, standard_draws(len(QUANTITIES) + 1)[:, -1])


def _span(drawn: Array, slack: float) -> Span:
    middle, (low, high) = float(drawn[0]), tenths(drawn[1:])
    return Span(min(low, middle) / slack, middle, max(high, middle) * slack)


def _passes(course: Course, load: Load, traits: Traits) -> tuple[Pass, ...]:
    rate = float(load.rate(traits)[0])
    sent = [float(one) for one in course.passes[:, 0] if one > 0]
    return tuple(Pass(number, mib, mib / rate) for number, mib in enumerate(sent, start=1))


def _central(given: MoveInputs) -> Situation:
    return situation(given, complete(given)[0], None)


def _loads(pasts: Sequence[Past]) -> Load:
    each = [_central(replace(past.inputs, dirty_shape=())).load for past in pasts]
    return Load(**{name: np.concatenate([getattr(one, name) for one in each]) for name in vars(each[0])})


def _ended(pasts: Sequence[Past]) -> Ended:
    def column(name: str) -> Array:
        return np.array([getattr(past.outcome, name) or np.nan for past in pasts], dtype=np.float64)

    return Ended(column("memory_s"), column("memory_mib"), column("pause_s"))
