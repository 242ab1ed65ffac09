"""A session against the lab's real wire: sockets, sealed NTLM, PSRP, with a toy host behind it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from snlm_lib.errors import AuthenticationRefused, CommandFailed, HostUnreachable, SessionLost
from snlm_lib.lab.values import Credential as LabCredential
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Command, Pipeline
from snlm_lib.remote.session import CommandRecord, HostSession

VM_ID = UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11")
Opened = Callable[..., HostSession]


def until(condition: Callable[[], bool], limit_s: float = 5) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return condition()


def move(credential: Credential | None = None) -> Pipeline:
    return commands.move_vm(VM_ID, "HV02", storage_path="D:\\Hyper-V\\VM01", credential=credential)


def echo(**parameters: object) -> Pipeline:
    return Pipeline((Command("Get-VM", parameters),))


def test_an_answer_comes_back_and_the_protocol_really_used_is_known(session: HostSession) -> None:
    assert session.protocol is None
    (host,) = session.invoke(commands.get_vm_host()).bags
    assert host.get("name") == "HV01"
    assert host.get("User") == "CORP\\operator"
    assert session.protocol == "ntlm"


def test_an_error_record_is_raised_with_its_facts(session: HostSession) -> None:
    with pytest.raises(CommandFailed) as caught:
        session.invoke(commands.get_vhds(VM_ID))
    assert caught.value.fq_error_id == "AccessDenied,Toy.Vhd"
    assert caught.value.category == "PermissionDenied"
    assert caught.value.hresult == "0x8009030E"
    assert caught.value.host == "HV01"


def test_a_non_terminating_error_is_an_error_too_unless_accepted(session: HostSession) -> None:
    with pytest.raises(CommandFailed, match="one is missing"):
        session.invoke(commands.get_vm_switches())
    result = session.invoke(commands.get_vm_switches(), accept=("objectnotfound",))
    assert result.objects == ("the other",)
    assert [error.fq_error_id for error in result.errors] == ["ObjectNotFound,Toy.Get"]
    assert result.warnings == ("mind the gap",)


def test_every_progress_record_arrives_in_order(session: HostSession) -> None:
    result = session.invoke(commands.get_volumes())
    assert result.objects == tuple(range(200))
    assert [each.status for each in result.progress] == [str(number) for number in range(200)]


def test_eight_threads_with_three_pipelines_each_share_one_session(session: HostSession) -> None:
    def three(number: int) -> list[str]:
        answers = [session.invoke(echo(Name=f"{number}-{turn}")) for turn in range(3)]
        return [str(answer.bags[0].get("Value")) for answer in answers]

    with ThreadPoolExecutor(8) as crew:
        answers = list(crew.map(three, range(8)))
    assert answers == [[f"{number}-{turn}" for turn in range(3)] for number in range(8)]


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("DB[1]", "DB[1]"),
        ("x'; Remove-VM *", "x'; Remove-VM *"),
        ("_x0041_ \u00e9 \U0001f600 \t", "_x0041_ \u00e9 \U0001f600 \t"),
        (2**40, str(2**40)),
        (VM_ID, str(VM_ID)),
        (True, "True"),
    ],
)
def test_a_value_stays_the_value_it_is(session: HostSession, toy: Any, value: object, arrives: str) -> None:
    (heard,) = session.invoke(echo(Name=value)).bags
    assert heard.get("Value") == arrives
    assert [command.name for command in toy.heard[-1]] == ["Get-VM"]


def test_a_credential_arrives_as_one_and_keys_are_exchanged_once(session: HostSession, toy: Any) -> None:
    toy.release.set()
    secret = Credential("CORP\\mover", "p\u00e4ss w\u00f6rd \u20ac")
    for _ in range(2):
        assert session.invoke(move(secret)).objects == ("moved",)
    (_, moving) = toy.heard[-1]
    assert moving.parameters["DestinationCredential"] == LabCredential(secret.user, str(secret.password))


def test_a_started_operation_is_watched_and_waited_for(session: HostSession, toy: Any) -> None:
    operation = session.start(move())
    assert until(lambda: len(operation.progress) == 3)
    assert [each.percent for each in operation.progress] == [10, 40, 70]
    assert not operation.done
    assert not operation.wait(0.01)
    assert session.invoke(commands.get_vm_host()).objects, "others are served meanwhile"
    toy.release.set()
    assert operation.result().objects == ("moved",)
    assert operation.done


def test_an_operation_is_stopped_from_another_thread(session: HostSession, toy: Any) -> None:
    operation = session.start(move())
    assert until(lambda: len(operation.progress) == 3)
    operation.stop()
    assert operation.wait(5)
    assert operation.result().stopped
    assert toy.stopped.wait(5)
    assert session.invoke(commands.get_vm_host()).objects, "the session is as good as before"
    operation.stop()


def test_connections_cut_while_the_answer_is_awaited_lose_nothing(opened: Opened, proxy: Any, toy: Any) -> None:
    session = opened(port=proxy.port)
    operation = session.start(move())
    assert until(lambda: len(operation.progress) == 3)
    for cuts in (1, 2):
        assert until(lambda: proxy.settled)
        proxy.cut()
        assert proxy.cuts >= cuts
    toy.release.set()
    result = operation.result()
    assert result.objects == ("moved",)
    assert [each.percent for each in result.progress] == [10, 40, 70]
    assert len(toy.heard) == 1


def test_idle_connections_that_were_cut_are_replaced(opened: Opened, proxy: Any) -> None:
    session = opened(port=proxy.port)
    session.invoke(commands.get_vm_host())
    proxy.cut()
    assert session.invoke(commands.get_vm_host()).objects


def test_a_host_that_goes_away_while_a_command_runs_is_a_lost_session(opened: Opened, server: Any) -> None:
    session = opened()
    operation = session.start(move())
    assert until(lambda: len(operation.progress) == 3)
    closing = ThreadPoolExecutor(1).submit(session.close)
    with pytest.raises(SessionLost) as caught:
        operation.result()
    closing.result()
    assert caught.value.host == "HV01"
    assert "look at the host" in str(caught.value)


def test_a_lost_session_opens_anew_for_the_next_command(session: HostSession) -> None:
    session.invoke(commands.get_vm_host())
    session.close()
    assert session.invoke(commands.get_vm_host()).objects


def test_a_wrong_password_is_refused_in_one_sentence(opened: Opened) -> None:
    with pytest.raises(AuthenticationRefused) as caught:
        opened(password="not-it").invoke(commands.get_vm_host())
    assert "HV01" in str(caught.value)
    assert "not-it" not in str(caught.value)


def test_a_closed_port_is_an_unreachable_host(opened: Opened) -> None:
    with pytest.raises(HostUnreachable, match="nobody listens at 127"):
        opened(port=9).invoke(commands.get_vm_host())


def test_an_endpoint_that_has_no_role_for_us_says_so(opened: Opened) -> None:
    with pytest.raises(AuthenticationRefused, match="fault 5") as refused:
        opened(place={"configuration_name": "Guarded"}).open()
    assert "a role in the session configuration Guarded" in str(refused.value)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"scheme": "https"}, "no TLS connection"),
        ({"configuration_name": "Nope"}, "no session configuration called Nope"),
    ],
)
def test_a_wrong_scheme_or_configuration_is_told_as_such(opened: Opened, place: dict[str, str], said: str) -> None:
    with pytest.raises(HostUnreachable, match=said):
        opened(place=place).open()


def test_negotiate_says_what_was_really_used(opened: Opened) -> None:
    session = opened(place={"auth": "negotiate"})
    session.open()
    assert session.protocol == "ntlm"


@pytest.mark.parametrize("command", [commands.get_vm_host(), move()])
def test_a_shell_the_host_has_forgotten_took_no_command_and_a_new_one_does(
    session: HostSession, toy: Any, command: Pipeline
) -> None:
    session.open()
    assert session._shell is not None
    session._shell._pool.close()
    toy.release.set()
    assert session.start(command).result().objects
    assert len(toy.heard) == 1


def test_a_command_too_long_for_one_envelope_arrives_whole(session: HostSession) -> None:
    (heard,) = session.invoke(echo(Name="x" * 1_000_000)).bags
    assert heard.get("Value") == "x" * 1_000_000


def test_opening_signs_on_before_the_first_command(opened: Opened) -> None:
    session = opened()
    session.open()
    assert session.protocol == "ntlm"
    with pytest.raises(HostUnreachable):
        opened(port=9).open()


def test_proxies_of_the_environment_are_not_used(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    assert opened().invoke(commands.get_vm_host()).objects


def test_every_command_is_told_when_sent_and_when_ended(opened: Opened) -> None:
    told: list[CommandRecord] = []
    session = opened(on_command=told.append)
    session.invoke(commands.get_vm_host())
    with pytest.raises(CommandFailed):
        session.invoke(commands.get_vhds(VM_ID))
    session.start(move(Credential("CORP\\mover", "s3cret"))).stop()
    assert until(lambda: len(told) == 6)
    assert [(each.phase, each.outcome) for each in told] == [
        ("sent", None),
        ("ended", "completed"),
        ("sent", None),
        ("ended", "failed"),
        ("sent", None),
        ("ended", "stopped"),
    ]
    assert told[3].error_id == "AccessDenied,Toy.Vhd"
    assert [each.changes for each in told] == [False] * 4 + [True] * 2
    assert "-DestinationCredential ***" in told[4].text
    assert "s3cret" not in repr(told)


def test_what_cannot_be_sent_is_refused_before_it_is_sent(session: HostSession, toy: Any) -> None:
    with pytest.raises(TypeError, match="object"):
        session.invoke(echo(Name=object()))
    assert toy.heard == []
    assert session.invoke(commands.get_vm(uuid4())).objects
