"""What the move will take (03), how much is left (05), and how good that was (06). Asks no host.

What was learnt stands in the records themselves; a rehearsal learns from rehearsals of its scenario alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snlm_lib import show
from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.estate.model import PairFacts
from snlm_lib.foresight import told_of
from snlm_lib.measure.forecast import Forecast, Past, Span
from snlm_lib.measure.forecast.score import Fact, fact_of, left_s, miss_of, outcome_of
from snlm_lib.measure.forecast.told import (
    LIMITS,
    MEANT,
    PARTS,
    converges_words,
    hosts_time_words,
    learnt_words,
    limit_held,
    limit_words,
    part_words,
    supposed_words,
)
from snlm_lib.measure.passes import Band, last_try, memory_passes, phase_bands
from snlm_lib.measure.samples import Columns, numbers, read_samples
from snlm_lib.record.charts.forecast import forecast_figure
from snlm_lib.record.outlook import given_to, keep_forecast, keep_past, kept_forecast, spans_of
from snlm_lib.record.result import StepResult
from snlm_lib.step import Step
from snlm_lib.units import MIB, parse_utc, unit_of

__all__ = ["before", "checks", "learn", "left_words"]

_ROWS = ("storage_s", "memory_s", "pause_s", "total_s")


def before(step: Step, facts: PairFacts) -> Forecast | None:
    """Forecast the move from the survey and from moves that ended; show it, and keep it for 05 and 06.

    None when there is no machine to move.
    """
    if facts.vm is None:
        step.say("There is no machine to forecast a move of.")
        return None
    seen = told_of(facts, step.parameters, step.profile, outputs=step.record.path.parent.parent)
    told = seen.told
    keep_forecast(step.record.path, told, seen.given, time_factor=seen.time_factor)
    step.table("forecast", _rows(told), caption=f"Forecast. {MEANT}")
    inputs = [{"from": quantity.words} for quantity in told.inputs]
    step.table("forecast_inputs", inputs, caption="What it starts from, and where each figure comes from")
    show.figure(forecast_figure(told), words="Expected passes, and the range of each part.")
    step.keep(
        {
            "forecast_total_s": _rounded(told.total_s.mid),
            "forecast_total_most_s": _rounded(told.total_s.high),
            "forecast_pause_s": _rounded(told.pause_s.mid),
            "forecast_pause_most_s": _rounded(told.pause_s.high),
            "forecast_verdict": told.verdict.word.value,
        }
    )
    for words in _sentences(told, seen.time_factor):
        step.say(words)
    return told


def _rows(told: Forecast) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    limits = told.limits_s
    for name in _ROWS:
        span: Span | None = getattr(told, name)
        if span is not None:
            low, mid, high = (_rounded(one) for one in (span.low, span.mid, span.high))
            rows.append(
                {"part": PARTS[name], "least, s": low, "middle, s": mid, "most, s": high, "limit, s": limits.get(name)}
            )
    return rows


def _sentences(told: Forecast, factor: float) -> list[str]:
    total, pause = told.total_s, told.pause_s
    words = [told.statement, converges_words(told.verdict.word, told.verdict.reason)]
    if factor != 1:
        words.append(hosts_time_words(factor))
    if supposed := supposed_words(told):
        words.append(supposed)
    whose = "" if factor == 1 else " of the hosts' time"
    expected = f"Expected: {_range(total)}{whose} in all, paused {_range(pause)}"
    return [*words, f"{expected}. {learnt_words(told.learned_moves)} The largest part is {told.dominates}."]


def _range(span: Span) -> str:
    """``"1.3 to 6.9 min"``: two digits are more than a range bears."""
    size, unit = unit_of(span.high)
    low, high = (_two_digits(one / size) for one in (span.low, span.high))
    return f"{low} to {high} {unit}"


def _two_digits(value: float) -> str:
    return "0" if value < 0.005 else f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _rounded(seconds: float) -> float:
    return round(seconds, 1 if seconds >= 10 else 2)


def checks(told: Forecast | None) -> tuple[CheckResult, ...]:
    """The forecast beside the change's own limits; without a limit there is nothing to check. Never an obstacle."""
    found: list[CheckResult] = []
    if told is None:
        return ()
    for name, limit_s in told.limits_s.items():
        span: Span = getattr(told, name)
        evidence = f"{_range(span)} expected, {limit_words(limit_s)} allowed: {limit_held(span, limit_s)}"
        fits = span.high <= limit_s
        remedy, level = ("", Level.PASS) if fits else (_SHORTER, Level.WARN)
        title = f"The forecast stays within the {LIMITS[name]}"
        found.append(CheckResult(_CHECKS[name], title, level, evidence, remedy, "", None))
    return tuple(found)


_CHECKS = {"total_s": "forecast-window", "pause_s": "forecast-pause"}


_SHORTER = "snlm forecast says what would shorten the move, and by how much; or allow more in the change's file."


def left_words(kept: Mapping[str, Any] | None, course: Columns, memory: Columns, bands: Sequence[Band]) -> str:
    """ "; 40 to 70 s left" by `kept_forecast` and what was seen since; "" when nothing can be told."""
    times = numbers(course, "t_s")
    now_s = next((time for time in reversed(times) if time is not None), None)
    if kept is None or now_s is None:
        return ""
    factor = float(kept["time_factor"])
    sent = next((one for one in reversed(numbers(memory, "bytes_sent")) if one is not None), None)
    sent_mib = None if sent is None else sent / MIB
    span = left_s(spans_of(kept), bands, now_s, sent_mib=sent_mib, time_factor=factor)
    return "" if span is None else f"; {_range(span)} left"


def learn(step: Step, move: StepResult) -> None:
    """Set the facts beside the forecast, say why it missed, and leave the move as a lesson for the next one."""
    course, memory = last_try(*(read_samples(step.record.samples / f"{name}.csv") for name in ("progress", "passes")))
    kept = kept_forecast(step.record.path)
    given = given_to(kept) if kept is not None else None
    if kept is None or given is None:
        step.say("No forecast was made in this record, so there is nothing to score.")
        return
    factor, pause = float(kept["time_factor"]), move.figures.get("host_blackout_s")
    passes, bands = memory_passes(memory), phase_bands(course, memory)
    pause_s = float(pause) if isinstance(pause, int | float) else None
    looks = [time for time in numbers(course, "t_s") if time is not None]
    fact = fact_of(bands, passes, pause_s=pause_s, time_factor=factor, looks=looks)
    spans = spans_of(kept)
    miss = miss_of(spans, fact, given, kept["missing"])
    rows = [_scored(name, spans[name], fact) for name in _ROWS if name in spans]
    said = _limited(rows, {"total_s": kept.get("window_s"), "pause_s": kept.get("pause_limit_s")}, fact)
    step.table("forecast_and_fact", rows, caption="Forecast and fact, in seconds of the hosts")
    ended = parse_utc(str(move.figures.get("ended_utc") or move.ended_utc)).timestamp()
    past = Past(given, outcome_of(fact, passes, time_factor=factor), ended)
    keep_past(step.record.path, past, fact, miss, lab=step.profile.lab)
    inside = fact.inside("total_s", spans["total_s"])
    step.keep({"forecast_held": inside, "fact_total_s": None if fact.total_s is None else _rounded(fact.total_s)})
    for words in said:
        step.say(words)
    step.say(_told_after(inside, miss, factor))


def _scored(name: str, span: Span, fact: Fact) -> dict[str, object]:
    low, mid, high = (_rounded(one) for one in (span.low, span.mid, span.high))
    (was, within_s), held = fact.part(name), fact.inside(name, span)
    inside = None if held is None else "yes" if held else "no"
    took, known = (None, None) if was is None else (_rounded(was), _rounded(within_s))
    row = {"part": PARTS[name], "least, s": low, "middle, s": mid, "most, s": high, "was, s": took}
    return {**row, "known within, s": known, "inside": inside}


def _limited(rows: list[dict[str, object]], limits: Mapping[str, object], fact: Fact) -> list[str]:
    """The change's own limits beside what happened, as columns and sentences; without limits there are neither."""
    set_s = {name: float(limit) for name, limit in limits.items() if isinstance(limit, int | float)}
    kept = {name: _kept(*fact.part(name), limit_s) for name, limit_s in set_s.items()}
    columns = {PARTS[name]: (limit_s, kept[name]) for name, limit_s in set_s.items()}
    for row in rows if columns else ():
        row["limit, s"], row["limit kept"] = columns.get(str(row["part"]), (None, None))
    return [_limit_words(name, limit_s, *fact.part(name), kept=kept[name]) for name, limit_s in set_s.items()]


def _kept(was: float | None, within_s: float, limit_s: float) -> str | None:
    """Nothing is said of a fact that is not known as well as its limit asks."""
    if was is None or was - within_s <= limit_s < was + within_s:
        return None
    return "yes" if was <= limit_s else "no"


def _limit_words(name: str, limit_s: float, was: float | None, within_s: float, *, kept: str | None) -> str:
    what = f"{LIMITS[name]} of {limit_words(limit_s)}"
    if was is None:
        return f"Whether the {what} was kept is not known: nobody saw how long it took."
    seen = f"{part_words(name, was)}, known within {part_words(name, within_s)}"
    if kept is None:
        return f"Whether the {what} was kept cannot be told: {seen}."
    return f"The {what} was {'kept' if kept == 'yes' else 'BROKEN'}: {seen}."


def _told_after(inside: bool | None, miss: str, factor: float) -> str:
    if inside is None:
        return f"The forecast cannot be scored: not every phase was seen. {miss}".rstrip()
    whose = "" if factor == 1 else f" (in the hosts' time, which this lab runs {factor:g} times as fast)"
    head = f"In all the move lay {'inside' if inside else 'outside'} its forecast{whose}"
    return f"{head}, but {miss}" if miss and inside else f"{head}: {miss}" if miss else f"{head}."
