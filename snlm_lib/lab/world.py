"""The world of the lab: hosts, machines, files, one lock. Plain state; no protocol, no cmdlet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.lab.directory import Directory
from snlm_lib.lab.faults import Fault
from snlm_lib.lab.language import spoken
from snlm_lib.lab.links import NetworkLink
from snlm_lib.lab.pace import MovePace
from snlm_lib.lab.telemetry import VMMS_ADMIN, HostEvent, MigrationCounters, MigrationJob, MoveTruth

__all__ = [
    "FIREWALL_PORTS",
    "Adapter",
    "Checkpoint",
    "Disk",
    "FirewallRule",
    "Guest",
    "IntegrationService",
    "LabHost",
    "MigrationSettings",
    "VirtualMachine",
    "VirtualSwitch",
    "Volume",
    "World",
]

_VOLATILE: dict[str, object] = {"volatile": True}
FIREWALL_PORTS = {"VIRT-MIGL-In-TCP-NoScope": 6600, "FPS-SMB-In-TCP": 445}
_ALWAYS_OPEN = frozenset({5985})


class Guest(Protocol):
    """The living guest of one machine, as a move needs it."""

    def silence(self, *, held: bool = False) -> None:
        """Stop answering now; ``held``: what arrives meanwhile is answered late."""
        ...

    def answer(self) -> float | None:
        """Answer again; the seconds of silence as the guest measured them, None if it is gone."""
        ...

    def echo(self, timeout_s: float) -> float | None:
        """Wait for its answer to one datagram: how long it took in seconds, None when none came in time."""
        ...

    def quarantine(self) -> None:
        """Drop datagrams and new connections; those that stand go on."""
        ...

    def release(self) -> float | None:
        """The end of that, and its seconds as the guest measured them."""
        ...


@dataclass
class Disk:
    """One virtual disk: its file as it is, and its size as the guest sees it."""

    path: str
    file_bytes: int
    size_bytes: int
    vhd_type: str = "Dynamic"
    controller_number: int = 0
    controller_location: int = 0
    shared: bool = False
    disk_number: int | None = None

    @property
    def file_name(self) -> str:
        return self.path.rsplit("\\", 1)[-1]


@dataclass
class Adapter:
    """One network adapter; ``switch_name`` None: not connected."""

    name: str
    switch_name: str | None
    mac_address: str
    ip_addresses: list[str] = field(default_factory=list)


@dataclass
class Checkpoint:
    """One checkpoint."""

    name: str
    checkpoint_id: UUID
    kind: str
    created_utc: datetime = field(metadata=_VOLATILE)


@dataclass
class IntegrationService:
    """One integration service."""

    name: str
    enabled: bool = True


@dataclass
class VirtualMachine:
    """One machine; ``started_s`` is monotonic and starts again with each worker process."""

    vm_id: UUID
    name: str
    path: str
    version: str
    generation: int
    processors: int
    memory_bytes: int
    disks: list[Disk]
    adapters: list[Adapter]
    integration: list[IntegrationService]
    checkpoints: list[Checkpoint] = field(default_factory=list)
    dvd_path: str | None = None
    dynamic_memory: bool = False
    memory_minimum_bytes: int = 0
    memory_maximum_bytes: int = 0
    compatibility_for_migration: bool = False
    clustered: bool = False
    replica: bool = False
    notes: str = ""
    metered_s: float | None = None  # how long its resources have been metered; None: they are not
    state: str = "Running"
    operational_status: tuple[str, ...] = ("Ok",)
    status_text: str = "Operating normally"
    started_s: float = field(default=0.0, metadata=_VOLATILE)
    created_utc: datetime | None = field(default=None, metadata=_VOLATILE)

    @property
    def running(self) -> bool:
        return self.state == "Running"

    @property
    def assigned_bytes(self) -> int:
        return self.memory_bytes if self.running else 0

    def configuration_files(self) -> dict[str, int]:
        """The machine's own files below ``path``, with their sizes."""
        stem = f"{self.path}\\Virtual Machines\\{str(self.vm_id).upper()}"
        return {f"{stem}.vmcx": 98304, f"{stem}.VMRS": 53248, f"{stem}.vmgs": 4194816}


@dataclass
class Volume:
    """One volume; what its known files do not use is free, but for ``other_used_bytes``."""

    letter: str
    label: str
    size_bytes: int
    other_used_bytes: int


@dataclass
class VirtualSwitch:
    """One virtual switch: External, Internal or Private."""

    name: str
    switch_id: UUID
    kind: str
    uplink: str = ""


@dataclass
class MigrationSettings:
    """Live-migration settings of one host, as Get-VMHost shows them."""

    enabled: bool
    authentication: str
    performance: str
    maximum_vm_migrations: int
    maximum_storage_migrations: int
    use_any_network: bool
    listener: bool = True  # a policy that failed switches it off, whatever Get-VMHost says


@dataclass
class FirewallRule:
    """One inbound rule, by its Name; its display name is localised and means nothing."""

    name: str
    display_name: str
    enabled: bool


@dataclass
class LabHost:
    """One computer: a Hyper-V host; ``hyperv`` False: the domain controller, or a ``member`` with both's cmdlets."""

    name: str
    fqdn: str
    address: str
    hyperv: bool
    cpu_manufacturer: str
    cpu_model: str
    sockets: int
    logical_processors: int
    memory_bytes: int
    memory_reserve_bytes: int
    os_caption: str
    os_build: int
    default_path: str
    supported_versions: list[str]
    volumes: dict[str, Volume]
    switches: dict[str, VirtualSwitch]
    migration: MigrationSettings
    migration_networks: list[str]
    firewall: dict[str, FirewallRule]
    administrators: list[str] = field(default_factory=list)  # "CORP\\operator": who may manage Hyper-V here
    credential_guard: bool = False
    member: bool = False
    vms: dict[UUID, VirtualMachine] = field(default_factory=dict)
    planned: dict[UUID, str] = field(default_factory=dict)
    stale_cache: list[UUID] = field(default_factory=list)  # files of planned machines that are gone themselves
    files: dict[str, int] = field(default_factory=dict)
    links: list[NetworkLink] = field(default_factory=list)
    closed_ports: list[int] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    no_hop: bool = False
    locale: str = "en-US"
    clock_offset_s: float = 0.0
    booted_utc: datetime | None = field(default=None, metadata=_VOLATILE)
    events: list[HostEvent] = field(default_factory=list, metadata=_VOLATILE)
    counters: dict[str, MigrationCounters] = field(default_factory=dict, metadata=_VOLATILE)
    jobs: list[MigrationJob] = field(default_factory=list, metadata=_VOLATILE)
    active_moves: int = field(default=0, metadata=_VOLATILE)

    @property
    def memory_free_bytes(self) -> int:
        used = sum(vm.assigned_bytes for vm in self.vms.values())
        return max(self.memory_bytes - self.memory_reserve_bytes - used, 0)

    @property
    def listener_addresses(self) -> list[str]:
        """Where the migration listener waits; empty while migration is disabled."""
        migration = self.migration
        if not (migration.enabled and migration.listener) or not (migration.use_any_network or self.migration_networks):
            return []
        return [self.address]

    @property
    def is_controller(self) -> bool:
        """Does it hold the directory?"""
        return not self.hyperv and not self.member

    @property
    def kind(self) -> str:
        """As the folders of snlm_lib/jea are called."""
        return "HyperVHost" if self.hyperv else "DomainController"

    def may_manage(self, account: str) -> bool:
        """Is the account in Administrators or Hyper-V Administrators here?"""
        return account.casefold() in (each.casefold() for each in self.administrators)

    def volume_of(self, path: str) -> Volume | None:
        """The volume a path stands on, None when the letter is unknown here."""
        return self.volumes.get(path[:1].upper()) if path[1:2] == ":" else None

    def free_bytes(self, letter: str) -> int:
        """Free bytes of one volume."""
        volume = self.volumes[letter.upper()]
        used = sum(size for path, size in self.files.items() if path[:1].upper() == volume.letter)
        return max(volume.size_bytes - volume.other_used_bytes - used, 0)

    def accepts(self, port: int) -> bool:
        """Does a TCP connection from the network to this port succeed?"""
        if port in self.closed_ports:
            return False
        rule = next((self.firewall.get(name) for name, number in FIREWALL_PORTS.items() if number == port), None)
        if rule is not None and not rule.enabled:
            return False
        if port == 6600:
            return bool(self.listener_addresses)
        return port in FIREWALL_PORTS.values() or port in _ALWAYS_OPEN

    def add_files(self, vm: VirtualMachine) -> None:
        """Put the machine's files on this host's volumes."""
        self.files.update(vm.configuration_files())
        self.files.update({disk.path: disk.file_bytes for disk in vm.disks})


class World:
    """Everything there is. Change it only while holding ``lock``."""

    def __init__(self, *, name: str, directory: Directory, pace: MovePace, clock: Clock | None = None) -> None:
        self.name = name
        self.use_directory(directory)
        self.pace = pace
        self.clock: Clock = clock or SystemClock()
        self.lock = threading.RLock()
        self.hosts: dict[str, LabHost] = {}
        self.guests: dict[UUID, Guest] = {}
        self.guest_vms: set[UUID] = set()
        self.neighbours: list[Guest] = []  # on the same segment, none of the machines
        self.moves: list[MoveTruth] = []
        self.fault: Fault | None = None
        self.groups: dict[str, set[str]] = {}  # "CORP\\snlm-operators" -> accounts in lower case
        self._passwords: dict[str, str] = {}

    def use_directory(self, directory: Directory, *, stale_replica: bool = False) -> None:
        """Who answers for the domain; with ``stale_replica`` the hosts ask another controller for tickets."""
        self.directory = directory
        self.key_distribution = directory.replica() if stale_replica else directory

    def add_host(self, host: LabHost) -> None:
        """Add one computer; its account in the directory is the caller's affair."""
        self.hosts[host.name.casefold()] = host

    def host(self, name: str) -> LabHost | None:
        """By short name, fully qualified name or address; None when unknown."""
        wanted = name.casefold()
        for host in self.hosts.values():
            if wanted in (host.name.casefold(), host.fqdn.casefold(), host.address):
                return host
        return None

    def hyperv_hosts(self) -> Iterator[LabHost]:
        return (host for host in self.hosts.values() if host.hyperv)

    def set_password(self, user: str, password: str) -> None:
        """Let an account sign on at every host."""
        self._passwords[user.casefold()] = password

    def accepts_logon(self, user: str, password: str) -> bool:
        """Would a host of this domain accept this name and password?"""
        return self._passwords.get(user.casefold()) == password

    def groups_of(self, user: str) -> frozenset[str]:
        """The groups of an account, in lower case."""
        wanted = user.casefold()
        return frozenset(group.casefold() for group, members in self.groups.items() if wanted in members)

    def seen_from(self, host: LabHost, name: str) -> LabHost | None:
        """As `host`, by the names that this computer can resolve."""
        found = self.host(name)
        lost = found is not None and found.name in host.unresolved and name != found.address
        return None if lost else found

    def log(
        self,
        host: LabHost,
        event_id: int,
        *,
        level: int,
        values: tuple[str, ...],
        message: str,
        channel: str = VMMS_ADMIN,
    ) -> None:
        """Write one event to a channel of the host, by the host's own clock."""
        with self.lock:
            record_id = 1 + (host.events[-1].record_id if host.events else 4100)
            now = self.clock.utc_now() + timedelta(seconds=host.clock_offset_s)
            told = spoken(host.locale, message)
            host.events.append(HostEvent(record_id, channel, event_id, level, now, values, told))

    def restarted(self, name: str, moves_go_on: bool) -> None:
        """The host's management service starts anew: its moves go on, or are forgotten in mid-move."""
        with self.lock:
            host = self.host(name)
            if host is None or moves_go_on:
                return
            for job in host.jobs:
                job.interrupted = True
            host.jobs.clear()

    def snapshot(self) -> dict[str, Any]:
        """The world as plain data, without clocks, logs, jobs, counters, sessions and passwords."""
        with self.lock:
            hosts = {host.name: _plain(host) | {"free_bytes": _free(host)} for host in self.hosts.values()}
            accounts = {account.name: _plain(account) for account in self.directory.accounts.values()}
        return {"schema": "snlm.world/1", "scenario": self.name, "hosts": hosts, "directory": accounts}


def _free(host: LabHost) -> dict[str, int]:
    return {letter: host.free_bytes(letter) for letter in sorted(host.volumes)}


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kept = (item for item in fields(value) if not item.metadata.get("volatile"))
        return {item.name: _plain(getattr(value, item.name)) for item in kept}
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, UUID):
        return str(value)
    return value.value if isinstance(value, Enum) else value
