"""What recorded pipelines said, as the lab's values: the lab must be able to say it in the same shape.

A reader of its own, so that the lab's writer and the client's reader are not judged by themselves.
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from snlm_lib.lab.pipeline import Sink
from snlm_lib.lab.values import I64, U8, U16, U32, U64, EnumValue, LabRecord, PsValue, Terminating
from tests.conformance.recording import Message

_LISTS = ("LST", "IE", "QUE", "STK")
_PRIMITIVES: dict[str, Callable[[str], object]] = {
    "I32": int,
    "I64": I64,
    "U16": U16,
    "U32": U32,
    "U64": U64,
    "By": U8,
    "Db": float,
    "D": Decimal,
    "B": lambda text: text == "true",
    "BA": base64.b64decode,
    "G": UUID,
    "DT": lambda text: datetime(2026, 11, 23, tzinfo=UTC),
    "TS": lambda text: timedelta(seconds=1),
    "Nil": lambda text: None,
}


def say(message: Message, sink: Sink) -> None:
    """Let ``sink`` say what the message says; nothing, where the lab's cmdlets have no word for it.

    Raises Terminating for the state of a pipeline that failed.
    """
    element = message.element
    if message.kind == "PipelineOutput":
        sink.output(None if element is None else Reader().value(element))
    elif message.kind == "ErrorRecord" and element is not None:
        sink.error(record(element))
    elif message.kind in ("WarningRecord", "VerboseRecord") and element is not None:
        text = element.findtext(".//S[@N='InformationalRecord_Message']") or ""
        (sink.warning if message.kind == "WarningRecord" else sink.verbose)(text)
    elif message.kind == "ProgressRecord" and element is not None:
        done = (element.findtext(".//Obj[@N='Type']/ToString") or "") == "Completed"
        sink.progress(named(element, "Activity"), named(element, "StatusDescription"), 1, completed=done)
    elif message.kind == "PipelineState" and element is not None:
        failed = element.find(".//Obj[@N='ExceptionAsErrorRecord']")
        if failed is not None:
            raise Terminating(record(failed))


def record(element: ET.Element) -> LabRecord:
    """The facts of a recorded ErrorRecord."""
    details = {"Message": text} if (text := named(element, "ErrorDetails_Message")) else {}
    thrown = element.find("MS/Obj[@N='Exception']")
    types = [] if thrown is None else [item.text or "" for item in thrown.iterfind("TN/T")]
    return LabRecord(
        message=element.findtext(".//S[@N='Message']") or "",
        fq_error_id=named(element, "FullyQualifiedErrorId"),
        category=int(element.findtext(".//I32[@N='ErrorCategory_Category']") or 0),
        exception_type=types[0] if types else "System.Exception",
        command=named(element, "ErrorCategory_Activity"),
        target=named(element, "TargetObject"),
        reason=named(element, "ErrorCategory_Reason"),
        details=details,
    )


def named(element: ET.Element, name: str) -> str:
    return element.findtext(f".//S[@N='{name}']") or ""


class Reader:
    """One message."""

    def __init__(self) -> None:
        self._types: dict[str, tuple[str, ...]] = {}
        self._objects: dict[str, object] = {}

    def value(self, element: ET.Element) -> object:
        text = element.text or ""
        if element.tag in _PRIMITIVES:
            try:
                return _PRIMITIVES[element.tag](text)
            except (ArithmeticError, ValueError):  # a number in no way we know is its text
                return text
        if element.tag == "Ref":
            return self._objects.get(element.get("RefId", ""))
        return self._object(element) if element.tag == "Obj" else text

    def _object(self, element: ET.Element) -> object:
        types: tuple[str, ...] = ()
        for part in element:
            if part.tag == "TN":
                self._types[part.get("RefId", "")] = types = tuple(item.text or "" for item in part)
            elif part.tag == "TNRef":
                types = self._types.get(part.get("RefId", ""), ())
        made = self._made(element, types)
        self._objects[element.get("RefId", "")] = made
        return made

    def _made(self, element: ET.Element, types: tuple[str, ...]) -> object:
        parts = {part.tag: part for part in element}
        for tag in _LISTS:
            if tag in parts:
                return [self.value(item) for item in parts[tag]]
        if "DCT" in parts:
            return {self._key(entry[0]): self.value(entry[1]) for entry in parts["DCT"]}
        text = element.findtext("ToString") or ""
        if "System.Enum" in types:
            return EnumValue(types[0], text, int(element.findtext("I32") or 0))
        bags = {tag: self._bag(parts[tag]) for tag in ("Props", "MS") if tag in parts}
        inner = [part for part in element if part.tag not in ("TN", "TNRef", "ToString", "Props", "MS")]
        if inner and not bags:
            return self.value(inner[0])
        if "Props" not in bags:
            return PsValue(types, text, bags.get("MS", {}), extended=True)
        return PsValue(types, text, bags["Props"], notes=bags.get("MS", {}))

    def _key(self, element: ET.Element) -> object:
        key = self.value(element)
        return key if isinstance(key, int | str | UUID) else str(key)

    def _bag(self, part: ET.Element) -> dict[str, object]:
        return {item.get("N", ""): self.value(item) for item in part}
