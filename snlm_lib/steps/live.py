"""05 while the machine moves: a line of progress with what is left, and the figure so far. Draws from samples alone.

Drawing takes time from the looks at the move: it is done at most once a second, and the longer it takes the rarer.
The probes are another process and notice nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from snlm_lib import show
from snlm_lib.change.act import Act, Outcome
from snlm_lib.clock import Clock
from snlm_lib.measure.passes import last_try, phase_bands
from snlm_lib.measure.samples import numbers, read_samples
from snlm_lib.record.charts.progress import progress_figure
from snlm_lib.record.outlook import kept_forecast
from snlm_lib.steps.forecast import left_words

__all__ = ["LiveMove"]

PACE_S = 1.0
SHARE = 0.1  # of the time, at most, goes into drawing


class LiveMove:
    """What a person watching sees; ``say`` is called at every look."""

    def __init__(self, samples: Path, clock: Clock) -> None:
        self._samples = samples
        self._clock = clock
        self._line = show.Line("move")
        self._figure = show.Live("move")
        self._due_s = float("-inf")
        self._left = ""
        self._forecast = kept_forecast(samples.parent)
        progress_figure({}, {}).to_json()  # Plotly's first figure is slow: now, not while the machine moves

    def say(self, words: str) -> None:
        """The line, and the figure when it is due."""
        self._line.say(words + self._left)
        began_s = self._clock.monotonic_s()
        if began_s >= self._due_s and self._draw():
            took_s = self._clock.monotonic_s() - began_s
            self._due_s = began_s + max(PACE_S, took_s / SHARE)

    def _draw(self) -> bool:
        """Draw what was sampled so far; False when there is no percentage yet."""
        course, memory = last_try(*(read_samples(self._samples / f"{name}.csv") for name in ("progress", "passes")))
        if not any(numbers(course, "percent")):
            return False
        bands = phase_bands(course, memory)
        self._left = left_words(self._forecast, course, memory, bands)
        drawn = progress_figure(course, memory, bands=bands)
        self._figure.draw(drawn, words="Progress of the move so far, in percent against seconds.")
        return True

    def around(self, act: Act) -> Act:
        """The same act; when it is done, the figure makes room for the final ones. A failed move keeps its last."""

        def settle(look: Callable[[datetime], Outcome], begun: datetime) -> Outcome:
            return self._ended(look(begun))

        looked = act.settle
        return replace(
            act,
            do=lambda: self._ended(act.do()),
            settle=None if looked is None else lambda begun: settle(looked, begun),
        )

    def _ended(self, outcome: Outcome) -> Outcome:
        if outcome.result == "done":
            self._figure.end("The whole course is drawn below.")
        return outcome
