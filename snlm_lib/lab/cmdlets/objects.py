"""One builder for every object the lab emits: classes.json gives order and types, the caller values.

Knows no cmdlet and no world; a property or a type that the table lacks is a mistake of the lab.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

from snlm_lib.lab.values import I64, U8, U16, U32, U64, EnumValue, PsValue

__all__ = ["build", "enum_number", "enum_of", "property_types", "type_names"]

_LIST = re.compile(r"^(?:System\.Collections\.Generic\.\w+<(?P<inner>[\w.]+)>|(?P<array>.+)\[\])$")
_NULLABLE = re.compile(r"^System\.Nullable<(?P<inner>.+)>$")
_CIM_BASE = "Microsoft.Management.Infrastructure.CimInstance"


@cache
def _table() -> dict[str, Any]:
    text = files("snlm_lib.lab.cmdlets").joinpath("classes.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def enum_of(type_name: str, name: str) -> EnumValue:
    """An enum value by its full type and its member's name; KeyError when there is none."""
    return EnumValue(type_name, name, _table()["enums"][type_name][name])


def enum_number(short_type: str, value: str | int) -> str | None:
    """The member's name for a name in any case, or a number; None when the type has no such member."""
    for full, members in _table()["enums"].items():
        if full.rsplit(".", 1)[-1] == short_type:
            for name, number in members.items():
                if name.casefold() == str(value).casefold() or str(number) == str(value):
                    return str(name)
    return None


def property_types(class_name: str) -> dict[str, str]:
    """Property -> type, in Windows' order."""
    types: dict[str, str] = _table()["classes"][class_name]["properties"]
    return types


def type_names(class_name: str) -> tuple[str, ...]:
    """The .NET type names an object of this class carries."""
    entry = _table()["classes"][class_name]
    if "types" in entry:
        return tuple(entry["types"])
    names = (f"{_CIM_BASE}#{entry['cim']}/{class_name}", f"{_CIM_BASE}#{class_name}", _CIM_BASE, "System.Object")
    return names


def build(class_name: str, values: Mapping[str, object], *, to_string: str = "", live: object = None) -> PsValue:
    """An object with all properties of its class; those not given are null.

    Raises KeyError for a property the class does not have and TypeError for a value of another type.
    """
    types = property_types(class_name)
    unknown = set(values) - set(types)
    if unknown:
        raise KeyError(f"{class_name} has no {', '.join(sorted(unknown))}")
    properties = {name: convert(values.get(name), kind) for name, kind in types.items()}
    return PsValue(type_names(class_name), to_string or type_names(class_name)[0], properties, live=live)


def convert(value: object, kind: str) -> object:
    """One value as its declared type wants it; None stays None."""
    if value is None:
        return None
    nullable = _NULLABLE.match(kind)
    if nullable:
        return convert(value, nullable["inner"])
    several = _LIST.match(kind)
    if several:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{kind} needs a list, got {value!r}")
        return [convert(item, several["inner"] or several["array"]) for item in value]
    if kind in _SCALARS:
        return _SCALARS[kind](value)
    if kind in _table()["enums"] and isinstance(value, str):
        return enum_of(kind, value)
    if isinstance(value, PsValue):
        return value
    raise TypeError(f"{kind} cannot be {value!r}")


def _exactly(wanted: type) -> Callable[[Any], object]:
    def check(value: object) -> object:
        if type(value) is not wanted:
            raise TypeError(f"{value!r} is no {wanted.__name__}")
        return value

    return check


def _whole(make: type[int]) -> Callable[[Any], object]:
    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{value!r} is no whole number")
        return make(value)

    return check


_SCALARS: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("System.String", "System.Version", "string"), _exactly(str)),
    **dict.fromkeys(("System.Boolean", "boolean"), _exactly(bool)),
    **dict.fromkeys(("System.Int32", "System.Int16", "sint8", "sint16"), _whole(int)),
    **dict.fromkeys(("System.Byte", "uint8"), _whole(U8)),
    **dict.fromkeys(("System.UInt16", "uint16"), _whole(U16)),
    **dict.fromkeys(("System.UInt32", "uint32"), _whole(U32)),
    **dict.fromkeys(("System.UInt64", "uint64"), _whole(U64)),
    "System.Int64": _whole(I64),
    "System.Double": _exactly(float),
    "System.Guid": _exactly(UUID),
    "System.DateTime": _exactly(datetime),
    "System.TimeSpan": _exactly(timedelta),
    # a CIM datetime is a moment or an interval
    "datetime": lambda value: value if isinstance(value, timedelta) else _exactly(datetime)(value),
}
