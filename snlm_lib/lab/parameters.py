"""Parameter values as psrpcore decoded them -> plain Python and `values` types; knows no pipeline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psrpcore.types import (
    PSByte,
    PSByteArray,
    PSCredential,
    PSDateTime,
    PSDecimal,
    PSDictBase,
    PSDuration,
    PSEnumBase,
    PSGuid,
    PSInt64,
    PSListBase,
    PSObject,
    PSQueueBase,
    PSSecureString,
    PSStackBase,
    PSUInt,
    PSUInt16,
    PSUInt64,
)

from snlm_lib.lab.values import I64, U8, U16, U32, U64, Credential, PsValue

__all__ = ["plain"]

_CONVERTERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...] = (
    (PSCredential, lambda value: Credential(str(value.UserName), str(value.Password.decrypt()))),
    # A bare SecureString is kept where its text cannot leak through a repr.
    (PSSecureString, lambda value: Credential("", str(value.decrypt()))),
    (PSDictBase, lambda value: {plain(key): plain(item) for key, item in value.items()}),
    ((PSListBase, PSStackBase, list, tuple), lambda value: [plain(item) for item in value]),
    (PSQueueBase, lambda value: [plain(value.get()) for _ in range(value.qsize())]),
    (PSEnumBase, lambda value: int(value.value)),
    (PSByteArray, lambda value: bytes(value)),
    (PSDateTime, lambda value: datetime.fromisoformat(datetime.isoformat(value))),
    (PSDuration, lambda value: timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)),
    (PSGuid, lambda value: UUID(int=value.int)),
    (PSDecimal, lambda value: Decimal(value)),
    (PSInt64, lambda value: I64(value)),
    (PSUInt64, lambda value: U64(value)),
    (PSUInt, lambda value: U32(value)),
    (PSUInt16, lambda value: U16(value)),
    (PSByte, lambda value: U8(value)),
    (int, lambda value: int(value)),
    (float, lambda value: float(value)),
    (str, lambda value: str(value)),
)


def plain(value: Any) -> object:
    """One decoded parameter value without any trace of psrpcore.

    Hashtables become dict, arrays list, a PSCredential `Credential`, 64-bit and unsigned numbers the
    marks of `values`; an object of a type the lab does not know becomes a `PsValue`.
    Raises whatever psrpcore raises for a secret sent before the key exchange.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind, convert in _CONVERTERS:
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, PSObject):
        facts = value.PSObject
        properties = {prop.name: plain(prop.get_value(value)) for prop in _properties(facts)}
        return PsValue(tuple(facts.type_names), str(facts.to_string or ""), properties)
    raise TypeError(f"no plain form for {type(value).__name__}")


def _properties(facts: Any) -> list[Any]:
    return [*facts.adapted_properties, *facts.extended_properties]
