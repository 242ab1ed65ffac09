"""Envelopes: requests as pypsrp writes them, answers as pypsrp reads them."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

import pytest
from pypsrp.exceptions import WSManFaultError
from pypsrp.wsman import NAMESPACES, OptionSet, SelectorSet, WSMan, WSManAction

from snlm_lib.lab import wsman
from snlm_lib.lab.wsman import Request, ShellFacts, parse_request
from snlm_lib.lab.wsman_fault import Fault

SHELL = "11111111-2222-3333-4444-55555555aaaa"
PIPE = "66666666-2222-3333-4444-55555555bbbb"
POWERSHELL = wsman.POWERSHELL_URI + "Microsoft.PowerShell"
REQUEST = Request("Receive", wsman.SHELL_URI + "/Receive", "uuid:A1", POWERSHELL, shell_id=SHELL.upper())
FACTS = ShellFacts(SHELL.upper(), POWERSHELL, "CORP\\operator", name="<x>", age_s=93784.9, idle_s=1)


def client_request(action: str, body: str = "", *, timeout_s: int | None = None, uri: str = POWERSHELL) -> bytes:
    """An envelope whose header pypsrp itself has written."""
    selectors, options = SelectorSet(), OptionSet()
    selectors.add_option("ShellId", SHELL)
    options.add_option("protocolversion", "2.3", {"MustComply": "true"})
    client = WSMan("127.0.0.1", username="u", password="p", ssl=False)
    _, header = client._create_header(action, uri, options, selectors, timeout_s)
    envelope = ET.Element(f"{{{NAMESPACES['s']}}}Envelope")
    envelope.append(header)
    content = ET.SubElement(envelope, f"{{{NAMESPACES['s']}}}Body")
    if body:
        content.append(ET.fromstring(body.replace(">", f' xmlns:rsp="{NAMESPACES["rsp"]}">', 1)))
    data: bytes = ET.tostring(envelope, encoding="utf-8")
    return data


def body_of(answer: bytes) -> ET.Element:
    body = ET.fromstring(answer).find("s:Body", NAMESPACES)
    assert body is not None
    return body


def test_a_request_names_verb_shell_and_limits() -> None:
    request = parse_request(client_request(WSManAction.DELETE, timeout_s=7))
    assert request.verb == "Delete"
    assert request.message_id.startswith("uuid:")
    assert request.shell_id == SHELL.upper()
    assert request.resource_uri == POWERSHELL
    assert request.operation_timeout_s == 7
    assert request.max_envelope_bytes == 153600
    assert request.payload == b""


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        (
            WSManAction.COMMAND,
            f'<rsp:CommandLine CommandId="{PIPE}"><rsp:Arguments>UFNSUA==</rsp:Arguments></rsp:CommandLine>',
            ("Command", PIPE.upper(), b"PSRP", ""),
        ),
        (
            WSManAction.SEND,
            f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{PIPE}">UFNS\nUA==</rsp:Stream></rsp:Send>',
            ("Send", PIPE.upper(), b"PSRP", ""),
        ),
        (
            WSManAction.RECEIVE,
            f'<rsp:Receive><rsp:DesiredStream CommandId="{PIPE}">stdout</rsp:DesiredStream></rsp:Receive>',
            ("Receive", PIPE.upper(), b"", ""),
        ),
        (
            WSManAction.SIGNAL,
            f'<rsp:Signal CommandId="{PIPE}"><rsp:Code>powershell/signal/ctrl_c</rsp:Code></rsp:Signal>',
            ("Signal", PIPE.upper(), b"", "powershell/signal/ctrl_c"),
        ),
        (
            WSManAction.CONNECT,
            '<rsp:Connect><connectXml xmlns="http://schemas.microsoft.com/powershell">UFNSUA==</connectXml></rsp:Connect>',
            ("Connect", "", b"PSRP", ""),
        ),
    ],
)
def test_each_verb_is_read_where_it_says_it(action: str, body: str, expected: tuple[str, str, bytes, str]) -> None:
    request = parse_request(client_request(action, body))
    assert (request.verb, request.command_id, request.payload, request.signal) == expected


def test_a_shell_that_chooses_its_own_id_is_believed() -> None:
    creation = '<creationXml xmlns="http://schemas.microsoft.com/powershell">UFNSUA==</creationXml>'
    data = client_request(WSManAction.CREATE, f'<rsp:Shell ShellId="abc"><rsp:Name>N</rsp:Name>{creation}</rsp:Shell>')
    selectors = data[data.index(b"<wsman:SelectorSet") : data.index(b"</wsman:SelectorSet>") + 20]
    request = parse_request(data.replace(selectors, b""))
    assert (request.verb, request.shell_id, request.shell_name) == ("Create", "ABC", "N")
    assert request.payload == b"PSRP"


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT20S", 20), ("PT0.5S", 0.5), ("P1DT2H3M4.25S", 93784.25), ("PT60.000S", 60)]
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    data = client_request(WSManAction.DELETE, timeout_s=7).replace(b"PT7S", text.encode())
    assert parse_request(data).operation_timeout_s == seconds


@pytest.mark.parametrize(
    "data",
    [
        b"not xml",
        b"<Envelope/>",
        client_request(WSManAction.DELETE, timeout_s=7).replace(b"PT7S", b"soon"),
        client_request(WSManAction.SEND, "<rsp:Send><rsp:Stream>???</rsp:Stream></rsp:Send>"),
    ],
)
def test_what_is_no_request_is_a_fault(data: bytes) -> None:
    with pytest.raises(Fault) as raised:
        parse_request(data)
    assert raised.value.code == 87


def test_an_answer_relates_to_its_request_and_names_its_action() -> None:
    header = ET.fromstring(wsman.empty_response(REQUEST)).find("s:Header", NAMESPACES)
    assert header is not None
    assert header.findtext("wsa:RelatesTo", namespaces=NAMESPACES) == "uuid:A1"
    assert header.findtext("wsa:Action", namespaces=NAMESPACES) == wsman.SHELL_URI + "/ReceiveResponse"


def test_every_fragment_has_a_stream_of_its_own() -> None:
    request = parse_request(
        client_request(
            WSManAction.RECEIVE,
            f'<rsp:Receive><rsp:DesiredStream CommandId="{PIPE}">stdout</rsp:DesiredStream></rsp:Receive>',
        )
    )
    open_, done = (body_of(wsman.receive_response(request, [b"one", b"two"], done=end)) for end in (False, True))
    streams = done.findall("rsp:ReceiveResponse/rsp:Stream", NAMESPACES)
    assert [base64.b64decode(stream.text or "") for stream in streams] == [b"one", b"two"]
    assert {stream.get("CommandId") for stream in streams} == {PIPE.upper()}
    state = done.find("rsp:ReceiveResponse/rsp:CommandState", NAMESPACES)
    assert state is not None
    assert state.get("State", "").endswith("/CommandState/Done")
    assert open_.find("rsp:ReceiveResponse/rsp:CommandState", NAMESPACES) is None


def test_the_room_of_an_answer_holds_what_is_put_in() -> None:
    fragments = [b"x" * 32768] * 8
    needed = sum(wsman.stream_cost(fragment) for fragment in fragments)
    answer = wsman.receive_response(REQUEST, fragments, done=True)
    overhead = REQUEST.max_envelope_bytes - wsman.stream_room(REQUEST)
    assert len(answer) <= needed + overhead


def test_a_shell_is_told_in_full() -> None:
    created = body_of(wsman.create_response(REQUEST, FACTS))
    shell = created.find("rsp:Shell", NAMESPACES)
    assert shell is not None
    told = {item.tag.partition("}")[2]: item.text for item in shell}
    assert told["ShellId"] == SHELL.upper()
    assert told["Owner"] == "CORP\\operator"
    assert told["Name"] == "<x>"
    assert told["State"] == "Connected"
    assert told["ShellRunTime"] == "P1DT2H3M4S"
    selector = created.find("wst:ResourceCreated/wsa:ReferenceParameters/wsman:SelectorSet/wsman:Selector", NAMESPACES)
    assert selector is not None
    assert selector.text == SHELL.upper()


def test_enumerate_lists_shells_and_commands() -> None:
    shells = body_of(wsman.enumerate_response(REQUEST, shells=[FACTS, FACTS]))
    assert len(shells.findall("wsen:EnumerateResponse/wsman:Items/rsp:Shell", NAMESPACES)) == 2
    commands = body_of(wsman.enumerate_response(REQUEST, commands={"A": True, "B": False}))
    items = commands.findall("wsen:EnumerateResponse/wsman:Items/rsp:Command", NAMESPACES)
    states = [item.findtext("rsp:CommandState", namespaces=NAMESPACES) for item in items]
    assert states == ["Running", "Done"]


def test_what_a_shell_uses_is_told_by_get_and_enumerate_not_by_create() -> None:
    used = b"<rsp:MemoryUsed>58MB</rsp:MemoryUsed><rsp:ChildProcesses>0</rsp:ChildProcesses></rsp:Shell>"
    assert used in wsman.get_response(REQUEST, FACTS)
    assert used in wsman.enumerate_response(REQUEST, shells=[FACTS])
    assert b"MemoryUsed" not in wsman.create_response(REQUEST, FACTS)


def test_a_wrong_selector_is_told_twice_and_by_whom() -> None:
    shell = wsman.fault_response(REQUEST, Fault.shell_unknown(), machine="HV01")
    assert b"faultDetail/UnexpectedSelectors</w:FaultDetail>" in shell
    assert b'<f:Message><f:ProviderFault provider="Shell provider"' in shell
    assert b"ProviderFault" not in wsman.fault_response(REQUEST, Fault.command_unknown(), machine="HV01")
    assert b"FaultDetail" not in wsman.fault_response(REQUEST, Fault.timed_out(), machine="HV01")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.timed_out(), 2150858793),
        (Fault.shell_unknown(), 2150858843),
        (Fault.command_unknown(), 2150858843),
        (Fault.aborted(), 995),
        (Fault.already_connected(), 2150859174),
        (Fault.not_found("x<y"), 2150858752),
        (Fault.malformed("no & never"), 87),
        (Fault.lab_failed("ValueError"), 2147500037),
    ],
)
def test_the_client_reads_the_code_of_a_fault(fault: Fault, code: int) -> None:
    answer = wsman.fault_response(REQUEST, fault, machine="HV01")
    read = WSMan._parse_wsman_fault(answer.decode())
    assert isinstance(read, WSManFaultError)
    assert (read.code, read.machine, read.reason) == (code, "HV01", fault.text)
    assert b"uuid:A1" in answer


def test_a_fault_without_a_request_relates_to_nothing() -> None:
    assert b"RelatesTo" not in wsman.fault_response(None, Fault.malformed("?"), machine="HV01")


def test_connect_answers_a_shell_with_data_and_a_command_without() -> None:
    shell = body_of(wsman.connect_response(REQUEST, b"PSRP"))
    assert shell.findtext("rsp:ConnectResponse/pwsh:connectResponseXml", namespaces=NAMESPACES) == "UFNSUA=="
    command = body_of(wsman.connect_response(REQUEST, b""))
    assert command.find("rsp:ConnectResponse", NAMESPACES) is not None
    assert command.find("rsp:ConnectResponse/pwsh:connectResponseXml", NAMESPACES) is None
