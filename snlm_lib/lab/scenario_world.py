"""A scenario becomes a world, at the clock's now. Reads no file."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from uuid import NAMESPACE_DNS, UUID, uuid5

from snlm_lib.clock import Clock, SystemClock
from snlm_lib.errors import LabError
from snlm_lib.lab.directory import ALL_RIGHTS
from snlm_lib.lab.directory_memory import MemoryDirectory
from snlm_lib.lab.dirty import PAGE_BYTES, WorkingSet
from snlm_lib.lab.faults import fault_named
from snlm_lib.lab.language import LANGUAGES
from snlm_lib.lab.links import links_of
from snlm_lib.lab.pace import MovePace
from snlm_lib.lab.scenario import DiskSpec, DomainSpec, HostSpec, MoveSpec, Scenario, VmSpec, VolumeSpec
from snlm_lib.lab.world import (
    Adapter,
    Checkpoint,
    Disk,
    FirewallRule,
    IntegrationService,
    LabHost,
    MigrationSettings,
    VirtualMachine,
    VirtualSwitch,
    Volume,
    World,
)
from snlm_lib.units import GIB, MIB

__all__ = ["build_world"]

_SERVICES = (
    "Guest Service Interface",
    "Heartbeat",
    "Key-Value Pair Exchange",
    "Shutdown",
    "Time Synchronization",
    "VSS",
)
_GUARDED_FROM = 26100
MOVING_ACCOUNT = "snlm-move$"  # the group managed account that the shipped endpoint of a Hyper-V host runs as
DELEGATING_ACCOUNT = "snlm-delegate$"  # ... and of a domain controller
_UPTIME_S = 3 * 86400.0


def build_world(scenario: Scenario, *, clock: Clock | None = None) -> World:
    """The world as the scenario describes it, at the clock's now."""
    clock = clock or SystemClock()
    directory = _directory(scenario.domain)
    world = World(name=scenario.name, directory=directory, pace=_pace(scenario.move), clock=clock)
    for name, spec in scenario.hosts.items():
        account = directory.add_computer(name, hyperv=True)
        account.delegate_to.extend(spec.delegate_to)
        account.user_account_control |= 0x1000000 if spec.any_protocol else 0
        world.add_host(_host(name, spec, world, operator=scenario.domain.operator))
    for group, members in scenario.domain.groups.items():
        prefix = f"{scenario.domain.netbios}\\"
        world.groups[prefix + group] = {(prefix + member).casefold() for member in members}
    directory.add_computer(scenario.domain.controller, controller=True)
    like = next(iter(scenario.hosts.values()))
    world.add_host(_server(scenario.domain.controller, scenario.domain.controller_address, like, world))
    if scenario.domain.management is not None:
        directory.add_computer(scenario.domain.management)
        member = _server(scenario.domain.management, scenario.domain.management_address, like, world)
        world.add_host(replace(member, member=True))
    world.use_directory(directory, stale_replica=scenario.domain.stale_replica)
    for name, spec in scenario.hosts.items():
        _leave_behind(world, name, spec)
    world.fault = fault_named(scenario.fault, scenario.name) if scenario.fault else None
    return world


def _directory(domain: DomainSpec) -> MemoryDirectory:
    """The domain with its operator; whoever starts the lab knows the password."""
    directory = MemoryDirectory(netbios=domain.netbios, dns=domain.dns)
    directory.add_user(
        domain.operator,
        "",
        sensitive=domain.operator_sensitive,
        protected=domain.operator_protected,
        rights=frozenset(domain.operator_rights),
        state=domain.operator_state,
    )
    directory.add_user(MOVING_ACCOUNT, secrets.token_urlsafe(18))
    directory.add_user(DELEGATING_ACCOUNT, secrets.token_urlsafe(18), rights=ALL_RIGHTS)
    return directory


def _pace(move: MoveSpec) -> MovePace:
    sets = tuple(
        WorkingSet(
            pages=round(spec.size_mib * MIB / PAGE_BYTES),
            writes_pages_s=spec.writes_mib_s * MIB / PAGE_BYTES,
            hot_fraction=spec.hot_fraction,
            hot_share=spec.hot_share,
            burst_period_s=spec.burst_period_s,
            burst_length_s=spec.burst_length_s,
            burst_factor=spec.burst_factor,
        )
        for spec in move.working_sets
    )
    plain = {name: value for name, value in vars(move).items() if name != "working_sets"}
    return MovePace(**plain, working_sets=sets)


def _identity(world: World, *parts: str) -> UUID:
    return uuid5(NAMESPACE_DNS, "/".join((world.directory.dns, *parts)))


def _host(name: str, spec: HostSpec, world: World, *, operator: str) -> LabHost:
    migration = spec.migration
    administrators = [operator, MOVING_ACCOUNT] if spec.hyperv_administrators is None else spec.hyperv_administrators
    host = LabHost(
        name=name,
        fqdn=f"{name.lower()}.{world.directory.dns}",
        address=spec.address,
        hyperv=True,
        cpu_manufacturer=spec.cpu.manufacturer,
        cpu_model=spec.cpu.model,
        sockets=spec.cpu.sockets,
        logical_processors=spec.cpu.logical_processors,
        memory_bytes=round(spec.memory_gib * GIB),
        memory_reserve_bytes=round(spec.memory_reserve_gib * GIB),
        os_caption=spec.os_caption,
        os_build=spec.os_build,
        default_path=spec.default_path,
        supported_versions=list(spec.supported_versions),
        volumes={letter: _volume(letter, each) for letter, each in spec.volumes.items()},
        switches={each: _switch(world, name, each, kind) for each, kind in spec.switches.items()},
        migration=MigrationSettings(**{key: value for key, value in vars(migration).items() if key != "networks"}),
        migration_networks=list(migration.networks),
        administrators=[f"{world.directory.netbios}\\{each}" for each in administrators],
        credential_guard=spec.os_build >= _GUARDED_FROM if spec.credential_guard is None else spec.credential_guard,
        firewall={rule: FirewallRule(rule, f"Rule {rule}", enabled) for rule, enabled in spec.firewall.items()},
        booted_utc=world.clock.utc_now() - timedelta(seconds=_UPTIME_S),
        locale=_language(name, spec.locale),
        clock_offset_s=spec.clock_offset_s,
        links=links_of(spec.links, spec.address),
        closed_ports=list(spec.closed_ports),
        unresolved=list(spec.unresolved),
        no_hop=spec.no_hop,
        active_moves=spec.busy_moves,
    )
    _put_on(host, spec, world)
    return host


def _put_on(host: LabHost, spec: HostSpec, world: World) -> None:
    for key, vm_spec in spec.vms.items():
        vm = _machine(key, vm_spec, world)
        host.vms[vm.vm_id] = vm
        host.add_files(vm)
        if vm_spec.guest:
            world.guest_vms.add(vm.vm_id)


def _language(host: str, locale: str) -> str:
    if locale not in LANGUAGES:
        where, known = f"hosts.{host}.locale", ", ".join(LANGUAGES)
        raise LabError(f"'{locale}' is no language of the lab", where=where, remedy=f"Say one of {known}.")
    return locale


def _leave_behind(world: World, name: str, spec: HostSpec) -> None:
    """What earlier tries left on this host of machines that may be anywhere."""
    host = world.hosts[name.casefold()]
    machines = {vm.vm_id: vm for each in world.hosts.values() for vm in each.vms.values()}
    for key in spec.planned:
        host.planned[_identity(world, "vm", key)] = key
    host.stale_cache += [_identity(world, "vm", key) for key in spec.stale_cache]
    for key in spec.left_disks:
        vm = machines.get(_identity(world, "vm", key))
        host.files.update({disk.path: disk.file_bytes for disk in vm.disks} if vm else {})


def _server(name: str, address: str, like: HostSpec, world: World) -> LabHost:
    """A plain server without Hyper-V; its figures matter to nobody, so they follow the first host's system."""
    return LabHost(
        name=name,
        fqdn=f"{name.lower()}.{world.directory.dns}",
        address=address,
        hyperv=False,
        cpu_manufacturer=like.cpu.manufacturer,
        cpu_model=like.cpu.model,
        sockets=1,
        logical_processors=4,
        memory_bytes=8 * GIB,
        memory_reserve_bytes=2 * GIB,
        os_caption=like.os_caption,
        os_build=like.os_build,
        default_path="",
        supported_versions=[],
        volumes={"C": Volume("C", "System", 100 * GIB, 30 * GIB)},
        switches={},
        migration=MigrationSettings(False, "CredSSP", "TCPIP", 0, 0, False),
        migration_networks=[],
        firewall={},
        booted_utc=world.clock.utc_now() - timedelta(seconds=_UPTIME_S),
    )


def _volume(letter: str, spec: VolumeSpec) -> Volume:
    return Volume(letter, spec.label, round(spec.size_gib * GIB), round(spec.other_used_gib * GIB))


def _switch(world: World, host: str, name: str, kind: str) -> VirtualSwitch:
    if kind not in ("External", "Internal", "Private"):
        where = f"hosts.{host}.switches.{name}"
        raise LabError(f"'{kind}' is no kind of switch", where=where, remedy="Say External, Internal or Private.")
    return VirtualSwitch(name, _identity(world, host, "switch", name), kind, "Ethernet" if kind == "External" else "")


def _machine(key: str, spec: VmSpec, world: World) -> VirtualMachine:
    """``key`` gives the GUID: the same in every run."""
    memory = round(spec.memory_gib * GIB)
    now = world.clock.utc_now()
    return VirtualMachine(
        vm_id=_identity(world, "vm", key),
        name=spec.name or key,
        path=spec.path,
        version=spec.version,
        generation=spec.generation,
        processors=spec.processors,
        memory_bytes=memory,
        memory_minimum_bytes=memory // 2 if spec.dynamic_memory else memory,
        memory_maximum_bytes=memory * 2 if spec.dynamic_memory else memory,
        dynamic_memory=spec.dynamic_memory,
        disks=[_disk(spec.path, place, disk) for place, disk in enumerate(spec.disks)],
        adapters=[Adapter(each.name, each.switch, each.mac_address, list(each.ip_addresses)) for each in spec.adapters],
        integration=[IntegrationService(service) for service in _SERVICES],
        checkpoints=[
            Checkpoint(each, _identity(world, "vm", key, each), "Standard", now - timedelta(days=1))
            for each in spec.checkpoints
        ],
        dvd_path=spec.dvd_path,
        clustered=spec.clustered,
        replica=spec.replica,
        notes=spec.notes,
        metered_s=None if spec.metered_hours is None else spec.metered_hours * 3600,
        state=spec.state,
        status_text="Operating normally",
        started_s=world.clock.monotonic_s() - _UPTIME_S,
        created_utc=now - timedelta(days=200),
    )


def _disk(path: str, place: int, spec: DiskSpec) -> Disk:
    where = f"{path}\\Virtual Hard Disks\\{spec.file}"
    sizes = round(spec.file_gib * GIB), round(spec.size_gib * GIB)
    return Disk(where, *sizes, spec.type, 0, place, spec.shared, spec.disk_number)
