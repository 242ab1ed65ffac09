"""Decoded parameter values lose every trace of psrpcore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from psrpcore import types as ps

from snlm_lib.lab.parameters import plain
from snlm_lib.lab.values import I64, U8, U16, U32, U64, Credential, PsValue


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (ps.PSString("x"), "x"),
        (ps.PSInt(-7), -7),
        (ps.PSInt64(2**40), I64(2**40)),
        (ps.PSUInt64(2**63), U64(2**63)),
        (ps.PSUInt(7), U32(7)),
        (ps.PSUInt16(7), U16(7)),
        (ps.PSByte(7), U8(7)),
        (ps.PSDouble(1.5), 1.5),
        (ps.PSDecimal("1.50"), Decimal("1.50")),
        (ps.PSGuid(int=5), UUID(int=5)),
        (ps.PSByteArray(b"\0\1"), b"\0\1"),
        (ps.PSDuration(seconds=5), timedelta(seconds=5)),
        (ps.PSDateTime(2026, 11, 23, 21, 4, tzinfo=UTC), datetime(2026, 11, 23, 21, 4, tzinfo=UTC)),
        (ps.PSList([ps.PSInt(1), ps.PSString("a")]), [1, "a"]),
        (ps.PSStack([ps.PSInt(1)]), [1]),
        (ps.PSDict({"a": ps.PSList([ps.PSInt(1)])}), {"a": [1]}),
        (ps.ErrorCategory.ObjectNotFound, 13),
    ],
)
def test_a_value_becomes_plain(value: object, expected: object) -> None:
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)


def test_nothing_of_psrpcore_is_left_inside_containers() -> None:
    made = plain(ps.PSDict({ps.PSString("a"): ps.PSList([ps.PSString("b")])}))
    assert isinstance(made, dict)
    [(key, items)] = made.items()
    assert (type(key), type(items), type(items[0])) == (str, list, str)


def test_a_credential_keeps_its_secret_out_of_its_repr() -> None:
    credential = ps.PSCredential(UserName="CORP\\x", Password=ps.PSSecureString("s3cret"))
    assert plain(credential) == Credential("CORP\\x", "s3cret")
    bare = plain(ps.PSSecureString("s3cret"))
    assert bare == Credential("", "s3cret")
    assert "s3cret" not in repr(bare)


def test_an_object_of_an_unknown_type_keeps_its_properties() -> None:
    unknown = ps.PSObject()
    unknown.PSObject.type_names = ["Toy.Thing"]
    unknown.PSObject.to_string = "a thing"
    ps.add_note_property(unknown, "Size", ps.PSInt64(5))
    assert plain(unknown) == PsValue(("Toy.Thing",), "a thing", {"Size": I64(5)})


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        plain(object())
