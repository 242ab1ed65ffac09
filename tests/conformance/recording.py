"""Recorded exchanges with real Windows (pypsrp's own, MIT): read as data, never copied into the project.

They lie beside the project; knows how a recording is written and how PSRP messages are cut, no lab.
"""

from __future__ import annotations

import base64
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import yaml
from psrpcore.types import PSRPMessageType

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "wsman_recordings"
ABSENT = f"no recordings of real Windows at {FOLDER}"

KINDS = {kind.value: kind.name for kind in PSRPMessageType}
_FRAGMENT = struct.Struct(">QQBI")
_CARRIERS = frozenset({"Stream", "connectResponseXml", "creationXml", "connectXml", "Arguments"})
_COMMAND = re.compile(r'<[^<>]*\b(?:DesiredStream|Stream|Signal|Connect)\b[^<>]*\bCommandId="([^"]+)"')
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Message:
    """One PSRP message: its kind by name, whose it is, its CLIXML as bytes (byte-order mark included)."""

    kind: str
    pipeline_id: UUID
    data: bytes

    @property
    def element(self) -> ET.Element | None:
        text = self.data.removeprefix(BOM)
        return ET.fromstring(text) if text else None


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, both as text."""

    request: str
    answer: str

    @property
    def verb(self) -> str:
        return (text_of(self.request, "Action")).rpartition("/")[2]

    @property
    def resource(self) -> str:
        """The kind of resource: "powershell" for every session configuration, else the URI's last part."""
        uri = text_of(self.request, "ResourceURI")
        return "powershell" if "/powershell/" in uri else uri.rpartition("/")[2]

    @property
    def stream(self) -> tuple[str, str]:
        """Shell and command a request is about, as the recording names them."""
        command = _COMMAND.search(self.request)
        shell = re.search(r'Name="ShellId">([^<]+)<', self.request)
        return (shell[1] if shell else "", command[1] if command else "")

    @property
    def fault(self) -> str:
        """The fault's code, or ""."""
        found = re.search(r'WSManFault[^>]* Code="(\d+)"', self.answer)
        return found[1] if found else ""


def names() -> list[str]:
    """The recordings at hand, by name."""
    return sorted(path.stem for path in FOLDER.glob("test_*.yml"))


def exchanges(name: str) -> list[Exchange]:
    """The exchanges of a recording; what has no envelope (a cut, a refused sign-on) is none."""
    found = yaml.load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"), _LOADER)["messages"]
    whole = [item for item in found if ":Envelope" in (item.get("response") or "") and ":Envelope" in item["request"]]
    return [Exchange(item["request"], item["response"]) for item in whole]


def text_of(envelope: str, name: str) -> str:
    """The text of the first element of that name, whatever its prefix."""
    found = re.search(rf"<(?:\w+:)?{name}(?:\s[^<>]*)?>([^<]*)<", envelope)
    return found[1].strip() if found else ""


def payloads(envelope: str) -> Iterator[bytes]:
    """The PSRP data an envelope carries."""
    for element in ET.fromstring(envelope).iter():
        if element.tag.rpartition("}")[2] in _CARRIERS and element.text:
            yield base64.b64decode(element.text)


class Joiner:
    """Fragments of one direction of one shell -> messages, as soon as they are whole."""

    def __init__(self) -> None:
        self._open: dict[int, bytes] = {}

    def take(self, parts: Iterable[bytes]) -> Iterator[Message]:
        for data in parts:
            while data:
                number, _, bits, length = _FRAGMENT.unpack_from(data)
                body, data = data[21 : 21 + length], data[21 + length :]
                whole = body if bits & 1 else self._open.get(number, b"") + body
                self._open[number] = whole
                if bits & 2:
                    yield _message(self._open.pop(number))


def pieces(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Fragment by fragment: head and body."""
    while data:
        length = _FRAGMENT.unpack_from(data)[3]
        yield data[:21], data[21 : 21 + length]
        data = data[21 + length :]


def piece(head: bytes, body: bytes) -> bytes:
    """The fragment of that head with another body."""
    number, at, bits, _ = _FRAGMENT.unpack(head)
    return _FRAGMENT.pack(number, at, bits, len(body)) + body


def _message(data: bytes) -> Message:
    kind = struct.unpack_from("<I", data, 4)[0]
    return Message(KINDS.get(kind, hex(kind)), UUID(bytes_le=data[24:40]), data[40:])


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
