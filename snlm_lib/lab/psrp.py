"""The door to psrpcore: PSRP bytes in, pipelines of plain values out, and the way back.

Knows no thread, no envelope and no cmdlet. Where psrpcore 0.3.1 differs from Windows (spelling of
the call id, the messages around Connect, byte-order mark, fragments) this file does it Windows' way.
Every call on one session must be made under one lock.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psrpcore import (
    ConnectRunspacePoolEvent,
    CreatePipelineEvent,
    EndOfPipelineInputEvent,
    GetAvailableRunspacesEvent,
    GetCommandMetadataEvent,
    PipelineInputEvent,
    PowerShell,
    PSRPEvent,
    PSRPPayload,
    ResetRunspaceStateEvent,
    ServerPipeline,
    ServerRunspacePool,
    SetMaxRunspacesEvent,
    SetMinRunspacesEvent,
    StreamType,
)
from psrpcore.types import (
    ApplicationPrivateData,
    ProgressRecordType,
    PSInvocationState,
    PSObject,
    PSPrimitiveDictionary,
    PSRPMessageType,
    PSVersion,
    RemoteStreamOptions,
    RunspaceAvailability,
    RunspacePoolInitData,
    RunspacePoolState,
    serialize,
)

from snlm_lib.lab.clixml import to_clixml
from snlm_lib.lab.parameters import plain
from snlm_lib.lab.pipeline import Invocation
from snlm_lib.lab.records import error_record, informational_record, pipeline_state, pipeline_stopped
from snlm_lib.lab.values import LabRecord

__all__ = ["FRAGMENT_BYTES", "Asked", "Outgoing", "PsrpSession", "Statement", "Undecodable", "first_pipeline_id"]

FRAGMENT_BYTES = 32 * 1024  # with its head, as recorded of long messages
_BOM = b"\xef\xbb\xbf"
_NO_PIPELINE = UUID(int=0)
_FRAGMENT_HEAD = struct.Struct(">QQBI")  # object id, fragment id, start and end bits, length
_MESSAGE_HEAD = struct.Struct("<iI16s16s")  # destination, type, pool, pipeline
_TO_CLIENT = 1
_ERROR, _WARNING, _VERBOSE = (
    kind.value for kind in (PSRPMessageType.ErrorRecord, PSRPMessageType.WarningRecord, PSRPMessageType.VerboseRecord)
)
_ORDER = {"TN": 0, "TNRef": 0, "ToString": 1, "Props": 3, "MS": 4}

# What a Windows Server 2022 host says of itself on opening; clients read PSVersion and BuildVersion.
_COMPATIBLE = ("1.0", "2.0", "3.0", "4.0", "5.0", "5.1.20348.2849")
_VERSIONS = {
    "PSVersion": "5.1.20348.2849",
    "CLRVersion": "4.0.30319.42000",
    "BuildVersion": "10.0.20348.2849",
    "WSManStackVersion": "3.0",
    "PSRemotingProtocolVersion": "2.3",
    "SerializationVersion": "1.1.0.1",
}


class Undecodable(Exception):
    """The client sent PSRP data that cannot be read; the text says why, without the data."""


@dataclass(frozen=True)
class Statement:
    """One statement of a pipeline: its commands, or the script the client sent instead."""

    invocations: tuple[Invocation, ...]
    script: str | None = None


@dataclass(frozen=True)
class Asked:
    """The client asks to run a pipeline, or for the ``metadata`` of the commands with such names.

    ``nested``: it runs inside one that is under way, so it needs no runspace of its own.
    """

    pipeline_id: UUID
    statements: tuple[Statement, ...] = ()
    metadata: tuple[str, ...] = ()
    nested: bool = False


@dataclass(frozen=True)
class Outgoing:
    """One message to the client, cut into fragments; ``pipeline_id`` None: to the pool.

    ``apart``: it never shares an answer with what was written before it.
    """

    pipeline_id: UUID | None
    kind: int
    fragments: tuple[bytes, ...]

    @property
    def apart(self) -> bool:
        # Recorded without exception: a pool says that it is open in an answer of its own.
        return self.kind == PSRPMessageType.RunspacePoolState.value


class _Pool(ServerRunspacePool):
    """psrpcore's pool with Windows' habits; messages leave through ``outbox``."""

    def __init__(self, fragment_bytes: int) -> None:
        super().__init__(application_private_data={"PSVersionTable": PSPrimitiveDictionary(_version_table())})
        self.outbox: list[Outgoing] = []
        self.fragment_bytes = fragment_bytes

    def prepare_message(
        self,
        message: PSObject | None,
        message_type: PSRPMessageType | None = None,
        pipeline_id: UUID | None = None,
        stream_type: StreamType = StreamType.default,
    ) -> None:
        element = serialize(
            message, self._cipher, our_capability=self.our_capability, their_capability=self.their_capability
        )
        kind = message_type or PSRPMessageType.get_message_id(type(message or PSObject()))
        for item in element.iter("Obj"):
            _order(item)
        self.emit(kind.value, ET.tostring(element, encoding="unicode").encode("utf-8"), pipeline_id)

    def emit(self, kind: int, clixml: bytes, pipeline_id: UUID | None) -> None:
        target = pipeline_id or _NO_PIPELINE
        head = _MESSAGE_HEAD.pack(_TO_CLIENT, kind, self.runspace_pool_id.bytes_le, target.bytes_le)
        fragments = _cut(self._fragment_counter, head + _BOM + clixml, self.fragment_bytes)
        self.outbox.append(Outgoing(pipeline_id, kind, fragments))

    # The call id comes as "CI" from some clients and as "ci" from others; psrpcore wants the latter.
    def _process_SetMaxRunspaces(self, event: SetMaxRunspacesEvent) -> None:
        self._max_runspaces = int(event.count)
        self._answer_call(event, True)

    def _process_SetMinRunspaces(self, event: SetMinRunspacesEvent) -> None:
        self._min_runspaces = int(event.count)
        self._answer_call(event, True)

    def _process_ResetRunspaceState(self, event: ResetRunspaceStateEvent) -> None:
        self._answer_call(event, True)

    def _process_GetAvailableRunspaces(self, event: GetAvailableRunspacesEvent) -> None:
        running = sum(pipe.state == PSInvocationState.Running for pipe in self.pipeline_table.values())
        self._answer_call(event, max(self.max_runspaces - running, 0))

    def _answer_call(self, event: PSRPEvent[Any, Any], response: bool | int) -> None:
        sent = event._ps_object
        ci = sent.CI if hasattr(sent, "CI") else sent.ci
        self.prepare_message(RunspaceAvailability(SetMinMaxRunspacesResponse=response, ci=ci))

    # Windows answers Connect with capability and pool sizes, and sends no state message.
    def _process_ConnectRunspacePool(self, event: ConnectRunspacePoolEvent) -> None:
        self.prepare_message(self.our_capability)
        self.prepare_message(RunspacePoolInitData(MinRunspaces=self.min_runspaces, MaxRunspaces=self.max_runspaces))
        self.prepare_message(ApplicationPrivateData(ApplicationPrivateData=self.application_private_data))
        self.state = RunspacePoolState.Opened


class PsrpSession:
    """One runspace pool: what the client sent, what goes back. Nothing here blocks.

    ``fragment_bytes``: the longest fragment, head included, that the client's envelopes can hold.
    """

    def __init__(self, fragment_bytes: int = FRAGMENT_BYTES) -> None:
        self._pool = _Pool(fragment_bytes)
        self._piped: dict[UUID, tuple[Asked, list[object]]] = {}  # pipelines whose input is not complete
        self._told_invocations: set[UUID] = set()  # pipelines whose error records say how they were called

    @property
    def max_runspaces(self) -> int:
        """How many pipelines may run at once."""
        return max(self._pool.max_runspaces, 1)

    def expect(self, pipeline_id: UUID) -> None:
        """Announce a pipeline before its data is received."""
        if pipeline_id not in self._pool.pipeline_table:
            ServerPipeline(self._pool, pipeline_id)

    def receive(self, data: bytes) -> list[Asked]:
        """Take PSRP data in; answers go to the outbox, pipelines that are complete are returned.

        Raises `Undecodable`; what came before the unreadable message has been taken in.
        """
        asked = []
        try:
            self._pool.receive_data(PSRPPayload(data, StreamType.default, None))
            while (event := self._pool.next_event()) is not None:
                asked += self._heard(event)
        # Foreign bytes meet a foreign parser, which raises whatever its innards raise.
        except Exception as error:
            raise Undecodable(f"{type(error).__name__} while reading the message") from error
        return asked

    def _heard(self, event: PSRPEvent[Any, Any]) -> list[Asked]:
        """The pipelines an event completes: input is collected until the client says that it ends."""
        if isinstance(event, GetCommandMetadataEvent):
            return [Asked(event.pipeline_id, metadata=tuple(str(name) for name in event.pipeline.name) or ("*",))]
        if isinstance(event, CreatePipelineEvent):
            sent = event.pipeline  # read anew from CLIXML each time it is asked for
            if sent.remote_stream_options & RemoteStreamOptions.AddInvocationInfoToErrorRecord:
                self._told_invocations.add(event.pipeline_id)
            if sent.no_input:
                return [_asked(event.pipeline_id, sent)]
            self._piped[event.pipeline_id] = (_asked(event.pipeline_id, sent), [])
        elif isinstance(event, PipelineInputEvent) and event.pipeline_id in self._piped:
            self._piped[event.pipeline_id][1].append(plain(event.data))
        elif isinstance(event, EndOfPipelineInputEvent) and event.pipeline_id in self._piped:
            return [_with_input(*self._piped.pop(event.pipeline_id))]
        return []

    def drain(self) -> list[Outgoing]:
        """The messages written since the last call."""
        outbox, self._pool.outbox = self._pool.outbox, []
        return outbox

    def begin(self, pipeline_id: UUID) -> None:
        """The pipeline runs; Windows sends no message for that."""
        self._pipe(pipeline_id)._change_state(PSInvocationState.Running, emit=False)

    def output(self, pipeline_id: UUID, clixml: bytes) -> None:
        self._pool.emit(PSRPMessageType.PipelineOutput.value, clixml, pipeline_id)

    def error(self, pipeline_id: UUID, record: LabRecord) -> None:
        extended = bool(record.command) and pipeline_id in self._told_invocations
        message = to_clixml(error_record(record, written=True, extended=extended), depth=2)
        self._pool.emit(_ERROR, message, pipeline_id)

    def warning(self, pipeline_id: UUID, text: str) -> None:
        self._pool.emit(_WARNING, to_clixml(informational_record("Warning", text)), pipeline_id)

    def verbose(self, pipeline_id: UUID, text: str) -> None:
        self._pool.emit(_VERBOSE, to_clixml(informational_record("Verbose", text)), pipeline_id)

    def progress(self, pipeline_id: UUID, activity: str, status: str, percent: int, *, completed: bool) -> None:
        kind = ProgressRecordType.Completed if completed else ProgressRecordType.Processing
        self._pipe(pipeline_id).write_progress(activity, 0, status, percent_complete=percent, record_type=kind)

    def complete(self, pipeline_id: UUID) -> None:
        self._end(pipeline_id, PSInvocationState.Completed)

    def fail(self, pipeline_id: UUID, record: LabRecord) -> None:
        self._end(pipeline_id, PSInvocationState.Failed, record)

    def stopped(self, pipeline_id: UUID) -> None:
        self._end(pipeline_id, PSInvocationState.Stopped, pipeline_stopped())

    def forget(self, pipeline_id: UUID) -> None:
        """Remove the pipeline from psrpcore's table, whatever its state."""
        self._pool.pipeline_table.pop(pipeline_id, None)
        self._piped.pop(pipeline_id, None)
        self._told_invocations.discard(pipeline_id)

    def knows(self, pipeline_id: UUID) -> bool:
        return pipeline_id in self._pool.pipeline_table

    def disconnect(self) -> None:
        self._pool.disconnect()

    def reconnect(self) -> None:
        self._pool.state = RunspacePoolState.Opened

    def connect(self, data: bytes) -> bytes:
        """A new client takes the pool over -> the PSRP data of the ConnectResponse; raises `Undecodable`."""
        self._pool.connect()
        try:
            self.receive(data)
        finally:
            self._pool.state = RunspacePoolState.Opened
        messages = self.drain()
        answer = {PSRPMessageType.SessionCapability.value, PSRPMessageType.RunspacePoolInitData.value}
        self._pool.outbox = [message for message in messages if message.kind not in answer]
        return b"".join(fragment for message in messages if message.kind in answer for fragment in message.fragments)

    def _end(self, pipeline_id: UUID, state: PSInvocationState, record: LabRecord | None = None) -> None:
        self._pipe(pipeline_id)._change_state(state, emit=False)
        message = to_clixml(pipeline_state(int(state), record), depth=3)
        self._pool.emit(PSRPMessageType.PipelineState.value, message, pipeline_id)

    def _pipe(self, pipeline_id: UUID) -> ServerPipeline:
        return self._pool.pipeline_table[pipeline_id]


def first_pipeline_id(data: bytes) -> UUID:
    """The pipeline id in the head of a message's first fragment; raises `Undecodable`."""
    try:
        return UUID(bytes_le=_MESSAGE_HEAD.unpack_from(data, _FRAGMENT_HEAD.size)[3])
    except struct.error as error:
        raise Undecodable("the first fragment is shorter than a message's head") from error


def _asked(pipeline_id: UUID, powershell: PowerShell) -> Asked:
    statements: list[Statement] = []
    commands: list[Any] = []
    for command in powershell.commands:
        commands.append(command)
        if command.end_of_statement:
            statements.append(_statement(commands))
            commands = []
    return Asked(pipeline_id, tuple(statements), nested=bool(powershell.is_nested))


def _with_input(asked: Asked, piped: list[object]) -> Asked:
    """The first statement begins with what the client piped in."""
    first, *others = asked.statements
    source = Invocation("", {}, tuple(piped))
    return replace(asked, statements=(replace(first, invocations=(source, *first.invocations)), *others))


def _statement(commands: Sequence[Any]) -> Statement:
    scripts = [str(command.command_text) for command in commands if command.is_script]
    if scripts:
        return Statement((), script=scripts[0])
    return Statement(tuple(_invocation(command) for command in commands))


def _invocation(command: Any) -> Invocation:
    named: dict[str, object] = {}
    positional: list[object] = []
    for name, value in command.parameters:
        if name is None:
            positional.append(plain(value))
        else:
            named[str(name)] = True if value is None else plain(value)
    return Invocation(str(command.command_text), named, tuple(positional))


def _order(item: ET.Element) -> None:
    """Put an object's children into Windows' order: types, text, value, Props, MS."""
    item[:] = sorted(item, key=lambda child: _ORDER.get(child.tag, 2))


def _cut(object_id: int, message: bytes, size: int) -> tuple[bytes, ...]:
    room = size - _FRAGMENT_HEAD.size
    starts = range(0, len(message), room)
    fragments = []
    for number, start in enumerate(starts):
        part = message[start : start + room]
        bits = (1 if number == 0 else 0) | (2 if number == len(starts) - 1 else 0)
        fragments.append(_FRAGMENT_HEAD.pack(object_id, number, bits, len(part)) + part)
    return tuple(fragments)


def _version_table() -> dict[str, object]:
    table: dict[str, object] = {key: PSVersion(value) for key, value in _VERSIONS.items()}
    return {**table, "PSEdition": "Desktop", "PSCompatibleVersions": [PSVersion(item) for item in _COMPATIBLE]}
