"""Plain data -> dataclass, strictly: what is unknown, missing or of the wrong type is refused by name."""

from __future__ import annotations

import math
import reprlib
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from snlm_lib.errors import LabError

__all__ = ["decode"]

_T = TypeVar("_T")
_SOME = {"memory_gib", "size_gib", "sockets", "logical_processors", "processors"}
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table", list: "a list"}


def decode(kind: type[_T], data: object, where: str) -> _T:
    """``data`` as the dataclass ``kind``. ``where`` names file and key; raises LabError."""
    value = _value(kind, data, where)
    if not isinstance(value, kind):
        raise TypeError(kind)
    return value


def _value(kind: Any, data: object, where: str) -> object:
    origin = get_origin(kind)
    if origin is UnionType:
        if data is None:
            return None
        kind = next(each for each in get_args(kind) if each is not NoneType)
        origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _record(kind, data, where)
    if origin is dict:
        inner = get_args(kind)[1]
        table = _checked(dict, data, where)
        return {str(key): _value(inner, each, f"{where}.{key}") for key, each in table.items()}
    if origin is list:
        inner = get_args(kind)[0]
        return [_value(inner, each, f"{where}[{at}]") for at, each in enumerate(_checked(list, data, where))]
    return _checked(kind, data, where)


def _record(kind: Any, data: object, where: str) -> object:
    table = _checked(dict, data, where)
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}
    for key in table:
        if key not in known:
            raise LabError(f"unknown key '{key}'", where=where, remedy=f"Known here: {', '.join(known)}.")
    for name, each in known.items():
        if name not in table and each.default is MISSING and each.default_factory is MISSING:
            raise LabError(f"the key '{name}' is missing", where=where, remedy="Add it.")
    return kind(**{key: _value(hints[key], each, f"{where}.{key}") for key, each in table.items()})


def _checked(kind: Any, data: object, where: str) -> Any:
    if kind is object:
        return data
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        data = float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise LabError(
            f"expected {_WORDS[kind]}, found {reprlib.repr(data)}", where=where, remedy="Correct the scenario."
        )
    if kind in (int, float):
        _refuse_senseless(data, where)
    return data


def _refuse_senseless(number: float, where: str) -> None:
    """Keys carry their units: no size, time or count is below zero, and what a host must have is not nothing."""
    key = where.rpartition(".")[2]
    least = "more than 0" if key in _SOME else "0 or more"
    if not math.isfinite(number) or number < 0 or (number == 0 and key in _SOME):
        raise LabError(f"expected {least}, found {number:g}", where=where, remedy="Correct the scenario.")
