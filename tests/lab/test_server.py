"""The lab's sockets under unmodified pypsrp: signing on, sealing, several connections, cut connections."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Any, cast

import pytest
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from snlm_lib.lab.server import LabServer, Wire
from tests.lab.toy_host import OPERATOR, OTHER, PASSWORDS, Connect, ToyHost, command, in_background, until


class Lanes:
    """The production client's shape: several connections to one shell, one request each at a time."""

    def __init__(self, connect: Connect, count: int) -> None:
        self._free: Queue[Any] = Queue()
        self.wsman: WSMan = connect()
        self.endpoint = self.wsman.transport.endpoint
        self._free.put(self.wsman.transport)
        for _ in range(count - 1):
            self._free.put(connect().transport)
        self.wsman.transport = cast(Any, self)

    def send(self, message: bytes, **named: object) -> bytes:
        transport = self._free.get(timeout=10)
        try:
            answer: bytes = transport.send(message, **named)
            return answer
        finally:
            self._free.put(transport)

    def close(self) -> None:
        while not self._free.empty():
            self._free.get().close()


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_a_pipeline_runs_over_a_sealed_connection(connect: Connect, toy: ToyHost, auth: str) -> None:
    with RunspacePool(connect(auth=auth)) as pool:
        things = command(pool, "Get-Things", Count=3).invoke()
        assert [str(thing) for thing in things] == ["thing 0", "thing 1", "thing 2"]
    assert (toy.callers[0].user, toy.callers[0].protocol) == (OPERATOR, "ntlm")


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_a_wrong_password_is_refused(connect: Connect, toy: ToyHost, auth: str) -> None:
    with pytest.raises(AuthenticationError):
        RunspacePool(connect(password="wrong", auth=auth)).open()
    assert toy.callers == []


def test_streams_arrive_each_as_its_own(pool: RunspacePool) -> None:
    pipe = command(pool, "Write-Streams")
    assert pipe.invoke() == ["still here"]
    assert pipe.state == PSInvocationState.COMPLETED
    assert [str(item.message) for item in pipe.streams.warning] == ["beware"]
    assert [str(item.message) for item in pipe.streams.verbose] == ["by the way"]
    [error] = pipe.streams.error
    assert str(error) == "Toy was unable to find it."
    assert error.message == "ObjectNotFound: (VM01:String) [Get-Toy], ToyException"
    assert (error.fq_error, error.category) == ("ObjectNotFound,Toy.Commands.GetToy", 13)
    assert (error.reason, error.activity, error.target_name) == ("ToyException", "Get-Toy", "VM01")
    assert error.exception is not None
    assert error.exception.types[0] == "Toy.ToyException"
    assert error.exception.adapted_properties["Message"] == "Toy was unable to find it."


def test_a_terminating_error_fails_the_pipeline(pool: RunspacePool) -> None:
    pipe = command(pool, "Fail-Toy")
    assert pipe.invoke() == ["before"]
    assert pipe.state == PSInvocationState.FAILED
    assert pipe.had_errors
    assert str(pipe.streams.error[-1]) == "It failed (0x80070005)."


def test_a_bug_of_a_cmdlet_is_told_as_the_labs(pool: RunspacePool) -> None:
    pipe = command(pool, "Break-Toy")
    pipe.invoke()
    assert pipe.state == PSInvocationState.FAILED
    assert pipe.streams.error[0].fq_error == "LabInternalError"
    assert "bug of the lab" in str(pipe.streams.error[0])
    assert "ZeroDivisionError" in str(pipe.streams.error[0])


def test_script_is_refused_as_windows_refuses_it(pool: RunspacePool, toy: ToyHost) -> None:
    pipe = PowerShell(pool).add_script("Get-Things -Count 1")
    assert pipe.invoke() == []
    assert pipe.state == PSInvocationState.FAILED
    [error] = pipe.streams.error
    assert (error.fq_error, error.category, error.reason) == ("ScriptsNotAllowed", 17, "ParseException")
    assert toy.asked == []


def test_progress_is_seen_while_the_cmdlet_runs(pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(pool, "Show-Progress")
    pipe.begin_invoke()
    pipe.poll_invoke()
    assert [(item.activity, item.percent_complete) for item in pipe.streams.progress] == [("Moving", 10)]
    assert pipe.state == PSInvocationState.RUNNING
    toy.gate.set()
    assert pipe.end_invoke() == ["through"]
    assert pipe.streams.progress[-1].percent_complete == 100


def test_stop_ends_a_running_cmdlet(pool: RunspacePool, toy: ToyHost) -> None:
    pipe = command(pool, "Wait-Gate")
    pipe.begin_invoke()
    until(lambda: toy.at_gate == 1)
    pipe.stop()
    pipe.close()
    until(toy.stopped.is_set)
    assert command(pool, "Write-Echo", Value=1).invoke() == [1]


def test_many_objects_arrive_whole_and_soon(pool: RunspacePool) -> None:
    began_s = time.monotonic()
    things = command(pool, "Get-Things", Count=1000, Width=25).invoke()
    assert len(things) == 1000
    assert things[999].adapted_properties["Property24"] == "value 999/24"
    assert time.monotonic() - began_s < 5


def test_a_large_parameter_arrives_whole(pool: RunspacePool) -> None:
    text = "ü" * 1_500_000
    assert command(pool, "Write-Echo", Value=text).invoke() == [text]


def test_an_empty_pipeline_is_quick(pool: RunspacePool) -> None:
    def once_s() -> float:
        began_s = time.perf_counter()
        command(pool, "Write-Nothing").invoke()
        return time.perf_counter() - began_s

    assert sorted(once_s() for _ in range(15))[7] < 0.03


def test_several_connections_share_one_shell(connect: Connect, toy: ToyHost) -> None:
    lanes = Lanes(connect, 8)
    with RunspacePool(lanes.wsman, max_runspaces=8) as pool:
        pipes = [command(pool, "Wait-Gate") for _ in range(7)]
        for pipe in pipes:
            pipe.begin_invoke()
        with ThreadPoolExecutor(8) as threads:
            waiting = [threads.submit(pipe.end_invoke) for pipe in pipes]
            until(lambda: toy.at_gate == 7)
            assert command(pool, "Write-Echo", Value="between").invoke() == ["between"]
            toy.gate.set()
            assert [future.result(10) for future in waiting] == [["through"]] * 7
    assert toy.most_at_gate == 7


def test_stop_goes_through_another_connection(connect: Connect, toy: ToyHost) -> None:
    lanes = Lanes(connect, 2)
    with RunspacePool(lanes.wsman, max_runspaces=8) as pool:
        pipe = command(pool, "Wait-Gate")
        pipe.begin_invoke()
        waiting = in_background(pipe.end_invoke)
        until(lambda: toy.at_gate == 1)
        pool.shell.signal("powershell/signal/ctrl_c", pipe.id)
        assert waiting.result() == []
        assert pipe.state == PSInvocationState.STOPPED


def test_another_user_cannot_use_the_shell(connect: Connect, pool: RunspacePool) -> None:
    own, pool.connection.transport = pool.connection.transport, connect(OTHER).transport
    with pytest.raises(WSManFaultError) as raised:
        command(pool, "Write-Nothing").invoke()
    assert raised.value.code == 2150858843
    pool.connection.transport = own
    assert command(pool, "Write-Echo", Value=1).invoke() == [1]


class Relay:
    """A TCP relay in front of the lab that can be cut, as a network can; it keeps no request."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def cut(self) -> None:
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()


@pytest.mark.parametrize("data_first", [True, False], ids=["data before the repeat", "repeat before the data"])
def test_a_cut_connection_loses_nothing(
    lab: LabServer, connect: Connect, pool: RunspacePool, toy: ToyHost, data_first: bool
) -> None:
    relay = Relay(lab.ports["TOY01"])
    pipe = command(pool, "Wait-Gate")
    pipe.begin_invoke()
    shell = lab._listeners["TOY01"].service._shells[pool.id]
    recorder = Recorder(connect(port=relay.port).transport)
    own, pool.connection.transport = pool.connection.transport, cast(Any, recorder)
    ghost = in_background(lambda: pool.shell.receive("stdout", pipe._command_id))
    until(lambda: toy.at_gate == 1 and shell._queues[pipe.id].newest is not None)
    relay.cut()
    if data_first:
        toy.gate.set()
        until(lambda: shell._queues[pipe.id].told)
    again = in_background(lambda: connect().transport.send(recorder.sent[0]))
    toy.gate.set()
    answer = again.result()
    assert isinstance(answer, bytes)
    assert b"CommandState/Done" in answer
    assert connect().transport.send(recorder.sent[0]) == answer
    with pytest.raises(OSError, match=r"."):
        ghost.result()
    pool.connection.transport = own
    relay.close()


class Recorder:
    """A transport that remembers what it was asked to send."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.endpoint = transport.endpoint
        self.sent: list[bytes] = []

    def send(self, message: bytes, **named: object) -> bytes:
        self.sent.append(message)
        answer: bytes = self._transport.send(message, timeout=10)
        return answer


def post(lab: LabServer, body: bytes, path: str = "/wsman", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", lab.ports["TOY01"], timeout=5)
    connection.request("POST", path, body, headers)
    return connection.getresponse()


def test_a_stranger_is_told_how_to_sign_on(lab: LabServer) -> None:
    answer = post(lab, b"<s:Envelope/>")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Negotiate"
    assert answer.version == 11


def test_another_path_and_an_absurd_length_are_refused(lab: LabServer) -> None:
    assert post(lab, b"", "/elsewhere").status == 404
    assert post(lab, b"x" * 600_000).status == 413


def test_an_unsealed_body_is_refused_over_http(connect: Connect) -> None:
    transport = connect().transport
    transport.wrap_required = False
    transport.auth = "ntlm"
    with pytest.raises(WinRMTransportError) as raised:
        transport.send(b"<s:Envelope/>")
    assert raised.value.code == 400


def test_closing_ends_everything_within_a_second(lab: LabServer, connect: Connect, toy: ToyHost) -> None:
    pool = RunspacePool(connect(), max_runspaces=8)
    pool.open()
    pipes = [command(pool, "Wait-Gate") for _ in range(3)]
    for pipe in pipes:
        pipe.begin_invoke()
    ghost = in_background(pipes[0].end_invoke)
    until(lambda: toy.at_gate == 3)
    began_s = time.monotonic()
    lab.close()
    assert time.monotonic() - began_s < 1
    with pytest.raises(Exception, match=r"."):
        ghost.result()
    assert toy.at_gate == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lab-")]
    assert "NTLM_USER_FILE" not in os.environ
    lab.close()


def test_every_host_has_a_port_of_its_own(tmp_path: Path) -> None:
    server = LabServer([ToyHost("HV01"), ToyHost("HV02")], users=PASSWORDS, state_dir=tmp_path)
    assert list(server.ports) == ["HV01", "HV02"]
    assert len(set(server.ports.values())) == 2
    server.close()


def test_a_port_can_be_given(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = LabServer([ToyHost("HV01")], users=PASSWORDS, state_dir=tmp_path, wire=Wire(ports={"HV01": port}))
    assert server.ports == {"HV01": port}
    server.close()
