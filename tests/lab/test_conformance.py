"""Recorded requests to real Windows, replayed into the lab: the shapes of the answers must agree.

The recordings (pypsrp's own, MIT) stay outside the project. Compared is, for each action of a
scenario, the set of element paths over all its answers: of the envelope, and of every PSRP message
in it. Windows spreads the messages over more Receives than the lab does, so single answers are not
compared. Known differences are listed with their reason.
"""

from __future__ import annotations

import base64
import re
import struct
import threading
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from snlm_lib.clock import FakeClock
from snlm_lib.lab.pipeline import Caller, Invocation, Sink
from snlm_lib.lab.service import WsmanService
from snlm_lib.lab.values import LabRecord, PsValue

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "wsman_recordings"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings of real Windows at {RECORDINGS}")

PIPELINE_OUTPUT, PIPELINE_STATE, ERROR_RECORD, PROGRESS = "41004", "41006", "41005", "41010"
Shapes = dict[str, set[str]]

# What differs, by the start of the path, and why. Nothing else may.
LAB_LACKS = {
    "fault: Body/Fault/Detail/FaultDetail": "a second code beside the one clients match",
    "fault: Body/Fault/Detail/WSManFault/Message/ProviderFault": "which provider of the service objected",
    "EnumerateResponse: Body/EnumerateResponse/Items/Shell/MemoryUsed": "the lab's shells are threads, not processes",
    "EnumerateResponse: Body/EnumerateResponse/Items/Shell/ChildProcesses": "likewise",
    "GetResponse: Body/Shell/MemoryUsed": "likewise",
    "GetResponse: Body/Shell/ChildProcesses": "likewise",
    "41005: Obj/MS/B:writeErrorStream": "set by PowerShell's own host only",
    "41005: Obj/MS/Obj:Exception/Props/S:ErrorRecord": "properties of one exception class",
    "41005: Obj/MS/Obj:Exception/Props/S:ItemName": "likewise",
    "41005: Obj/MS/Obj:Exception/Props/S:SessionStateCategory": "likewise",
    "41005: Obj/MS/Obj:Exception/Props/B:WasThrown": "likewise",
    "41005: Obj/MS/Obj:Exception/Props/": "what .NET knows of a thrown exception: stack, source, site",
    "41005: Obj/MS/Obj:InvocationInfo": "where in a script it happened: the lab runs none",
    "41005: Obj/MS/Obj:CommandInfo": "likewise",
    "41005: Obj/MS/S:CommandInfo": "likewise",
    "41005: Obj/MS/": "likewise: the fields that repeat InvocationInfo",
    "41006: Obj/MS/Obj:ExceptionAsErrorRecord/MS/Obj:Exception/Props/": "as in 41005",
}
LAB_ADDS = {
    "CreateResponse: Header/ActivityId": "build 26236 leaves it out where the older ones write it",
    "ReceiveResponse: Header/ActivityId": "likewise",
    "GetResponse: Header/ActivityId": "likewise",
    "41005: Obj/MS/Obj:Exception/Props/Nil:": "what the lab does not know is Nil, not absent",
    "41005: Obj/MS/Nil:InvocationInfo": "likewise",
    "41006: Obj/MS/Obj:ExceptionAsErrorRecord/MS/Obj:Exception/Props/Nil:": "likewise",
}


class RecordedHost:
    """Answers what the recorded pipelines ask for, so that every kind of message is written once."""

    name = "REC01"

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        if pipeline[0].parameters.get("Path") == "C:\\Windows":
            return sink.error(
                LabRecord(
                    message="Cannot find a provider with the name 'FileSystem'.",
                    fq_error_id="ProviderNotFound,Microsoft.PowerShell.Commands.GetItemCommand",
                    category=13,
                    exception_type="System.Management.Automation.ProviderNotFoundException",
                    command="Get-Item",
                    target="FileSystem",
                )
            )
        sink.output(PsValue(("Toy", "System.Object"), "toy", {"Value": "true"}))


def replay(scenario: str, endpoint: str = "Microsoft.PowerShell") -> tuple[Shapes, Shapes]:
    """The shapes Windows answered with, and the lab's, of one recording."""
    exchanges = yaml.safe_load((RECORDINGS / f"test_{scenario}.yml").read_text(encoding="utf-8"))["messages"]
    service = WsmanService(RecordedHost(), clock=FakeClock(), endpoints=(endpoint,))
    windows: Shapes = defaultdict(set)
    lab: Shapes = defaultdict(set)
    renamed: dict[str, str] = {}
    for exchange in exchanges:
        request, recorded = exchange["request"], exchange["response"]
        for theirs, ours in renamed.items():
            request = request.replace(theirs, ours)
        _, answer = service.handle(shorten(request).encode(), Caller("REC\\vagrant", "ntlm"))
        renamed.update(zip(command_ids(recorded), command_ids(answer.decode()), strict=False))
        for shapes, text in ((windows, recorded), (lab, answer.decode())):
            for kind, path in paths_of_answer(text):
                shapes[kind].add(path)
    service.close()
    return windows, lab


def shorten(request: str) -> str:
    """Nobody waits 20 s here for what Windows sent in one Receive more."""
    return re.sub(r"(OperationTimeout>)PT[\d.]+S<", r"\1PT0.2S<", request)


def command_ids(answer: str) -> list[str]:
    return re.findall(r"<rsp:CommandResponse><rsp:CommandId>([^<]+)<", answer)


def paths_of_answer(text: str) -> Iterator[tuple[str, str]]:
    root = ET.fromstring(text)
    action = (root.findtext(".//{*}Header/{*}Action") or "").rpartition("/")[2]
    for child in root:
        yield from ((action, path) for path in paths(child))
    for stream in root.iterfind(".//{*}Body//*"):
        if local(stream) in ("Stream", "connectResponseXml") and stream.text:
            for kind, message in messages(base64.b64decode(stream.text)):
                yield from ((kind, path) for path in paths(message))


def messages(data: bytes) -> Iterator[tuple[str, ET.Element]]:
    """The whole PSRP messages in a stream's fragments; a message in several fragments is left out."""
    while data:
        _, _, bits, length = struct.unpack_from(">QQBI", data)
        fragment, data = data[21 : 21 + length], data[21 + length :]
        if bits == 3 and len(fragment) > 40:
            kind = struct.unpack_from("<I", fragment, 4)[0]
            yield f"{kind:x}", ET.fromstring(fragment[40:].removeprefix(b"\xef\xbb\xbf"))


def paths(element: ET.Element, above: str = "") -> Iterator[str]:
    name = local(element)
    if "N" in element.attrib:
        name = f"{name}:{element.attrib['N']}"
    path = f"{above}/{name}" if above else name
    yield path
    yield from (f"{path}@{key.partition('}')[2] or key}" for key in element.attrib if key not in ("N", "RefId"))
    for child in element:
        yield from paths(child, path)


def local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def unexplained(more: Shapes, less: Shapes, reasons: dict[str, str], leave_out: Sequence[str]) -> list[str]:
    found = [f"{kind}: {path}" for kind in more for path in more[kind] - less.get(kind, set()) if kind not in leave_out]
    return sorted(item for item in found if not item.startswith(tuple(reasons)))


@needs_recordings
@pytest.mark.parametrize(
    ("scenario", "endpoint", "leave_out"),
    [
        ("psrp_open_runspace", "Microsoft.PowerShell", ()),
        # What Get-Item on the configuration drive returns is the recorded machine's, not the wire's.
        ("psrp_with_jea_configuration", "JEARole", (PIPELINE_OUTPUT,)),
        # These recordings run script, which the lab refuses: only what is round it can be compared.
        (
            "psrp_multiple_commands",
            "Microsoft.PowerShell",
            (PIPELINE_OUTPUT, PIPELINE_STATE, PROGRESS),
        ),
        (
            "psrp_disconnected_commands",
            "Microsoft.PowerShell",
            (PIPELINE_OUTPUT, PIPELINE_STATE, PROGRESS),
        ),
        ("psrp_set_runspaces", "Microsoft.PowerShell", ()),
        ("psrp_is_alive_invalid_selectors", "Microsoft.PowerShell", ()),
    ],
)
def test_the_labs_answers_have_windows_shape(scenario: str, endpoint: str, leave_out: Sequence[str]) -> None:
    windows, lab = replay(scenario, endpoint)
    assert unexplained(windows, lab, LAB_LACKS, leave_out) == []
    assert unexplained(lab, windows, LAB_ADDS, (*leave_out, "fault")) == []


@needs_recordings
def test_the_refusal_of_script_is_windows_own() -> None:
    windows, lab = replay("psrp_with_jea_configuration", "JEARole")
    record = "Obj/MS/Obj:ExceptionAsErrorRecord"
    for field in ("S:FullyQualifiedErrorId", "I32:ErrorCategory_Category", "S:ErrorCategory_Reason", "S:TargetObject"):
        assert f"{record}/MS/{field}" in windows[PIPELINE_STATE] & lab[PIPELINE_STATE]


def test_paths_name_what_they_should() -> None:
    root = ET.fromstring('<Obj RefId="0"><MS><I32 N="State" x="1">2</I32></MS></Obj>')
    assert list(paths(root)) == ["Obj", "Obj/MS", "Obj/MS/I32:State", "Obj/MS/I32:State@x"]
