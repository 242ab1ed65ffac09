"""A forecast as its record keeps it, and what earlier records teach: samples/forecast.json, samples/past_move.json.

There is no other memory: who copies the records elsewhere takes along what was learnt. A file that is damaged, not as
it was sealed, or of another schema teaches nothing and stops nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snlm_lib.errors import RecordError
from snlm_lib.measure.forecast import Forecast, MoveInputs, Outcome, Past, Span, past_from
from snlm_lib.measure.forecast.score import Fact
from snlm_lib.process import write_atomic
from snlm_lib.record.manifest import parse_manifest
from snlm_lib.record.names import MANIFEST, refuse_sealed

__all__ = ["forecast_object", "given_to", "keep_forecast", "keep_past", "kept_forecast", "past_moves", "spans_of"]

SCHEMA = "snlm.forecast/1"
_FORECAST, _PAST = "forecast.json", "past_move.json"
_NEEDED = {"total_s", "memory_s", "pause_s"}
_SPANS = ("total_s", "storage_s", "memory_s", "pause_s", "sent_mib", "memory_mib")
_MOST = 400  # lessons, the newest: what is older says little of the next move
_LARGEST = 2**20  # bytes; ours are some thousand


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
    found = _object(_read(record / "samples" / _FORECAST))
    if found is None or found.get("schema") != SCHEMA:
        return None
    try:
        spans = spans_of(found)
        ordered = all(0 < span.low <= span.mid <= span.high for span in spans.values())
        numbers = [float(found["time_factor"]), *(span.high for span in spans.values())]
        whole = ordered and spans.keys() >= _NEEDED and all(math.isfinite(one) and one > 0 for one in numbers)
        whole = whole and all(isinstance(one, str) for one in found["missing"]) and isinstance(found["given"], dict)
        return found if whole else None
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
    paths = sorted(outputs.glob(f"*/*/samples/{_PAST}"), key=lambda path: path.parts[-3], reverse=True)
    newest = itertools.islice(_lessons(paths, lab), _MOST)
    return sorted(newest, key=lambda past: past.ended_unix_s)


def _lessons(paths: Iterable[Path], lab: str | None) -> Iterator[Past]:
    for path in paths:
        raw = _read(path)
        kept = _object(raw)
        if raw is None or kept is None or kept.get("lab", _MISSING) != lab:
            continue
        past = past_from(kept)
        if past is not None and _as_sealed(path, raw):
            yield past


_MISSING = object()  # who does not say whose hosts it was may not speak for real ones


def _as_sealed(path: Path, raw: bytes) -> bool:
    """Is the lesson what its record's manifest lists? What was changed since the seal is nobody's experience."""
    listed = _read(path.parent.parent / MANIFEST)
    try:
        rows = parse_manifest(listed or b"").files
    except RecordError:
        return False
    known = {row.path: row.sha256 for row in rows}
    return known.get(f"samples/{_PAST}") == hashlib.sha256(raw).hexdigest()


def _write(record: Path, kept: Mapping[str, Any]) -> None:
    refuse_sealed(record)
    path = record / "samples" / _FORECAST
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(kept, indent=2, allow_nan=False) + "\n")


def _read(path: Path) -> bytes | None:
    """The file; None when it is none, cannot be read or is larger than any of ours."""
    if not path.is_file():  # a pipe would be waited for
        return None
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError:
        return None
    return raw if len(raw) <= _LARGEST else None


def _object(raw: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(raw or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
