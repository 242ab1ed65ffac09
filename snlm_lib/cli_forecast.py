"""`snlm forecast`: what a move would take, in words or as one object. Forecasts nothing itself, changes nothing."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snlm_lib.clock import SystemClock
from snlm_lib.foresight import Foresight, foresee
from snlm_lib.measure.forecast import Convergence, Forecast, Span
from snlm_lib.measure.forecast.told import (
    LIMITS,
    MEANT,
    PARTS,
    converges_words,
    learnt_words,
    limit_held,
    limit_words,
    part_words,
    supposed_words,
)
from snlm_lib.parameters import load_parameters
from snlm_lib.progress import Watcher
from snlm_lib.record.outlook import forecast_object
from snlm_lib.units import iso_utc, say_duration_s

__all__ = ["as_lines", "as_object", "forecast"]

_WIDEST, _LEAST = 100, 40
_ROW = "  {:<17}{:>13}{:>13}{:>13}"


def forecast(watcher: Watcher, file: Path, as_json: bool) -> int:
    """Say what the change of ``file`` would take; 0. Raises as `foresee`, and ParameterError for a wrong file."""
    wanted = load_parameters(file)
    if not as_json:
        watcher.follow(lambda: f"reading {wanted.source} and {wanted.destination}")
    seen = foresee(wanted, clock=SystemClock())
    watcher.close()
    if as_json:
        watcher.say(json.dumps(as_object(seen), indent=2, allow_nan=False))
        return 0
    width = max(min(shutil.get_terminal_size().columns, _WIDEST), _LEAST)
    for line in as_lines(seen, width=width):
        watcher.say(line)
    return 0


def as_object(seen: Foresight) -> dict[str, Any]:
    """What a record would keep, and beside it who, when, what would shorten it and each figure by its parts."""
    wanted = seen.wanted
    return {
        **forecast_object(seen.told, seen.given, time_factor=seen.time_factor),
        "change_id": wanted.change_id,
        "vm": wanted.vm,
        "source": wanted.source,
        "destination": wanted.destination,
        "rehearsal": seen.rehearsal,
        "read_utc": iso_utc(seen.facts.source.read_utc),
        "fits_window": seen.told.fits_window,
        "fits_pause": seen.told.fits_pause,
        "shorter": [asdict(advice) for advice in seen.advice()],
        "figures": [asdict(quantity) for quantity in seen.told.inputs],
    }


def as_lines(seen: Foresight, *, width: int) -> list[str]:
    """Ranges beside their limits, the verdict, what dominates, what would shorten it, where each figure comes from."""
    wanted, told = seen.wanted, seen.told
    kind = "simulated hosts" if seen.rehearsal else "REAL hosts"
    read = f"read {seen.facts.source.read_utc:%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"{wanted.vm} from {wanted.source} to {wanted.destination}, {kind}, {read}",
        "",
        _ROW.format("", "least", "middle", "most"),
        *_rows(told),
        "",
        *_wrapped(list(_sentences(seen)), width),
        "",
        *_shorter(seen),
        "What it starts from:",
        *(f"  {quantity.words}" for quantity in told.inputs),
        "",
    ]
    return lines + _wrapped(list(_doubts(told)), width)


def _rows(told: Forecast) -> Iterator[str]:
    for name, title in PARTS.items():
        span: Span | None = getattr(told, name)
        if span is not None:
            said = [part_words(name, one) for one in (span.low, span.mid, span.high)]
            yield _ROW.format(title, *said)


def _limits(told: Forecast) -> Iterator[str]:
    for name, limit_s in told.limits_s.items():
        yield f"The {LIMITS[name]} is {limit_words(limit_s)}: {limit_held(getattr(told, name), limit_s)}."


def _sentences(seen: Foresight) -> Iterator[str]:
    told = seen.told
    yield MEANT
    yield from _limits(told)
    yield converges_words(told.verdict.word, told.verdict.reason)
    if told.verdict.word is Convergence.FORCED:
        floor = say_duration_s(told.verdict.pause_floor_s)
        yield f"With the middle figures no number of passes makes the pause shorter than about {floor}."
    yield f"The largest part is {told.dominates}."
    if seen.time_factor != 1:
        copied_s = max(told.total_s.mid - told.pause_s.mid, 0.0)
        wall = say_duration_s(copied_s / seen.time_factor + told.pause_s.mid)
        yield (
            f"These are times of the hosts. This lab runs time {seen.time_factor:g} times as fast, but for the pause: "
            f"a rehearsal's move takes about {wall}."
        )


def _shorter(seen: Foresight) -> list[str]:
    """What would shorten it, or that nothing known would."""
    advice = seen.advice()
    if not advice:
        return ["Nothing that we know of would shorten it by a twentieth.", ""]
    rows = [
        f"  {one.what + ':':<34}{say_duration_s(one.total_s)}, {say_duration_s(one.saved_s)} less" for one in advice
    ]
    return ["What would shorten it, each by itself (middle of the whole):", *rows, ""]


def _doubts(told: Forecast) -> Iterator[str]:
    if supposed := supposed_words(told):
        yield supposed
    yield learnt_words(told.learned_moves)
    yield told.statement


def _wrapped(sentences: list[str], width: int) -> list[str]:
    return [line for sentence in sentences for line in textwrap.wrap(sentence, width)]
