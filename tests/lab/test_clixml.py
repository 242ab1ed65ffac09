"""Objects as Windows writes them at remoting depth 1; shapes from recorded Get-Service and Get-Item output."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from pypsrp.serializer import Serializer

from snlm_lib.lab.clixml import escape, to_clixml
from snlm_lib.lab.values import I64, U8, U16, U32, U64, Credential, EnumValue, PsValue

RUNNING = EnumValue("Microsoft.HyperV.PowerShell.VMState", "Running", 2)
ADAPTER = PsValue(("Toy.Adapter", "System.Object"), "Adapter 1", {"Speed": 10})


def thing(**properties: object) -> PsValue:
    return PsValue(("Toy.Thing", "System.Object"), "a thing", properties)


def written(value: object) -> str:
    return to_clixml(value).decode("utf-8")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "<Nil />"),
        (True, "<B>true</B>"),
        (7, "<I32>7</I32>"),
        (-(2**31), "<I32>-2147483648</I32>"),
        (2**31, "<I64>2147483648</I64>"),
        (I64(7), "<I64>7</I64>"),
        (U64(2**63), "<U64>9223372036854775808</U64>"),
        (U32(7), "<U32>7</U32>"),
        (U16(7), "<U16>7</U16>"),
        (U8(255), "<By>255</By>"),
        (0.42, "<Db>0.42</Db>"),
        (1e16, "<Db>1E+16</Db>"),
        (float("inf"), "<Db>INF</Db>"),
        (float("nan"), "<Db>NaN</Db>"),
        (Decimal("1.50"), "<D>1.50</D>"),
        (b"\x00\xff", "<BA>AP8=</BA>"),
        (UUID(int=255), "<G>00000000-0000-0000-0000-0000000000ff</G>"),
        (datetime(2026, 11, 23, 21, 4, 5, 120000, tzinfo=UTC), "<DT>2026-11-23T21:04:05.12Z</DT>"),
        (datetime(2026, 11, 23, 21, 4, 0), "<DT>2026-11-23T21:04:00</DT>"),
        (
            datetime(2026, 11, 23, 21, 4, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
            "<DT>2026-11-23T21:04:00-03:30</DT>",
        ),
        (timedelta(0), "<TS>PT0S</TS>"),
        (timedelta(seconds=10), "<TS>PT10S</TS>"),
        (timedelta(days=1, hours=2, seconds=3, milliseconds=500), "<TS>P1DT2H3.5S</TS>"),
        (timedelta(minutes=-5), "<TS>-PT5M</TS>"),
        (timedelta(days=2), "<TS>P2D</TS>"),
    ],
)
def test_a_primitive_has_windows_tag_and_text(value: object, expected: str) -> None:
    assert written(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\r\nb", "a_x000D__x000A_b"),
        ("_x000A_", "_x005F_x000A_"),
        ("_xyz", "_xyz"),
        ("\U00010437", "_xD801__xDC37_"),
        ("a & <b>", "a &amp; &lt;b&gt;"),
        ("grün こ", "grün こ"),
    ],
)
def test_text_is_escaped_in_utf16_units(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize("text", ["_x000A_ and \r\n", "\U00010437 & <x>", "\x00\x7f\x85", "_X0041_", "e\u0301"])
def test_the_client_reads_back_what_was_escaped(text: str) -> None:
    assert Serializer().deserialize(written(text)) == text


def test_an_object_is_written_in_windows_order() -> None:
    assert written(thing(Name="VM01", Id=None)) == (
        '<Obj RefId="0"><TN RefId="0"><T>Toy.Thing</T><T>System.Object</T></TN><ToString>a thing</ToString>'
        '<Props><S N="Name">VM01</S><Nil N="Id" /></Props></Obj>'
    )


def test_enums_and_objects_in_properties_are_plain_text() -> None:
    properties = ET.fromstring(written(thing(State=RUNNING, Adapter=ADAPTER, Empty=PsValue((), "", {})))).find("Props")
    assert properties is not None
    assert [(item.tag, item.get("N"), item.text) for item in properties] == [
        ("S", "State", "Running"),
        ("S", "Adapter", "Adapter 1"),
        ("S", "Empty", None),
    ]


def test_a_list_of_objects_in_a_property_is_a_list_of_texts() -> None:
    assert "<LST><S>Adapter 1</S><S>Running</S><I32>3</I32></LST>" in written(thing(All=[ADAPTER, RUNNING, 3]))
    assert '<Obj N="None" RefId="1"><TN RefId="1"><T>System.Object[]</T>' in written(thing(None_=1, **{"None": ()}))


def test_an_enum_that_is_the_output_carries_its_number() -> None:
    assert written(RUNNING) == (
        '<Obj RefId="0"><TN RefId="0"><T>Microsoft.HyperV.PowerShell.VMState</T><T>System.Enum</T>'
        "<T>System.ValueType</T><T>System.Object</T></TN><ToString>Running</ToString><I32>2</I32></Obj>"
    )


def test_what_select_object_makes_stands_in_the_member_set() -> None:
    selected = PsValue(("Selected.Toy", "System.Object"), "", {"Name": "VM01"}, extended=True)
    assert written(selected).endswith('</TN><MS><S N="Name">VM01</S></MS></Obj>')


def test_a_type_list_is_written_once_in_a_message() -> None:
    text = written([ADAPTER, ADAPTER])
    assert text.count("<T>Toy.Adapter</T>") == 1
    assert '<Obj RefId="2"><TNRef RefId="1" /><ToString>Adapter 1</ToString>' in text
    assert written(ADAPTER) == written(ADAPTER), "a new message starts over"


def test_a_hashtable_keeps_its_entries() -> None:
    text = written(thing(Table={"a": 1, "b": [RUNNING]}, Bare={}))
    assert '<En><S N="Key">a</S><I32 N="Value">1</I32></En>' in text
    assert '<Obj N="Value" RefId="2">' in text
    assert '<TNRef RefId="1" /><DCT /></Obj>' in text


def test_a_property_name_is_an_attribute() -> None:
    assert '<S N="a&quot;&lt;b&gt;_x000A_">x</S>' in written(thing(**{'a"<b>\n': "x"}))


@pytest.mark.parametrize("value", [U8(256), U16(-1), U64(-1), 2**63])
def test_a_number_too_wide_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        to_clixml(value)


@pytest.mark.parametrize("value", [object(), Credential("CORP\\x", "secret"), {1, 2}])
def test_what_windows_has_no_form_for_is_refused_without_its_text(value: object) -> None:
    with pytest.raises(TypeError) as raised:
        to_clixml(value)
    assert "secret" not in str(raised.value)


def test_a_thousand_objects_take_a_tenth_of_a_second_or_so() -> None:
    wide = thing(**{f"Property{at}": f"some value {at}" for at in range(25)})
    began_s = time.perf_counter()
    size = sum(len(to_clixml(wide)) for _ in range(1000))
    assert size > 900_000
    assert time.perf_counter() - began_s < 1.0
