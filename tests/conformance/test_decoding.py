"""The client reads everything that real Windows sent, loses nothing of it, and survives what nobody should send."""

from __future__ import annotations

import random
import struct
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import pytest
from pypsrp.exceptions import WinRMError
from pypsrp.messages import MessageType

from snlm_lib.errors import RemoteError
from snlm_lib.remote.clixml import PlainSerializer, PsEnum, PsObject, PsOdd, Unreadable, decode
from snlm_lib.remote.fragments import PlainFragmenter
from snlm_lib.remote.records import error_record, progress_record, warning_text
from tests.conformance import recording
from tests.conformance.recording import Joiner, Message, payloads

needs_recordings = pytest.mark.skipif(not recording.names(), reason=recording.ABSENT)

_LISTS = ("LST", "IE", "QUE", "STK")
_SEED = 20261123


@cache
def messages(name: str) -> list[Message]:
    joiner = Joiner()
    found = (item for item in recording.exchanges(name) if item.resource == "powershell")
    return [message for exchange in found for message in joiner.take(payloads(exchange.answer))]


def compare(element: ET.Element, value: object, known: dict[str | None, ET.Element]) -> Iterator[str]:
    """What of ``element`` is not in ``value``: property by property, item by item."""
    if isinstance(value, PsOdd):
        yield f"{element.tag}: {value.why}"
    if element.tag == "Ref":
        element = known[element.get("RefId")]
    parts = {part.tag: part for part in element} if element.tag == "Obj" else {}
    names = [item.get("N", "") for tag in ("Props", "MS") if tag in parts for item in parts[tag]]
    if isinstance(value, PsObject):
        for tag in ("Props", "MS"):
            for item in parts.get(tag, ()):
                name = item.get("N", "")
                if name not in value.properties:
                    yield f"{name} is missing"
                elif item.tag != "Ref":
                    yield from compare(item, value.properties[name], known)
    items = next((parts[tag] for tag in _LISTS if tag in parts), None)
    if items is not None:
        if not isinstance(value, list) or len(value) != len(items):
            yield "items are missing"
        else:
            for item, one in zip(items, value, strict=True):
                yield from compare(item, one, known)
    if "DCT" in parts and not (isinstance(value, dict) and len(value) == len(parts["DCT"])):
        yield "entries are missing"
    inner = parts.get("Obj")
    if inner is not None and isinstance(value, PsObject):
        names += [item.get("N", "") for tag in ("Props", "MS") for item in inner.iterfind(f"{tag}/*")]
    if isinstance(value, PsObject) and len(value.properties) != len(set(names)):
        yield "properties are missing or were made up"
    types = [name.text for part in element if part.tag == "TN" for name in part]
    if "System.Enum" in types and not isinstance(value, PsEnum):
        yield f"{value!r} is no enumeration"


@needs_recordings
@pytest.mark.parametrize("name", recording.names() or ["none"])
def test_nothing_of_a_recorded_message_is_lost(name: str) -> None:
    for message in messages(name):
        if (element := message.element) is None:
            continue
        known = {item.get("RefId"): item for item in element.iter("Obj")}
        assert list(compare(element, decode(element), known)) == [], message.kind


@needs_recordings
@pytest.mark.parametrize("name", recording.names() or ["none"])
def test_every_recorded_stream_becomes_as_many_messages(name: str) -> None:
    fragmenter = PlainFragmenter(32768, PlainSerializer())
    got = 0
    for exchange in recording.exchanges(name):
        if exchange.resource == "powershell":
            got += sum(len(fragmenter.defragment(part)) for part in payloads(exchange.answer))
    assert got == len(messages(name))


@needs_recordings
def test_recorded_records_have_a_text() -> None:
    readers = {"ErrorRecord": lambda bag: error_record(bag).message, "WarningRecord": warning_text}
    readers["ProgressRecord"] = lambda bag: progress_record(bag).activity
    texts = [
        readers[message.kind](decode(message.element))
        for name in recording.names()
        for message in messages(name)
        if message.kind in readers and message.element is not None
    ]
    assert len(texts) >= 1
    assert all(text and text != "no message" for text in texts)


def corrupted(text: bytes, chance: random.Random) -> bytes:
    """One of the ways in which bytes go wrong."""
    at = chance.randrange(len(text))
    tags = [b"Obj", b"MS", b"Props", b"LST", b"DCT", b"I32", b"S", b"TN", b"Ref"]
    one, other = chance.sample(tags, 2)
    return chance.choice(
        [
            text[:at],
            text[at:],
            text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :],
            text.replace(b"<" + one, b"<" + other).replace(b"</" + one, b"</" + other),
            text.replace(b'RefId="1"', b'RefId="77"'),
            text[:at] + text[chance.randrange(len(text)) :],
        ]
    )


def specimens() -> list[tuple[int, bytes]]:
    """Kind and CLIXML: those recorded when they are at hand, else one of each sort."""
    kinds = {value: key for key, value in recording.KINDS.items()}
    found = [(kinds[item.kind], item.data) for name in recording.names() for item in messages(name) if item.data]
    own = (
        b'<Obj RefId="0"><TN RefId="0"><T>A</T></TN><Props><I32 N="a">1</I32><Obj N="b" RefId="1"><TNRef RefId="0" />'
        b'<LST><DT>2026-11-23T21:04:00Z</DT></LST></Obj><Ref N="c" RefId="1" /></Props></Obj>'
    )
    state = b'<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>'
    return [
        *found,
        (MessageType.PIPELINE_OUTPUT, own),
        (MessageType.ERROR_RECORD, own),
        (MessageType.PIPELINE_STATE, state),
    ]


def test_a_corrupt_message_is_told_or_costs_only_itself() -> None:
    chance = random.Random(_SEED)
    pool = specimens()
    sound = wrapped(1, MessageType.PIPELINE_OUTPUT, b"<S>still here</S>")
    told = intact = 0
    started_s = time.monotonic()
    for number in range(1500):
        kind, text = chance.choice(pool)
        if len(text) > 20_000:
            continue
        fragmenter = PlainFragmenter(32768, PlainSerializer())
        try:
            read = fragmenter.defragment(wrapped(2 + number, kind, corrupted(text, chance)) + sound)
        except Unreadable:
            told += 1
            continue
        intact += 1
        assert cast(Any, read[-1].data).data == "still here"
    assert told > 0
    assert intact > 0
    assert time.monotonic() - started_s < 60


def test_a_corrupt_stream_of_fragments_is_told() -> None:
    chance = random.Random(_SEED)
    sound = wrapped(1, MessageType.PIPELINE_OUTPUT, b"<S>x</S>")
    for _ in range(400):
        fragmenter = PlainFragmenter(32768, PlainSerializer())
        try:
            read = fragmenter.defragment(corrupted(sound, chance))
        except Unreadable:
            continue
        assert len(read) <= 2


def wrapped(object_id: int, kind: int, text: bytes) -> bytes:
    body = struct.pack("<II", 1, kind) + bytes(32) + text
    return struct.pack(">QQBI", object_id, 0, 3, len(body)) + body


def test_entities_are_refused_before_they_grow() -> None:
    laughs = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    bomb = f'<!DOCTYPE S [<!ENTITY l0 "lol">{laughs}]><S>&l9;</S>'
    started_s = time.monotonic()
    odd = PlainSerializer().deserialize(bomb)
    assert isinstance(odd, PsOdd)
    assert "entities" in odd.why
    assert time.monotonic() - started_s < 1


@pytest.mark.parametrize(
    "text",
    [
        "".join(f'<Ref RefId="{number}" />' for number in range(40_000)),
        "".join(f'<Obj RefId="{number}"><TNRef RefId="{number}" /></Obj>' for number in range(40_000)),
        '<Obj RefId="7"><LST>' * 20_000 + "</LST></Obj>" * 20_000,
        "<S>" + "_x0041_" * 100_000 + "</S>",
        f"<I64>{'9' * 300_000}</I64><Db>{'9' * 300_000}</Db><TS>P{'9' * 300_000}D</TS>",
    ],
    ids=["references", "types", "depth", "escapes", "digits"],
)
def test_what_is_made_to_take_long_does_not(text: str) -> None:
    started_s = time.monotonic()
    assert decode(f'<Obj RefId="a"><LST>{text}</LST></Obj>')
    assert time.monotonic() - started_s < 15  # quadratic would be minutes


def test_our_error_is_one_of_pypsrps_so_that_the_session_translates_it() -> None:
    assert issubclass(Unreadable, WinRMError)
    assert not issubclass(Unreadable, RemoteError)
