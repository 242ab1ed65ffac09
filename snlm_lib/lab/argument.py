"""Turns an argument as it came over the wire into the type a parameter declares. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from snlm_lib.lab.cmdlets.objects import enum_number
from snlm_lib.lab.values import Credential, EnumValue, PsValue

__all__ = ["Unconvertible", "convert_argument"]

_RANGES = {
    "Int32": (-(2**31), 2**31 - 1),
    "Int64": (-(2**63), 2**63 - 1),
    "UInt32": (0, 2**32 - 1),
}
_NAMED_BY_TEXT = {"ADComputer": "ADComputer", "ADAccount": "ADComputer", "ADDomain": "ADDomain"}


class Unconvertible(ValueError):
    """The argument does not fit the type; ``not_allowed``: it is none of the listed values."""

    def __init__(self, text: str, *, not_allowed: bool = False) -> None:
        super().__init__(text)
        self.not_allowed = not_allowed


def convert_argument(value: object, kind: str, *, allowed: Sequence[str] = ()) -> object:
    """``value`` as ``kind``; ``X[]`` takes one X as well. Raises Unconvertible."""
    if kind.endswith("[]"):
        items = value if isinstance(value, list | tuple) else [value]
        return [convert_argument(item, kind[:-2], allowed=allowed) for item in items]
    if allowed:
        return _one_of(value, kind, allowed)
    make = _MAKERS.get(kind)
    made = make(value) if make is not None else _object(value, kind)
    if made is None:
        raise Unconvertible(f'Cannot convert the value of type "{type(value).__name__}" to type "{kind}".')
    return made


def _one_of(value: object, kind: str, allowed: Sequence[str]) -> str:
    """A member by name in any case, or by the enum's number."""
    text = value.name if isinstance(value, EnumValue) else value
    if isinstance(text, str | int) and not isinstance(text, bool):
        named = next((each for each in allowed if each.casefold() == str(text).casefold()), None)
        named = named or enum_number(kind, text)
        if named is not None:
            return named
    listed = ",".join(allowed)
    raise Unconvertible(
        f'The argument "{text}" does not belong to the set "{listed}" specified by the ValidateSet attribute.',
        not_allowed=True,
    )


def _text(value: object) -> str | None:
    if isinstance(value, str | int | float | UUID) and not isinstance(value, bool):
        return str(value)
    return value.name if isinstance(value, EnumValue) else None


def _boolean(value: object) -> bool | None:
    return bool(value) if isinstance(value, int) else None


def _guid(value: object) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _whole(kind: str) -> Callable[[object], int | None]:
    low, high = _RANGES[kind]

    def make(value: object) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int | str):
            return None
        try:
            number = int(value)
        except ValueError:
            return None
        return number if low <= number <= high else None

    return make


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _character(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) == 1 else None


def _object(value: object, kind: str) -> object:
    """A live object of that class; directory objects may be named by text."""
    if kind in _NAMED_BY_TEXT:
        if isinstance(value, str):
            return value
        kind = _NAMED_BY_TEXT[kind]
    if isinstance(value, PsValue) and value.type_names[0].rsplit(".", 1)[-1].rsplit("/", 1)[-1] == kind:
        return value
    return None


_MAKERS: dict[str, Callable[[Any], object]] = {
    "String": _text,
    "Char": _character,
    "Boolean": _boolean,
    "SwitchParameter": _boolean,
    "Guid": _guid,
    "DateTime": _moment,
    "Hashtable": lambda value: value if isinstance(value, Mapping) else None,
    "PSCredential": lambda value: value if isinstance(value, Credential) else None,
    "Object": lambda value: value,
    "PSObject": lambda value: value,
    **{kind: _whole(kind) for kind in _RANGES},
}
