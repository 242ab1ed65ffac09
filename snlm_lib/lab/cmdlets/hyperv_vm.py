"""Module Hyper-V, one machine: itself, its memory, processor, adapters, checkpoints, services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import NAMESPACE_OID, uuid5

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.hyperv_storage import dvd_object, hard_disk_object
from snlm_lib.lab.cmdlets.machines import by_name, chosen_machines, hyperv_object, not_found
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.cmdlets.wildcard import matches
from snlm_lib.lab.language import spoken
from snlm_lib.lab.values import PsValue
from snlm_lib.lab.world import Adapter, Checkpoint, IntegrationService, VirtualMachine
from snlm_lib.units import MIB

__all__ = ["adapter_object", "vm_object"]

_INVALID_OPERATION = 7


def vm_object(context: Context, vm: VirtualMachine) -> PsValue:
    """The VirtualMachine object, with the machine itself for the next cmdlet."""
    values = _sizes(vm) | _status(context, vm) | _parts(context, vm)
    text = f"VirtualMachine (Name = '{vm.name}') [Id = '{vm.vm_id}']"
    return hyperv_object(context, "VirtualMachine", values, to_string=text, live=vm)


def _sizes(vm: VirtualMachine) -> dict[str, object]:
    return {
        "MemoryAssigned": vm.assigned_bytes,
        "MemoryDemand": vm.assigned_bytes,
        "DynamicMemoryEnabled": vm.dynamic_memory,
        "MemoryStartup": vm.memory_bytes,
        "MemoryMinimum": vm.memory_minimum_bytes,
        "MemoryMaximum": vm.memory_maximum_bytes,
        "ProcessorCount": vm.processors,
        "SizeOfSystemFiles": sum(vm.configuration_files().values()),
    }


def _status(context: Context, vm: VirtualMachine) -> dict[str, object]:
    names = list(vm.operational_status)
    told = spoken(context.host.locale, vm.status_text)
    up_s = max(context.world.clock.monotonic_s() - vm.started_s, 0.0) if vm.running else 0.0
    return {
        "State": vm.state,
        "Status": told,
        "OperationalStatus": names,
        "PrimaryOperationalStatus": names[0],
        "SecondaryOperationalStatus": names[1] if len(names) > 1 else None,
        "StatusDescriptions": [told],
        "PrimaryStatusDescription": told,
        "SecondaryStatusDescription": "",
        "Uptime": timedelta(seconds=up_s),
        "Heartbeat": "OkApplicationsHealthy" if vm.running else None,
        "ReplicationHealth": "Normal" if vm.replica else "NotApplicable",
        "ReplicationMode": "Primary" if vm.replica else "None",
        "ReplicationState": "Replicating" if vm.replica else "Disabled",
        "CreationTime": vm.created_utc,
    }


def _parts(context: Context, vm: VirtualMachine) -> dict[str, object]:
    return {
        "Id": vm.vm_id,
        "Name": vm.name,
        "Notes": vm.notes,
        "Version": vm.version,
        "Generation": vm.generation,
        "Path": vm.path,
        "ConfigurationLocation": vm.path,
        "SnapshotFileLocation": vm.path,
        "SmartPagingFilePath": vm.path,
        "SmartPagingFileInUse": False,
        "IsClustered": vm.clustered,
        "CheckpointType": "Production",
        "AutomaticStartAction": "StartIfRunning",
        "AutomaticStopAction": "Save",
        "AutomaticCheckpointsEnabled": False,
        "ResourceMeteringEnabled": vm.metered_s is not None,
        "HardDrives": [hard_disk_object(context, vm, disk) for disk in vm.disks],
        "DVDDrives": [dvd_object(context, vm)],
        "NetworkAdapters": [adapter_object(context, vm, adapter) for adapter in vm.adapters],
        "VMIntegrationService": [_service_object(context, vm, service) for service in vm.integration],
        "FibreChannelHostBusAdapters": [],
        "Groups": [],
    }


@cmdlet("Get-VM", honours=("Name", "Id"))
def get_vm(context: Context, bound: Bound) -> Iterator[object]:
    if "Id" in bound:
        vm = context.host.vms.get(bound.get("Id"))
        if vm is None:
            not_found(context, "id", bound.get("Id"), by_id=True)
        else:
            yield vm_object(context, vm)
        return
    for vm in by_name(context, bound.get("Name", ["*"])):
        yield vm_object(context, vm)


def _device_id(vm: VirtualMachine, part: str) -> str:
    return f"Microsoft:{str(vm.vm_id).upper()}\\{str(uuid5(NAMESPACE_OID, f'{vm.vm_id}/{part}')).upper()}"


def adapter_object(context: Context, vm: VirtualMachine, adapter: Adapter) -> PsValue:
    """One network adapter as this host shows it."""
    switch = context.host.switches.get(adapter.switch_name or "")
    connected = adapter.switch_name is not None
    values: dict[str, object] = {
        "Name": adapter.name,
        "Id": _device_id(vm, adapter.mac_address),
        "MacAddress": adapter.mac_address,
        "DynamicMacAddressEnabled": False,
        "IsLegacy": False,
        "IsSynthetic": True,
        "IPAddresses": adapter.ip_addresses if vm.running else [],
        "Connected": connected,
        "SwitchName": adapter.switch_name,
        "SwitchId": switch.switch_id if switch else None,
        "StatusDescription": ["OK"] if vm.running else [],
        "Status": ["Ok"] if vm.running else [],
        "IsManagementOs": False,
        "IsExternalAdapter": False,
        "MacAddressSpoofing": "Off",
        "DhcpGuard": "Off",
        "RouterGuard": "Off",
        "IsTemplate": False,
    }
    text = f"VMNetworkAdapter (Name = '{adapter.name}', VMName = '{vm.name}') [VMId = '{vm.vm_id}']"
    return hyperv_object(context, "VMNetworkAdapter", values, to_string=text, live=adapter, vm=vm)


@cmdlet("Get-VMNetworkAdapter", honours=("VM", "VMName", "Name"))
def get_vm_network_adapter(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, _without_name(bound)):
        for adapter in vm.adapters:
            if _wanted(bound, adapter.name):
                yield adapter_object(context, vm, adapter)


def _without_name(bound: Bound) -> Bound:
    """Here -Name is the part's name, not the machine's."""
    values = {name: value for name, value in bound.values.items() if name != "Name"}
    return Bound(bound.set_name, values, bound.common)


def _wanted(bound: Bound, name: str) -> bool:
    given = bound.get("Name", ["*"])
    return any(matches(pattern, name) for pattern in (given if isinstance(given, list) else [given]))


def _service_object(context: Context, vm: VirtualMachine, service: IntegrationService) -> PsValue:
    healthy = service.enabled and vm.running
    values: dict[str, object] = {
        "Name": service.name,
        "Id": _device_id(vm, service.name),
        "Enabled": service.enabled,
        "OperationalStatus": ["Ok"] if healthy else [],
        "PrimaryOperationalStatus": "Ok" if healthy else None,
        "PrimaryStatusDescription": "OK" if healthy else "",
        "SecondaryStatusDescription": "",
        "StatusDescription": ["OK"] if healthy else [],
    }
    text = f"VMIntegrationComponent (Name = '{service.name}')"
    return hyperv_object(context, "VMIntegrationComponent", values, to_string=text, live=service, vm=vm)


@cmdlet("Get-VMIntegrationService", honours=("VM", "VMName", "Name"))
def get_vm_integration_service(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, _without_name(bound)):
        for service in vm.integration:
            if _wanted(bound, service.name):
                yield _service_object(context, vm, service)


def _checkpoint_object(context: Context, vm: VirtualMachine, checkpoint: Checkpoint) -> PsValue:
    values = _sizes(vm) | {
        "Name": checkpoint.name,
        "Id": checkpoint.checkpoint_id,
        "SnapshotType": checkpoint.kind,
        "IsAutomaticCheckpoint": False,
        "VMId": vm.vm_id,
        "VMName": vm.name,
        "State": "Off",
        "Generation": vm.generation,
        "Version": vm.version,
        "IsClustered": vm.clustered,
        "Notes": "",
        "Path": vm.path,
        "CreationTime": checkpoint.created_utc,
    }
    del values["MemoryAssigned"], values["MemoryDemand"]
    text = f"VMSnapshot (Name = '{checkpoint.name}', VMName = '{vm.name}') [Id = '{checkpoint.checkpoint_id}']"
    return hyperv_object(context, "VMSnapshot", values, to_string=text, live=checkpoint)


@cmdlet("Get-VMSnapshot", honours=("VM", "VMName", "Name"))
def get_vm_snapshot(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, _without_name(bound)):
        for checkpoint in vm.checkpoints:
            if _wanted(bound, checkpoint.name):
                yield _checkpoint_object(context, vm, checkpoint)


@cmdlet("Get-VMProcessor", honours=("VM", "VMName"))
def get_vm_processor(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, bound):
        values: dict[str, object] = {
            "Name": "Processor",
            "Id": _device_id(vm, "processor"),
            "ResourcePoolName": "Primordial",
            "Count": vm.processors,
            "CompatibilityForMigrationEnabled": vm.compatibility_for_migration,
            "CompatibilityForOlderOperatingSystemsEnabled": False,
            "HwThreadCountPerCore": 0,
            "ExposeVirtualizationExtensions": False,
            "Maximum": 100,
            "Reserve": 0,
            "RelativeWeight": 100,
        }
        yield hyperv_object(context, "VMProcessor", values, to_string="Processor", vm=vm)


@cmdlet("Get-VMMemory", honours=("VM", "VMName"))
def get_vm_memory(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, bound):
        values: dict[str, object] = {
            "Name": "Memory",
            "Id": _device_id(vm, "memory"),
            "ResourcePoolName": "Primordial",
            "Buffer": 20,
            "DynamicMemoryEnabled": vm.dynamic_memory,
            "Maximum": vm.memory_maximum_bytes,
            "Minimum": vm.memory_minimum_bytes,
            "Startup": vm.memory_bytes,
            "Priority": 50,
        }
        yield hyperv_object(context, "VMMemory", values, to_string="Memory", vm=vm)


@cmdlet("Measure-VM", honours=("VM", "Name"))
def measure_vm(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, bound):
        if vm.metered_s is None:
            text = f"Resource metering is not enabled for the virtual machine '{vm.name}'."
            context.error(context.record(text, "InvalidState", _INVALID_OPERATION, target=vm.name))
            continue
        written = context.world.pace.disk_write_mib_s * vm.metered_s
        values: dict[str, object] = {
            "MeteringDuration": timedelta(seconds=vm.metered_s),
            "AverageMemoryUsage": vm.memory_bytes // MIB,
            "MaximumMemoryUsage": vm.memory_bytes // MIB,
            "MinimumMemoryUsage": vm.memory_bytes // MIB,
            "AggregatedDiskDataWritten": round(written),
        }
        yield hyperv_object(context, "VMMeteringReportForVirtualMachine", values, vm=vm)
