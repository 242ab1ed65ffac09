"""The failure catalogue: loaded from catalogue.json and checked against its form; knows no text to explain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

__all__ = ["Catalogue", "CodedNumber", "EventRef", "Failure", "KnownEvent", "State", "load_catalogue", "read_catalogue"]

_SCHEMA = "snlm.catalogue/1"
_HRESULT = re.compile(r"0x[0-9A-F]{8}")
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class EventRef:
    """An event that goes with a failure."""

    channel: str
    id: int


@dataclass(frozen=True, slots=True)
class CodedNumber:
    """Another number that goes with a failure; ``kind`` says whose it is, as "MessageId" of Compare-VM."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a move fails.

    ``fragments`` are alternatives in English, ``translated`` the same in other languages (from memory),
    ``names`` are terms that Windows does not translate. ``checks`` are ids of our preflight; ``gap`` says
    what they do not see, and stands whenever there is none. ``mark`` is a key of `Catalogue.marks`.
    """

    id: str
    title: str
    phase: str
    hresults: tuple[str, ...]
    events: tuple[EventRef, ...]
    numbers: tuple[CodedNumber, ...]
    fragments: tuple[str, ...]
    translated: tuple[str, ...]
    names: tuple[str, ...]
    cause: str
    remedy: str
    foreseeable: bool
    by_hand: str
    checks: tuple[str, ...]
    gap: str
    mark: str
    source: str


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """One event of the Hyper-V channels; ``see`` are ids of failures."""

    channel: str
    id: int
    meaning: str
    mark: str
    see: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """One value of a property that Windows gives as a number."""

    kind: str
    where: str
    number: int
    name: str
    meaning: str
    mark: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The whole file. ``checks`` gives each named check's title; ``phases`` and ``marks`` say keys in words."""

    marks: Mapping[str, str]
    phases: Mapping[str, str]
    checks: Mapping[str, str]
    failures: tuple[Failure, ...]
    events: tuple[KnownEvent, ...]
    states: tuple[State, ...]


def load_catalogue() -> Catalogue:
    """The catalogue that the package brings along."""
    return read_catalogue((Path(__file__).parent / "catalogue.json").read_text(encoding="utf-8"))


def read_catalogue(text: str) -> Catalogue:
    """Read a catalogue; raises ValueError, naming the entry, for anything that its form does not allow."""
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
        raise ValueError(f"not a catalogue of schema {_SCHEMA}")
    found = Catalogue(
        marks=_words(data, "marks"),
        phases=_words(data, "phases"),
        checks=_words(data, "checks"),
        failures=tuple(_failure(row) for row in _rows(data, "failures")),
        events=tuple(_row(KnownEvent, row) for row in _rows(data, "events")),
        states=tuple(_row(State, row) for row in _rows(data, "states")),
    )
    _check(found)
    return found


def _rows(data: Mapping[str, Any], key: str) -> list[Any]:
    rows = data.get(key)
    if not isinstance(rows, list):
        raise ValueError(f"'{key}' is no list")
    return rows


def _words(data: Mapping[str, Any], key: str) -> dict[str, str]:
    words = data.get(key)
    if not isinstance(words, dict) or not all(isinstance(value, str) for value in words.values()):
        raise ValueError(f"'{key}' does not map words to words")
    return words


def _failure(row: Any) -> Failure:
    if not isinstance(row, dict):
        raise ValueError(f"{row!r} is no failure")
    events = tuple(_row(EventRef, item) for item in _rows(row, "events"))
    numbers = tuple(_row(CodedNumber, item) for item in _rows(row, "numbers"))
    return _row(Failure, {**row, "events": events, "numbers": numbers})


def _row(kind: type[_Row], row: Any) -> _Row:
    """One entry; every field must stand, nothing else may, and each must be of its type."""
    expected = {field.name: str(field.type) for field in fields(cast(Any, kind))}
    if not isinstance(row, dict) or set(row) != set(expected):
        raise ValueError(f"{_called(row)}: has not just the fields {', '.join(expected)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    for name, value in values.items():
        if not _fits(value, expected[name]):
            raise ValueError(f"{_called(row)}: '{name}' is no {expected[name]}")
    return kind(**values)


def _fits(value: object, wanted: str) -> bool:
    if wanted.startswith("tuple[str"):
        return isinstance(value, tuple) and all(isinstance(item, str) and item for item in value)
    if wanted.startswith("tuple"):
        return isinstance(value, tuple)
    return type(value).__name__ == wanted


def _called(row: object) -> str:
    return str(row.get("id") or row.get("number")) if isinstance(row, dict) else repr(row)


def _check(found: Catalogue) -> None:
    """What no single field shows: ids are unique, references lead somewhere, nothing is left unsaid."""
    ids = [item.id for item in found.failures]
    if len(set(ids)) != len(ids):
        raise ValueError("an id stands twice")
    for item in found.failures:
        wrong = [code for code in item.hresults if not _HRESULT.fullmatch(code)]
        if wrong or item.phase not in found.phases or item.mark not in found.marks:
            raise ValueError(f"{item.id}: has an HRESULT, a phase or a mark that is none")
        if not set(item.checks) <= set(found.checks):
            raise ValueError(f"{item.id}: names a check without a title")
        if not item.checks and not item.gap:
            raise ValueError(f"{item.id}: names no check and does not say why")
    if lost := {one for event in found.events for one in event.see} - set(ids):
        raise ValueError(f"an event refers to {sorted(lost)[0]}, which is no failure")
    used = {event.mark for event in found.events} | {state.mark for state in found.states}
    if wrong_marks := used - set(found.marks):
        raise ValueError(f"{sorted(wrong_marks)[0]!r} is no mark")
