"""One host: what is asked of it, and the answers as a model; pure."""

from __future__ import annotations

from datetime import datetime

from snlm_lib.estate import facts, values
from snlm_lib.estate.model import HostFacts, PortFacts
from snlm_lib.remote import commands
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.pipeline import Pipeline

__all__ = ["PORTS", "Answers", "host_facts", "host_questions", "offset_s"]

Answers = dict[str, tuple[PsObject, ...] | None]
"""Question's key to its answer; None: the host refused the question."""

PORTS = (6600, 445)
"""What a move needs from host to host: the migration listener and SMB."""

_NOTHING = PsObject()
_KIB = 1024


def host_questions(peer: str) -> dict[str, Pipeline]:
    """Everything asked of a host, but its clock (``operating_system``), which is timed by the asker."""
    return {
        "host": commands.get_vm_host(),
        "switches": commands.get_vm_switches(),
        "networks": commands.get_vm_migration_networks(),
        "versions": commands.get_vm_host_supported_versions(),
        "computer_system": commands.get_computer_system(),
        "processors": commands.get_processors(),
        "service": commands.get_migration_service(),
        "volumes": commands.get_volumes(),
        "device_guard": commands.get_device_guard(),
        "cards": commands.get_network_adapters(),
        "cards_rdma": commands.get_network_adapters_rdma(),
        "addresses": commands.get_ip_addresses(),
        "peer": commands.resolve(peer),
        # each on its own: a rule that is missing is an error, and would take the other's answer with it
        **{f"rule {name}": commands.get_firewall_rules((name,)) for name in commands.FIREWALL_RULES},
        **{f"port {port}": commands.test_port(peer, port) for port in PORTS},
    }


def host_facts(answers: Answers, *, host: str, peer: str, asked_utc: datetime, read_utc: datetime) -> HostFacts:
    """The answers as a model. ``asked_utc``: the middle of the round trip that asked for the clock."""
    vm_host, service = _one(answers, "host"), _one(answers, "service")
    computer, system, processor = (_one(answers, key) for key in ("computer_system", "operating_system", "processors"))
    return HostFacts(
        name=host,
        computer_name=values.text(computer, "Name") or values.text(vm_host, "Name"),
        fqdn=values.text(vm_host, "FullyQualifiedDomainName"),
        domain=values.text(computer, "Domain"),
        os_build=values.number(system, "BuildNumber"),
        cpu_manufacturer=values.text(processor, "Manufacturer"),
        cpu_model=values.text(processor, "Name"),
        logical_processors=_logical_processors(answers),
        memory_bytes=values.number(computer, "TotalPhysicalMemory"),
        memory_free_bytes=_times(values.number(system, "FreePhysicalMemory"), _KIB),
        clock_offset_s=offset_s(system, asked_utc),
        settings=facts.settings(vm_host),
        migration_networks=_named(answers, "networks", "Subnet"),
        listener_addresses=values.texts(service, "MigrationServiceListenerIPAddressList"),
        active_vm_migrations=values.number(service, "ActiveVirtualSystemMigrationCount"),
        active_storage_migrations=values.number(service, "ActiveStorageMigrationCount"),
        supported_versions=_named(answers, "versions", "Version"),
        default_path=values.text(vm_host, "VirtualMachinePath"),
        switches=_named(answers, "switches", "Name"),
        volumes=facts.volumes(_all(answers, "volumes")),
        firewall_enabled=_firewall(answers),
        peer_address=facts.peer_address(_all(answers, "peer")),
        ports=_ports(answers, peer),
        read_utc=read_utc,
        switch_kinds={
            name: values.name(bag, "SwitchType")
            for bag in _all(answers, "switches")
            if (name := values.text(bag, "Name"))
        },
        credential_guard=facts.credential_guard(_all(answers, "device_guard")),
        in_domain=values.flag(computer, "PartOfDomain"),
        links=facts.links(*(_all(answers, key) for key in ("cards", "cards_rdma", "addresses"))),
    )


def _all(answers: Answers, key: str) -> tuple[PsObject, ...]:
    return answers.get(key) or ()


def _one(answers: Answers, key: str) -> PsObject:
    return (*_all(answers, key), _NOTHING)[0]


def _named(answers: Answers, key: str, field: str) -> tuple[str, ...]:
    return tuple(said for said in (values.text(bag, field) for bag in _all(answers, key)) if said)


def _firewall(answers: Answers) -> dict[str, bool | None]:
    told = [bag for name in commands.FIREWALL_RULES for bag in _all(answers, f"rule {name}")]
    return facts.firewall_enabled(told, commands.FIREWALL_RULES)


def _ports(answers: Answers, peer: str) -> tuple[PortFacts, ...]:
    return tuple(facts.port(_all(answers, f"port {port}"), peer=peer, number=port) for port in PORTS)


def _logical_processors(answers: Answers) -> int | None:
    """Summed over the sockets; the computer's own count, or Hyper-V's, failing that."""
    counts = [values.number(bag, "NumberOfLogicalProcessors") for bag in _all(answers, "processors")]
    known = [count for count in counts if count is not None]
    if known and len(known) == len(counts):
        return sum(known)
    whole = values.number(_one(answers, "computer_system"), "NumberOfLogicalProcessors")
    return whole if whole is not None else values.number(_one(answers, "host"), "LogicalProcessorCount")


def offset_s(system: PsObject, asked_utc: datetime) -> float | None:
    """The host's clock minus ours, by its ``Win32_OperatingSystem``, asked at that moment of ours; None: not told."""
    told = values.moment(system, "LocalDateTime")
    return None if told is None else (told - asked_utc).total_seconds()


def _times(count: int | None, unit: int) -> int | None:
    return None if count is None else count * unit
