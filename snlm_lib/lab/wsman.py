"""WS-Management envelopes: requests in, answers and faults out; pure text, no socket, no shell.

Shapes follow recorded exchanges with Windows PowerShell 5.1 (build 14393 and 17763).
"""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape

from snlm_lib.lab.wsman_config import CONFIG_URI, config
from snlm_lib.lab.wsman_fault import Fault

__all__ = [
    "COMMAND_URI",
    "CONFIG_URI",
    "POWERSHELL_URI",
    "SHELL_URI",
    "VERBS",
    "Request",
    "ShellFacts",
    "command_response",
    "config_response",
    "connect_response",
    "create_response",
    "empty_response",
    "enumerate_response",
    "fault_response",
    "fragment_room",
    "get_response",
    "parse_request",
    "receive_response",
    "stream_cost",
    "stream_room",
]

SHELL_URI = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
COMMAND_URI = f"{SHELL_URI}/Command"
POWERSHELL_URI = "http://schemas.microsoft.com/powershell/"

_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
_ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
_ACTIONS = {
    **{f"{_TRANSFER}/{verb}": verb for verb in ("Create", "Delete", "Get")},
    **{
        f"{SHELL_URI}/{verb}": verb
        for verb in ("Command", "Send", "Receive", "Signal", "Disconnect", "Reconnect", "Connect")
    },
    f"{_ENUMERATION}/Enumerate": "Enumerate",
}
VERBS = tuple(_ACTIONS.values())
_FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_FAULT_DETAILS = {
    "w:InvalidSelectors": "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnexpectedSelectors",
}
_PROVIDER = r"%systemroot%\system32\WsmSvc.dll"
_NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": SHELL_URI,
    "ps": "http://schemas.microsoft.com/powershell",
}
_XMLNS = "".join(
    f' xmlns:{prefix}="{uri}"'
    for prefix, uri in (
        *((prefix, _NS[prefix]) for prefix in ("s", "a", "w", "rsp")),
        ("x", _TRANSFER),
        ("n", _ENUMERATION),
        ("p", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"),
    )
)
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_DURATION = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")
_DEFAULT_TIMEOUT_S = 60.0
_DEFAULT_ENVELOPE_BYTES = 512_000
_ENVELOPE_HEAD_BYTES = 2048  # what an answer needs beside its streams
_STREAM_HEAD_BYTES = 128
_SMALLEST_FRAGMENT_BYTES = 512
_USED = {"MemoryUsed": "58MB", "ChildProcesses": "0"}  # as recorded of an idle shell: the lab's are threads


@dataclass(frozen=True)
class Request:
    """One request as the verbs need it.

    ``verb`` is the last part of the action; ``shell_id`` and ``command_id`` are upper case or "";
    ``payload`` is the decoded PSRP data (creationXml, connectXml, the first argument, or the stream).
    """

    verb: str
    action: str
    message_id: str
    resource_uri: str
    to: str = ""
    shell_id: str = ""
    command_id: str = ""
    shell_name: str = ""
    signal: str = ""
    payload: bytes = b""
    operation_timeout_s: float = _DEFAULT_TIMEOUT_S
    max_envelope_bytes: int = _DEFAULT_ENVELOPE_BYTES


@dataclass(frozen=True)
class ShellFacts:
    """What Create, Get and Enumerate tell about a shell."""

    shell_id: str
    resource_uri: str
    owner: str
    name: str = ""
    connected: bool = True
    age_s: float = 0.0
    idle_s: float = 0.0
    client_ip: str = "127.0.0.1"


def parse_request(data: bytes) -> Request:
    """An envelope -> a `Request`; raises `Fault` (87) for what is not one."""
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise Fault.malformed("The request is not an XML document.") from error
    header, body = root.find("s:Header", _NS), root.find("s:Body", _NS)
    if header is None or body is None:
        raise Fault.malformed("The request has no SOAP header or body.")
    action = _text(header, "a:Action")
    content = body[0] if len(body) else ET.Element("nothing")
    try:
        return Request(
            verb=_ACTIONS.get(action, ""),
            action=action,
            message_id=_text(header, "a:MessageID"),
            resource_uri=_text(header, "w:ResourceURI"),
            to=_text(header, "a:To"),
            shell_id=_shell_id(header, content),
            command_id=_command_id(content),
            shell_name=_text(content, "rsp:Name"),
            signal=_text(content, "rsp:Code"),
            payload=base64.b64decode(_payload(content), validate=True),
            operation_timeout_s=_duration_s(_text(header, "w:OperationTimeout")),
            max_envelope_bytes=int(_text(header, "w:MaxEnvelopeSize") or _DEFAULT_ENVELOPE_BYTES),
        )
    except ValueError as error:
        raise Fault.malformed("A number, a duration or a base64 text of the request cannot be read.") from error


def command_response(request: Request, command_id: str) -> bytes:
    """The answer to Command."""
    return _answer(request, f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>")


def connect_response(request: Request, payload: bytes) -> bytes:
    """The answer to Connect: of a shell with the PSRP ``payload``, of a command without."""
    if not payload:
        return _answer(request, "<rsp:ConnectResponse/>")
    xml = f'<connectResponseXml xmlns="{_NS["ps"]}">{base64.b64encode(payload).decode("ascii")}</connectResponseXml>'
    streams = "<rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams>"
    return _answer(request, f"<rsp:ConnectResponse>{streams}{xml}</rsp:ConnectResponse>")


def create_response(request: Request, shell: ShellFacts) -> bytes:
    """The answer to Create: how to name the shell, and what it is."""
    reference = (
        f"<x:ResourceCreated><a:Address>{escape(request.to)}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{escape(shell.resource_uri)}</w:ResourceURI><w:SelectorSet>"
        f'<w:Selector Name="ShellId">{shell.shell_id}</w:Selector></w:SelectorSet>'
        "</a:ReferenceParameters></x:ResourceCreated>"
    )
    return _answer(request, reference + _shell(shell))


def empty_response(request: Request) -> bytes:
    """The answer to a verb that says no more than done: Send and Signal with an element, others without."""
    return _answer(request, f"<rsp:{request.verb}Response/>" if request.verb in ("Send", "Signal") else "")


def enumerate_response(
    request: Request, *, shells: Iterable[ShellFacts] = (), commands: Mapping[str, bool] | None = None
) -> bytes:
    """The answer to Enumerate: shells, or the commands of one (id -> still running)."""
    items = [_shell(shell, used=True) for shell in shells]
    for command_id, running in (commands or {}).items():
        items.append(
            f"<rsp:Command><rsp:CommandId>{command_id}</rsp:CommandId><rsp:CommandLine></rsp:CommandLine>"
            f"<rsp:CommandState>{'Running' if running else 'Done'}</rsp:CommandState></rsp:Command>"
        )
    return _answer(
        request,
        "<n:EnumerateResponse><n:EnumerationContext></n:EnumerationContext>"
        f"<w:Items>{''.join(items)}</w:Items><w:EndOfSequence/></n:EnumerateResponse>",
    )


def get_response(request: Request, shell: ShellFacts) -> bytes:
    """The answer to Get of a shell."""
    return _answer(request, _shell(shell, used=True))


def config_response(request: Request) -> bytes:
    """The answer to Get of the service's configuration."""
    return _answer(request, config(_DEFAULT_ENVELOPE_BYTES // 1024))


def receive_response(request: Request, fragments: Sequence[bytes], *, done: bool) -> bytes:
    """The answer to Receive: every fragment in a stream of its own, and the command's end if it is that."""
    command = f' CommandId="{request.command_id}"' if request.command_id else ""
    parts = [
        f'<rsp:Stream Name="stdout"{command}>{base64.b64encode(fragment).decode("ascii")}</rsp:Stream>'
        for fragment in fragments
    ]
    if done:
        state = f"{SHELL_URI}/CommandState/Done"
        parts.append(f'<rsp:CommandState{command} State="{state}"><rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>')
    return _answer(request, f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>")


def fault_response(request: Request | None, fault: Fault, *, machine: str) -> bytes:
    """A fault's envelope (HTTP status 500); without a request there is nothing to relate to."""
    text = escape(fault.text)
    message = text
    if fault.provider:
        said = _wsman_fault(fault.code, machine, text)
        message = f'<f:ProviderFault provider="{fault.provider}" path="{_PROVIDER}">{said}</f:ProviderFault>'
    second = _FAULT_DETAILS.get(fault.subcode)
    detail = f"<w:FaultDetail>{second}</w:FaultDetail>" if second else ""
    detail += _wsman_fault(fault.code, machine, message)
    code = (
        f"<s:Code><s:Value>s:{'Sender' if fault.sender else 'Receiver'}</s:Value>"
        f"<s:Subcode><s:Value>{fault.subcode}</s:Value></s:Subcode></s:Code>"
    )
    reason = f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason>'
    body = f"<s:Fault>{code}{reason}<s:Detail>{detail}</s:Detail></s:Fault>"
    return _envelope(_FAULT_ACTION, request.message_id if request else "", body)


def _wsman_fault(code: int, machine: str, message: str) -> str:
    namespace = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
    return (
        f'<f:WSManFault xmlns:f="{namespace}" Code="{code}" Machine="{escape(machine)}">'
        f"<f:Message>{message}</f:Message></f:WSManFault>"
    )


def stream_room(request: Request) -> int:
    """How many bytes of base64 and stream elements an answer to this Receive may hold."""
    return max(request.max_envelope_bytes - _ENVELOPE_HEAD_BYTES, 0)


def fragment_room(request: Request, most: int) -> int:
    """The longest fragment that fits an answer to this client alone, at most ``most`` bytes."""
    return min(most, max((stream_room(request) - _STREAM_HEAD_BYTES) // 4 * 3, _SMALLEST_FRAGMENT_BYTES))


def stream_cost(fragment: bytes) -> int:
    """What one fragment takes of `stream_room`."""
    return (len(fragment) + 2) // 3 * 4 + _STREAM_HEAD_BYTES


def _answer(request: Request, body: str) -> bytes:
    return _envelope(f"{request.action}Response", request.message_id, body)


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    relates = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="en-US"{_XMLNS}><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid4()).upper()}</a:MessageID>"
        f"<p:ActivityId>{str(uuid4()).upper()}</p:ActivityId>"
        f"<a:To>{_ANONYMOUS}</a:To>{relates}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _shell(shell: ShellFacts, *, used: bool = False) -> str:
    """``used``: with what the shell takes of the host, which Create does not tell."""
    facts = {
        "ShellId": shell.shell_id,
        **({"Name": shell.name} if shell.name else {}),
        "ResourceUri": shell.resource_uri,
        "Owner": shell.owner,
        "ClientIP": shell.client_ip,
        "ProcessId": "4",
        "IdleTimeOut": "PT7200.000S",
        "InputStreams": "stdin pr",
        "OutputStreams": "stdout",
        "MaxIdleTimeOut": "PT2147483.647S",
        "Locale": "en-US",
        "DataLocale": "en-US",
        "CompressionMode": "NoCompression",
        "ProfileLoaded": "Yes",
        "Encoding": "UTF8",
        "BufferMode": "Block",
        "State": "Connected" if shell.connected else "Disconnected",
        "ShellRunTime": _days(shell.age_s),
        "ShellInactivity": _days(shell.idle_s),
        **(_USED if used else {}),
    }
    inner = "".join(f"<rsp:{key}>{escape(value)}</rsp:{key}>" for key, value in facts.items())
    return f"<rsp:Shell>{inner}</rsp:Shell>"


def _days(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"P{days}DT{hours}H{minutes}M{rest}S"


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path, default="", namespaces=_NS) or "").strip()


def _shell_id(header: ET.Element, content: ET.Element) -> str:
    """The ShellId selector, of the header or of an Enumerate's filter; a Create may choose its own."""
    places = (header.find("w:SelectorSet", _NS), content.find("w:Filter/w:SelectorSet", _NS))
    for selectors in places:
        for selector in selectors if selectors is not None else ():
            if selector.get("Name") == "ShellId":
                return (selector.text or "").strip().upper()
    return content.get("ShellId", "").upper()


def _command_id(content: ET.Element) -> str:
    """CommandId of Command, Signal and Connect itself, of the stream in Send and Receive."""
    for element in (content, content.find("rsp:DesiredStream", _NS), content.find("rsp:Stream", _NS)):
        if element is not None and element.get("CommandId"):
            return element.get("CommandId", "").upper()
    return ""


def _payload(content: ET.Element) -> str:
    for path in ("rsp:Arguments", "rsp:Stream", "ps:creationXml", "ps:connectXml"):
        text = content.findtext(path, default=None, namespaces=_NS)
        if text is not None:
            return "".join(text.split())
    return ""


def _duration_s(text: str) -> float:
    if not text:
        return _DEFAULT_TIMEOUT_S
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(text)
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
