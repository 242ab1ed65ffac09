"""A shell's queues: who gets what, when, and what happens when somebody goes away."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, cast

import pytest
from pypsrp.complex_objects import PSCredential, PSInvocationState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.serializer import TaggedValue
from pypsrp.wsman import NAMESPACES

from snlm_lib.lab.service import WsmanService
from snlm_lib.lab.values import I64, Credential
from tests.lab.toy_host import LocalTransport, ToyHost, command, in_background, local_wsman, until


def sent_by(pool: RunspacePool) -> LocalTransport:
    transport = pool.connection.transport
    assert isinstance(transport, LocalTransport)
    return transport


def fault_of(call: Callable[..., object], *arguments: object, **named: object) -> int:
    with pytest.raises(WSManFaultError) as raised:
        call(*arguments, **named)
    return int(raised.value.code)


def test_an_empty_pipeline_takes_two_requests(local_pool: RunspacePool) -> None:
    before = len(sent_by(local_pool).sent)
    pipe = command(local_pool, "Write-Nothing")
    assert pipe.invoke() == []
    assert pipe.state == PSInvocationState.COMPLETED
    assert len(sent_by(local_pool).sent) - before == 2


def test_a_pool_says_that_it_is_open_in_an_answer_of_its_own(local_pool: RunspacePool) -> None:
    receives = [sent for sent in sent_by(local_pool).sent if b"/Receive<" in sent]
    streams = [answer.count(b"<rsp:Stream ") for answer in sent_by(local_pool).answers[1:]]
    assert (len(receives), streams) == (2, [2, 1])


def test_a_nested_pipeline_needs_no_runspace_of_its_own(service: WsmanService, toy: ToyHost) -> None:
    pool = RunspacePool(local_wsman(service), max_runspaces=1)
    pool.open()
    outer = command(pool, "Wait-Gate")
    outer.begin_invoke()
    until(lambda: toy.at_gate == 1)
    inner: PowerShell = cast(Any, outer).create_nested_power_shell()
    assert inner.add_cmdlet("Write-Echo").add_parameter("Value", "inside").invoke() == ["inside"]
    toy.gate.set()
    assert outer.end_invoke() == ["through"]


def test_what_the_client_pipes_in_reaches_the_first_command(local_pool: RunspacePool, toy: ToyHost) -> None:
    assert command(local_pool, "Write-Nothing").invoke(input=cast(Any, ["a", "b"])) == []
    assert [(asked.name, asked.positional) for asked in toy.asked] == [("", ("a", "b")), ("Write-Nothing", ())]


def test_output_keeps_its_order(local_pool: RunspacePool) -> None:
    things = command(local_pool, "Get-Things", Count=200, Width=3).invoke()
    assert [thing.to_string for thing in things] == [f"thing {number}" for number in range(200)]
    assert things[7].adapted_properties == {f"Property{at}": f"value 7/{at}" for at in range(3)}
    assert things[7].types == ["Toy.Thing", "System.Object"]


def test_an_answer_stays_within_the_envelope(local_pool: RunspacePool) -> None:
    pipe = command(local_pool, "Get-Things", Count=1000, Width=25)
    assert len(pipe.invoke()) == 1000
    sizes = [len(answer) for answer in sent_by(local_pool).answers]
    assert max(sizes) <= local_pool.connection.max_envelope_size
    assert max(sizes) > 100_000


def test_a_long_text_is_cut_into_fragments_of_32_kib(local_pool: RunspacePool) -> None:
    text = "x" * 1_000_000
    assert command(local_pool, "Write-Echo", Value=text).invoke() == [text]
    pieces = []
    for answer in sent_by(local_pool).answers[-6:]:
        for stream in ET.fromstring(answer).iterfind(".//rsp:Stream", NAMESPACES):
            pieces.append(len(base64.b64decode(stream.text or "")))
    assert max(pieces) == 32 * 1024


def test_a_client_with_small_envelopes_gets_small_fragments(service: WsmanService) -> None:
    wsman = local_wsman(service)
    wsman.update_max_payload_size(8192)
    pool = RunspacePool(wsman)
    pool.open()
    assert command(pool, "Get-Things", Count=3, Width=400).invoke() != []
    assert max(len(answer) for answer in sent_by(pool).answers) <= 8192


def test_a_long_parameter_arrives_whole(local_pool: RunspacePool, toy: ToyHost) -> None:
    before = len(sent_by(local_pool).sent)
    assert command(local_pool, "Write-Nothing", Text="ü" * 1_000_000).invoke() == []
    assert toy.asked[-1].parameters == {"Text": "ü" * 1_000_000}
    assert len(sent_by(local_pool).sent) - before > 4


def test_parameters_arrive_as_plain_values(local_pool: RunspacePool, toy: ToyHost) -> None:
    local_pool.exchange_keys()
    secret = cast(Any, PSCredential)(username="CORP\\x", password="sécret")
    pipe = command(local_pool, "Write-Nothing", Table={"Id": [1, 2]}, Size=TaggedValue("I64", 2**40), Who=secret)
    pipe.add_parameter("Force").add_parameter("Confirm", False).add_argument("last")
    assert pipe.invoke() == []
    asked = toy.asked[-1]
    assert asked.name == "Write-Nothing"
    assert asked.positional == ("last",)
    assert asked.parameters == {
        "Table": {"Id": [1, 2]},
        "Size": 2**40,
        "Who": Credential("CORP\\x", "sécret"),
        "Force": True,
        "Confirm": False,
    }
    assert type(asked.parameters["Size"]) is I64
    assert "sécret" not in repr(asked)


def test_a_pipeline_of_several_commands_is_one_run(local_pool: RunspacePool, toy: ToyHost) -> None:
    PowerShell(local_pool).add_cmdlet("Write-Echo").add_parameter("Value", 1).add_cmdlet("Write-Nothing").invoke()
    assert [asked.name for asked in toy.asked] == ["Write-Echo", "Write-Nothing"]
    assert len(toy.callers) == 1
    assert toy.callers[0].user == "CORP\\operator"


def test_statements_run_one_after_another(local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Write-Echo", Value="a").add_statement()
    pipe.add_cmdlet("Write-Echo").add_parameter("Value", "b")
    assert pipe.invoke() == ["a", "b"]
    assert len(toy.callers) == 2


def test_a_receive_without_news_times_out(service: WsmanService) -> None:
    pool = RunspacePool(local_wsman(service, timeout_s=0.1))
    pool.open()
    assert fault_of(pool._receive) == 2150858793


def test_the_newest_receive_wins(service: WsmanService, local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Wait-Gate")
    pipe.begin_invoke()
    ghost = in_background(lambda: local_pool.shell.receive("stdout", pipe._command_id))
    until(lambda: service._shells[local_pool.id]._queues[pipe.id].newest is not None)
    newest = in_background(lambda: local_pool.shell.receive("stdout", pipe._command_id))
    with pytest.raises(WSManFaultError) as raised:
        ghost.result()
    assert raised.value.code == 995
    toy.gate.set()
    state, _, streams = cast(tuple[str, int, dict[str, bytes]], newest.result())
    assert state.endswith("Done")
    assert b"through" in streams["stdout"]


def test_the_same_message_gets_the_same_bytes(local_pool: RunspacePool) -> None:
    pipe = command(local_pool, "Write-Echo", Value="once")
    assert pipe.invoke() == ["once"]
    transport = sent_by(local_pool)
    request, answer = transport.sent[-1], transport.answers[-1]
    assert transport.send(request) == answer
    pipe.close()
    assert transport.send(request) == answer, "even after the command has been forgotten"


def test_only_the_last_64_answers_are_kept(local_pool: RunspacePool) -> None:
    command(local_pool, "Write-Nothing").invoke()
    transport = sent_by(local_pool)
    first = transport.sent[-1]
    for _ in range(64):
        command(local_pool, "Write-Nothing").invoke()
    assert fault_of(local_pool.shell.receive, "stdout", "NO-SUCH-COMMAND") == 2150858843
    with pytest.raises(Exception, match="2150858843"):
        transport.send(first)


def test_a_command_read_to_its_end_has_nothing_more(local_pool: RunspacePool) -> None:
    pipe = command(local_pool, "Write-Nothing")
    pipe.invoke()
    assert fault_of(local_pool.shell.receive, "stdout", pipe._command_id) == 2150858843


def test_terminate_forgets_the_command(service: WsmanService, local_pool: RunspacePool) -> None:
    pipe = command(local_pool, "Write-Nothing")
    pipe.invoke()
    shell = service._shells[local_pool.id]
    assert list(shell.commands()) == [pipe.id]
    assert len(shell._session._pool.pipeline_table) == 1
    pipe.close()
    assert shell.commands() == {}
    assert shell._session._pool.pipeline_table == {}
    assert fault_of(pipe.close) == 2150858843


def test_stop_ends_the_cmdlet_and_the_pipeline_says_so(local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Wait-Gate")
    pipe.begin_invoke()
    until(lambda: toy.at_gate == 1)
    polling = in_background(pipe.end_invoke)
    local_pool.shell.signal("powershell/signal/ctrl_c", pipe.id)
    assert polling.result() == [], "what a stopped cmdlet still says is dropped"
    assert toy.stopped.is_set()
    assert pipe.state == PSInvocationState.STOPPED
    pipe.close()


def test_terminating_a_running_command_stops_it(local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Wait-Gate")
    pipe.begin_invoke()
    until(lambda: toy.at_gate == 1)
    pipe.stop()
    pipe.close()
    until(lambda: toy.at_gate == 0)
    assert command(local_pool, "Write-Echo", Value=1).invoke() == [1]


def test_an_unknown_signal_is_refused(local_pool: RunspacePool) -> None:
    pipe = command(local_pool, "Write-Nothing")
    pipe.invoke()
    assert fault_of(local_pool.shell.signal, "shell/signal/jump", pipe.id) == 87


def test_no_more_pipelines_run_than_runspaces(service: WsmanService, toy: ToyHost) -> None:
    pool = RunspacePool(local_wsman(service), max_runspaces=2)
    pool.open()
    pipes = [command(pool, "Wait-Gate") for _ in range(4)]
    for pipe in pipes:
        pipe.begin_invoke()
    until(lambda: toy.at_gate == 2)
    assert pool.get_available_runspaces() == 0
    pipes[3].stop()
    toy.gate.set()
    assert [pipe.end_invoke() for pipe in pipes[:3]] == [["through"]] * 3
    assert toy.most_at_gate == 2
    assert len(toy.asked) == 3, "the stopped one never began"


def test_the_pool_answers_questions_about_itself(local_pool: RunspacePool) -> None:
    assert local_pool.get_available_runspaces() == 8
    local_pool.max_runspaces = 3
    local_pool.min_runspaces = 2
    local_pool.reset_runspace_state()
    assert (local_pool.min_runspaces, local_pool.get_available_runspaces()) == (2, 3)


def test_a_command_is_not_started_twice(local_pool: RunspacePool, toy: ToyHost) -> None:
    command(local_pool, "Write-Nothing").invoke()
    transport = sent_by(local_pool)
    again = next(sent for sent in reversed(transport.sent) if b"/shell/Command<" in sent)
    with pytest.raises(Exception, match="exists already"):
        transport.send(again)
    assert len(toy.asked) == 1


def test_a_parameter_that_cannot_be_read_fails_its_pipeline_only(local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Write-Nothing", Size=2**40)  # pypsrp sends it as I32
    assert pipe.invoke() == []
    assert pipe.state == PSInvocationState.FAILED
    assert pipe.streams.error[0].fq_error == "LabInternalError"
    assert toy.asked == []
    assert command(local_pool, "Write-Echo", Value="well").invoke() == ["well"]


def test_disconnect_and_reconnect_lose_nothing(local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Wait-Gate")
    pipe.begin_invoke()
    waiting = in_background(lambda: local_pool.shell.receive("stdout", pipe._command_id))
    until(lambda: b"/Receive<" in sent_by(local_pool).sent[-1])
    local_pool.disconnect()
    with pytest.raises(WSManFaultError) as raised:
        waiting.result()
    assert raised.value.code == 995
    assert not local_pool.is_alive()
    toy.gate.set()
    local_pool.connection.reconnect(local_pool.shell.resource_uri, selector_set=local_pool.shell._selector_set)
    pipe.state = PSInvocationState.RUNNING
    assert pipe.end_invoke() == ["through"]


def test_a_new_client_takes_a_disconnected_shell_over(
    service: WsmanService, local_pool: RunspacePool, toy: ToyHost
) -> None:
    command(local_pool, "Wait-Gate").begin_invoke()
    local_pool.disconnect()
    [found] = RunspacePool.get_runspace_pools(local_wsman(service))
    found.connect()
    assert found.max_runspaces == 8
    pipe: Any
    [pipe] = found.create_disconnected_power_shells()
    toy.gate.set()
    assert pipe.connect() == ["through"]
    assert command(found, "Write-Echo", Value="on").invoke() == ["on"]


def test_a_connected_shell_is_not_taken_over(service: WsmanService, local_pool: RunspacePool) -> None:
    [found] = RunspacePool.get_runspace_pools(local_wsman(service))
    assert fault_of(found.connect) == 2150859174


def test_deleting_a_shell_sends_the_waiting_away(local_pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(local_pool, "Wait-Gate")
    pipe.begin_invoke()
    waiting = in_background(pipe.end_invoke)
    until(lambda: b"/Receive<" in sent_by(local_pool).sent[-1])
    local_pool.close()
    with pytest.raises(WSManFaultError) as raised:
        waiting.result()
    assert raised.value.code == 2150858843
    until(toy.stopped.is_set)
