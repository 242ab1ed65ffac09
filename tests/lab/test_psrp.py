"""The PSRP session against psrpcore's own client, joined in memory."""

from __future__ import annotations

import struct
from typing import Any
from uuid import UUID, uuid4

import pytest
from psrpcore import ClientGetCommandMetadata, ClientPowerShell, ClientRunspacePool, PSRPEvent, PSRPPayload, StreamType
from psrpcore import types as ps

from snlm_lib.lab.clixml import to_clixml
from snlm_lib.lab.psrp import FRAGMENT_BYTES, Asked, PsrpSession, Undecodable, first_pipeline_id
from tests.lab.toy_host import record


class Pair:
    """psrpcore's client pool and the lab's session, and a way to carry bytes between them."""

    def __init__(self) -> None:
        self.client = ClientRunspacePool(max_runspaces=4)
        self.session = PsrpSession()
        self.client.open()
        self.to_lab()
        self.events = self.to_client()

    def to_lab(self) -> list[Asked]:
        asked = []
        while (payload := self.client.data_to_send()) is not None:
            if payload.pipeline_id is not None:
                self.session.expect(payload.pipeline_id)
            asked += self.session.receive(payload.data)
        return asked

    def to_client(self) -> list[PSRPEvent[Any, Any]]:
        events = []
        for message in self.session.drain():
            for fragment in message.fragments:
                self.client.receive_data(PSRPPayload(fragment, StreamType.default, message.pipeline_id))
                while (event := self.client.next_event()) is not None:
                    events.append(event)
        return events

    def pipeline(self, script: bool = False) -> Asked:
        pipe = ClientPowerShell(self.client)
        if script:
            pipe.add_script("Get-Toy")
        else:
            pipe.add_command("Get-Toy").add_parameter("Name", "a").add_parameter("Force", None).add_argument(3)
        pipe.start()
        [asked] = self.to_lab()
        return asked


def test_opening_tells_versions_and_state() -> None:
    pair = Pair()
    assert [type(event).__name__ for event in pair.events] == [
        "SessionCapabilityEvent",
        "ApplicationPrivateDataEvent",
        "RunspacePoolStateEvent",
    ]
    assert pair.client.state == ps.RunspacePoolState.Opened
    assert str(pair.client.application_private_data["PSVersionTable"]["PSVersion"]).startswith("5.1.")
    assert pair.session.max_runspaces == 4


def test_a_pipeline_is_told_as_plain_data() -> None:
    asked = Pair().pipeline()
    [statement] = asked.statements
    [invocation] = statement.invocations
    assert statement.script is None
    assert (invocation.name, dict(invocation.parameters), invocation.positional) == (
        "Get-Toy",
        {"Name": "a", "Force": True},
        (3,),
    )
    assert type(invocation.name) is str


def test_script_is_told_as_script() -> None:
    [statement] = Pair().pipeline(script=True).statements
    assert (statement.script, statement.invocations) == ("Get-Toy", ())


def test_every_stream_reaches_the_client_in_order() -> None:
    pair = Pair()
    pipe = pair.pipeline().pipeline_id
    session = pair.session
    session.begin(pipe)
    session.output(pipe, to_clixml("out"))
    session.error(pipe, record())
    session.warning(pipe, "w")
    session.verbose(pipe, "v")
    session.progress(pipe, "a", "s", 5, completed=False)
    session.complete(pipe)
    names = [type(event).__name__ for event in pair.to_client()]
    assert names == [
        "PipelineOutputEvent",
        "ErrorRecordEvent",
        "WarningRecordEvent",
        "VerboseRecordEvent",
        "ProgressRecordEvent",
        "PipelineStateEvent",
    ]


@pytest.mark.parametrize(("end", "state"), [("complete", "Completed"), ("stopped", "Stopped"), ("fail", "Failed")])
def test_a_pipeline_ends_in_its_state(end: str, state: str) -> None:
    pair = Pair()
    pipe = pair.pipeline().pipeline_id
    pair.session.begin(pipe)
    getattr(pair.session, end)(pipe, *([record()] if end == "fail" else []))
    pair.to_client()
    assert pair.client.pipeline_table[pipe].state.name == state


def test_a_message_is_cut_into_fragments_and_marked_at_both_ends() -> None:
    pair = Pair()
    pipe = pair.pipeline().pipeline_id
    pair.session.begin(pipe)
    pair.session.output(pipe, to_clixml("x" * 80_000))
    [message] = pair.session.drain()
    heads = [struct.unpack_from(">QQBI", fragment) for fragment in message.fragments]
    assert [(number, bits) for _, number, bits, _ in heads] == [(0, 1), (1, 0), (2, 2)]
    assert max(length for *_, length in heads) == FRAGMENT_BYTES - 21
    assert message.fragments[0][21 + 40 :].startswith(b"\xef\xbb\xbf<S>")


def test_forgetting_empties_the_table() -> None:
    pair = Pair()
    pipe = pair.pipeline().pipeline_id
    assert pair.session.knows(pipe)
    pair.session.forget(pipe)
    assert not pair.session.knows(pipe)


def test_a_question_for_commands_names_them() -> None:
    pair = Pair()
    pipe = ClientGetCommandMetadata(pair.client, ["Get-*", "Move-VM"])
    pipe.start()
    [asked] = pair.to_lab()
    assert (asked.metadata, asked.statements) == (("Get-*", "Move-VM"), ())


def test_input_of_the_client_is_the_pipelines_first_stage_once_it_is_complete() -> None:
    pair = Pair()
    pipe = ClientPowerShell(pair.client, no_input=False)
    pipe.add_command("Get-Toy")
    pipe.start()
    assert pair.to_lab() == []
    pipe.send("one")
    pipe.send(2)
    assert pair.to_lab() == []
    pipe.send_eof()
    [asked] = pair.to_lab()
    [statement] = asked.statements
    assert [invocation.name for invocation in statement.invocations] == ["", "Get-Toy"]
    assert statement.invocations[0].positional == ("one", 2)


def test_a_nested_pipeline_says_so() -> None:
    pair = Pair()
    pipe = ClientPowerShell(pair.client, is_nested=True)
    pipe.add_command("Get-Toy")
    pipe.start()
    assert [asked.nested for asked in pair.to_lab()] == [True]
    assert not pair.pipeline().nested


def test_the_pools_state_is_the_only_message_that_stands_apart() -> None:
    session = PsrpSession()
    client = ClientRunspacePool()
    client.open()
    payload = client.data_to_send()
    assert payload is not None
    session.receive(payload.data)
    assert [message.apart for message in session.drain()] == [False, False, True]


def test_the_first_fragment_names_the_pipeline() -> None:
    pipeline_id = uuid4()
    head = struct.pack(">QQBI", 1, 0, 3, 40) + b"\0" * 24 + pipeline_id.bytes_le
    assert first_pipeline_id(head) == pipeline_id
    with pytest.raises(Undecodable):
        first_pipeline_id(head[:-1])


@pytest.mark.parametrize("data", [b"short", struct.pack(">QQBI", 9, 0, 3, 44) + b"\0" * 40 + b"<x/>"])
def test_bytes_that_are_no_psrp_are_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable):
        Pair().session.receive(data)


def test_an_unknown_pipeline_id_is_undecodable_and_harmless() -> None:
    pair = Pair()
    pipe = ClientPowerShell(pair.client)
    pipe.add_command("Get-Toy")
    pipe.start()
    payload = pair.client.data_to_send()
    assert payload is not None
    with pytest.raises(Undecodable):
        pair.session.receive(payload.data)
    assert isinstance(pair.pipeline().pipeline_id, UUID)


@pytest.mark.parametrize(("asked_for", "told"), [("none", b">false<"), ("AddInvocationInfo", b">true<")])
def test_an_error_record_tells_its_invocation_when_the_client_asked(asked_for: str, told: bytes) -> None:
    pair = Pair()
    pipe = ClientPowerShell(pair.client, remote_stream_options=ps.RemoteStreamOptions[asked_for])
    pipe.add_command("Get-Toy")
    pipe.start()
    [asked] = pair.to_lab()
    pair.session.begin(asked.pipeline_id)
    pair.session.error(asked.pipeline_id, record())
    [message] = pair.session.drain()
    assert b'N="SerializeExtendedInfo"' + told in b"".join(message.fragments)
