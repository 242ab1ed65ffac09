"""-ComputerName from one host to the other: the harmless read that shows whether a move's cmdlet would arrive."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.pipeline import Caller, Invocation
from snlm_lib.lab.scenario_file import load_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.lab.values import Credential, Terminating
from tests.lab.world.conftest import OPERATOR, Lab, RecordingSink

GET_VM_HOST = "Microsoft.HyperV.PowerShell.Commands.GetVMHost"


def read(lab: Lab, caller: Caller, **parameters: object) -> RecordingSink:
    sink = RecordingSink()
    computer = LabComputer(lab.world, lab.host("HV01"), run_as=caller.run_as)
    computer.run(caller, [Invocation("Get-VMHost", parameters)], sink, threading.Event())
    return sink


def at(lab: Lab, host: str, caller: Caller, *commands: tuple[str, Mapping[str, object]]) -> RecordingSink:
    sink = RecordingSink()
    pipeline = [Invocation(name, parameters) for name, parameters in commands]
    try:
        LabComputer(lab.world, lab.host(host), run_as=caller.run_as).run(caller, pipeline, sink, threading.Event())
    except Terminating as ended:
        sink.failure = ended.record
    return sink


PLAIN, CREDSSP = Caller(OPERATOR.user, "kerberos"), Caller(OPERATOR.user, "credssp")
ENDPOINT, VIRTUAL = Caller(OPERATOR.user, "kerberos", "CORP\\snlm-move$"), Caller(OPERATOR.user, "kerberos", "virtual")


@pytest.mark.parametrize(
    ("caller", "parameters", "name"),
    [
        (PLAIN, {}, "HV01"),
        (PLAIN, {"ComputerName": "localhost"}, "HV01"),
        (PLAIN, {"ComputerName": "HV01"}, "HV01"),
        (PLAIN, {"ComputerName": "HV02", "Credential": OPERATOR}, "HV02"),
        (CREDSSP, {"ComputerName": "hv02.corp.example"}, "HV02"),
        (ENDPOINT, {"ComputerName": ["HV02"]}, "HV02"),
    ],
)
def test_who_arrives_reads_the_other_host(lab: Lab, caller: Caller, parameters: dict[str, object], name: str) -> None:
    assert read(lab, caller, **parameters).one.properties["Name"] == name


@pytest.mark.parametrize(
    ("caller", "parameters", "error_id", "says"),
    [
        (PLAIN, {"ComputerName": "HV02"}, "AccessDenied", "0x80070005"),
        (PLAIN, {"ComputerName": "HV02", "Credential": Credential(OPERATOR.user, "no")}, "AccessDenied", "0x8007052E"),
        (PLAIN, {"ComputerName": "DC01", "Credential": OPERATOR}, "ObjectNotFound", "0x800706BA"),
        (CREDSSP, {"ComputerName": "HV09"}, "ObjectNotFound", "0x800706BA"),
        (VIRTUAL, {"ComputerName": "HV02"}, "AccessDenied", "the required permission"),
    ],
)
def test_who_does_not_arrive_is_told_why(
    lab: Lab, caller: Caller, parameters: dict[str, object], error_id: str, says: str
) -> None:
    answer = read(lab, caller, **parameters)
    assert answer.output_values == []
    assert answer.fq_error_ids == [f"{error_id},{GET_VM_HOST}"]
    assert says in answer.errors[0].message


# -- a member server: AD cmdlets hop to the controller, Hyper-V cmdlets to both hosts -------------

ACCOUNT = ("Get-ADComputer", {"Identity": "HV01"})
SERVER_DOWN = "ActiveDirectoryServer:0,Microsoft.ActiveDirectory.Management.Commands.GetADComputer"
REJECTED = "ActiveDirectoryCmdlet:System.Security.Authentication.AuthenticationException"


@pytest.fixture
def managed(tmp_path: Path) -> Lab:
    """A lab with the member server MGMT01."""
    file = tmp_path / "own.yaml"
    file.write_text("based_on: quick\ndomain: {management: MGMT01}\n", encoding="utf-8")
    world = build_world(load_scenario(file), clock=FakeClock())
    world.set_password(OPERATOR.user, OPERATOR.password)
    return Lab(world)


@pytest.mark.parametrize(
    ("host", "caller", "told"),
    [
        ("DC01", PLAIN, {}),
        ("DC01", PLAIN, {"Server": "DC01", "Credential": OPERATOR}),
        ("MGMT01", PLAIN, {"Credential": OPERATOR}),
        ("MGMT01", PLAIN, {"Server": "dc01.corp.example", "Credential": OPERATOR}),
        ("MGMT01", CREDSSP, {}),
        ("MGMT01", Caller(OPERATOR.user, "console"), {}),
        ("MGMT01", ENDPOINT, {"Server": "DC01"}),
    ],
)
def test_who_reaches_the_controller_reads_accounts(
    managed: Lab, host: str, caller: Caller, told: dict[str, object]
) -> None:
    answer = at(managed, host, caller, (ACCOUNT[0], {**ACCOUNT[1], **told}))
    assert answer.one.properties["Name"] == "HV01"


@pytest.mark.parametrize(
    ("caller", "told", "error_id"),
    [
        (PLAIN, {}, SERVER_DOWN),
        (PLAIN, {"Server": "DC01"}, SERVER_DOWN),
        (CREDSSP, {"Server": "HV01"}, SERVER_DOWN),
        (CREDSSP, {"Server": "DC09"}, SERVER_DOWN),
        (PLAIN, {"Credential": Credential(OPERATOR.user, "no")}, f"{REJECTED},{SERVER_DOWN.partition(',')[2]}"),
    ],
)
def test_on_a_member_server_ad_cmdlets_make_a_second_hop(
    managed: Lab, caller: Caller, told: dict[str, object], error_id: str
) -> None:
    answer = at(managed, "MGMT01", caller, (ACCOUNT[0], {**ACCOUNT[1], **told}))
    assert answer.fq_error_ids == [error_id]


def test_the_account_of_the_credential_is_who_changes_the_directory(managed: Lab) -> None:
    change = {"Identity": "HV01", "TrustedToAuthForDelegation": True, "Credential": OPERATOR}
    assert (
        at(managed, "MGMT01", Caller("CORP\\nobody", "kerberos"), ("Set-ADAccountControl", change)).fq_error_ids == []
    )
    assert managed.world.directory.accounts["hv01"].any_protocol


@pytest.mark.parametrize(
    ("caller", "arrives"), [(PLAIN, False), (CREDSSP, True), (Caller(OPERATOR.user, "console"), True)]
)
def test_a_jump_host_adds_a_hop(managed: Lab, caller: Caller, arrives: bool) -> None:
    managed.prepare()
    machine = ("Get-VM", {"Id": managed.vm("VM01").vm_id, "ComputerName": "HV01"})
    assert (at(managed, "MGMT01", caller, machine).fq_error_ids == []) is arrives
    move = {"Name": "VM01", "ComputerName": "HV01", "DestinationHost": "HV02", "IncludeStorage": True}
    answer = at(managed, "MGMT01", caller, ("Move-VM", {**move, "DestinationStoragePath": "D:\\Hyper-V\\VM01"}))
    assert (managed.vm("VM01").vm_id in managed.host("HV02").vms) is arrives
    assert arrives or "0x80070005" in answer.errors[0].message


def test_a_member_server_says_that_it_is_one(managed: Lab) -> None:
    asked = ("Get-CimInstance", {"ClassName": "Win32_ComputerSystem"})
    roles = {host: at(managed, host, PLAIN, asked).one.properties["DomainRole"] for host in ("DC01", "MGMT01", "HV01")}
    assert roles == {"DC01": 5, "MGMT01": 3, "HV01": 3}
