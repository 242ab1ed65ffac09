"""What a scenario may say. Keys carry their units; knows no file and builds no world."""

from __future__ import annotations

from dataclasses import dataclass, field

from snlm_lib.lab.directory import ALL_RIGHTS
from snlm_lib.lab.wire_faults import WireFault
from snlm_lib.lab.wire_spec import WireSpec

__all__ = ["DiskSpec", "DomainSpec", "HostSpec", "LinkSpec", "MoveSpec", "Scenario", "VmSpec", "VolumeSpec"]


@dataclass(frozen=True)
class DomainSpec:
    """The domain and its controller; ``directory``: who decides there, memory or samba.

    ``stale_replica``: the hosts ask another controller, which replication does not reach; ``operator_state``:
    a word of `accounts.STATES`; ``lock_out_after`` wrong passwords an account is locked, 0: never.
    """

    netbios: str
    dns: str
    controller: str
    controller_address: str
    operator: str
    management: str | None = None  # a member server with AD and Hyper-V cmdlets, which the descriptor calls directory
    management_address: str = "10.20.0.20"
    groups: dict[str, list[str]] = field(default_factory=lambda: {"snlm-operators": ["operator"]})
    operator_sensitive: bool = False
    operator_protected: bool = False
    operator_rights: list[str] = field(default_factory=lambda: sorted(ALL_RIGHTS))
    directory: str = "memory"
    stale_replica: bool = False
    operator_state: str = "enabled"
    lock_out_after: int = 0


@dataclass(frozen=True)
class CpuSpec:
    manufacturer: str
    model: str
    sockets: int
    logical_processors: int


@dataclass(frozen=True)
class VolumeSpec:
    label: str
    size_gib: float
    other_used_gib: float = 0.0


@dataclass(frozen=True)
class MigrationSpec:
    enabled: bool
    authentication: str
    performance: str
    maximum_vm_migrations: int
    maximum_storage_migrations: int
    use_any_network: bool
    networks: list[str] = field(default_factory=list)
    listener: bool = True


@dataclass(frozen=True)
class DiskSpec:
    file: str
    size_gib: float
    file_gib: float
    type: str = "Dynamic"
    shared: bool = False
    disk_number: int | None = None  # a disk of the host, passed through


@dataclass(frozen=True)
class AdapterSpec:
    switch: str | None
    mac_address: str
    ip_addresses: list[str] = field(default_factory=list)
    name: str = "Network Adapter"


@dataclass(frozen=True)
class VmSpec:
    path: str
    memory_gib: float
    processors: int
    disks: list[DiskSpec]
    adapters: list[AdapterSpec]
    generation: int = 2
    version: str = "10.0"
    state: str = "Running"
    dynamic_memory: bool = False
    checkpoints: list[str] = field(default_factory=list)
    dvd_path: str | None = None
    clustered: bool = False
    replica: bool = False
    guest: bool = False
    notes: str = ""
    metered_hours: float | None = None  # how long its resources have been metered; None: they are not
    name: str | None = None  # when several bear one name; otherwise the key is the name


@dataclass(frozen=True)
class LinkSpec:
    """One network card of a host; the first bears the host's address."""

    name: str = "Ethernet"
    mbit_s: float = 10_000
    mtu_bytes: int = 1500
    rdma: bool = False
    up: bool = True


@dataclass(frozen=True)
class HostSpec:
    address: str
    cpu: CpuSpec
    memory_gib: float
    memory_reserve_gib: float
    os_caption: str
    os_build: int
    default_path: str
    supported_versions: list[str]
    volumes: dict[str, VolumeSpec]
    switches: dict[str, str]
    migration: MigrationSpec
    firewall: dict[str, bool]
    vms: dict[str, VmSpec] = field(default_factory=dict)
    hyperv_administrators: list[str] | None = None  # without the domain; None: operator and the endpoints' accounts
    credential_guard: bool | None = None  # None: as Windows does, on from build 26100 (Server 2025)
    delegate_to: list[str] = field(default_factory=list)
    any_protocol: bool = False
    locale: str = "en-US"
    clock_offset_s: float = 0.0
    closed_ports: list[int] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)  # hosts whose names this one cannot resolve
    no_hop: bool = False  # whatever it runs, and with whatever credential, reaches no other host
    busy_moves: int = 0  # migrations of other machines under way
    planned: list[str] = field(default_factory=list)  # keys of machines: left here by an earlier try
    stale_cache: list[str] = field(default_factory=list)
    links: list[LinkSpec] = field(default_factory=lambda: [LinkSpec()])
    left_disks: list[str] = field(default_factory=list)
    wire: dict[str, object] = field(default_factory=dict)  # what differs from the lab's


@dataclass(frozen=True)
class WorkingSetSpec:
    size_mib: float
    writes_mib_s: float
    hot_fraction: float
    hot_share: float
    burst_period_s: float = 0.0
    burst_length_s: float = 0.0
    burst_factor: float = 1.0


@dataclass(frozen=True)
class MoveSpec:
    """``_wall_s`` is real time; all else is simulated time, run ``time_factor`` times as fast."""

    time_factor: float
    check_wall_s: float
    storage_mib_s: float
    disk_write_mib_s: float
    mirror_wall_s: float
    memory_mib_s: float
    compressed_fraction: float
    threshold_mib: float
    max_passes: int
    blackout_fixed_wall_s: float
    relearn_wall_s: float
    cleanup_wall_s: float
    working_sets: list[WorkingSetSpec]
    blackout_in_event: bool = True
    tick_wall_s: float = 0.05
    long_blackout_wall_s: float = 10.0
    guest_event: int | None = None  # the worker's event that tells of a guest that was off or reset at the cut-over
    held: bool = False  # what arrives during the silence is answered late instead of dropped
    path_fails: bool = False  # the neighbours fall silent with the machine
    quarantine_wall_s: float = 0.0  # then the guest's firewall drops datagrams and new connections
    survives_lost_session: bool = True  # not settled for Windows (60 %): false ends the move with its session


@dataclass(frozen=True)
class Scenario:
    """One scenario; ``parameters`` are the change's, for whoever rehearses it: the lab does not use them.

    ``vantage``: the computer that a rehearsal also pings from.
    """

    schema: str
    name: str
    about: str
    domain: DomainSpec
    hosts: dict[str, HostSpec]
    move: MoveSpec
    wire: WireSpec = field(default_factory=WireSpec)
    fault: str | None = None
    vantage: str | None = None
    parameters: dict[str, object] = field(default_factory=dict)
    wire_faults: list[WireFault] = field(default_factory=list)
