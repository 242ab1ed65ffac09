"""Module Hyper-V, the host itself: settings, live migration, switches, networks, versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.machines import hyperv_object
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.cmdlets.wildcard import has_wildcard, matches
from snlm_lib.lab.values import PsValue
from snlm_lib.lab.world import VirtualSwitch

__all__: list[str] = []

_CHANGES = ("Passthru", "WhatIf", "Confirm")
_SETTINGS = {
    "MaximumStorageMigrations": "maximum_storage_migrations",
    "MaximumVirtualMachineMigrations": "maximum_vm_migrations",
    "VirtualMachineMigrationAuthenticationType": "authentication",
    "UseAnyNetworkForMigration": "use_any_network",
    "VirtualMachineMigrationPerformanceOption": "performance",
}


def _host_object(context: Context) -> PsValue:
    host = context.host
    migration = host.migration
    values: dict[str, object] = {
        "LogicalProcessorCount": host.logical_processors,
        "ResourceMeteringSaveInterval": timedelta(hours=1),
        "HostNumaStatus": [],
        "NumaStatus": [],
        "IovSupport": False,
        "SupportedVmVersions": host.supported_versions,
        "EnableEnhancedSessionMode": False,
        "NumaSpanningEnabled": True,
        "VirtualHardDiskPath": f"{host.default_path}\\Virtual Hard Disks",
        "VirtualMachinePath": host.default_path,
        "FullyQualifiedDomainName": host.fqdn,
        "MemoryCapacity": host.memory_bytes,
        "Name": host.name,
        "MaximumStorageMigrations": migration.maximum_storage_migrations,
        "MaximumVirtualMachineMigrations": migration.maximum_vm_migrations,
        "UseAnyNetworkForMigration": migration.use_any_network,
        "VirtualMachineMigrationAuthenticationType": migration.authentication,
        "VirtualMachineMigrationEnabled": migration.enabled,
        "VirtualMachineMigrationPerformanceOption": migration.performance,
    }
    return hyperv_object(context, "VMHost", values, to_string=host.name, live=host)


@cmdlet("Get-VMHost")
def get_vm_host(context: Context, bound: Bound) -> Iterator[object]:
    yield _host_object(context)


@cmdlet("Set-VMHost", honours=(*_SETTINGS, *_CHANGES))
def set_vm_host(context: Context, bound: Bound) -> Iterator[object]:
    if not bound.on("WhatIf"):
        for name, attribute in _SETTINGS.items():
            if name in bound:
                setattr(context.host.migration, attribute, bound.get(name))
    if bound.on("Passthru"):
        yield _host_object(context)


def _switch_migration(context: Context, bound: Bound, *, on: bool) -> Iterator[object]:
    if not bound.on("WhatIf"):
        context.host.migration.enabled = on
    if bound.on("Passthru"):
        yield _host_object(context)


@cmdlet("Enable-VMMigration", honours=_CHANGES)
def enable_vm_migration(context: Context, bound: Bound) -> Iterator[object]:
    yield from _switch_migration(context, bound, on=True)


@cmdlet("Disable-VMMigration", honours=_CHANGES)
def disable_vm_migration(context: Context, bound: Bound) -> Iterator[object]:
    yield from _switch_migration(context, bound, on=False)


def _switch_object(context: Context, switch: VirtualSwitch) -> PsValue:
    values: dict[str, object] = {
        "Name": switch.name,
        "Id": switch.switch_id,
        "Notes": "",
        "Extensions": [],
        "SwitchType": switch.kind,
        "AllowManagementOS": switch.kind != "Private",
        "NetAdapterInterfaceDescription": switch.uplink or None,
        "NetAdapterInterfaceDescriptions": [switch.uplink] if switch.uplink else [],
        "EmbeddedTeamingEnabled": False,
        "IovEnabled": False,
    }
    text = f"VMSwitch (Name = '{switch.name}') [Id = '{switch.switch_id}']"
    return hyperv_object(context, "VMSwitch", values, to_string=text, live=switch)


@cmdlet("Get-VMSwitch", honours=("Name", "Id", "SwitchType"))
def get_vm_switch(context: Context, bound: Bound) -> Iterator[object]:
    wanted: list[UUID] | None = bound.get("Id")
    pattern: str = bound.get("Name", "*")
    kinds = bound.get("SwitchType", ["External", "Internal", "Private"])
    found = [
        switch
        for switch in context.host.switches.values()
        if matches(pattern, switch.name) and switch.kind in kinds and (wanted is None or switch.switch_id in wanted)
    ]
    if not found and "Name" in bound and not has_wildcard(pattern):
        text = f'Hyper-V was unable to find a virtual switch with name "{pattern}".'
        context.error(context.record(text, "InvalidParameter", 5, target=pattern))
    for switch in found:
        yield _switch_object(context, switch)


@cmdlet("Get-VMMigrationNetwork", honours=("Subnet",))
def get_vm_migration_network(context: Context, bound: Bound) -> Iterator[object]:
    patterns = bound.get("Subnet", ["*"])
    for priority, subnet in enumerate(context.host.migration_networks):
        if any(matches(pattern, subnet) for pattern in patterns):
            values: dict[str, object] = {"Subnet": subnet, "Priority": priority}
            yield hyperv_object(context, "VMMigrationNetwork", values, to_string=subnet)


@cmdlet("Get-VMHostSupportedVersion", honours=("Default",))
def get_vm_host_supported_version(context: Context, bound: Bound) -> Iterator[object]:
    versions = context.host.supported_versions
    for version in versions:
        default = version == versions[-1]
        if default or not bound.on("Default"):
            values: dict[str, object] = {"Name": f"Version {version}", "Version": version, "IsDefault": default}
            yield hyperv_object(context, "VMHostSupportedVersion", values, to_string=version)
