"""A forecast as its record keeps it, and what earlier records teach: samples/forecast.json, samples/past_move.json.

There is no other memory: who copies the records elsewhere takes along what was learnt. A file that is damaged or of
another schema teaches nothing and stops nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snlm_lib.measure.forecast import Forecast, MoveInputs, Outcome, Past, Span, past_from
from snlm_lib.measure.forecast.score import Fact
from snlm_lib.process import write_atomic
from snlm_lib.record.names import MANIFEST, refuse_sealed

__all__ = ["forecast_object", "given_to", "keep_forecast", "keep_past", "kept_forecast", "past_moves", "spans_of"]

SCHEMA = "snlm.forecast/1"
_FORECAST, _PAST = "forecast.json", "past_move.json"
_SPANS = ("total_s", "storage_s", "memory_s", "pause_s", "sent_mib", "memory_mib")
_MOST = 400  # records, the newest: what is older says little of the next move


def keep_forecast(record: Path, told: Forecast, given: MoveInputs, *, time_factor: float = 1.0) -> None:
    """Write samples/forecast.json, with what it was ``given``; raises RecordError when the record is sealed."""
    _write(record, {**forecast_object(told, given, time_factor=time_factor), "fact": None, "miss": ""})


def forecast_object(told: Forecast, given: MoveInputs, *, time_factor: float) -> dict[str, Any]:
    """A forecast for JSON: ranges as least, middle, most; seconds of the hosts."""
    spans = {name: getattr(told, name) for name in _SPANS}
    return {
        "schema": SCHEMA,
        "spans": {name: None if span is None else [span.low, span.mid, span.high] for name, span in spans.items()},
        "passes": [[each.mib, each.seconds] for each in told.passes],
        "verdict": {**asdict(told.verdict), "word": told.verdict.word.value},
        "dominates": told.dominates,
        "inputs": [quantity.words for quantity in told.inputs],
        "missing": list(told.missing),
        "learned_moves": told.learned_moves,
        "window_s": told.window_s,
        "pause_limit_s": told.pause_limit_s,
        "statement": told.statement,
        "time_factor": time_factor,
        "given": Past(given, Outcome(None)).as_dict(),
    }


def keep_past(record: Path, past: Past, fact: Fact, miss: str, *, lab: str | None) -> None:
    """After the move: facts beside the forecast, and the move as a lesson. ``lab``: whose hosts, None: real ones."""
    told = kept_forecast(record)
    if told is not None:
        _write(record, {**told, "fact": asdict(fact), "miss": miss})
    refuse_sealed(record)
    write_atomic(record / "samples" / _PAST, json.dumps({**past.as_dict(), "lab": lab}, indent=2) + "\n")


def kept_forecast(record: Path) -> dict[str, Any] | None:
    """What `keep_forecast` wrote; None when there is none of this schema, or it is not whole."""
    found = _read(record / "samples" / _FORECAST)
    if found is None or found.get("schema") != SCHEMA:
        return None
    try:
        numbers = [float(found["time_factor"])]
        for span in spans_of(found).values():
            numbers += [span.low, span.mid, span.high]
        whole = all(math.isfinite(number) and number > 0 for number in numbers) and "total_s" in found["spans"]
        return found if whole and isinstance(found["missing"], list) and isinstance(found["given"], dict) else None
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None


def spans_of(told: Mapping[str, Any]) -> dict[str, Span]:
    """The ranges of `kept_forecast` by name; what was not forecast has none."""
    return {name: Span(*map(float, found)) for name, found in told["spans"].items() if found is not None}


def given_to(told: Mapping[str, Any]) -> MoveInputs | None:
    """What the forecast of `kept_forecast` started from."""
    found = past_from(told.get("given") or {})
    return found.inputs if found is not None else None


def past_moves(outputs: Path, *, lab: str | None) -> list[Past]:
    """Moves told by sealed records below ``outputs``, of the same lab or (None) of real hosts; oldest end first."""
    paths = sorted(outputs.glob(f"*/*/samples/{_PAST}"), key=lambda path: path.parts[-3])[-_MOST:]
    found = []
    for path in paths:
        kept = _read(path) if (path.parent.parent / MANIFEST).exists() else None
        past = past_from(kept) if kept is not None and kept.get("lab") == lab else None
        if past is not None:
            found.append(past)
    return sorted(found, key=lambda past: past.ended_unix_s)


def _write(record: Path, kept: Mapping[str, Any]) -> None:
    refuse_sealed(record)
    path = record / "samples" / _FORECAST
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(kept, indent=2, allow_nan=False) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
