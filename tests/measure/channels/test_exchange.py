"""The table of exchanges: what is asked, and which bytes are an answer, whole or in pieces."""

from __future__ import annotations

import pytest

from snlm_lib.measure.channels import EXCHANGES, FLOWING

# [MS-RDPBCGR] 4.1.2: the connection confirm of a server that chooses TLS
RDP_CONFIRM = bytes.fromhex("0300 0013 0ed0 0000 1234 0002 0008 0001 0000 00")
RDP_REFUSED = bytes.fromhex("0300 0013 0ed0 0000 1234 0003 0008 0005 0000 00")


def numbers(name: str, *pieces: bytes) -> list[int | None]:
    """What an exchange makes of bytes that come in pieces."""
    found: list[int | None] = []
    rest = b""
    for piece in pieces:
        answers, rest = EXCHANGES[name].split(rest + piece)
        found += answers
    return found


@pytest.mark.parametrize(
    ("name", "answer", "means"),
    [
        ("banner", b"SSH-2.0-OpenSSH_for_Windows_9.5\r\n", [None]),
        ("banner", b"220 mail.corp.example ESMTP\r\n", [None]),
        ("echo", b"7\n8\n", [7, 8]),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n", [None]),
        ("http", b"HTTP/1.0 404 Not Found\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", [None, None]),
        ("http", b"HTTP/1.1 405 No\r\n\r\n<p>no HEAD here</p>HTTP/1.1 405 No\r\n\r\n", [None, None]),
        ("rdp", RDP_CONFIRM, [None]),
        ("rdp", RDP_REFUSED, [None]),
    ],
)
def test_an_answer_is_known_whole_and_byte_by_byte(name: str, answer: bytes, means: list[int | None]) -> None:
    assert numbers(name, answer) == means
    assert numbers(name, *(bytes([byte]) for byte in answer))[: len(means)] == means


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("banner", b""),
        ("echo", b"hello\n\n7"),
        ("http", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("http", b"SSH-2.0-OpenSSH\r\n"),
        ("rdp", RDP_CONFIRM[:-1]),
        ("rdp", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("rdp", RDP_CONFIRM[:5] + b"\x80" + RDP_CONFIRM[6:]),
    ],
)
def test_anything_else_is_no_answer(name: str, answer: bytes) -> None:
    assert numbers(name, answer) == []


def test_what_is_asked_names_the_host_and_the_probe() -> None:
    assert EXCHANGES["echo"].request("192.0.2.1", 12) == b"12\n"
    assert EXCHANGES["http"].request("2001:db8::1", 0).startswith(b"HEAD / HTTP/1.1\r\nHost: [2001:db8::1]\r\n")
    asked = EXCHANGES["rdp"].request("192.0.2.1", 0)
    assert len(asked) == int.from_bytes(asked[2:4], "big") == 19
    assert asked[5] == 0xE0, "an X.224 connection request"


def test_who_says_nothing_and_who_waits_for_nothing() -> None:
    assert {name for name, one in EXCHANGES.items() if not one.request("x", 1)} == {"none", "banner"}
    assert {name for name, one in EXCHANGES.items() if not one.hears} == {"none"}
    assert set(FLOWING) < set(EXCHANGES)


def test_a_flood_without_an_answer_is_not_kept() -> None:
    for name in ("echo", "http", "rdp"):
        _, rest = EXCHANGES[name].split(b"x" * 1_000_000)
        assert len(rest) <= 4096
