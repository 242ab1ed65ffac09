"""One door from a property to a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from snlm_lib.estate import values
from snlm_lib.remote.clixml import PsEnum, PsObject

ID = UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11")
ENUM = PsEnum(("System.Enum",), "Kerberos", 1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def of(value: object) -> PsObject:
    return PsObject(properties={"Key": value})


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", "a"), ("", None), (None, None), (7, "7"), (ID, str(ID)), (ENUM, "Kerberos"), (True, None), (["a"], None)],
)
def test_text(value: object, found: str | None) -> None:
    assert values.text(of(value), "key") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (7, 7),
        (7.0, 7),
        ("20348", 20348),
        ("x", None),
        (None, None),
        (True, None),
        (ENUM, 1),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_number(value: object, found: int | None) -> None:
    assert values.number(of(value), "Key") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [(True, True), (False, False), ("True", True), ("false", False), (None, None), ("perhaps", None), (3, None)],
)
def test_flag(value: object, found: bool | None) -> None:
    assert values.flag(of(value), "Key") is found


@pytest.mark.parametrize(
    ("value", "found"),
    [(ID, ID), (str(ID).upper(), ID), (f"{{{ID}}}", ID), ("no", None), (None, None), (7, None)],
)
def test_guid(value: object, found: UUID | None) -> None:
    assert values.guid(of(value), "Key") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (NOON.astimezone(timezone(timedelta(hours=2))), NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        (datetime(2026, 11, 23, 12), None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_moment(value: object, found: datetime | None) -> None:
    assert values.moment(of(value), "Key") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (timedelta(minutes=1), 60.0),
        ("00:01:00", 60.0),
        ("1.00:00:00.25", 86400.25),
        ("-00:00:01", -1.0),
        ("soon", None),
        (None, None),
    ],
)
def test_duration(value: object, found: float | None) -> None:
    assert values.duration_s(of(value), "Key") == found


def test_a_list_of_one_may_have_become_its_element() -> None:
    assert values.texts(of("a"), "Key") == ("a",)
    assert values.texts(of(["a", "", None, ENUM, 5]), "Key") == ("a", "Kerberos", "5")
    assert values.items(of(None), "Key") == ()


def test_an_enumerations_name() -> None:
    assert values.name(of(ENUM), "Key") == values.name(of("Kerberos"), "Key") == "Kerberos"
    assert values.name(of(None), "Key") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("VM01", "vm01", True),
        ("\u00c4pfel", "\u00e4pfel", True),
        ("DB[1]", "DB1", False),
        ("VM*", "VM01", False),
        ("stra\u00dfe", "STRASSE", False),
        ("VM01 ", "VM01", False),
    ],
)
def test_names_are_compared_letter_by_letter(one: str, other: str, same: bool) -> None:
    assert values.same_name(one, other) is same
