"""CLIXML as Windows writes it (MS-PSRP 2.2.5; depth 1 as recorded from Get-Service), decoded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from pypsrp.complex_objects import ObjectMeta
from pypsrp.messages import ErrorRecordMessage, PipelineState, SessionCapability

from snlm_lib.remote.clixml import PlainSerializer, PsEnum, PsObject, decode, enum_name, parse_duration

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
    ],
)
def test_a_primitive(xml: str, value: object) -> None:
    assert decode(xml) == value


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
