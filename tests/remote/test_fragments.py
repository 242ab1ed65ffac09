"""Fragments to messages: order, cuts, and one unreadable message among sound ones."""

from __future__ import annotations

import struct
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from pypsrp.messages import EndOfPipelineInput, MessageType

from snlm_lib.errors import SessionLost
from snlm_lib.remote import commands
from snlm_lib.remote.clixml import PlainSerializer, PsOdd, Unreadable
from snlm_lib.remote.fragments import PlainFragmenter
from snlm_lib.remote.session import HostSession

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def fragmenter() -> PlainFragmenter:
    return PlainFragmenter(32768, PlainSerializer())


def message(text: bytes, kind: int = MessageType.PIPELINE_OUTPUT) -> bytes:
    return struct.pack("<II", 1, kind) + bytes(32) + text


def fragment(object_id: int, number: int, bits: int, blob: bytes) -> bytes:
    return struct.pack(">QQBI", object_id, number, bits, len(blob)) + blob


def values(messages: list[Any]) -> list[object]:
    return [each.data.data for each in messages]


def test_messages_come_whole_and_in_order_however_they_are_cut(fragmenter: PlainFragmenter) -> None:
    first, second = message(b"\xef\xbb\xbf<S>first</S>"), message(b"<I32>2</I32>")
    assert fragmenter.defragment(fragment(1, 0, 1, first[:50]) + fragment(2, 0, 3, second)) != []
    assert fragmenter.defragment(fragment(1, 1, 0, first[50:55])) == []
    assert values(fragmenter.defragment(fragment(1, 2, 2, first[55:]) + fragment(3, 0, 3, second))) == ["first", 2]


def test_an_unreadable_message_leaves_its_neighbours(fragmenter: PlainFragmenter) -> None:
    parts = [b"<S>a</S>", b"<S>bro", b"<S>\xff</S>", b"<S>c</S>"]
    data = b"".join(fragment(at, 0, 3, message(text)) for at, text in enumerate(parts))
    first, odd, bytes_, last = values(fragmenter.defragment(data))
    assert (first, bytes_, last) == ("a", "\ufffd", "c")
    assert isinstance(odd, PsOdd)


def test_a_kind_nobody_knows_and_a_broken_host_call_are_left_out(fragmenter: PlainFragmenter) -> None:
    strange = fragment(1, 0, 3, message(b"<S>x</S>", 0x00041999))
    call = fragment(2, 0, 3, message(b"<Obj>", MessageType.PIPELINE_HOST_CALL))
    assert values(fragmenter.defragment(strange + call + fragment(3, 0, 3, message(b"<S>y</S>")))) == ["y"]


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 20,
        fragment(1, 0, 3, b"")[:-4] + struct.pack(">I", 9),
        fragment(1, 0, 3, b"too short"),
        fragment(1, 1, 2, message(b"<S>x</S>")),
        fragment(1, 0, 2, message(b"<S>x</S>")),
        fragment(1, 0, 1, b"x") + fragment(1, 2, 2, b"y"),
        fragment(1, 0, 1, b"x") + fragment(1, 0, 3, message(b"<S>x</S>")),
        fragment(1, 0, 3, message(b"<Obj", MessageType.PIPELINE_STATE)),
        fragment(1, 0, 3, message(b"<S>x</S>", MessageType.SESSION_CAPABILITY)),
    ],
)
def test_a_broken_stream_is_one_clear_error(fragmenter: PlainFragmenter, data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"[a-z]{3}"):
        fragmenter.defragment(data)


def test_many_threads_number_their_messages_apart(fragmenter: PlainFragmenter) -> None:
    made: list[bytes] = []

    def work() -> None:
        for _ in range(20):
            made.extend(fragmenter.fragment(EndOfPipelineInput(), NOBODY, NOBODY))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [struct.unpack_from(">Q", piece)[0] for piece in made]
    assert sorted(numbers) == list(range(1, 161))


def refuse() -> None:
    raise Unreadable("a message is shorter than its head")


@pytest.mark.parametrize("read", [refuse, lambda: ET.fromstring("<s:Envelope"), lambda: ET.Element("a").attrib["Name"]])
def test_a_session_tells_what_could_not_be_read(session: HostSession, read: Callable[[], object]) -> None:
    session.open()
    shell = session._shell
    assert shell is not None
    with (
        pytest.raises(SessionLost, match=r"HV01: the host's answer cannot be read: .*look at the host"),
        shell._translated(),
    ):
        read()


def test_a_session_survives_an_object_that_cannot_be_read(session: HostSession) -> None:
    """The stream goes on behind it: here the host's own output follows."""
    session.open()
    assert session._shell is not None
    fragmenter = session._shell._pool._fragmenter
    assert isinstance(fragmenter, PlainFragmenter)
    assert isinstance(values(fragmenter.defragment(fragment(99, 0, 3, message(b"<Obj"))))[0], PsOdd)
    assert session.invoke(commands.get_vm_host()).bags[0].get("Name") == "HV01"
