"""CLIXML as Windows writes it (MS-PSRP 2.2.5; depth 1 as recorded from Get-Service), decoded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from pypsrp.complex_objects import ObjectMeta
from pypsrp.messages import ErrorRecordMessage, PipelineState, SessionCapability

from snlm_lib.remote.clixml import (
    PlainSerializer,
    PsEnum,
    PsObject,
    PsOdd,
    Unreadable,
    decode,
    enum_name,
    parse_duration,
)

SERVICE = """<Obj RefId="0"><TN RefId="0"><T>System.ServiceProcess.ServiceController</T><T>System.Object</T></TN>
<ToString>vmms</ToString>
<Props><S N="Name">vmms</S><S N="Status">Running</S><B N="CanStop">true</B><Nil N="Site" />
<Obj N="DependsOn" RefId="1"><TN RefId="1"><T>System.Collections.Generic.List`1[[Odd]]</T></TN>
<LST><S>rpcss</S><S>winmgmt</S></LST></Obj>
<Obj N="Again" RefId="2"><TNRef RefId="1" /><LST /></Obj><Ref N="Same" RefId="1" /></Props>
<MS><S N="PSComputerName">HV01</S></MS></Obj>"""

ENUM = """<Obj RefId="0"><TN RefId="0"><T>Microsoft.HyperV.PowerShell.VMState</T><T>System.Enum</T>
<T>System.ValueType</T><T>System.Object</T></TN><ToString>Running</ToString><I32>2</I32></Obj>"""

ERROR = """<Obj RefId="0"><TN RefId="0"><T>System.Management.Automation.ErrorRecord</T></TN>
<ToString>gone</ToString><MS><S N="FullyQualifiedErrorId">ObjectNotFound,X</S>
<I32 N="ErrorCategory_Category">13</I32>
<Obj N="InvocationInfo" RefId="1"><TN RefId="1"><T>Deserialized.Odd.Collection`1[[Odd]]</T></TN><IE><S>a</S></IE></Obj>
<Obj N="More" RefId="2"><TNRef RefId="1" /><IE /></Obj></MS></Obj>"""


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<S>plain</S>", "plain"),
        ("<S />", ""),
        ("<S>a_x000A_b_x005F_x0041_</S>", "a\nb_x0041_"),
        ("<S>_xD83D__xDE00_</S>", "\U0001f600"),
        ("<C>65</C>", "A"),
        ("<B>true</B>", True),
        ("<I64>1099511627776</I64>", 2**40),
        ("<By>7</By>", 7),
        ("<Db>0.5</Db>", 0.5),
        ("<Db>INF</Db>", float("inf")),
        ("<D>1.10</D>", Decimal("1.10")),
        ("<G>5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11</G>", UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11")),
        ("<DT>2026-11-23T22:04:00.1234567+01:00</DT>", datetime(2026, 11, 23, 21, 4, 0, 123456, UTC)),
        ("<DT>2026-11-23T21:04:00</DT>", datetime(2026, 11, 23, 21, 4)),
        ("<DT>no date</DT>", "no date"),
        ("<TS>P1DT2H3M4.5S</TS>", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("<TS>PT0S</TS>", timedelta(0)),
        ("<BA>AQI=</BA>", b"\x01\x02"),
        ("<Version>10.0.20348</Version>", "10.0.20348"),
        ("<Nil />", None),
        ("<SS>c2VjcmV0</SS>", None),
        ("<Unheard>of</Unheard>", "of"),
        ("<I64>-9223372036854775808</I64>", -(2**63)),
        ("<I64>9007199254740993</I64>", 2**53 + 1),
        ("<U64>18446744073709551615</U64>", 2**64 - 1),
        ("<SB>-128</SB>", -128),
        ("<Sg>0.25</Sg>", 0.25),
        ("<Db>-INF</Db>", float("-inf")),
        ("<Db>1.7976931348623157E+308</Db>", 1.7976931348623157e308),
        ("<D>79228162514264337593543950335</D>", Decimal(2**96 - 1)),
        ("<TS>-PT0.0000001S</TS>", timedelta(0)),
        ("<XD>&lt;a&gt;_x000A_&lt;/a&gt;</XD>", "<a>\n</a>"),
        ("<SBK>Get-VM</SBK>", "Get-VM"),
        ("<URI>http://hv01/</URI>", "http://hv01/"),
        ("<S>_xD83D_</S>", "\ufffd"),
        ("<S>_xD83D__x0041_</S>", "\ufffdA"),
        ("<BA />", b""),
    ],
)
def test_a_primitive(xml: str, value: object) -> None:
    assert decode(xml) == value


@pytest.mark.parametrize(
    "xml",
    [
        "<I32>many</I32>",
        "<I32>1_000</I32>",
        f"<I64>{'9' * 5000}</I64>",
        "<Db>1_0</Db>",
        "<D>a lot</D>",
        "<C>99999999999</C>",
        "<G>no guid</G>",
        "<BA>!!!!</BA>",
        "<TS>P99999999999D</TS>",
        "<DT>0000-13-99</DT>",
    ],
)
def test_a_primitive_that_is_none_stays_its_text_and_costs_nothing_else(xml: str) -> None:
    text = xml[xml.index(">") + 1 : xml.rindex("<")]
    tag = xml[1 : xml.index(">")]
    bag = decode(f'<Obj RefId="0"><Props><{tag} N="Odd">{text}</{tag}><I32 N="Sound">1</I32></Props></Obj>')
    assert isinstance(bag, PsObject)
    assert bag.properties == {"Odd": text, "Sound": 1}


def test_references_into_parts_that_were_skipped_are_followed() -> None:
    bag = decode(
        '<Obj RefId="0"><Mystery><Obj RefId="5"><TN RefId="3"><T>Hidden</T></TN><LST><S>a</S></LST></Obj></Mystery>'
        '<Props><Ref N="Later" RefId="5" /><Ref N="Never" RefId="9" />'
        '<Obj N="Typed" RefId="6"><TNRef RefId="3" /></Obj></Props></Obj>'
    )
    assert isinstance(bag, PsObject)
    assert bag.get("Later") == ["a"]
    assert isinstance(bag.get("Never"), PsOdd)
    typed = bag.get("Typed")
    assert isinstance(typed, PsObject)
    assert typed.type_names == ("Hidden",)


def test_what_is_nested_too_deep_is_cut_there_and_marked() -> None:
    deep = '<Obj RefId="0"><LST>' * 3000 + "<S>x</S>" + "</LST></Obj>" * 3000
    value, levels = decode(deep), 0
    while isinstance(value, list):
        [value], levels = value, levels + 1
    assert isinstance(value, PsOdd)
    assert levels == 64
    assert repr(value) == "PsOdd(nested deeper than 64 levels)"


def test_collections_of_any_class_hold_what_they_hold() -> None:
    for tag in ("LST", "IE", "STK", "QUE"):
        assert decode(
            f'<Obj RefId="0"><TN RefId="0"><T>Odd`1[[X]]</T></TN><{tag}><I32>1</I32><Nil /></{tag}></Obj>'
        ) == [1, None]
    key = '<Obj N="Key" RefId="1"><LST><S>a</S></LST></Obj>'
    table = decode(f'<Obj RefId="0"><DCT><En>{key}<U64 N="Value">9</U64></En><En><S N="Key">b</S></En></DCT></Obj>')
    assert table == {"['a']": 9, "b": None}


def test_adapted_extended_and_wrapped_properties_stand_together() -> None:
    inner = '<Obj RefId="1"><Props><S N="Name">a</S></Props></Obj>'
    wrapped = decode(f'<Obj RefId="0"><ToString>w</ToString>{inner}<MS><S N="PSPath">C:</S></MS></Obj>')
    assert isinstance(wrapped, PsObject)
    assert wrapped.properties == {"Name": "a", "PSPath": "C:"}


@pytest.mark.parametrize(
    "xml", ["", "<S>", "<S>a</I32>", "\x00", '<!DOCTYPE S [<!ENTITY a "b">]><S>&a;</S>', "<S>&a;</S>"]
)
def test_what_is_no_clixml_is_an_odd_object_as_output_and_an_error_in_the_protocol(xml: str) -> None:
    odd = PlainSerializer().deserialize(xml)
    assert isinstance(odd, PsOdd)
    assert odd.raw == xml
    record = PlainSerializer().deserialize(xml, ObjectMeta("Obj", object=ErrorRecordMessage))
    assert record.to_string.startswith("The host's record cannot be read: ")
    for kind in (PipelineState, SessionCapability):
        with pytest.raises(Unreadable):
            PlainSerializer().deserialize(xml, ObjectMeta("Obj", object=kind))


def test_names_are_escaped_like_texts_and_what_is_no_character_is_kept() -> None:
    bag = decode('<Obj RefId="0"><MS><S N="a_x000A_b_x005F_x">x\ufffey</S></MS></Obj>')
    assert isinstance(bag, PsObject)
    assert bag.properties == {"a\nb_x": "x\ufffey"}


@pytest.mark.parametrize("inner", ["", "<MS />", '<MS><S N="PipelineState">ended</S></MS>'])
def test_a_state_without_a_number_is_unreadable(inner: str) -> None:
    with pytest.raises(Unreadable):
        PlainSerializer().deserialize(f'<Obj RefId="0">{inner}</Obj>', ObjectMeta("Obj", object=PipelineState))


def test_an_object_with_lists_of_a_type_nobody_knows_and_references() -> None:
    service = decode(SERVICE)
    assert isinstance(service, PsObject)
    assert service.type_names[0] == "System.ServiceProcess.ServiceController"
    assert service.to_string == "vmms"
    assert service.get("dependson") == ["rpcss", "winmgmt"]
    assert service.get("Again") == []
    assert service.get("Same") == ["rpcss", "winmgmt"]
    assert service.get("CANSTOP") is True
    assert service.get("PSComputerName") == "HV01"
    assert service.get("Site") is None
    assert service.get("Nothing") is None
    assert repr(service) == "PsObject(System.ServiceProcess.ServiceController, 8 properties)"


def test_an_enumeration_is_a_name_however_it_comes() -> None:
    as_object = decode(ENUM)
    assert as_object == PsEnum(as_object.type_names if isinstance(as_object, PsEnum) else (), "Running", 2)
    assert enum_name(as_object) == "Running" == str(as_object)
    assert enum_name("Running") == "Running"
    assert enum_name(PsObject(to_string="Running")) == "Running"
    assert enum_name("") is None
    assert enum_name(2) is None


def test_a_table_and_a_value_with_notes() -> None:
    table = '<Obj RefId="0"><DCT><En><S N="Key">a</S><I32 N="Value">1</I32></En><En /></DCT></Obj>'
    assert decode(table) == {"a": 1}
    assert decode('<Obj RefId="0"><S>line</S><MS><S N="PSPath">C:</S></MS></Obj>') == "line"
    assert decode('<Obj RefId="0"><TN RefId="0"><T>X</T></TN><I32>5</I32></Obj>') == 5


def test_an_object_that_holds_itself() -> None:
    own = decode('<Obj RefId="0"><MS><Ref N="Me" RefId="0" /></MS></Obj>')
    assert isinstance(own, PsObject)
    assert own.get("Me") is own


@pytest.mark.parametrize(
    ("text", "length_s"), [("PT1.5S", 1.5), ("-P1D", -86400.0), ("P1Y", 365 * 86400.0), ("PT2M", 120.0)]
)
def test_a_duration(text: str, length_s: float) -> None:
    length = parse_duration(text)
    assert length is not None
    assert length.total_seconds() == length_s


@pytest.mark.parametrize("text", ["P", "PT", "1 day", ""])
def test_no_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_the_serializer_gives_output_and_records_as_plain_values() -> None:
    serializer = PlainSerializer()
    assert serializer.deserialize("<I32>5</I32>") == 5
    error = serializer.deserialize(ERROR, ObjectMeta("Obj", object=ErrorRecordMessage))
    assert isinstance(error, PsObject)
    assert error.get("FullyQualifiedErrorId") == "ObjectNotFound,X"
    assert error.MESSAGE_TYPE == ErrorRecordMessage.MESSAGE_TYPE  # type: ignore[attr-defined]


def test_a_pipelines_state_carries_its_error_as_a_plain_value() -> None:
    inner = ERROR.replace('<Obj RefId="0">', '<Obj N="ExceptionAsErrorRecord" RefId="9">', 1)
    xml = f'<Obj RefId="0"><MS><I32 N="PipelineState">5</I32>{inner}</MS></Obj>'
    state = PlainSerializer().deserialize(xml, ObjectMeta("Obj", object=PipelineState))
    assert state.state == 5
    assert state.error_record.get("ErrorCategory_Category") == 13
    quiet = PlainSerializer().deserialize(
        '<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>', ObjectMeta("Obj", object=PipelineState)
    )
    assert quiet.error_record is None


def test_the_protocols_own_messages_stay_pypsrps() -> None:
    xml = (
        '<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
        '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>'
    )
    message = PlainSerializer().deserialize(xml, ObjectMeta("Obj", object=SessionCapability))
    assert isinstance(message, SessionCapability)
    assert message.protocol_version == "2.3"
