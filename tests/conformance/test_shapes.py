"""The comparison itself: what counts as structure, and how a difference is found and explained."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from uuid import UUID

import pytest

from snlm_lib.lab.clixml import to_clixml
from tests.conformance.content import Reader
from tests.conformance.differences import Found, Known, between
from tests.conformance.recording import Exchange, Joiner, Message, piece, pieces
from tests.conformance.shapes import disorder, envelope_lines, flow_lines, paths

OBJECT = (
    '<Obj RefId="0"><TN RefId="0"><T>A</T></TN><ToString>a</ToString><Props><I32 N="State">2</I32>'
    '<Obj N="Inner" RefId="1"><TNRef RefId="0" /><Props><S N="P">x</S></Props></Obj>'
    '<Obj N="List" RefId="2"><LST><S>y</S></LST></Obj></Props><MS><Ref N="Again" RefId="2" /></MS></Obj>'
)


def test_paths_name_properties_and_read_references_as_what_they_mean() -> None:
    found = set(paths(ET.fromstring(OBJECT)))
    assert {"Obj", "Obj/TN/T", "Obj/Props/I32:State", "Obj/Props/Bag:Inner/TN/T"} <= found
    assert {"Obj/Props/Obj:List/LST/S", "Obj/MS/Obj:Again/LST/S"} <= found


def test_an_object_that_holds_itself_has_finite_paths() -> None:
    own = ET.fromstring('<Obj RefId="0"><MS><Ref N="Me" RefId="0" /></MS></Obj>')
    assert list(paths(own)) == ["Obj", "Obj/MS", "Obj/MS/Bag:Me"]


def test_parts_out_of_windows_order_are_told() -> None:
    assert list(disorder(ET.fromstring(OBJECT))) == []
    assert list(disorder(ET.fromstring("<Obj><Props /><ToString /></Obj>"))) == ["Props before ToString"]


def test_a_fault_is_its_code_and_its_subcode() -> None:
    s = 'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    answer = (
        f"<s:Envelope {s}><s:Header><a:Action>x/fault</a:Action></s:Header><s:Body><s:Fault><s:Code><s:Subcode>"
        '<s:Value>w:TimedOut</s:Value></s:Subcode></s:Code><f:WSManFault xmlns:f="u" Code="9"/>'
        "</s:Fault></s:Body></s:Envelope>"
    )
    request = (
        f"<s:Envelope {s}><a:Action>x/Get</a:Action><w:ResourceURI xmlns:w='w'>x/shell</w:ResourceURI></s:Envelope>"
    )
    lines = set(envelope_lines(Exchange(request, answer)))
    assert {("Get shell", "fault 9"), ("Get shell", "action fault"), ("fault", "subcode of 9: TimedOut")} <= lines
    assert ("fault", "s:Envelope/s:Body/s:Fault/{u}:WSManFault@Code") in lines


def test_messages_are_joined_from_fragments_of_several_answers() -> None:
    body = struct.pack("<iI", 1, 0x41004) + bytes(32) + b"<S>x</S>"
    joiner = Joiner()
    first = struct.pack(">QQBI", 7, 0, 1, 20) + body[:20]
    last = struct.pack(">QQBI", 7, 1, 2, len(body) - 20) + body[20:]
    assert list(joiner.take([first])) == []
    assert [(each.kind, each.data) for each in joiner.take([last])] == [("PipelineOutput", b"<S>x</S>")]
    assert b"".join(piece(head, text) for head, text in pieces(first + last)) == first + last


def test_the_flow_leaves_out_repetitions_and_what_the_lab_never_says() -> None:
    kinds = ["PipelineOutput", "DebugRecord", "PipelineOutput", "PipelineState"]
    flow = [what for _, what in flow_lines([Message(kind, UUID(int=0), b"") for kind in kinds], of="a pipeline")]
    assert flow == ["start > PipelineOutput", "PipelineOutput > PipelineState", "PipelineState > end"]


def test_of_a_missing_element_only_itself_is_a_difference() -> None:
    windows = {("Get shell", "a"), ("Get shell", "a/b"), ("Get shell", "a/b/c"), ("X", "is sent"), ("X", "Obj")}
    assert between(windows, {("Get shell", "a")}) == {
        Found("windows", "Get shell", "a/b"),
        Found("windows", "X", "is sent"),
    }


@pytest.mark.parametrize(
    ("side", "where", "what", "explained"),
    [("lab", r"\w+ shell", "a/.*", True), ("windows", ".*", ".*", False), ("lab", "Get", "a/b", False)],
)
def test_an_explanation_must_match_wholly(side: str, where: str, what: str, explained: bool) -> None:
    assert Known(side, where, what, "because").explains(Found("lab", "Get shell", "a/b")) is explained


def test_what_was_read_is_written_in_the_same_structure_but_for_the_depth() -> None:
    written = set(paths(ET.fromstring(to_clixml(Reader().value(ET.fromstring(OBJECT))))))
    recorded = set(paths(ET.fromstring(OBJECT)))
    assert {line for line in recorded - written if "Bag:Inner" not in line} == set()
    assert {line for line in written - recorded if not line.startswith("Obj/Props/S:Inner")} <= {
        f"Obj/{place}/TN{rest}" for place in ("Props/Obj:List", "MS/Obj:Again") for rest in ("", "/T", "@RefId")
    }
