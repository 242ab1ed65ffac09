"""A computer behind its other session configurations: who is let in, as whom it acts, what exists there."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.pipeline import Caller, Configured, Invocation
from snlm_lib.lab.values import Terminating
from tests.lab.world.conftest import OPERATOR, Lab, RecordingSink

MOVE_VM = "Microsoft.HyperV.PowerShell.Commands.MoveVM"
STORAGE = {"IncludeStorage": True, "DestinationStoragePath": "D:\\Hyper-V\\VM01", "Confirm": False}


def behind(lab: Lab, host: str, name: str, user: str = OPERATOR.user) -> LabComputer:
    found = LabComputer(lab.world, lab.host(host)).behind(name, Caller(user, "kerberos"))
    assert found is not None
    return found


def ask(computer: LabComputer, *commands: tuple[str, Mapping[str, object]]) -> RecordingSink:
    sink = RecordingSink()
    pipeline = [Invocation(name, parameters) for name, parameters in commands]
    try:
        computer.run(Caller(OPERATOR.user, "kerberos"), pipeline, sink, threading.Event())
    except Terminating as ended:
        sink.failure = ended.record
    return sink


def move(lab: Lab, computer: LabComputer, **more: object) -> RecordingSink:
    parameters = {"DestinationHost": "HV02", **STORAGE, **more}
    return ask(computer, ("Get-VM", {"Id": lab.vm("VM01").vm_id}), ("Move-VM", parameters))


def test_the_endpoints_account_makes_the_second_hop_without_a_credential(ready: Lab) -> None:
    answer = move(ready, behind(ready, "HV01", "Snlm.Operator"))
    assert answer.fq_error_ids == []
    assert ready.vm("VM01").vm_id in ready.host("HV02").vms
    assert ready.host("HV01").jobs[0].owner == "CORP\\snlm-move$"


def test_without_rights_there_the_account_arrives_and_is_sent_away(ready: Lab) -> None:
    ready.host("HV02").administrators.remove("CORP\\snlm-move$")
    answer = move(ready, behind(ready, "HV01", "Snlm.Operator"))
    assert answer.fq_error_ids == [f"AccessDenied,{MOVE_VM}"]
    assert answer.errors[0].message.startswith("You do not have the required permission")
    assert ready.host("HV01").jobs == []


def test_the_survey_has_no_move(ready: Lab) -> None:
    ready.world.groups["CORP\\snlm-readers"] = {OPERATOR.user.casefold()}
    answer = move(ready, behind(ready, "HV01", "Snlm.Survey"))
    assert answer.fq_error_ids == ["CommandNotFoundException"]
    assert answer.failure is not None
    assert "'Move-VM' is not recognized" in answer.failure.message


@pytest.mark.parametrize(
    ("host", "command", "error_id"),
    [
        ("HV01", ("Get-ADComputer", {"Identity": "HV01"}), "CommandNotFoundException"),
        ("HV01", ("Get-Counter", {"Counter": "\\Memory\\*"}), "ParameterArgumentValidationError,Get-Counter"),
        ("HV01", ("Get-VM", {"Name": "VM01"}), "NamedParameterNotFound,Get-VM"),
        ("DC01", ("Get-VM", {}), "CommandNotFoundException"),
        ("DC01", ("Set-ADComputer", {"Identity": "HV01", "Clear": ["x"]}), "NamedParameterNotFound,Set-ADComputer"),
    ],
)
def test_what_is_outside_the_role_fails_as_on_windows(
    lab: Lab, host: str, command: tuple[str, Mapping[str, object]], error_id: str
) -> None:
    answer = ask(behind(lab, host, "Snlm.Operator"), command)
    assert answer.fq_error_ids == [error_id]
    assert answer.output_values == []


def test_a_visible_cmdlets_own_errors_are_its_own(lab: Lab) -> None:
    missing = ("Get-VM", {"Id": "00000000-0000-0000-0000-000000000001"})
    (error_id,) = ask(behind(lab, "HV01", "Snlm.Operator"), missing).fq_error_ids
    assert error_id.endswith("Microsoft.HyperV.PowerShell.Commands.GetVM")


def test_a_stranger_is_not_let_in_and_another_name_does_not_exist(lab: Lab) -> None:
    with pytest.raises(PermissionError):
        behind(lab, "HV01", "Snlm.Operator", "CORP\\auditor")
    with pytest.raises(PermissionError):
        behind(lab, "HV01", "Snlm.Survey")
    assert LabComputer(lab.world, lab.host("HV01")).behind("Other", Caller(OPERATOR.user, "ntlm")) is None
    assert isinstance(LabComputer(lab.world, lab.host("HV01")), Configured)
