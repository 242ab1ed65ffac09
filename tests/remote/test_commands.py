"""The vocabulary: what is said, and that nothing else can be."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from uuid import UUID

import pytest

from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential

VM_ID = UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11")
SINCE = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
SPNS = ["cifs/HV02", "cifs/hv02.corp.example"]
JOB_FILTER = "VirtualSystemName='5B1A3F0E-8F0C-4A53-9C51-2F3D7C1F0A11'"

EVERYTHING = {
    "get_vm_host": commands.get_vm_host(),
    "get_vm_switches": commands.get_vm_switches(),
    "get_vm_migration_networks": commands.get_vm_migration_networks(),
    "get_vm_host_supported_versions": commands.get_vm_host_supported_versions(),
    "get_computer_system": commands.get_computer_system(),
    "get_operating_system": commands.get_operating_system(),
    "get_processors": commands.get_processors(),
    "get_device_guard": commands.get_device_guard(),
    "get_peer_host": commands.get_peer_host("HV02", Credential("CORP\\operator", "geheim")),
    "get_migration_service": commands.get_migration_service(),
    "get_network_adapters": commands.get_network_adapters(),
    "get_network_adapters_rdma": commands.get_network_adapters_rdma(),
    "get_ip_addresses": commands.get_ip_addresses(),
    "get_volumes": commands.get_volumes(),
    "get_firewall_rules": commands.get_firewall_rules(),
    "resolve": commands.resolve("HV02"),
    "test_port": commands.test_port("HV02", 6600),
    "ping": commands.ping("10.20.0.51", 1000),
    "get_vms": commands.get_vms(),
    "get_vm": commands.get_vm(VM_ID),
    "get_vm_hard_disks": commands.get_vm_hard_disks(VM_ID),
    "get_vhds": commands.get_vhds(VM_ID),
    "get_vm_network_adapters": commands.get_vm_network_adapters(VM_ID),
    "get_vm_dvd_drives": commands.get_vm_dvd_drives(VM_ID),
    "get_vm_snapshots": commands.get_vm_snapshots(VM_ID),
    "get_vm_integration_services": commands.get_vm_integration_services(VM_ID),
    "get_vm_processor": commands.get_vm_processor(VM_ID),
    "get_vm_memory": commands.get_vm_memory(VM_ID),
    "measure_vm": commands.measure_vm(VM_ID),
    "get_planned_vm": commands.get_planned_vm(VM_ID),
    "get_migration_jobs": commands.get_migration_jobs(VM_ID),
    "get_live_migration_counters": commands.get_live_migration_counters(),
    "get_events": commands.get_events((20415, 20413), SINCE),
    "get_event_values": commands.get_event_values(17),
    "enable_vm_migration": commands.enable_vm_migration(),
    "disable_vm_migration": commands.disable_vm_migration(),
    "set_vm_host": commands.set_vm_host(authentication="Kerberos", use_any_network=True),
    "move_vm": commands.move_vm(
        VM_ID, "HV02", storage_path="D:\\Hyper-V\\VM01", credential=Credential("CORP\\operator", "geheim")
    ),
    "get_ad_domain": commands.get_ad_domain(),
    "get_ad_computer": commands.get_ad_computer("HV01"),
    "add_delegation": commands.add_delegation("HV01", SPNS),
    "remove_delegation": commands.remove_delegation("HV01", SPNS),
    "set_any_protocol": commands.set_any_protocol("HV01", True),
    "at_server": commands.at_server(
        commands.set_any_protocol("HV01", False), "dc01.corp.example", Credential("CORP\\ad", "geheim")
    ),
    "select": commands.select(commands.get_vms(), ("Id", "Name")),
}

TEXTS = {
    "get_vm": "Get-VM -Id '5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11'",
    "get_vm_hard_disks": "Get-VM -Id '5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11' | Get-VMHardDiskDrive",
    "get_device_guard": "Get-CimInstance -ClassName 'Win32_DeviceGuard' "
    "-Namespace 'root\\Microsoft\\Windows\\DeviceGuard'",
    "get_peer_host": "Get-VMHost -ComputerName 'HV02' -Credential ***",
    "get_vhds": "Get-VHD -VMId '5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11'",
    "get_migration_jobs": "Get-CimInstance -ClassName 'Msvm_MigrationJob' -Namespace 'root\\virtualization\\v2' "
    f"-Filter '{JOB_FILTER.replace(chr(39), chr(39) * 2)}'",
    "get_live_migration_counters": "Get-Counter -Counter '\\Hyper-V VM Live Migration(*)\\*' -MaxSamples 1 "
    "| Select-Object -ExpandProperty 'CounterSamples'",
    "get_events": "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-VMMS-Admin' -FilterXPath '*[System[(EventID=20413 "
    "or EventID=20415) and TimeCreated[@SystemTime>=''2026-11-23T21:04:00.000Z'']]]'",
    "get_event_values": "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-VMMS-Admin' "
    "-FilterXPath '*[System[EventRecordID=17]]' | Select-Object -ExpandProperty 'Properties'",
    "set_vm_host": "Set-VMHost -VirtualMachineMigrationAuthenticationType 'Kerberos' "
    "-UseAnyNetworkForMigration:$true -Confirm:$false",
    "move_vm": "Get-VM -Id '5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11' | Move-VM -DestinationHost 'HV02' "
    "-DestinationCredential *** -IncludeStorage:$true -DestinationStoragePath 'D:\\Hyper-V\\VM01' -Confirm:$false",
    "add_delegation": "Set-ADComputer -Identity 'HV01' "
    "-Add @{'msDS-AllowedToDelegateTo'=@('cifs/HV02','cifs/hv02.corp.example')} -Confirm:$false",
    "set_any_protocol": "Set-ADAccountControl -Identity 'HV01' -TrustedToAuthForDelegation:$true -Confirm:$false",
    "at_server": "Set-ADAccountControl -Identity 'HV01' -TrustedToAuthForDelegation:$false -Confirm:$false "
    "-Server 'dc01.corp.example' -Credential ***",
    "ping": "Get-CimInstance -ClassName 'Win32_PingStatus' -Filter 'Address=''10.20.0.51'' and Timeout=1000' "
    "| Select-Object -Property @('StatusCode','ResponseTime','PrimaryAddressResolutionStatus')",
    "test_port": "Test-NetConnection -ComputerName 'HV02' -Port 6600",
    "select": "Get-VM | Select-Object -Property @('Id','Name')",
}


def test_every_function_of_the_vocabulary_is_tried_here() -> None:
    functions = {name for name in commands.__all__ if inspect.isfunction(getattr(commands, name))}
    assert functions == set(EVERYTHING)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_what_is_said(name: str) -> None:
    assert EVERYTHING[name].text() == TEXTS[name]


def test_what_changes_is_known_and_what_reads_only_looks() -> None:
    changing = {name for name, pipeline in EVERYTHING.items() if pipeline.changes}
    assert changing == {
        "add_delegation",
        "at_server",
        "disable_vm_migration",
        "enable_vm_migration",
        "move_vm",
        "remove_delegation",
        "set_any_protocol",
        "set_vm_host",
    }
    assert all(name.split("-")[0] in ("Get", "Measure", "Resolve", "Select", "Test") for name in commands.READS)
    assert not commands.READS & commands.CHANGES


def test_every_cmdlet_of_the_vocabulary_is_used() -> None:
    used = {command.name for pipeline in EVERYTHING.values() for command in pipeline.commands}
    assert used == commands.READS | commands.CHANGES


def test_a_change_never_asks_back() -> None:
    for pipeline in EVERYTHING.values():
        if pipeline.changes:
            assert pipeline.commands[-1].parameters["Confirm"] is False


def test_a_machine_is_never_addressed_by_name() -> None:
    for pipeline in EVERYTHING.values():
        for command in pipeline.commands:
            if command.name == "Get-VM":
                assert set(command.parameters) <= {"Id"}


def test_nothing_to_set_and_nobody_to_delegate_to_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        commands.set_vm_host()
    with pytest.raises(ValueError, match="no service principal"):
        commands.add_delegation("HV01", [])


def test_a_filter_takes_a_guid_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        commands.get_migration_jobs("x' OR '1'='1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="invalid literal"):
        commands.get_event_values("1 or 1")  # type: ignore[arg-type]


def test_without_a_credential_delegation_carries_the_move() -> None:
    pipeline = commands.move_vm(VM_ID, "HV02", storage_path="D:\\x", credential=None)
    assert "DestinationCredential" not in pipeline.commands[-1].parameters
