"""What a move will take, how sure that is, and what moves that ended teach about the next one."""

from snlm_lib.measure.forecast.inputs import MoveInputs, Quantity, Source, Transport
from snlm_lib.measure.forecast.learn import Outcome, PassSeen, Past, past_from
from snlm_lib.measure.forecast.model import Forecaster
from snlm_lib.measure.forecast.told import NO_CLAIM, Advice, Convergence, Forecast, Pass, Span, Verdict

__all__ = [
    "NO_CLAIM",
    "Advice",
    "Convergence",
    "Forecast",
    "Forecaster",
    "MoveInputs",
    "Outcome",
    "Pass",
    "PassSeen",
    "Past",
    "Quantity",
    "Source",
    "Span",
    "Transport",
    "Verdict",
    "past_from",
]
