"""ICMP as bytes: what a request looks like on the wire, and which received message speaks of which probe."""

from __future__ import annotations

import pytest

from snlm_lib.measure.channels.icmp_packet import Heard, Marked, checksum

MARK = b"\x01\x02\x03\x04\x05\x06\x07\x08"
IP_HEADER = bytes.fromhex("4500 0030 0000 4000 4001 0000 7f00 0001 7f00 0001")


def marked(version: int = 4) -> Marked:
    return Marked(MARK, 0xBEEF, version=version)


def as_reply(request: bytes, kind: int) -> bytes:
    return bytes([kind]) + request[1:]


def test_the_checksum_is_that_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001 f203 f4f5 f6f7")) == 0x220D
    assert checksum(marked().request(1, 2)) == 0, "a message with its checksum in it sums to nothing"


@pytest.mark.parametrize(("version", "kind"), [(4, 8), (6, 128)])
def test_a_request_names_itself(version: int, kind: int) -> None:
    request = marked(version).request(3, 0x1_0002)
    assert request[0] == kind
    assert request[4:8] == bytes.fromhex("beef 0002"), "identifier, and the low half of the number"
    assert request[8:16] == MARK
    assert len(request) % 2 == 0


@pytest.mark.parametrize(("version", "reply"), [(4, 0), (6, 129)])
def test_an_answer_is_known_by_its_mark_whatever_its_number(version: int, reply: int) -> None:
    ours = marked(version)
    for target, seq in ((0, 0), (49, 864_000_000)):
        assert ours.heard(as_reply(ours.request(target, seq), reply)) == Heard(target, seq, "")


def test_a_raw_socket_hands_on_the_ip_header_too() -> None:
    ours = marked()
    assert ours.heard(IP_HEADER + as_reply(ours.request(2, 9), 0)) == Heard(2, 9, "")
    with_options = bytes([0x46]) + IP_HEADER[1:] + bytes(4)
    assert ours.heard(with_options + as_reply(ours.request(2, 9), 0)) == Heard(2, 9, "")


@pytest.mark.parametrize(("version", "kind"), [(4, 3), (4, 11), (6, 1), (6, 3)])
def test_an_error_message_holds_the_request_it_speaks_of(version: int, kind: int) -> None:
    ours = marked(version)
    inner = (IP_HEADER if version == 4 else bytes(40)) + ours.request(1, 77)
    message = bytes([kind, 1, 0, 0, 0, 0, 0, 0]) + inner
    assert ours.heard(IP_HEADER + message if version == 4 else message) == Heard(1, 77, "unreachable")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\x45",
        IP_HEADER,
        as_reply(Marked(MARK[::-1], 0xBEEF, version=4).request(1, 2), 0),
        as_reply(marked().request(1, 2), 0)[:-1],
        marked().request(1, 2),
        as_reply(marked().request(1, 2), 13),
    ],
    ids=["nothing", "byte", "part", "header alone", "another run", "cut", "our own request", "another type"],
)
def test_anything_else_says_nothing(message: bytes) -> None:
    assert marked().heard(message) is None


def test_a_mark_has_eight_bytes() -> None:
    with pytest.raises(ValueError, match="eight"):
        Marked(b"short", 1, version=4)
