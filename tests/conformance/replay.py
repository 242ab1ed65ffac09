"""A recording's requests, replayed into the lab's service below authentication.

What recorded pipelines said is said again by a host that plays them, so that the lab's own writing is
compared, and not which cmdlets it has. Windows spreads messages over more or fewer Receives than the
lab: consecutive Receives of one stream count as one.
"""

from __future__ import annotations

import base64
import re
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from html import unescape
from itertools import groupby
from uuid import uuid4

from snlm_lib.clock import FakeClock
from snlm_lib.lab.metadata import CommandFacts, ParameterFacts
from snlm_lib.lab.pipeline import Caller, Invocation, Sink
from snlm_lib.lab.service import WsmanService
from tests.conformance import content
from tests.conformance.recording import Exchange, Joiner, Message, payloads, piece, pieces, text_of
from tests.conformance.shapes import NEVER_SENT, Line, envelope_lines, flow_lines, message_lines

_DONE = "CommandState/Done"
_SHELL_UNKNOWN = "2150858843"
_DELETE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete"
_PATIENT, _SHORT = "PT3S", "PT0.1S"
_MOST_RECEIVES = 60
_CARRIER = re.compile(r"(<rsp:(?:Arguments|Stream)\b[^>]*>)([^<]+)(<)")
_CHANGES = (  # lengths stay
    (b'"IsScript">true<', b'"IsScript">none<'),
    (b"<SS", b"<S "),
    (b"</SS>", b"</S> "),
    (b">System.Management.Automation.PSCredential<", b">System.Management.Automation.OpCredential<"),
)


class PlayedHost:
    """Says again what Windows said to each recorded pipeline, no sooner than the recording did."""

    name = "REC01"

    def __init__(self) -> None:
        self.said: dict[str, list[tuple[int, Message]]] = defaultdict(list)  # by command
        self.asked: dict[str, deque[str]] = defaultdict(deque)  # commands by what they asked first
        self._playing: set[int] = set()
        self._changed = threading.Condition()
        self._released = -1

    def release(self, at: int) -> None:
        with self._changed:
            self._released = at
            self._changed.notify_all()

    def commands(self, patterns: Sequence[str]) -> Sequence[CommandFacts]:
        """Any will do: what is compared is how they are told."""
        parameters = (ParameterFacts("Path", "String[]", ("PSPath",)), ParameterFacts("Force", "SwitchParameter"))
        return [CommandFacts("Get-Item", "Microsoft.PowerShell.Management", parameters)]

    def run(self, caller: Caller, pipeline: Sequence[Invocation], sink: Sink, stop: threading.Event) -> None:
        with self._changed:
            if id(stop) in self._playing:  # a later statement of the same pipeline
                return
            self._playing.add(id(stop))
            first = next(invocation.name for invocation in pipeline if invocation.name)
            mine = self.said[self.asked[first].popleft()]
        for at, message in mine:
            while not stop.is_set() and at > self._released:
                with self._changed:
                    self._changed.wait(0.01)
            if stop.is_set():
                return
            content.say(message, sink)
        if not any(message.kind == "PipelineState" for _, message in mine):
            stop.wait()


class Account:
    """One side: its lines, and the messages of each stream in their order."""

    def __init__(self) -> None:
        self.lines: set[Line] = set()
        self._joiners: dict[str, Joiner] = defaultdict(Joiner)
        self._streams: dict[tuple[str, str], list[Message]] = defaultdict(list)

    def add(self, exchange: Exchange, stream: tuple[str, str]) -> list[Message]:
        """Take in an answer to ``stream``, named as in the recording -> the messages completed by it."""
        self.lines.update(envelope_lines(exchange))
        if exchange.resource != "powershell":
            return []
        messages = list(self._joiners[stream[0]].take(payloads(exchange.answer)))
        self.lines.update(message_lines(messages))
        self._streams[stream] += messages
        if not stream[1] and messages:
            together = " + ".join(message.kind for message in messages)
            self.lines.add(("messages of a pool", f"in one answer: {together}"))
        return messages

    def close(self) -> set[Line]:
        for (_, command), messages in self._streams.items():
            self.lines.update(flow_lines(messages, of="a pipeline" if command else "a pool"))
        return self.lines


class Replay:
    """One recording against one fresh lab service."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = exchanges
        self._host = PlayedHost()
        opened = [item for item in exchanges if (item.verb, item.resource, item.fault) == ("Create", "powershell", "")]
        endpoints = {text_of(item.request, "ResourceURI").rpartition("/")[2] for item in opened}
        self._service = WsmanService(self._host, clock=FakeClock(), endpoints=endpoints)
        self._windows, self._lab = Account(), Account()
        self._renamed: dict[str, str] = {}
        self._refused: set[str] = set()
        self._has_language = True
        self._sent: dict[bytes, bytes] = {}  # what the client sends, by the number of the message; in this order
        self._sent_so_far: dict[bytes, int] = {}
        self._read_ahead()

    def run(self) -> tuple[set[Line], set[Line]]:
        """The lines of Windows and of the lab."""
        at = 0
        for (verb, stream, failed), group in groupby(self._exchanges, _of_one_kind):
            members = list(group)
            at += len(members)
            if stream[0] in self._refused:
                continue
            if verb == "Receive" and not failed:
                self._receive(members, stream, at)
            else:
                for exchange in members:
                    self._exchange(exchange, stream)
        self._service.close()
        return self._windows.close(), self._lab.close()

    def _exchange(self, exchange: Exchange, stream: tuple[str, str]) -> None:
        if exchange.fault == _SHELL_UNKNOWN and not stream[1]:
            self._take_away(exchange)
        answered = self._ask(exchange.request, _SHORT)
        if exchange.verb == "Create":
            shell = _shell_of(exchange)
            if answered.fault and answered.fault != exchange.fault:
                self._refused.add(shell)
                self._lab.lines.add((f"Create {exchange.resource}", f"refused with {answered.fault}"))
                return
            self._rename(shell, _shell_of(answered))
        if exchange.verb == "Command":
            self._rename(text_of(exchange.answer, "CommandId"), text_of(answered.answer, "CommandId"))
        self._windows.add(exchange, stream)
        self._lab.add(answered, stream)

    def _rename(self, theirs: str, ours: str) -> None:
        """From now on what the recording calls ``theirs`` is ``ours``; a fault names nothing."""
        if theirs and ours:
            self._renamed[theirs] = ours

    def _take_away(self, exchange: Exchange) -> None:
        """A shell that nobody in the recording deleted was gone on the recorded host: so it is here."""
        action = text_of(exchange.request, "Action")
        self._ask(exchange.request.replace(action, _DELETE), _SHORT)

    def _receive(self, group: Sequence[Exchange], stream: tuple[str, str], at: int) -> None:
        """Receive until the lab has told what the recording told."""
        recorded = [message for exchange in group for message in self._windows.add(exchange, stream)]
        wanted = sum(message.kind not in NEVER_SENT for message in recorded)
        ends = _DONE in group[-1].answer
        self._host.release(at)
        for attempt in range(_MOST_RECEIVES):
            request = group[min(attempt, len(group) - 1)].request
            if attempt >= len(group):
                request = request.replace(text_of(request, "MessageID"), f"uuid:{uuid4()}".upper())
            answered = self._ask(request, _PATIENT)
            if answered.fault and attempt:
                return
            wanted -= len(self._lab.add(answered, stream))
            if answered.fault or (wanted <= 0 and (_DONE in answered.answer or not ends)):
                return

    def _ask(self, request: str, timeout: str) -> Exchange:
        for theirs, ours in self._renamed.items():
            request = request.replace(theirs, ours)
        request = re.sub(r"(OperationTimeout>)PT[\d.]+S<", rf"\g<1>{timeout}<", request)
        if self._has_language:
            request = _CARRIER.sub(self._as_cmdlet, request)
        _, answer = self._service.handle(request.encode(), Caller("REC\\vagrant", "ntlm"))
        return Exchange(request, answer.decode())

    def _as_cmdlet(self, found: re.Match[str]) -> str:
        """A script that Windows ran goes to the lab as a command the played host knows; a secret sealed for
        the recorded host, which no other can open, as plain text."""
        parts = [piece(head, self._changed(head[:8], body)) for head, body in pieces(base64.b64decode(found[2]))]
        return found[1] + base64.b64encode(b"".join(parts)).decode() + found[3]

    def _changed(self, number: bytes, body: bytes) -> bytes:
        """The next part of a message with what `_CHANGES` says; a word may be cut in two by the fragments."""
        whole = self._sent.get(number, b"")
        for was, becomes in _CHANGES:
            whole = whole.replace(was, becomes)
        at = self._sent_so_far.get(number, 0)
        self._sent_so_far[number] = at + len(body)
        return whole[at : at + len(body)] or body

    def _read_ahead(self) -> None:
        """What each recorded pipeline was asked, and what was said to it until which exchange."""
        asked: dict[str, Joiner] = defaultdict(Joiner)
        told: dict[str, Joiner] = defaultdict(Joiner)
        for at, exchange in enumerate(self._exchanges, start=1):
            shell = exchange.stream[0]
            if exchange.resource != "powershell" or exchange.verb == "Create":
                continue
            command = exchange.stream[1] or text_of(exchange.answer, "CommandId")
            for data in payloads(exchange.request) if exchange.verb in ("Command", "Send") else ():
                for head, body in pieces(data):
                    self._sent[head[:8]] = self._sent.get(head[:8], b"") + body
            for message in asked[shell].take(payloads(exchange.request)):
                if message.kind == "CreatePipeline" and (element := message.element) is not None:
                    first = element.findtext(".//S[@N='Cmd']") or ""
                    self._host.asked[_unescaped(first)].append(command)
            for message in told[shell].take(payloads(exchange.answer)):
                self._host.said[command].append((at, message))
                self._has_language &= b"ScriptsNotAllowed" not in message.data


def replay(exchanges: Sequence[Exchange]) -> tuple[set[Line], set[Line]]:
    """The lines Windows answered with, and the lab's."""
    return Replay(exchanges).run()


def _of_one_kind(exchange: Exchange) -> tuple[str, tuple[str, str], str]:
    return exchange.verb, exchange.stream, exchange.fault


def _shell_of(created: Exchange) -> str:
    found = re.search(r'Name="ShellId">([^<]+)<', created.answer)
    return found[1] if found else ""


def _unescaped(text: str) -> str:
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), unescape(text))


__all__ = ["PlayedHost", "Replay", "replay"]
