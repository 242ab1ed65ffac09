"""The verbs of one host, driven by unmodified pypsrp without a socket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from pypsrp.complex_objects import RunspacePoolState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import RunspacePool
from pypsrp.shell import WinRS

from snlm_lib.clock import FakeClock
from snlm_lib.lab.pipeline import Caller, PipelineHost
from snlm_lib.lab.service import WsmanService
from tests.lab.toy_host import OPERATOR, OTHER, ToyHost, command, local_wsman, until


def refused(call: Callable[..., object], *arguments: object, **named: object) -> int:
    with pytest.raises(WSManFaultError) as raised:
        call(*arguments, **named)
    return int(raised.value.code)


def test_a_pool_opens_and_closes(service: WsmanService) -> None:
    wsman = local_wsman(service)
    with RunspacePool(wsman) as pool:
        assert pool.state == RunspacePoolState.OPENED
        assert cast(Any, pool.shell).owner == "CORP\\operator"
        assert [found.id for found in RunspacePool.get_runspace_pools(wsman)] == [pool.id]
    assert RunspacePool.get_runspace_pools(wsman) == []


def test_a_closed_shell_is_not_found(service: WsmanService, local_pool: RunspacePool) -> None:
    selectors = local_pool.shell._selector_set
    local_pool.close()
    assert refused(local_pool.connection.delete, local_pool.shell.resource_uri, selector_set=selectors) == 2150858843


def test_another_user_does_not_see_the_shell(service: WsmanService, local_pool: RunspacePool) -> None:
    stranger = local_wsman(service, OTHER)
    assert RunspacePool.get_runspace_pools(stranger) == []
    local_pool.connection.transport, mine = stranger.transport, local_pool.connection.transport
    assert refused(command(local_pool, "Write-Nothing").invoke) == 2150858843
    assert refused(local_pool.shell.close) == 2150858843
    local_pool.connection.transport = mine
    assert command(local_pool, "Write-Echo", Value="mine").invoke() == ["mine"]


def test_only_the_endpoints_of_the_host_exist(service: WsmanService) -> None:
    assert refused(RunspacePool(local_wsman(service), configuration_name="Elsewhere").open) == 2150858752
    assert refused(WinRS(local_wsman(service)).open) == 2150858752


def test_another_endpoint_can_be_offered(toy: ToyHost) -> None:
    service = WsmanService(toy, clock=FakeClock(), endpoints=("snlm",))
    with RunspacePool(local_wsman(service), configuration_name="SNLM") as pool:
        assert pool.state == RunspacePoolState.OPENED


class GuardedHost(ToyHost):
    """A toy with one more session configuration, for one user."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = ToyHost("INNER")

    def behind(self, configuration: str, caller: Caller) -> PipelineHost | None:
        if configuration.casefold() != "guarded":
            return None
        if caller.user != OPERATOR:
            raise PermissionError(configuration)
        return self.inner


def test_a_host_with_configurations_of_its_own_says_who_answers_there() -> None:
    host = GuardedHost()
    service = WsmanService(host, clock=FakeClock())
    with RunspacePool(local_wsman(service), configuration_name="Guarded") as pool:
        assert command(pool, "Write-Echo", Value="in").invoke() == ["in"]
    assert [invocation.name for invocation in host.inner.asked] == ["Write-Echo"]
    assert host.asked == []
    assert refused(RunspacePool(local_wsman(service, OTHER), configuration_name="Guarded").open) == 5
    assert refused(RunspacePool(local_wsman(service), configuration_name="Other").open) == 2150858752


def test_is_alive_asks_for_the_shell(local_pool: RunspacePool) -> None:
    assert local_pool.is_alive()
    selectors = local_pool.shell._selector_set
    local_pool.connection.delete(local_pool.shell.resource_uri, selector_set=selectors)
    assert not local_pool.is_alive()


def test_the_configuration_tells_the_envelope_size(service: WsmanService) -> None:
    wsman = local_wsman(service)
    wsman.update_max_payload_size()
    assert wsman.max_envelope_size == 512_000


def test_a_shell_id_cannot_be_taken_twice(service: WsmanService, local_pool: RunspacePool) -> None:
    second = RunspacePool(local_wsman(service))
    second.id = second.shell.id = local_pool.id
    assert refused(second.open) == 87


def test_nonsense_is_a_fault_and_not_an_exception(service: WsmanService) -> None:
    caller = Caller("CORP\\operator", "ntlm")
    for body in (b"", b"<x/>", b"\xff" * 40):
        status, answer = service.handle(body, caller)
        assert status == 500
        assert b'Code="87"' in answer


class NoTime(FakeClock):
    """A clock with a bug."""

    def monotonic_s(self) -> float:
        raise ZeroDivisionError


def test_a_bug_of_the_lab_is_an_answer_too(toy: ToyHost, caplog: pytest.LogCaptureFixture) -> None:
    service = WsmanService(toy, clock=NoTime())
    assert refused(RunspacePool(local_wsman(service)).open) == 2147500037
    assert "ZeroDivisionError" in caplog.text


def test_an_unknown_action_is_a_fault(service: WsmanService) -> None:
    assert refused(local_wsman(service).pull, "http://schemas.microsoft.com/wbem/wsman/1/windows/shell") == 87


def test_the_age_of_a_shell_is_the_clocks(toy: ToyHost) -> None:
    clock = FakeClock()
    service = WsmanService(toy, clock=clock)
    pool = RunspacePool(local_wsman(service))
    pool.open()
    clock.advance(3725)
    told = pool.shell._get_shell()
    assert (told["ShellRunTime"], told["ShellInactivity"]) == ("P0DT1H2M5S", "P0DT1H2M5S")


def test_closing_the_service_ends_its_pipelines(service: WsmanService, toy: ToyHost, local_pool: RunspacePool) -> None:
    command(local_pool, "Wait-Gate").begin_invoke()
    until(lambda: toy.at_gate == 1)
    service.close()
    assert toy.stopped.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "lab-pipeline-TOY01"]
    assert refused(command(local_pool, "Write-Nothing").begin_invoke) == 2150858843
