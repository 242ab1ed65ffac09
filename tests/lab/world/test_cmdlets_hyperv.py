"""The Hyper-V cmdlets: settings, machines, disks."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from snlm_lib.clock import FakeClock
from snlm_lib.units import GIB
from tests.lab.world.conftest import Lab

SETTINGS: dict[str, object] = {
    "VirtualMachineMigrationAuthenticationType": "Kerberos",
    "VirtualMachineMigrationPerformanceOption": "SMB",
    "MaximumVirtualMachineMigrations": 4,
    "MaximumStorageMigrations": 3,
    "UseAnyNetworkForMigration": True,
}


def test_settings_are_set_and_read_back(lab: Lab) -> None:
    lab.ask("HV01", ("Enable-VMMigration", {"Confirm": False}))
    assert lab.ask("HV01", ("Set-VMHost", {**SETTINGS, "Confirm": False})).output_values == []
    properties = lab.ask("HV01", ("Get-VMHost", {})).one.properties
    assert {name: str(properties[name]) for name in SETTINGS} == {name: str(value) for name, value in SETTINGS.items()}
    assert properties["VirtualMachineMigrationEnabled"] is True
    lab.ask("HV01", ("Disable-VMMigration", {"Confirm": False}))
    assert not lab.host("HV01").migration.enabled
    assert not lab.host("HV02").migration.enabled


def test_what_is_not_given_stays(lab: Lab) -> None:
    before = vars(lab.host("HV01").migration).copy()
    lab.ask("HV01", ("Set-VMHost", {"MaximumStorageMigrations": 9, "Confirm": False}))
    assert vars(lab.host("HV01").migration) == before | {"maximum_storage_migrations": 9}


def test_whatif_changes_nothing_and_passthru_shows_the_host(lab: Lab) -> None:
    before = lab.world.snapshot()
    lab.ask("HV01", ("Enable-VMMigration", {"WhatIf": True}))
    lab.ask("HV01", ("Set-VMHost", {**SETTINGS, "WhatIf": True}))
    assert lab.world.snapshot() == before
    shown = lab.ask("HV01", ("Enable-VMMigration", {"Passthru": True})).one
    assert shown.properties["VirtualMachineMigrationEnabled"] is True


def test_switches_by_name_kind_and_id(lab: Lab) -> None:
    assert sorted(map(str, lab.ask("HV01", ("Get-VMSwitch", {})).column("Name"))) == ["Internal", "LAN"]
    one = lab.ask("HV01", ("Get-VMSwitch", {"SwitchType": "External"})).one
    assert (one.properties["Name"], str(one.properties["SwitchType"])) == ("LAN", "External")
    assert lab.ask("HV01", ("Get-VMSwitch", {"Id": one.properties["Id"]})).one.properties["Name"] == "LAN"
    assert lab.ask("HV01", ("Get-VMSwitch", {"Name": "WAN"})).errors[0].category == 5
    assert lab.ask("HV01", ("Get-VMSwitch", {"Name": "W*"})).errors == []


def test_supported_versions_mark_the_newest_as_default(lab: Lab) -> None:
    answer = lab.ask("HV01", ("Get-VMHostSupportedVersion", {"Default": True}))
    assert answer.column("Version") == ["10.0"]


def test_a_machine_by_id_is_exact_and_an_unknown_id_is_an_error(lab: Lab) -> None:
    vm = lab.vm("VM01")
    assert lab.ask("HV01", ("Get-VM", {"Id": str(vm.vm_id).upper()})).one.properties["Name"] == "VM01"
    wrong = lab.ask("HV02", ("Get-VM", {"Id": vm.vm_id}))
    assert wrong.failure is None
    assert [(error.fq_error_id, error.category) for error in wrong.errors] == [
        ("ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM", 13)
    ]


def test_a_name_is_a_pattern_as_on_windows(lab: Lab) -> None:
    lab.vm("FILE01").name = "DB[1]"
    lab.vm("VM01").name = "DB1"
    assert lab.ask("HV01", ("Get-VM", {"Name": "DB[1]"})).column("Name") == ["DB1"]
    missing = lab.ask("HV01", ("Get-VM", {"Name": ["nobody", "no*"]}))
    assert missing.fq_error_ids == ["InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"]


def test_uptime_follows_the_clock_and_stops_with_the_machine(lab: Lab) -> None:
    clock = lab.world.clock
    assert isinstance(clock, FakeClock)
    before = lab.ask("HV01", ("Get-VM", {"Name": "VM01"})).one.properties["Uptime"]
    clock.advance(90)
    after = lab.ask("HV01", ("Get-VM", {"Name": "VM01"})).one.properties["Uptime"]
    assert isinstance(before, timedelta)
    assert isinstance(after, timedelta)
    assert (after - before).total_seconds() == 90
    lab.vm("VM01").state = "Off"
    off = lab.ask("HV01", ("Get-VM", {"Name": "VM01"})).one.properties
    assert (off["Uptime"], off["MemoryAssigned"], off["Heartbeat"]) == (timedelta(0), 0, None)


def test_disks_and_their_files_join_by_path(lab: Lab) -> None:
    machine = ("Get-VM", {"Name": "VM01"})
    drives = lab.ask("HV01", machine, ("Get-VMHardDiskDrive", {}))
    files = lab.ask("HV01", ("Get-VHD", {"VMId": lab.vm("VM01").vm_id}))
    assert drives.column("Path") == files.column("Path")
    assert files.column("Size") == [40 * GIB, 60 * GIB]
    assert drives.column("ControllerLocation") == [0, 1]
    second = lab.ask("HV01", machine, ("Get-VMHardDiskDrive", {"ControllerLocation": 1})).one
    assert str(second.properties["Path"]).endswith("VM01-data.vhdx")


def test_vhd_by_path_and_the_unknown(lab: Lab) -> None:
    path = lab.vm("VM01").disks[0].path
    assert lab.ask("HV01", ("Get-VHD", {"Path": path.upper()})).one.properties["Path"] == path
    assert lab.ask("HV01", ("Get-VHD", {"Path": "D:\\none.vhdx"})).errors[0].category == 13
    assert lab.ask("HV01", ("Get-VHD", {"VMId": uuid4()})).errors[0].category == 13


def test_a_drive_shows_its_image(lab: Lab) -> None:
    empty = lab.ask("HV01", ("Get-VM", {"Name": "VM01"}), ("Get-VMDvdDrive", {})).one
    assert empty.properties["Path"] is None
    lab.vm("VM01").dvd_path = "D:\\ISO\\x.iso"
    full = lab.ask("HV01", ("Get-VM", {"Name": "VM01"}), ("Get-VMDvdDrive", {})).one
    assert (full.properties["Path"], str(full.properties["DvdMediaType"])) == ("D:\\ISO\\x.iso", "ISO")


def test_parts_are_filtered_by_their_own_name(lab: Lab) -> None:
    machine = ("Get-VM", {"Name": "VM01"})
    one = lab.ask("HV01", machine, ("Get-VMIntegrationService", {"Name": "Heart*"})).one
    assert (one.properties["Name"], one.properties["Enabled"]) == ("Heartbeat", True)
    adapter = lab.ask("HV01", machine, ("Get-VMNetworkAdapter", {})).one.properties
    assert (adapter["SwitchName"], adapter["IPAddresses"]) == ("LAN", ["10.20.0.51"])
    assert lab.ask("HV01", machine, ("Get-VMNetworkAdapter", {"Name": "Second"})).output_values == []


def test_parts_by_the_machines_name(lab: Lab) -> None:
    assert lab.ask("HV01", ("Get-VMProcessor", {"VMName": "VM*"})).column("Count") == [4]
    assert lab.ask("HV01", ("Get-VMMemory", {"VMName": "FILE01"})).column("Startup") == [4 * GIB]
    assert lab.ask("HV01", ("Get-VMMemory", {"VMName": "none"})).errors[0].target == "none"
    assert lab.ask("HV01", ("Get-VMMemory", {})).fq_error_ids[0].startswith("MissingMandatoryParameter,")
