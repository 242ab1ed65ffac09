"""Widths and forms of what goes out, as pypsrp's serializer then writes them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
from pypsrp.complex_objects import PSCredential
from pypsrp.serializer import Serializer

from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.encode import encode, has_secret
from snlm_lib.remote.pipeline import Command, Pipeline

VM_ID = UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11")


class Kind(Enum):
    KERBEROS = 1


class Name(str):
    """A text of a type of its own."""


def wire(value: object) -> tuple[str, str | None]:
    element = Serializer().serialize(encode(value))
    assert isinstance(element, ET.Element)
    return element.tag, element.text


@pytest.mark.parametrize(
    ("value", "tag", "text"),
    [
        (7, "I32", "7"),
        (-(2**31), "I32", "-2147483648"),
        (2**31, "I64", "2147483648"),
        (2**40, "I64", "1099511627776"),
        (2**63, "U64", "9223372036854775808"),
        (-(2**63), "I64", "-9223372036854775808"),
        (0.1, "Db", "0.1"),
        (float("-inf"), "Db", "-INF"),
        (float("nan"), "Db", "NaN"),
        (Decimal("1.10"), "D", "1.10"),
        (Decimal("2.5e-29"), "D", "0.0000000000000000000000000000"),
        (True, "B", "true"),
        (None, "Nil", None),
        ("DB[1]", "S", "DB[1]"),
        (Name("a"), "S", "a"),
        (Kind.KERBEROS, "S", "KERBEROS"),
        (VM_ID, "G", str(VM_ID)),
        (datetime(2026, 11, 23, 22, 4, 0, 5000, timezone(timedelta(hours=1))), "S", "2026-11-23T21:04:00.005000Z"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4.5), "S", "1.02:03:04.500000"),
        (-timedelta(seconds=1), "S", "-0.00:00:01.000000"),
    ],
)
def test_one_value(value: object, tag: str, text: str | None) -> None:
    assert wire(value) == (tag, text)


@pytest.mark.parametrize("text", ["\ud83d", "a\ufffe", "\uffff"])
def test_a_text_that_cannot_be_sent_is_told_before_anything_is_sent(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent as a parameter"):
        encode({"Path": [text]})


@pytest.mark.parametrize("value", [Decimal(2**96), Decimal("NaN"), Decimal("-Infinity"), 2**64, -(2**63) - 1])
def test_a_number_too_wide_for_any_type_is_told(value: object) -> None:
    with pytest.raises(OverflowError):
        encode(value)


def test_lists_of_every_kind_are_lists_and_tables_tables() -> None:
    assert encode(("a", 2)) == ["a", 2]
    assert encode({1: ("x",)}) == {"1": ["x"]}
    assert encode(frozenset({"a"})) == ["a"]


@pytest.mark.parametrize(
    ("value", "error"),
    [(object(), TypeError), (2**64, OverflowError), (datetime(2026, 1, 1), ValueError)],
)
def test_what_nobody_could_bind_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        encode(value)


def test_a_credential_becomes_a_pscredential_and_is_seen() -> None:
    credential = Credential("CORP\\u", "geheim")
    sent = encode(credential)
    assert isinstance(sent, PSCredential)
    assert (sent.username, sent.password) == ("CORP\\u", "geheim")
    assert has_secret(Pipeline((Command("A"), Command("B", {"X": {"y": [credential]}}))))
    assert not has_secret(commands.get_events([1], datetime(2026, 1, 1, tzinfo=UTC)))
