"""What there is, as frozen models: hosts, machines, disks, delegation, jobs, events.

Rules of this file: no socket, no clock, no cmdlet name. ``None`` means *not known*, never zero.
Units stand in names; times are aware and UTC; enumerations are Windows' numbers where Windows has
them (``facts`` in the docstrings name the class and property a value comes from).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

__all__ = [
    "AdapterFacts",
    "CheckpointFacts",
    "CountersFacts",
    "DelegationFacts",
    "DirectoryHost",
    "DiskFacts",
    "EventFacts",
    "HopFacts",
    "HostFacts",
    "IntegrationFacts",
    "JobFacts",
    "LinkFacts",
    "MigrationSettings",
    "PairFacts",
    "PortFacts",
    "VmFacts",
    "VmStatus",
    "VolumeFacts",
]


@dataclass(frozen=True)
class MigrationSettings:
    """Live-migration settings of one host (``Get-VMHost``)."""

    enabled: bool | None
    authentication: str | None  # "Kerberos" or "CredSSP"
    performance: str | None  # "TCPIP", "Compression" or "SMB"
    maximum_vm_migrations: int | None
    maximum_storage_migrations: int | None
    use_any_network: bool | None


@dataclass(frozen=True)
class VolumeFacts:
    """One volume with a drive letter (``Get-Volume``)."""

    drive_letter: str  # "D"
    label: str
    size_bytes: int | None
    free_bytes: int | None


@dataclass(frozen=True)
class PortFacts:
    """Can this host open a TCP connection to its peer (``Test-NetConnection``, run on the host)?"""

    peer: str
    port: int
    reachable: bool | None
    address: str | None


@dataclass(frozen=True)
class LinkFacts:
    """One network card that is up (``MSFT_NetAdapter``, ``..RdmaSettingData``, ``MSFT_NetIPAddress``)."""

    name: str
    mbit_s: float | None  # 10^6 bits a second, as transmitted
    mtu_bytes: int | None
    rdma: bool | None
    hardware: bool | None
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class HostFacts:
    """One Hyper-V host as read at ``read_utc``."""

    name: str  # the operator's name for it, as in the parameters
    computer_name: str | None
    fqdn: str | None
    domain: str | None
    os_build: int | None
    cpu_manufacturer: str | None
    cpu_model: str | None
    logical_processors: int | None
    memory_bytes: int | None
    memory_free_bytes: int | None
    clock_offset_s: float | None  # host's clock minus ours, halved round trip taken off
    settings: MigrationSettings
    migration_networks: tuple[str, ...]
    listener_addresses: tuple[str, ...]  # Msvm_VirtualSystemMigrationService
    active_vm_migrations: int | None
    active_storage_migrations: int | None
    supported_versions: tuple[str, ...]  # configuration versions this host runs
    default_path: str | None  # VirtualMachinePath
    switches: tuple[str, ...]
    volumes: tuple[VolumeFacts, ...]
    firewall_enabled: dict[str, bool | None]  # rule Name -> enabled
    peer_address: str | None  # the peer's A record as this host resolves it
    ports: tuple[PortFacts, ...]
    read_utc: datetime
    switch_kinds: dict[str, str | None] = field(default_factory=dict)  # "External", "Internal", "Private"
    credential_guard: bool | None = None  # Win32_DeviceGuard.SecurityServicesRunning contains 1
    in_domain: bool | None = None  # Win32_ComputerSystem.PartOfDomain; a workgroup's name stands in ``domain`` too
    links: tuple[LinkFacts, ...] = ()


@dataclass(frozen=True)
class DiskFacts:
    """One virtual disk of a machine (``Get-VMHardDiskDrive`` joined with ``Get-VHD``)."""

    path: str
    controller: str  # "SCSI 0:0"
    file_bytes: int | None
    size_bytes: int | None
    vhd_type: str | None  # "Fixed", "Dynamic", "Differencing"
    parent_path: str | None
    pass_through: bool
    shared: bool | None


@dataclass(frozen=True)
class AdapterFacts:
    """One network adapter of a machine (``Get-VMNetworkAdapter``)."""

    name: str
    switch_name: str | None
    mac_address: str | None
    connected: bool | None
    ip_addresses: tuple[str, ...]


@dataclass(frozen=True)
class CheckpointFacts:
    """One checkpoint (``Get-VMSnapshot``)."""

    name: str
    checkpoint_type: str | None
    created_utc: datetime | None


@dataclass(frozen=True)
class IntegrationFacts:
    """One integration service (``Get-VMIntegrationService``)."""

    name: str
    enabled: bool | None
    status: str | None


@dataclass(frozen=True)
class VmFacts:
    """One machine, found by GUID on ``host``."""

    vm_id: UUID
    name: str
    host: str
    state: str | None  # "Running", "Off" ... (VMState)
    operational_status: tuple[str, ...]
    generation: int | None
    version: str | None
    processors: int | None
    compatibility_for_migration: bool | None
    memory_assigned_bytes: int | None
    memory_startup_bytes: int | None
    dynamic_memory: bool | None
    memory_maximum_bytes: int | None
    uptime_s: float | None  # starts again on the destination: no evidence of an outage
    clustered: bool | None
    configuration_path: str | None
    disks: tuple[DiskFacts, ...] | None
    adapters: tuple[AdapterFacts, ...] | None
    checkpoints: tuple[CheckpointFacts, ...] | None
    images: tuple[str, ...] | None  # paths of attached DVD images
    integration: tuple[IntegrationFacts, ...] | None
    replication: str | None = None  # "Disabled", "Replicating" ... (ReplicationState)
    memory_demand_bytes: int | None = None  # MemoryDemand: what the guest asks for, not what it writes
    disk_write_bytes_s: float | None = None  # mean since metering began (Measure-VM); None: not metered


@dataclass(frozen=True)
class DelegationFacts:
    """One host's computer account in the directory (``Get-ADComputer``)."""

    host: str  # the operator's name
    sam_account_name: str | None
    distinguished_name: str | None
    dns_host_name: str | None
    delegate_to: tuple[str, ...]  # msDS-AllowedToDelegateTo
    any_protocol: bool | None  # TRUSTED_TO_AUTH_FOR_DELEGATION, bit 0x1000000
    unconstrained: bool | None  # TRUSTED_FOR_DELEGATION, bit 0x80000
    service_principal_names: tuple[str, ...]


@dataclass(frozen=True)
class HopFacts:
    """Did a harmless read of the destination succeed that was run on the source (``Get-VMHost -ComputerName``)?

    Move-VM opens the destination from the process that runs it, in the same way (hyperv.md, section 3).
    """

    account: str | None  # whose credential the cmdlet was given; None: none, the session goes by itself
    error: str | None  # the source's own words; None: the destination answered


@dataclass(frozen=True)
class DirectoryHost:
    """Where the directory is asked (``Win32_ComputerSystem``)."""

    name: str
    domain_role: int | None  # 4 and 5: a domain controller; 3: a member server


@dataclass(frozen=True)
class PairFacts:
    """Everything the checks ask about: both hosts, the machine, the directory."""

    source: HostFacts
    destination: HostFacts
    vm: VmFacts | None  # None: not found on the source
    vm_wanted: str  # name or GUID, as asked for
    same_name_source: int | None  # machines of that name on the source
    same_name_destination: int | None
    id_on_destination: bool | None  # a machine of this GUID is registered there
    planned_on_destination: bool | None  # Msvm_PlannedComputerSystem of this GUID
    jobs: tuple[JobFacts, ...] | None  # migration jobs of this machine, both hosts; None: a host would not tell
    delegation: dict[str, DelegationFacts | None]  # operator's host name -> account; None: no account
    directory_domain: str | None
    directory_host: DirectoryHost | None = None  # None: no directory is asked
    hop: HopFacts | None = None  # None: not tried


@dataclass(frozen=True)
class JobFacts:
    """One ``Msvm_MigrationJob``."""

    host: str
    instance_id: str
    vm_id: UUID | None  # VirtualSystemName
    job_state: int | None
    job_type: int | None
    percent: int | None
    error_code: int | None
    error_text: str | None
    destination_host: str | None
    cancellable: bool | None
    start_utc: datetime | None
    elapsed_s: float | None = None  # so far, or in all when it has ended


@dataclass(frozen=True)
class VmStatus:
    """The little that is polled during a move (``Get-VM -Id``)."""

    host: str
    state: str | None
    operational_status: tuple[str, ...]
    status_text: str | None


@dataclass(frozen=True)
class CountersFacts:
    """``Hyper-V VM Live Migration`` of one machine at one moment; None where the counter is absent."""

    pass_number: int | None
    is_blackout: bool | None
    dirty_pages: int | None
    bytes_sent: int | None  # Memory Walker: Uncompressed Bytes Sent
    compressed_bytes_sent: int | None
    cpu_cap_percent: int | None


@dataclass(frozen=True)
class EventFacts:
    """One event of ``Microsoft-Windows-Hyper-V-VMMS-Admin`` that names the machine."""

    host: str
    event_id: int
    record_id: int
    created_utc: datetime | None
    values: tuple[str, ...]  # UserData Parameter0, 1, 2 ...: name, GUID, blackout seconds
    message: str
