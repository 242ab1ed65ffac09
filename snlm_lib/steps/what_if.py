"""What if: a forecast beside the same one with another link, other writes, another compression. Changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from snlm_lib import show
from snlm_lib.foresight import Foresight, told_of
from snlm_lib.measure.forecast import Forecast, Span, Transport
from snlm_lib.measure.forecast.inputs import complete
from snlm_lib.measure.forecast.told import PARTS, hosts_time_words, learnt_words, part_words
from snlm_lib.parameters import connection_profile
from snlm_lib.process import still_runs
from snlm_lib.record.charts.forecast import forecast_figure
from snlm_lib.steps.explore import Pair

__all__ = ["Board", "sliders"]

# what a slider may reach; wide enough for what a survey finds, else what was found is the end
_REACH = {
    "link_mbit_s": ("link, Mbit/s", 100.0, 100_000.0),
    "dirty_mib_s": ("memory written, MiB/s", 0.1, 10_000.0),
    "compression": ("compression, to 1", 1.0, 4.0),
}


def sliders(pair: Pair) -> None:
    """The forecast of the machine surveyed, as a table and a figure, and sliders that draw both anew.

    A machine that is not on the source has none, which is said. Without somebody to mind sliders the forecast as
    surveyed stands alone.
    """
    if pair.facts.vm is None:
        show.text(f"{pair.wanted.vm} is not on {pair.names[0]} (any more): there is no move to forecast.")
        return
    board = Board(told_of(pair.facts, pair.wanted, connection_profile(pair.wanted.connection, alive=still_runs)))
    show.knobs(board.knobs, board.turn)
    board.turn({})
    show.text(learnt_words(board.seen.told.learned_moves))
    if board.seen.time_factor != 1:
        show.text(hosts_time_words(board.seen.time_factor))
    show.text(board.seen.told.statement)


@dataclass
class Board:
    """A table and a figure that are drawn anew in their places."""

    seen: Foresight

    def __post_init__(self) -> None:
        self.knobs = tuple(_knobs(self.seen))
        self._table, self._figure = show.Live("what-if-table"), show.Live("what-if-figure")

    def turn(self, values: Mapping[str, float]) -> None:
        """Show what it would be with ``values``; what was not moved stays what it was, known or supposed."""
        then = self.then(values)
        self._table.tell(list(_rows(self.seen.told, then)), caption="As surveyed, and as the sliders stand")
        self._figure.draw(forecast_figure(then), words="Expected passes and ranges as the sliders stand.")

    def then(self, values: Mapping[str, float]) -> Forecast:
        """The forecast with ``values``, by what moves that ended say of the one surveyed."""
        start = {knob.name: knob.value for knob in self.knobs}
        moved = {name: value for name, value in values.items() if not math.isclose(value, start[name], rel_tol=1e-3)}
        changed = replace(self.seen.model.known(self.seen.given), **moved)  # type: ignore[arg-type]  # figures alone, by their names
        return self.seen.model.forecast(changed, self.seen.model.recall(self.seen.given))


def _knobs(seen: Foresight) -> Iterator[show.Knob]:
    found, _ = complete(seen.model.known(seen.given))
    for name, (title, low, high) in _REACH.items():
        if name == "compression" and seen.given.transport is not Transport.COMPRESSION:
            continue  # nothing is compressed: the slider would move nothing
        value = max(found[name].value, 1e-3)
        yield show.Knob(name, title, value, min(low, value), max(high, value))


def _rows(now: Forecast, then: Forecast) -> Iterator[dict[str, object]]:
    for name, title in PARTS.items():
        sides = [_range(name, getattr(side, name)) for side in (now, then)]
        if any(sides):
            yield _row(title, *sides)
    yield _row("memory", now.verdict.word.value, then.verdict.word.value)
    for title, limit_s, held in (
        ("within the window", now.window_s, (now.fits_window, then.fits_window)),
        ("within the pause limit", now.pause_limit_s, (now.fits_pause, then.fits_pause)),
    ):
        if limit_s is not None:
            yield _row(title, *held)


def _row(what: str, now: object, then: object) -> dict[str, object]:
    return {"eight of ten such moves": what, "as surveyed": now, "as the sliders stand": then}


def _range(name: str, span: Span | None) -> str | None:
    if span is None:
        return None
    return f"{part_words(name, span.low)} to {part_words(name, span.high)}"
