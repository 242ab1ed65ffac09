"""Compare-VM: what it reports, and the side effects that bite: a planned machine stays, an older one is gone."""

from __future__ import annotations

import pytest

from snlm_lib.lab.values import PsValue
from tests.lab.world.conftest import OPERATOR, Lab, RecordingSink

STORAGE = "D:\\Hyper-V\\VM01"


def compare(lab: Lab, **more: object) -> RecordingSink:
    wanted = {"DestinationHost": "HV02", "DestinationCredential": OPERATOR, "DestinationStoragePath": STORAGE} | more
    given = {key: value for key, value in wanted.items() if value is not None}
    return lab.ask("HV01", ("Get-VM", {"Name": "VM01"}), ("Compare-VM", given))


def entries(answer: RecordingSink) -> list[tuple[object, str]]:
    """MessageId and class of the source of each entry."""
    found = answer.one.properties["Incompatibilities"]
    assert isinstance(found, list)
    return [(each.properties["MessageId"], _class(each.properties["Source"])) for each in found]


def _class(value: PsValue) -> str:
    return value.type_names[0].rpartition(".")[2]


def test_a_report_is_never_empty_and_a_planned_machine_stays(ready: Lab) -> None:
    vm = ready.vm("VM01")
    report = compare(ready)

    assert entries(report) == [(0, "VirtualMachine")]
    assert str(report.one.properties["OperationType"].name) == "MoveVirtualMachineAndStorage"  # type: ignore[attr-defined]
    assert ready.host("HV02").planned == {vm.vm_id: "VM01"}
    assert vm.vm_id in ready.host("HV01").vms
    assert ready.host("HV01").jobs == []


def test_an_older_planned_machine_of_that_guid_is_deleted(ready: Lab) -> None:
    ready.host("HV02").planned[ready.vm("VM01").vm_id] = "an older one"
    compare(ready)
    assert list(ready.host("HV02").planned.values()) == ["VM01"]


def test_whatif_stages_nothing(ready: Lab) -> None:
    assert compare(ready, WhatIf=True).output_values == []
    assert ready.host("HV02").planned == {}


def test_what_it_finds_stands_beside_the_generic_entry_by_number_and_source(ready: Lab) -> None:
    del ready.host("HV02").switches["LAN"]
    ready.vm("VM01").dvd_path = "D:\\ISO\\setup.iso"

    assert entries(compare(ready)) == [(0, "VirtualMachine"), (33012, "VMNetworkAdapter"), (40010, "DvdDrive")]


def test_it_needs_what_a_move_needs_and_stages_nothing_without(ready: Lab) -> None:
    assert "0x80070005" in compare(ready, DestinationCredential=None).errors[0].message
    ready.world.directory.accounts["hv01"].delegate_to.clear()
    assert "0x8009030E" in compare(ready).errors[0].message
    assert ready.host("HV02").planned == {}


def test_what_it_left_is_deleted_by_a_move_without_the_report(ready: Lab) -> None:
    compare(ready)
    assert ready.move().errors == []
    assert ready.host("HV02").planned == {}


def test_a_move_with_the_report_uses_the_planned_machine(ready: Lab) -> None:
    report = compare(ready).one
    moved = ready.ask("HV01", ("Move-VM", {"CompatibilityReport": report, "Passthru": True}))
    assert moved.one.properties["Name"] == "VM01"
    assert ready.vm("VM01").vm_id in ready.host("HV02").vms
    assert ready.host("HV02").planned == {}


@pytest.mark.parametrize("spoilt", ["copied", "planned machine gone"])
def test_a_report_from_elsewhere_or_of_a_planned_machine_that_is_gone_is_refused(ready: Lab, spoilt: str) -> None:
    report = compare(ready).one
    if spoilt == "copied":  # as it comes back over a wire: its properties without the live object behind
        report = PsValue(report.type_names, report.to_string, report.properties)
    else:
        ready.host("HV02").planned.clear()
    refused = ready.ask("HV01", ("Move-VM", {"CompatibilityReport": report}))
    assert refused.fq_error_ids == ["InvalidParameter,Microsoft.HyperV.PowerShell.Commands.MoveVM"]
    assert ready.host("HV01").jobs == []
