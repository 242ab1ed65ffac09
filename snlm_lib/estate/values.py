"""One door from a property to a value: every reader gives None for what is not there; pure.

PowerShell unrolls a list of one, turns enumerations into text at depth 1, and sends a property that
is null or missing alike: the readers take all of it.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from snlm_lib.remote.clixml import PsEnum, PsObject, enum_name

__all__ = ["duration_s", "flag", "guid", "items", "moment", "name", "number", "same_name", "text", "texts"]

_TIMESPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)", re.ASCII)


def text(bag: PsObject, key: str) -> str | None:
    """Text, a version, a GUID or a number as text; empty is None."""
    value = bag.get(key)
    if value is None or isinstance(value, bool | list | dict):
        return None
    shown = value.to_string if isinstance(value, PsObject) else str(value)
    return shown or None


def name(bag: PsObject, key: str) -> str | None:
    """An enumeration's name, whether it came as text or as an object."""
    return enum_name(bag.get(key))


def number(bag: PsObject, key: str) -> int | None:
    """A whole number, an enumeration's number, or digits as text."""
    return _whole(bag.get(key))


def flag(bag: PsObject, key: str) -> bool | None:
    """A yes or no; the firewall says it as an enumeration (True 1, False 2)."""
    value = bag.get(key)
    if isinstance(value, bool):
        return value
    said = enum_name(value)
    if said is not None:
        return {"true": True, "false": False, "1": True, "2": False}.get(said.lower())
    return {1: True, 2: False, 0: False}.get(value) if isinstance(value, int) else None


def guid(bag: PsObject, key: str) -> UUID | None:
    """A GUID, also with braces or as text."""
    value = bag.get(key)
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None


def moment(bag: PsObject, key: str) -> datetime | None:
    """A moment in UTC; one without a zone is not known."""
    value = bag.get(key)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    return value.astimezone(UTC)


def duration_s(bag: PsObject, key: str) -> float | None:
    """Seconds of a TimeSpan, also as text (``1.02:03:04.5``)."""
    value = bag.get(key)
    if isinstance(value, timedelta):
        return value.total_seconds()
    found = _TIMESPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    length_s = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return -length_s if found[1] else length_s


def items(bag: PsObject, key: str) -> tuple[object, ...]:
    """A list, or the one thing a list of one became."""
    value = bag.get(key)
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def texts(bag: PsObject, key: str) -> tuple[str, ...]:
    """A list of texts or of enumerations' names."""
    return tuple(said for said in (_shown(item) for item in items(bag, key)) if said)


def same_name(one: str, other: str) -> bool:
    """Are two names the same to Windows: letter by letter, without regard to case, no wildcard?"""
    return _folded(one) == _folded(other)


def _folded(words: str) -> str:
    """Ordinal, ignoring case: a letter counts as its capital only where that is one letter too."""
    return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in words)


def _shown(value: object) -> str | None:
    return enum_name(value) if isinstance(value, str | PsEnum | PsObject) else None if value is None else str(value)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, PsEnum):
        return value.number
    if isinstance(value, int | float):
        return int(value) if math.isfinite(value) else None
    try:
        return int(value) if isinstance(value, str) else None
    except ValueError:
        return None
