"""What is compared of an answer: its structure as a set of short lines, values left out.

A line is (where, what). Where: the verb and the resource for an envelope, the kind of message for
CLIXML, "messages" for their order. Knows no lab and no recording.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.conformance.recording import BOM, Exchange, Message, text_of

Line = tuple[str, str]

SENT = "is sent"
NEVER_SENT = frozenset({"DebugRecord", "InformationRecord", "PipelineHostCall", "RunspacePoolHostCall", "UserEvent"})
_PARTS = ("TN", "ToString", "Props", "MS")  # in Windows' order; a value stands between ToString and Props
_MEANT = {"Ref": "Obj", "TNRef": "TN"}

_PREFIXES = {
    "http://www.w3.org/2003/05/soap-envelope": "s",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "http://schemas.xmlsoap.org/ws/2004/08/addressing": "a",
    "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd": "w",
    "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd": "p",
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell": "rsp",
    "http://schemas.microsoft.com/powershell": "ps",
    "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault": "f",
    "http://schemas.microsoft.com/wbem/wsman/1/config": "cfg",
    "http://schemas.xmlsoap.org/ws/2004/09/transfer": "x",
    "http://schemas.xmlsoap.org/ws/2004/09/enumeration": "n",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
}


def envelope_lines(exchange: Exchange) -> Iterator[Line]:
    """The answer's action, fault and element paths."""
    where = f"{exchange.verb} {exchange.resource}"
    root = ET.fromstring(exchange.answer)
    yield where, f"action {text_of(exchange.answer, 'Action').rpartition('/')[2]}"
    if exchange.fault:
        where = "fault"
        yield f"{exchange.verb} {exchange.resource}", f"fault {exchange.fault}"
        yield where, f"subcode of {exchange.fault}: {subcode(root)}"
    yield from ((where, path) for path in sorted(set(paths(root))))


def message_lines(messages: Iterable[Message]) -> Iterator[Line]:
    """The CLIXML paths of each message, whether a byte-order mark stands before it, and parts out of order."""
    for message in messages:
        yield message.kind, SENT
        if message.data:
            yield message.kind, "byte-order mark" if message.data.startswith(BOM) else "no byte-order mark"
        if (element := message.element) is not None:
            yield from ((message.kind, path) for path in set(paths(element)))
            yield from ((message.kind, order) for order in set(disorder(element)))


def flow_lines(messages: Sequence[Message], *, of: str) -> Iterator[Line]:
    """Which kind of message follows which in one stream; repetitions count once, and kinds that the lab
    never sends are missing once, not at every neighbour."""
    kinds = [message.kind for message in messages if message.kind not in NEVER_SENT]
    for before, after in zip(["start", *kinds], [*kinds, "end"], strict=True):
        if before != after:
            yield f"messages of {of}", f"{before} > {after}"


def paths(element: ET.Element) -> Iterator[str]:
    """Paths of elements and attributes. A CLIXML property is named by its N; a reference is read as what it
    means, of an object or of a class, since which comes first is no difference in structure. Below the
    top an object with properties is a Bag, so that it is told from a list, a dictionary or an enumeration."""
    known = {(item.tag, item.get("RefId")): item for item in element.iter() if item.tag in ("Obj", "TN")}
    yield from _Paths(known).walk(element, "", ())


@dataclass(frozen=True)
class _Paths:
    known: Mapping[tuple[str, str | None], ET.Element]

    def walk(self, element: ET.Element, above: str, within: tuple[ET.Element, ...]) -> Iterator[str]:
        tag = _MEANT.get(element.tag, short(element.tag))
        meant = self.known.get((tag, element.get("RefId")), element) if element.tag in _MEANT else element
        shown = "Bag" if tag == "Obj" and above and any(child.tag in ("Props", "MS") for child in meant) else tag
        path = f"{above}/{shown}" if above else shown
        if "N" in element.attrib:
            path += f":{element.attrib['N']}"
        yield path
        yield from (f"{path}@{short(key)}" for key in element.attrib if key not in ("N", "RefId"))
        if meant not in within:
            for child in meant:
                yield from self.walk(child, path, (*within, meant))


def disorder(element: ET.Element) -> Iterator[str]:
    """The parts of CLIXML objects that do not stand in Windows' order."""
    for item in element.iter("Obj"):
        tags = [_MEANT.get(part.tag, part.tag) for part in item]
        known = [tag for tag in tags if tag in _PARTS]
        pairs = pairwise(known)
        yield from (f"{one} before {next_}" for one, next_ in pairs if _PARTS.index(one) > _PARTS.index(next_))


def short(tag: str) -> str:
    """A tag or attribute name with the usual prefix of its namespace; a namespace nobody knows stays whole."""
    uri, _, name = tag.rpartition("}")
    return f"{_PREFIXES.get(uri[1:], uri + '}')}:{name}" if uri else name


def subcode(root: ET.Element) -> str:
    found = root.findtext(".//{*}Subcode/{*}Value") or ""
    return found.rpartition(":")[2]
