"""Writes lab values as CLIXML the way Windows does at remoting depth 1; knows no cmdlet and no socket.

Windows' rule (SerializationDepthForRemoting = 1): the properties of an output object are written at
depth 0, where an object or an enum becomes its text; containers do not count as a level. Element
order is TN, ToString, value, Props, MS; primitives are never referenced; within one message a type
list is written once and referenced (TNRef) afterwards.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from xml.sax.saxutils import escape as xml_escape

from snlm_lib.lab.values import I64, U8, U16, U32, U64, EnumValue, PsValue

__all__ = ["escape", "to_clixml"]

_ARRAY = ("System.Object[]", "System.Array", "System.Object")
_HASHTABLE = ("System.Collections.Hashtable", "System.Object")
_ENUM_BASES = ("System.Enum", "System.ValueType", "System.Object")

# C0, C1, lone surrogates, what is no character, everything outside the basic plane, and a literal "_x"
# that a reader would take for an escape.
_SPECIAL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]|_(?=[xX][0-9a-fA-F]{4})")

_WIDTHS: tuple[tuple[type[int], str, int, int], ...] = (
    (I64, "I64", -(2**63), 2**63 - 1),
    (U64, "U64", 0, 2**64 - 1),
    (U32, "U32", 0, 2**32 - 1),
    (U16, "U16", 0, 2**16 - 1),
    (U8, "By", 0, 2**8 - 1),
)


def escape(text: str) -> str:
    """``text`` as CLIXML writes it: ``_xHHHH_`` for what XML cannot carry, then XML's own entities."""
    return xml_escape(_SPECIAL.sub(_escape_one, text))


def to_clixml(value: object, *, depth: int = 1) -> bytes:
    """One pipeline output as the UTF-8 text of one PSRP message, without a byte-order mark.

    ``depth``: how many levels of objects keep their properties; the protocol's own messages and
    stream records are written deeper than output. A list or dictionary with ``type_names`` says its
    own class, one without is an Object[] or a Hashtable. Raises TypeError for a value Windows has no
    form for (the lab's own mistake) and ValueError for a number that does not fit its width.
    """
    return _Writer().write(value, name="", depth=depth).encode("utf-8")


class _Writer:
    """The state of one message: reference numbers of objects and of type lists."""

    def __init__(self) -> None:
        self._objects = 0
        self._types: dict[tuple[str, ...], int] = {}

    def write(self, value: object, *, name: str, depth: int) -> str:
        primitive = _PRIMITIVES.get(type(value))
        if primitive is not None:
            tag, text = primitive(value)
            return f"<{tag}{name}>{text}</{tag}>"
        if value is None:
            return f"<Nil{name} />"
        if isinstance(value, EnumValue | PsValue):
            return self._object(value, name=name, depth=depth) if depth else f"<S{name}>{escape(_text_of(value))}</S>"
        if isinstance(value, Mapping):
            return self._dictionary(value, name=name, depth=depth)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            head = self._open(name, getattr(value, "type_names", _ARRAY))
            inner = "".join([self.write(item, name="", depth=depth) for item in value])
            return f"{head}<LST>{inner}</LST></Obj>" if inner else f"{head}<LST /></Obj>"
        raise TypeError(f"no CLIXML form for {type(value).__name__}")

    def _object(self, value: EnumValue | PsValue, *, name: str, depth: int) -> str:
        text = f"<ToString>{escape(_text_of(value))}</ToString>" if _text_of(value) else ""
        if isinstance(value, EnumValue):
            return f"{self._open(name, (value.type_name, *_ENUM_BASES))}{text}<I32>{value.number}</I32></Obj>"
        head = self._open(name, value.type_names)
        body = self._bag("MS" if value.extended else "Props", value.properties, depth) + self._bag(
            "MS", value.notes, depth
        )
        return f"{head}{text}{body}</Obj>"

    def _bag(self, tag: str, properties: Mapping[str, object], depth: int) -> str:
        inner = "".join([self.write(item, name=_name(key), depth=depth - 1) for key, item in properties.items()])
        return f"<{tag}>{inner}</{tag}>" if inner else ""

    def _dictionary(self, value: Mapping[object, object], *, name: str, depth: int) -> str:
        head = self._open(name, getattr(value, "type_names", _HASHTABLE))
        entries = [
            f"<En>{self.write(key, name=_KEY, depth=depth)}{self.write(item, name=_VALUE, depth=depth)}</En>"
            for key, item in value.items()
        ]
        return f"{head}<DCT>{''.join(entries)}</DCT></Obj>" if entries else f"{head}<DCT /></Obj>"

    def _open(self, name: str, types: tuple[str, ...]) -> str:
        reference, self._objects = self._objects, self._objects + 1
        if not types:  # the protocol's own messages have no class
            return f'<Obj{name} RefId="{reference}">'
        known = self._types.get(types)
        if known is not None:
            return f'<Obj{name} RefId="{reference}"><TNRef RefId="{known}" />'
        self._types[types] = len(self._types)
        names = "".join([f"<T>{escape(item)}</T>" for item in types])
        return f'<Obj{name} RefId="{reference}"><TN RefId="{len(self._types) - 1}">{names}</TN>'


def _escape_one(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"_x{units[at : at + 4]}_" for at in range(0, len(units), 4))


def _name(key: str) -> str:
    return f' N="{xml_escape(_SPECIAL.sub(_escape_one, key), {chr(34): "&quot;"})}"'


_KEY = _name("Key")
_VALUE = _name("Value")


def _text_of(value: EnumValue | PsValue) -> str:
    return value.name if isinstance(value, EnumValue) else value.to_string


def _integer(value: int) -> tuple[str, str]:
    """Plain int: I32, or I64 when it does not fit; the marks of `values` choose their own width."""
    for kind, tag, low, high in _WIDTHS:
        if isinstance(value, kind):
            if not low <= value <= high:
                raise ValueError(f"{int(value)} does not fit {tag}")
            return tag, str(int(value))
    if -(2**31) <= value < 2**31:
        return "I32", str(value)
    return _integer(I64(value))


def _double(value: float) -> tuple[str, str]:
    if math.isnan(value):
        return "Db", "NaN"
    return "Db", repr(value).upper()  # .NET: INF, -INF and 1E+16


def _moment(value: datetime) -> tuple[str, str]:
    """.NET's round-trip form: Z for UTC, an offset for other zones, nothing for a naive moment."""
    text = value.replace(tzinfo=None).isoformat(timespec="microseconds").rstrip("0").rstrip(".")
    if value.tzinfo is None:
        return "DT", text
    if value.utcoffset() == timedelta(0) and value.tzinfo is UTC:
        return "DT", f"{text}Z"
    return "DT", f"{text}{value.isoformat()[-6:]}"


def _span(value: timedelta) -> tuple[str, str]:
    sign = "-" if value < timedelta(0) else ""
    value = abs(value)
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    parts.append(f"{seconds}{fraction}S" if seconds or fraction else "")
    days, time = (f"{value.days}D" if value.days else ""), "".join(parts)
    if not days and not time:
        time = "0S"
    return "TS", f"{sign}P{days}{'T' if time else ''}{time}"


_PRIMITIVES: dict[type, Callable[..., tuple[str, str]]] = {
    str: lambda value: ("S", escape(value)),
    bool: lambda value: ("B", "true" if value else "false"),
    float: _double,
    bytes: lambda value: ("BA", base64.b64encode(value).decode("ascii")),
    Decimal: lambda value: ("D", format(value, "f")),
    datetime: _moment,
    timedelta: _span,
    UUID: lambda value: ("G", str(value)),
    **dict.fromkeys((int, I64, U8, U16, U32, U64), _integer),
}
