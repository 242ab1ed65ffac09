"""What a host answered, as models: pure, one function a model; knows no socket, no clock, no cmdlet's wire.

Properties are those of ``objects.json``'s classes (module Hyper-V 2.0.0.0) and the CIM classes'
documentation. Unknown is None. Each reader's tests are data files under ``tests/facts``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from snlm_lib.estate import values
from snlm_lib.estate.model import (
    AdapterFacts,
    CheckpointFacts,
    CountersFacts,
    DelegationFacts,
    DiskFacts,
    EventFacts,
    IntegrationFacts,
    JobFacts,
    LinkFacts,
    MigrationSettings,
    PortFacts,
    VmFacts,
    VmStatus,
    VolumeFacts,
)
from snlm_lib.remote.clixml import PsObject
from snlm_lib.units import MIB

__all__ = [
    "adapter",
    "checkpoint",
    "counters",
    "credential_guard",
    "delegation",
    "disks",
    "event",
    "event_values",
    "firewall_enabled",
    "images",
    "integration",
    "job",
    "links",
    "peer_address",
    "port",
    "settings",
    "vm",
    "vm_status",
    "volumes",
    "written_bytes_s",
]

Bags = Sequence[PsObject]
_T = TypeVar("_T")

_ANY_PROTOCOL = 0x1000000  # userAccountControl: TRUSTED_TO_AUTH_FOR_DELEGATION
_UNCONSTRAINED = 0x80000  # userAccountControl: TRUSTED_FOR_DELEGATION
_UP = 1  # MSFT_NetAdapter.InterfaceOperationalStatus
_NO_SPEED = 2**63 - 1  # what an adapter reports that knows none
_CREDENTIAL_GUARD = "1"  # Win32_DeviceGuard.SecurityServicesRunning
_UNKNOWN = PsObject()


def settings(host: PsObject | None) -> MigrationSettings:
    """``Get-VMHost``."""
    host = host or _UNKNOWN
    return MigrationSettings(
        enabled=values.flag(host, "VirtualMachineMigrationEnabled"),
        authentication=values.name(host, "VirtualMachineMigrationAuthenticationType"),
        performance=values.name(host, "VirtualMachineMigrationPerformanceOption"),
        maximum_vm_migrations=values.number(host, "MaximumVirtualMachineMigrations"),
        maximum_storage_migrations=values.number(host, "MaximumStorageMigrations"),
        use_any_network=values.flag(host, "UseAnyNetworkForMigration"),
    )


def volumes(answer: Bags) -> tuple[VolumeFacts, ...]:
    """``Get-Volume``: volumes with a drive letter."""
    found = []
    for bag in answer:
        letter = values.text(bag, "DriveLetter")
        if letter and letter.isalpha():
            found.append(
                VolumeFacts(
                    drive_letter=letter.upper(),
                    label=values.text(bag, "FileSystemLabel") or "",
                    size_bytes=values.number(bag, "Size"),
                    free_bytes=values.number(bag, "SizeRemaining"),
                )
            )
    return tuple(found)


def firewall_enabled(answer: Bags, wanted: Sequence[str]) -> dict[str, bool | None]:
    """``Get-NetFirewallRule``: rule Name to enabled; a rule not answered is None."""
    known = {(values.text(bag, "Name") or values.text(bag, "InstanceID") or "").lower(): bag for bag in answer}
    return {rule: values.flag(known[rule.lower()], "Enabled") if rule.lower() in known else None for rule in wanted}


def credential_guard(answer: Bags) -> bool | None:
    """``Win32_DeviceGuard``: is Credential Guard (1) among the services that run? None when it is not told."""
    running = {service for bag in answer for service in values.texts(bag, "SecurityServicesRunning")}
    return _CREDENTIAL_GUARD in running if answer else None


def links(cards: Bags, rdma: Bags, addresses: Bags) -> tuple[LinkFacts, ...]:
    """``MSFT_NetAdapter`` (those that are up), joined by index and name with RDMA and addresses."""
    may_rdma = {values.text(bag, "Name"): values.flag(bag, "Enabled") for bag in rdma}
    found = []
    for bag in cards:
        speed = values.number(bag, "TransmitLinkSpeed")
        index = values.number(bag, "InterfaceIndex")
        if values.number(bag, "InterfaceOperationalStatus") != _UP:
            continue
        borne = (values.text(each, "IPAddress") for each in addresses if values.number(each, "InterfaceIndex") == index)
        found.append(
            LinkFacts(
                name=values.text(bag, "Name") or "",
                mbit_s=speed / 1e6 if speed is not None and 0 < speed < _NO_SPEED else None,
                mtu_bytes=values.number(bag, "MtuSize"),
                rdma=may_rdma.get(values.text(bag, "Name")),
                hardware=values.flag(bag, "HardwareInterface"),
                addresses=tuple(address for address in borne if address) if index is not None else (),
            )
        )
    return tuple(found)


def written_bytes_s(report: Bags) -> float | None:
    """``Measure-VM``: megabytes written over the time metered; None when there is no report."""
    bag = report[0] if report else _UNKNOWN
    written, lasted_s = values.number(bag, "AggregatedDiskDataWritten"), values.duration_s(bag, "MeteringDuration")
    return written * MIB / lasted_s if written is not None and lasted_s else None


def peer_address(answer: Bags) -> str | None:
    """``Resolve-DnsName -Type A``: the first address."""
    found = (values.text(bag, "IPAddress") or values.text(bag, "IP4Address") for bag in answer)
    return next((address for address in found if address), None)


def port(answer: Bags, *, peer: str, number: int) -> PortFacts:
    """``Test-NetConnection``."""
    bag = answer[0] if answer else _UNKNOWN
    return PortFacts(peer, number, values.flag(bag, "TcpTestSucceeded"), values.text(bag, "RemoteAddress"))


def disks(drives: Bags, files: Bags) -> tuple[DiskFacts, ...]:
    """``Get-VMHardDiskDrive`` joined with ``Get-VHD`` by path, without regard to case."""
    by_path = {(values.text(bag, "Path") or "").lower(): bag for bag in files}
    return tuple(_disk(drive, by_path) for drive in drives)


def adapter(bag: PsObject) -> AdapterFacts:
    """``Get-VMNetworkAdapter``."""
    return AdapterFacts(
        name=values.text(bag, "Name") or "",
        switch_name=values.text(bag, "SwitchName"),
        mac_address=values.text(bag, "MacAddress"),
        connected=values.flag(bag, "Connected"),
        ip_addresses=values.texts(bag, "IPAddresses"),
    )


def checkpoint(bag: PsObject) -> CheckpointFacts:
    """``Get-VMSnapshot``."""
    return CheckpointFacts(
        name=values.text(bag, "Name") or "",
        checkpoint_type=values.name(bag, "SnapshotType"),
        created_utc=values.moment(bag, "CreationTime"),
    )


def integration(bag: PsObject) -> IntegrationFacts:
    """``Get-VMIntegrationService``; the status is the enumeration's name, the description is translated."""
    return IntegrationFacts(
        name=values.text(bag, "Name") or "",
        enabled=values.flag(bag, "Enabled"),
        status=values.name(bag, "PrimaryOperationalStatus"),
    )


def images(drives: Bags) -> tuple[str, ...]:
    """``Get-VMDvdDrive``: paths of what is in the drives."""
    return tuple(path for path in (values.text(bag, "Path") for bag in drives) if path)


def vm(bag: PsObject, *, host: str, parts: Mapping[str, Bags | None]) -> VmFacts:
    """``Get-VM`` with the answers about its ``parts``: disks, vhds, adapters, checkpoints, dvds,
    integration, processor, memory; a part that is absent or None is not known. Raises ValueError when the
    machine has no Id."""
    vm_id = values.guid(bag, "Id") or values.guid(bag, "VMId")
    if vm_id is None:
        raise ValueError("a machine without Id")
    processor = (*(parts.get("processor") or ()), _UNKNOWN)[0]
    memory = (*(parts.get("memory") or ()), _UNKNOWN)[0]
    drives, dvds = parts.get("disks"), parts.get("dvds")
    dynamic = _first(values.flag(memory, "DynamicMemoryEnabled"), values.flag(bag, "DynamicMemoryEnabled"))
    return VmFacts(
        vm_id=vm_id,
        name=values.text(bag, "Name") or "",
        host=host,
        state=values.name(bag, "State"),
        operational_status=values.texts(bag, "OperationalStatus"),
        generation=values.number(bag, "Generation"),
        version=values.text(bag, "Version"),
        processors=_first(values.number(processor, "Count"), values.number(bag, "ProcessorCount")),
        compatibility_for_migration=values.flag(processor, "CompatibilityForMigrationEnabled"),
        memory_assigned_bytes=values.number(bag, "MemoryAssigned"),
        memory_startup_bytes=_first(values.number(memory, "Startup"), values.number(bag, "MemoryStartup")),
        dynamic_memory=dynamic,
        memory_maximum_bytes=_first(values.number(memory, "Maximum"), values.number(bag, "MemoryMaximum")),
        uptime_s=values.duration_s(bag, "Uptime"),
        clustered=values.flag(bag, "IsClustered"),
        configuration_path=values.text(bag, "ConfigurationLocation") or values.text(bag, "Path"),
        disks=None if drives is None else disks(drives, parts.get("vhds") or ()),
        adapters=_each(adapter, parts.get("adapters")),
        checkpoints=_each(checkpoint, parts.get("checkpoints")),
        images=None if dvds is None else images(dvds),
        integration=_each(integration, parts.get("integration")),
        replication=values.name(bag, "ReplicationState"),
        memory_demand_bytes=values.number(bag, "MemoryDemand"),
        disk_write_bytes_s=written_bytes_s(parts.get("metering") or ()),
    )


def vm_status(bag: PsObject, *, host: str) -> VmStatus:
    """``Get-VM -Id``, the little that is polled."""
    return VmStatus(
        host=host,
        state=values.name(bag, "State"),
        operational_status=values.texts(bag, "OperationalStatus"),
        status_text=values.text(bag, "Status"),
    )


def job(bag: PsObject, *, host: str) -> JobFacts:
    """``Msvm_MigrationJob``; texts are translated, judge by the numbers."""
    return JobFacts(
        host=host,
        instance_id=values.text(bag, "InstanceID") or "",
        vm_id=values.guid(bag, "VirtualSystemName"),
        job_state=values.number(bag, "JobState"),
        job_type=values.number(bag, "JobType"),
        percent=values.number(bag, "PercentComplete"),
        error_code=values.number(bag, "ErrorCode"),
        error_text=values.text(bag, "ErrorDescription") or values.text(bag, "ErrorSummaryDescription"),
        destination_host=values.text(bag, "DestinationHost"),
        cancellable=values.flag(bag, "Cancellable"),
        start_utc=values.moment(bag, "StartTime"),
        elapsed_s=values.duration_s(bag, "ElapsedTime"),
    )


def counters(samples: Bags, vm_name: str) -> CountersFacts | None:
    """``Get-Counter`` samples of the machine, whose instance is ``<name>:VM Live Migration``; None
    when there are none, as before and after a move."""
    instance = f"{vm_name}:VM Live Migration"
    mine = {
        (values.text(bag, "Path") or "").rpartition("\\")[2].lower(): values.number(bag, "CookedValue")
        for bag in samples
        if values.same_name(values.text(bag, "InstanceName") or "", instance)
    }
    if not mine:
        return None
    blackout = mine.get("transfer pass: is blackout")
    return CountersFacts(
        pass_number=mine.get("transfer pass: number"),
        is_blackout=None if blackout is None else blackout != 0,
        dirty_pages=mine.get("transfer pass: dirty page count"),
        bytes_sent=mine.get("memory walker: uncompressed bytes sent"),
        compressed_bytes_sent=mine.get("compressor: compressed bytes sent"),
        cpu_cap_percent=mine.get("transfer pass: cpu cap"),
    )


def event(bag: PsObject, *, host: str, event_values: Sequence[str]) -> EventFacts | None:
    """``Get-WinEvent`` with the values of its Properties; None when it has no id or record number."""
    event_id, record_id = values.number(bag, "Id"), values.number(bag, "RecordId")
    if event_id is None or record_id is None:
        return None
    return EventFacts(
        host=host,
        event_id=event_id,
        record_id=record_id,
        created_utc=values.moment(bag, "TimeCreated"),
        values=tuple(event_values),
        message=values.text(bag, "Message") or "",
    )


def event_values(answer: Bags) -> tuple[str, ...]:
    """``Get-WinEvent | Select-Object -ExpandProperty Properties``: the values in order."""
    return tuple(values.text(bag, "Value") or "" for bag in answer)


def delegation(account: PsObject, *, host: str) -> DelegationFacts:
    """``Get-ADComputer``; the flag is read from userAccountControl, from its own property failing that."""
    control = values.number(account, "userAccountControl")
    return DelegationFacts(
        host=host,
        sam_account_name=values.text(account, "SamAccountName"),
        distinguished_name=values.text(account, "DistinguishedName"),
        dns_host_name=values.text(account, "DNSHostName"),
        delegate_to=values.texts(account, "msDS-AllowedToDelegateTo"),
        any_protocol=(
            values.flag(account, "TrustedToAuthForDelegation") if control is None else bool(control & _ANY_PROTOCOL)
        ),
        unconstrained=(
            values.flag(account, "TrustedForDelegation") if control is None else bool(control & _UNCONSTRAINED)
        ),
        service_principal_names=values.texts(account, "servicePrincipalName"),
    )


def _disk(drive: PsObject, by_path: Mapping[str, PsObject]) -> DiskFacts:
    path = values.text(drive, "Path") or ""
    file = by_path.get(path.lower(), _UNKNOWN)
    place = f"{values.number(drive, 'ControllerNumber')}:{values.number(drive, 'ControllerLocation')}"
    return DiskFacts(
        path=path,
        controller=f"{values.name(drive, 'ControllerType') or '?'} {place.replace('None', '?')}",
        file_bytes=values.number(file, "FileSize"),
        size_bytes=values.number(file, "Size"),
        vhd_type=values.name(file, "VhdType"),
        parent_path=values.text(file, "ParentPath"),
        pass_through=values.number(drive, "DiskNumber") is not None,
        shared=values.flag(drive, "SupportPersistentReservations"),
    )


def _each(read: Callable[[PsObject], _T], answer: Bags | None) -> tuple[_T, ...] | None:
    return None if answer is None else tuple(read(bag) for bag in answer)


def _first(*candidates: _T | None) -> _T | None:
    return next((candidate for candidate in candidates if candidate is not None), None)
