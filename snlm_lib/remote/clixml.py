"""What comes back: CLIXML to plain Python values, fast; knows no Hyper-V and no socket.

`PlainSerializer` takes the place of pypsrp's serializer: pypsrp's own is slow, and it loses a whole
Receive when a generic collection carries a type reference (TNRef) that is used again later.
Objects become `PsObject`, enumerations that are objects `PsEnum`; at remoting's depth 1 the same
enumeration may also come as a plain string, so readers use `enum_name`.
"""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pypsrp.complex_objects import ObjectMeta
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

__all__ = ["PlainSerializer", "PsEnum", "PsObject", "decode", "enum_name", "parse_duration"]

_ESCAPE = re.compile("_[xX]([0-9A-Fa-f]{4})_")
_DURATION = re.compile(
    r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_LISTS = frozenset({"LST", "IE", "QUE", "STK"})
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
    Raises ET.ParseError for what is not XML.
    """
    return _Decoder().value(ET.fromstring(xml) if isinstance(xml, str) else xml)


def parse_duration(text: str) -> timedelta | None:
    """``PT1H2.5S`` (xsd:duration; a year is 365 days, a month 30) as timedelta, else None."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()[1:]):
        return None
    years, months, days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    length = timedelta(days=years * 365 + months * 30 + days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if found[1] else length


def _text(element: ET.Element) -> str:
    text = element.text or ""
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
    return parse_duration(element.text or "") or (timedelta(0) if element.text == "PT0S" else element.text or "")


def _whole(element: ET.Element) -> int:
    return int(element.text or "0")


def _real(element: ET.Element) -> float:
    return float((element.text or "nan").replace("INF", "inf"))


_PRIMITIVES: dict[str, Callable[[ET.Element], object]] = {
    **dict.fromkeys(("S", "ToString", "URI", "XD", "SBK"), _text),
    **dict.fromkeys(("By", "SB", "U16", "I16", "U32", "I32", "U64", "I64"), _whole),
    **dict.fromkeys(("Sg", "Db"), _real),
    "B": lambda element: (element.text or "").strip().lower() == "true",
    "BA": lambda element: base64.b64decode(element.text or ""),
    "C": lambda element: chr(int(element.text or "0")),
    "D": lambda element: Decimal(element.text or "0"),
    "DT": _moment,
    "G": lambda element: UUID(element.text or ""),
    "Nil": lambda element: None,
    "SS": lambda element: None,  # a secret that comes back is nobody's business
    "TS": _duration,
    "Version": lambda element: element.text or "",
}


class _Decoder:
    """One message: reference numbers live no longer than it."""

    def __init__(self) -> None:
        self._objects: dict[str, object] = {}
        self._types: dict[str, tuple[str, ...]] = {}

    def value(self, element: ET.Element) -> object:
        primitive = _PRIMITIVES.get(element.tag)
        if primitive is not None:
            return primitive(element)
        if element.tag == "Ref":
            return self._objects.get(element.get("RefId", ""))
        if element.tag == "Obj":
            return self._object(element)
        return _text(element)

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
                    found.properties[item.get("N", "")] = self.value(item)
            elif part.tag in _LISTS:
                inner = [self.value(item) for item in part]
            elif part.tag == "DCT":
                inner = self._table(part)
            else:
                inner = self._number(found, self.value(part))
        self._objects[reference] = inner
        return inner

    def _type_names(self, part: ET.Element) -> tuple[str, ...]:
        reference = part.get("RefId", "")
        if part.tag == "TN":
            self._types[reference] = tuple(_text(name) for name in part)
        return self._types.get(reference, ())

    def _table(self, part: ET.Element) -> dict[object, object]:
        entries = ({item.get("N"): item for item in entry} for entry in part)
        return {
            self.value(entry["Key"]): self.value(entry["Value"])
            for entry in entries
            if "Key" in entry and "Value" in entry
        }

    @staticmethod
    def _number(found: PsObject, inner: object) -> object:
        """An enumeration is an object round a number; anything else round a value is the value."""
        if isinstance(inner, int) and not isinstance(inner, bool) and "System.Enum" in found.type_names:
            return PsEnum(found.type_names, found.to_string or str(inner), inner)
        return inner


class _StreamRecord(PsObject):
    """An error, warning or progress record; pypsrp sorts messages by ``MESSAGE_TYPE``."""

    __slots__ = ("MESSAGE_TYPE",)

    def __init__(self, bag: object, *, message_type: int) -> None:
        known = bag if isinstance(bag, PsObject) else PsObject(to_string=str(bag))
        super().__init__(known.type_names, known.to_string, known.properties)
        self.MESSAGE_TYPE = message_type


class PlainSerializer(Serializer):
    """pypsrp's serializer, but pipeline output and stream records come back as plain values."""

    def deserialize(self, element: ET.Element | str, metadata: ObjectMeta | None = None, clear: bool = True) -> Any:
        """As pypsrp's; output and records go through `decode`, the protocol's own messages do not."""
        wanted = getattr(metadata, "object", None)
        if clear and metadata is None:
            return decode(element)
        if clear and wanted in _RECORDS:
            return _StreamRecord(decode(element), message_type=wanted.MESSAGE_TYPE)
        if clear and wanted is PipelineState:
            state = decode(element)
            assert isinstance(state, PsObject)
            return _state(state.get("PipelineState"), state.get("ExceptionAsErrorRecord"))
        return super().deserialize(element, metadata, clear)
