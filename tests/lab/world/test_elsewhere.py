"""-ComputerName from one host to the other: the harmless read that shows whether a move's cmdlet would arrive."""

from __future__ import annotations

import threading

import pytest

from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.pipeline import Caller, Invocation
from snlm_lib.lab.values import Credential
from tests.lab.world.conftest import OPERATOR, Lab, RecordingSink

GET_VM_HOST = "Microsoft.HyperV.PowerShell.Commands.GetVMHost"


def read(lab: Lab, caller: Caller, **parameters: object) -> RecordingSink:
    sink = RecordingSink()
    computer = LabComputer(lab.world, lab.host("HV01"), run_as=caller.run_as)
    computer.run(caller, [Invocation("Get-VMHost", parameters)], sink, threading.Event())
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
