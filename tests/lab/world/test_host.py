"""A computer's pipelines: chaining, errors, stopping, and Select-Object."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from snlm_lib.lab.cmdlets.wildcard import has_wildcard, matches
from snlm_lib.lab.host import LabComputer
from snlm_lib.lab.pipeline import Caller, Invocation
from tests.lab.world.conftest import OPERATOR, Command, Lab, RecordingSink


def test_unknown_commands_are_not_found(lab: Lab) -> None:
    for host, name in (("HV01", "Remove-VM"), ("HV01", "Get-ADComputer"), ("DC01", "Get-VM")):
        failure = lab.ask(host, (name, {})).failure
        assert failure is not None
        assert (failure.fq_error_id, failure.category, failure.target) == ("CommandNotFoundException", 13, name)


def test_every_command_is_bound_before_the_first_runs(lab: Lab) -> None:
    answer = lab.ask("HV01", ("Enable-VMMigration", {}), ("Select-Object", {"Colour": 1}))
    assert answer.fq_error_ids == ["NamedParameterNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand"]
    assert not lab.host("HV01").migration.enabled


def test_a_parameter_windows_has_and_the_lab_ignores_is_refused(lab: Lab) -> None:
    failure = lab.ask("HV01", ("Get-VMHost", {"ComputerName": ["HV01", "HV02"]})).failure
    assert failure is not None
    assert failure.category == 11
    assert "does not simulate -ComputerName" in failure.message


def test_objects_flow_one_by_one_and_what_does_not_fit_is_reported(lab: Lab) -> None:
    answer = lab.ask("HV01", ("Get-VM", {}), ("Get-VMMemory", {}))
    assert sorted(map(str, answer.column("VMName"))) == ["FILE01", "VM01"]
    wrong = lab.ask("HV01", ("Get-VMSwitch", {}), ("Get-VMMemory", {}))
    assert wrong.output_values == []
    assert wrong.fq_error_ids == ["InputObjectNotBound,Microsoft.HyperV.PowerShell.Commands.GetVMMemory"] * 2


@pytest.mark.parametrize(
    ("action", "errors", "failed"), [("Stop", 0, True), ("SilentlyContinue", 0, False), ("Continue", 1, False)]
)
def test_error_action(lab: Lab, action: str, errors: int, failed: bool) -> None:
    answer = lab.ask("HV01", ("Get-VM", {"Id": uuid4(), "ErrorAction": action}))
    assert len(answer.errors) == errors
    assert (answer.failure is not None) is failed


def test_a_stopped_pipeline_gives_nothing_more(lab: Lab) -> None:
    stop = threading.Event()
    stop.set()
    assert lab.ask("HV01", ("Get-VM", {}), stop=stop).output_values == []


def test_select_takes_properties_in_order_and_null_for_unknown_ones(lab: Lab) -> None:
    answer = lab.ask(
        "HV01", ("Get-VM", {"Name": "VM01"}), ("Select-Object", {"Property": ["state", "NoSuch", "Mem*Maximum"]})
    )
    value = answer.one
    assert value.extended
    assert value.type_names[0] == "Selected.Microsoft.HyperV.PowerShell.VirtualMachine"
    assert list(value.properties) == ["State", "NoSuch", "MemoryMaximum"]
    assert (str(value.properties["State"]), value.properties["NoSuch"]) == ("Running", None)


def test_select_expands_lists_and_single_values(lab: Lab) -> None:
    names = lab.ask("HV01", ("Get-VM", {"Name": "VM01"}), ("Select-Object", {"ExpandProperty": "OperationalStatus"}))
    assert [str(each) for each in names.output_values] == ["Ok"]
    assert lab.ask("HV01", ("Get-VMHost", {}), ("Select-Object", {"ExpandProperty": "Name"})).output_values == ["HV01"]
    wrong = lab.ask("HV01", ("Get-VMHost", {}), ("Select-Object", {"ExpandProperty": "Nome"}))
    assert wrong.fq_error_ids == ["ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand"]


def test_select_first_and_skip(lab: Lab) -> None:
    versions: Command = ("Get-VMHostSupportedVersion", {})
    answer = lab.ask("HV01", versions, ("Select-Object", {"Skip": 1, "First": 2}))
    assert answer.column("Version") == ["8.1", "8.2"]
    assert lab.ask("HV01", ("Select-Object", {"First": 2})).output_values == []


def test_what_the_client_pipes_in_meets_the_first_command(lab: Lab) -> None:
    sink = RecordingSink()
    piped = (Invocation("", {}, (lab.ask("HV01", ("Get-VM", {"Name": "VM01"})).one, 7)), Invocation("Get-VMMemory", {}))
    computer = LabComputer(lab.world, lab.host("HV01"))
    computer.run(Caller(OPERATOR.user, "ntlm"), piped, sink, threading.Event())
    assert sink.column("VMName") == ["VM01"]
    assert sink.fq_error_ids == ["InputObjectNotBound,Microsoft.HyperV.PowerShell.Commands.GetVMMemory"]


def test_a_computer_tells_the_commands_it_has_and_a_role_shows(lab: Lab) -> None:
    whole = LabComputer(lab.world, lab.host("HV01"))
    [move] = whole.commands(["move-*"])
    assert (move.name, move.module) == ("Move-VM", "Hyper-V")
    assert "DestinationHost" in {parameter.name for parameter in move.parameters}
    assert whole.commands(["Get-ADComputer"]) == []
    role = whole.behind("Snlm.Operator", Caller(OPERATOR.user, "kerberos"))
    assert role is not None
    assert len(role.commands(["*"])) < len(whole.commands(["*"]))


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("VM*", "vm01", True),
        ("VM?1", "VM01", True),
        ("VM0[1-3]", "VM02", True),
        ("VM0[1-3]", "VM04", False),
        ("DB[1]", "DB1", True),
        ("DB[1]", "DB[1]", False),
        ("DB`[1`]", "DB[1]", True),
        ("a.b", "axb", False),
        ("VM01", "VM01x", False),
    ],
)
def test_wildcards(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


def test_a_backtick_makes_a_pattern_literal() -> None:
    assert has_wildcard("DB[1]")
    assert not has_wildcard("DB`[1`]")
