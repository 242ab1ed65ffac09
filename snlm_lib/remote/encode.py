"""What goes out: Python values to what pypsrp can send truly; knows no cmdlet.

pypsrp sends every int as I32, a float in single precision, and cannot send dates, tuples or enums:
the widths are chosen here, dates and enums go as invariant text, which PowerShell binds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import Enum
from uuid import UUID

from pypsrp.complex_objects import PSCredential
from pypsrp.serializer import TaggedValue

from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Pipeline

__all__ = ["encode", "has_secret"]

_NOT_FINITE = {"inf": "INF", "-inf": "-INF", "nan": "NaN"}  # as .NET writes them
_credential: Callable[..., object] = PSCredential  # pypsrp leaves it untyped


def encode(value: object) -> object:
    """``value`` as pypsrp must get it. Raises TypeError for a type nobody can bind,
    OverflowError for a whole number beyond 64 bits, ValueError for a moment without a zone."""
    if value is None or isinstance(value, bool | bytes | UUID):
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime | timedelta):
        return _time(value)
    if isinstance(value, Credential):
        if value.password is None:
            raise TypeError("whoever is signed on to this machine has no password that could be sent")
        return _credential(username=value.user, password=value.password)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot be sent as a parameter")


def has_secret(pipeline: Pipeline) -> bool:
    """Does a parameter hold a credential, so that keys must be exchanged first?"""
    return any(_secret_in(value) for command in pipeline.commands for value in command.parameters.values())


def _number(value: int | float) -> object:
    if isinstance(value, float):
        return TaggedValue("Db", _NOT_FINITE.get(repr(value), repr(value)))
    if -(2**31) <= value < 2**31:
        return int(value)
    if -(2**63) <= value < 2**63:
        return TaggedValue("I64", int(value))
    if 0 <= value < 2**64:
        return TaggedValue("U64", int(value))
    raise OverflowError("a whole number beyond 64 bits cannot be sent as a parameter")


def _decimal(value: Decimal) -> object:
    """.NET's decimal has 96 bits and at most 28 places."""
    if not value.is_finite() or not -(2**96) < value < 2**96:
        raise OverflowError("a decimal beyond 96 bits cannot be sent as a parameter")
    places = value.as_tuple().exponent
    if isinstance(places, int) and places < -28:
        value = value.quantize(Decimal("1e-28"), context=Context(prec=60))
    return TaggedValue("D", format(value, "f"))


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text with half a character (a lone surrogate) cannot be sent as a parameter") from None
    if "\ufffe" in value or "\uffff" in value:
        raise ValueError("a text with U+FFFE or U+FFFF, which are no characters, cannot be sent as a parameter")
    return str(value)


def _time(value: datetime | timedelta) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be sent as a parameter")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    sign = "-" if value < timedelta(0) else ""
    length = abs(value)
    hours, seconds = divmod(length.seconds, 3600)
    return f"{sign}{length.days}.{hours:02}:{seconds // 60:02}:{seconds % 60:02}.{length.microseconds:06}"


def _secret_in(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_secret_in(item) for item in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_secret_in(item) for item in value)
    return isinstance(value, Credential)
