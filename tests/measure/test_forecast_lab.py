"""The lab's moves obey curves of their own: the forecast, which is told none of them, holds nine of ten."""

from __future__ import annotations

from snlm_lib.measure.forecast import Forecaster
from tests.measure.forecast_worlds import play

_WORLDS = 100


def test_nine_of_ten_random_moves_lie_inside_their_range() -> None:
    model = Forecaster()
    played = [play(seed) for seed in range(_WORLDS)]
    held = [model.forecast(each.given).total_s.holds(each.total_s) for each in played]
    assert sum(held) >= 0.9 * _WORLDS


def test_the_range_is_no_empty_promise() -> None:
    """One that held everything would span the whole world: here the widest moves differ by far more than a range."""
    played = [play(seed) for seed in range(_WORLDS)]
    spans = [Forecaster().forecast(each.given).total_s for each in played]
    widths = sorted(span.high / span.low for span in spans)
    totals = [each.total_s for each in played]
    assert widths[len(widths) // 2] < 0.5 * max(totals) / min(totals)
