"""What comes back: CLIXML to plain Python values, fast; knows no Hyper-V and no socket.

`PlainSerializer` takes the place of pypsrp's serializer: pypsrp's own is slow, and it loses a whole
Receive when a generic collection carries a type reference (TNRef) that is used again later.
Objects become `PsObject`, enumerations that are objects `PsEnum`; at remoting's depth 1 the same
enumeration may also come as a plain string, so readers use `enum_name`.

One odd value costs nothing but itself: a primitive that cannot be read stays its text, an object that
cannot be read is a `PsOdd`. What declares entities is refused, what is nested too deep is cut there.
"""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pypsrp.complex_objects import ObjectMeta
from pypsrp.exceptions import SerializationError
from pypsrp.messages import (
    DebugRecord,
    ErrorRecordMessage,
    InformationRecord,
    PipelineState,
    ProgressRecord,
    VerboseRecord,
    WarningRecord,
)
from pypsrp.serializer import Serializer

__all__ = [
    "PlainSerializer",
    "PsEnum",
    "PsObject",
    "PsOdd",
    "Unreadable",
    "decode",
    "enum_name",
    "parse_duration",
    "parsed",
]

_ESCAPE = re.compile("_[xX]([0-9A-Fa-f]{4})_")
_DURATION = re.compile(
    r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_LISTS = frozenset({"LST", "IE", "QUE", "STK"})
_MOST_DEEP = 64  # PowerShell writes five levels at most; Python's own stack ends near a thousand
_NO_CHARACTERS = {0xFFFE: "_xFFFE_", 0xFFFF: "_xFFFF_"}  # .NET sends them as they are, XML forbids them
_DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")  # no CLIXML has any; entities that grow begin with them
_MISREAD = (ValueError, OverflowError, InvalidOperation, binascii.Error)
_state: Callable[[object, object], object] = PipelineState  # pypsrp leaves it untyped
_RECORDS = (DebugRecord, ErrorRecordMessage, InformationRecord, ProgressRecord, VerboseRecord, WarningRecord)


class PsObject:
    """One object: its types, its text, its properties (adapted and extended together).

    Properties are looked up without regard to case, as PowerShell does; what is not there is None.
    """

    __slots__ = ("_folded", "properties", "to_string", "type_names")

    def __init__(
        self,
        type_names: tuple[str, ...] = (),
        to_string: str | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        self.type_names = type_names
        self.to_string = to_string
        self.properties: dict[str, object] = dict(properties or {})
        self._folded: dict[str, str] | None = None

    def get(self, name: str) -> object:
        """The property's value, or None when it is null or absent."""
        if name in self.properties:
            return self.properties[name]
        if self._folded is None or len(self._folded) != len(self.properties):
            self._folded = {known.lower(): known for known in self.properties}
        return self.properties.get(self._folded.get(name.lower(), name))

    def __repr__(self) -> str:
        return f"PsObject({self.type_names[0] if self.type_names else '?'}, {len(self.properties)} properties)"


class PsOdd(PsObject):
    """An object that could not be read: ``why``, and its ``raw`` text; it has no properties."""

    __slots__ = ("raw", "why")

    def __init__(self, why: str, raw: str = "") -> None:
        super().__init__()
        self.why = why
        self.raw = raw

    def __repr__(self) -> str:
        return f"PsOdd({self.why})"


class Unreadable(SerializationError):
    """What the host sent is not what PowerShell sends, and nothing after it can be trusted."""


@dataclass(frozen=True)
class PsEnum:
    """An enumeration that came as an object: its name and its number."""

    type_names: tuple[str, ...]
    name: str
    number: int

    def __str__(self) -> str:
        return self.name


def enum_name(value: object) -> str | None:
    """The name of an enumeration's value, whether it came as text or as an object; else None."""
    if isinstance(value, PsEnum):
        return value.name
    if isinstance(value, PsObject):
        return value.to_string or None
    return value if isinstance(value, str) and value else None


def decode(xml: str | ET.Element) -> object:
    """One CLIXML element as plain Python.

    I32 and kin: int; Db, Sg: float; D: Decimal; DT: datetime (aware when it says its zone); TS:
    timedelta; G: UUID; BA: bytes; Version, URI, XD: str; lists: list; hashtables: dict; SS: None.
    A primitive that does not read as its type is its text. Raises Unreadable for what is not XML.
    """
    root = parsed(xml) if isinstance(xml, str) else xml
    return _Decoder(root).value(root)


def parsed(xml: str) -> ET.Element:
    """The element, of a text without declarations. Raises Unreadable."""
    if any(mark in xml for mark in _DECLARATIONS):
        raise Unreadable("it declares entities, which PowerShell never does")
    try:
        return ET.fromstring(xml)
    except (ET.ParseError, ValueError) as error:
        sound = xml.translate(_NO_CHARACTERS)
        if sound != xml:
            return parsed(sound)
        raise Unreadable(f"it is not XML ({error})") from None


def parse_duration(text: str) -> timedelta | None:
    """``PT1H2.5S`` (xsd:duration; a year is 365 days, a month 30) as timedelta, else None."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()[1:]):
        return None
    years, months, days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    length = timedelta(days=years * 365 + months * 30 + days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if found[1] else length


def _text(element: ET.Element) -> str:
    return _unescaped(element.text or "")


def _unescaped(text: str) -> str:
    if "_x" not in text and "_X" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _moment(element: ET.Element) -> datetime | str:
    text = element.text or ""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _duration(element: ET.Element) -> timedelta | str:
    length = parse_duration(element.text or "")
    return element.text or "" if length is None else length


def _whole(element: ET.Element) -> int:
    text = element.text or ""
    if "_" in text:  # Python reads 1_000, PowerShell never writes it
        raise ValueError(text)
    return int(text)


def _real(element: ET.Element) -> float:
    text = element.text or ""
    if "_" in text:
        raise ValueError(text)
    return float(text)


_PRIMITIVES: dict[str, Callable[[ET.Element], object]] = {
    **dict.fromkeys(("S", "ToString", "URI", "XD", "SBK"), _text),
    **dict.fromkeys(("By", "SB", "U16", "I16", "U32", "I32", "U64", "I64"), _whole),
    **dict.fromkeys(("Sg", "Db"), _real),
    "B": lambda element: (element.text or "").strip().lower() == "true",
    "BA": lambda element: base64.b64decode("".join((element.text or "").split()), validate=True),
    "C": lambda element: chr(int(element.text or "")),
    "D": lambda element: Decimal(element.text or ""),
    "DT": _moment,
    "G": lambda element: UUID(element.text or ""),
    "Nil": lambda element: None,
    "SS": lambda element: None,  # a secret that comes back is nobody's business
    "TS": _duration,
    "Version": lambda element: element.text or "",
}


class _Decoder:
    """One message: reference numbers live no longer than it."""

    def __init__(self, root: ET.Element) -> None:
        self._root = root
        self._objects: dict[str, object] = {}
        self._types: dict[str, tuple[str, ...]] = {}
        self._index: dict[str, dict[str, ET.Element]] = {}
        self._depth = 0

    def value(self, element: ET.Element) -> object:
        primitive = _PRIMITIVES.get(element.tag)
        if primitive is not None:
            try:
                return primitive(element)
            except _MISREAD:
                return _text(element)
        if element.tag == "Ref":
            return self._meant(element.get("RefId", ""))
        if element.tag != "Obj":
            return _text(element)
        if self._depth == _MOST_DEEP:
            return PsOdd(f"nested deeper than {_MOST_DEEP} levels")
        self._depth += 1
        try:
            return self._object(element)
        finally:
            self._depth -= 1

    def _meant(self, reference: str) -> object:
        """The object that came before; one in a part that was skipped is read now."""
        if reference not in self._objects:
            later = self._skipped("Obj").get(reference)
            self._objects[reference] = PsOdd(f"a reference to object {reference}, which is not there")
            if later is not None:
                self._objects[reference] = self.value(later)
        return self._objects[reference]

    def _object(self, element: ET.Element) -> object:
        found = PsObject()
        reference = element.get("RefId", "")
        self._objects[reference] = found
        inner: object = found
        for part in element:
            if part.tag in ("TN", "TNRef"):
                found.type_names = self._type_names(part)
            elif part.tag == "ToString":
                found.to_string = _text(part)
            elif part.tag in ("Props", "MS"):
                for item in part:
                    found.properties[_unescaped(item.get("N", ""))] = self.value(item)
            elif part.tag in _LISTS:
                inner = [self.value(item) for item in part]
            elif part.tag == "DCT":
                inner = self._table(part)
            elif part.tag in _PRIMITIVES or part.tag in ("Obj", "Ref"):
                inner = self._number(found, self.value(part))
            else:  # nobody knows what it is: kept under its own name
                found.properties.setdefault(part.tag, _text(part))
        if inner is not found and isinstance(inner, PsObject):  # an object round an object: what both have
            inner.properties = {**inner.properties, **found.properties}
        self._objects[reference] = inner
        return inner

    def _type_names(self, part: ET.Element) -> tuple[str, ...]:
        reference = part.get("RefId", "")
        if part.tag == "TN":
            self._types[reference] = tuple(_text(name) for name in part)
        elif reference not in self._types:
            self._types[reference] = tuple(_text(name) for name in self._skipped("TN").get(reference, ()))
        return self._types[reference]

    def _skipped(self, tag: str) -> dict[str, ET.Element]:
        """Every element of that tag by its reference: looked through once, however many are asked for."""
        if tag not in self._index:
            self._index[tag] = {item.get("RefId", ""): item for item in self._root.iter(tag)}
        return self._index[tag]

    def _table(self, part: ET.Element) -> dict[object, object]:
        table: dict[object, object] = {}
        for entry in part:
            named = {item.get("N"): item for item in entry}
            if named:
                key = self.value(named["Key"]) if "Key" in named else None
                table[_hashable(key)] = self.value(named["Value"]) if "Value" in named else None
        return table

    @staticmethod
    def _number(found: PsObject, inner: object) -> object:
        """An enumeration is an object round a number; anything else round a value is the value."""
        if isinstance(inner, int) and not isinstance(inner, bool) and "System.Enum" in found.type_names:
            return PsEnum(found.type_names, found.to_string or str(inner), inner)
        return inner


def _hashable(key: object) -> object:
    return repr(key) if isinstance(key, list | dict) else key


class _StreamRecord(PsObject):
    """An error, warning or progress record; pypsrp sorts messages by ``MESSAGE_TYPE``."""

    __slots__ = ("MESSAGE_TYPE",)

    def __init__(self, bag: object, *, message_type: int) -> None:
        known = bag if isinstance(bag, PsObject) else PsObject(to_string=str(bag))
        if isinstance(known, PsOdd):
            known.to_string = f"The host's record cannot be read: {known.why}."
        super().__init__(known.type_names, known.to_string, known.properties)
        self.MESSAGE_TYPE = message_type


class PlainSerializer(Serializer):
    """pypsrp's serializer, but pipeline output and stream records come back as plain values."""

    def deserialize(self, element: ET.Element | str, metadata: ObjectMeta | None = None, clear: bool = True) -> Any:
        """As pypsrp's; output and records go through `decode`, the protocol's own messages do not."""
        wanted = getattr(metadata, "object", None)
        if not clear:
            return super().deserialize(element, metadata, clear)
        if metadata is None:
            return _or_odd(element)
        if wanted in _RECORDS:
            return _StreamRecord(_or_odd(element), message_type=wanted.MESSAGE_TYPE)
        if wanted is PipelineState:
            state = decode(element)
            number = state.get("PipelineState") if isinstance(state, PsObject) else None
            if not isinstance(state, PsObject) or not isinstance(number, int):
                raise Unreadable("a pipeline's state has no number")
            return _state(number, state.get("ExceptionAsErrorRecord"))
        return super().deserialize(parsed(element) if isinstance(element, str) else element, metadata, clear)


def _or_odd(element: ET.Element | str) -> object:
    """One message's object; one that is no XML must not cost its neighbours."""
    try:
        return decode(element)
    except Unreadable as error:
        return PsOdd(str(error), element if isinstance(element, str) else "")
