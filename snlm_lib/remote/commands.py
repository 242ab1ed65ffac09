"""THE VOCABULARY: every sentence we can say to a Windows host, as data; knows no wire and no answer.

One function a sentence, named after its cmdlet. No function takes script text. A machine is
addressed by its GUID (``Get-VM -Name`` takes wildcards), a filter is built from GUIDs and whole
numbers only. Parameters are those of ``Get-Help`` for Windows Server 2019 to 2025.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Command, Pipeline
from snlm_lib.units import iso_utc

# fmt: off
__all__ = [
    "ADMIN_LOG", "CHANGES", "COUNTERS", "DELEGATE_TO", "FIREWALL_RULES", "READS", "WORKER_LOG", "Command",
    "Pipeline", "add_delegation", "at_server", "disable_vm_migration", "enable_vm_migration", "get_ad_computer",
    "get_ad_domain", "get_computer_system", "get_device_guard", "get_event_values", "get_events",
    "get_firewall_rules", "get_ip_addresses", "get_live_migration_counters", "get_migration_jobs",
    "get_migration_service", "get_network_adapters", "get_network_adapters_rdma", "get_operating_system",
    "get_peer_host", "get_planned_vm", "get_processors", "get_vhds", "get_vm", "get_vm_dvd_drives",
    "get_vm_hard_disks", "get_vm_host", "get_vm_host_supported_versions", "get_vm_integration_services",
    "get_vm_memory", "get_vm_migration_networks", "get_vm_network_adapters", "get_vm_processor", "get_vm_snapshots",
    "get_vm_switches", "get_vms", "get_volumes", "measure_vm", "move_vm", "ping", "remove_delegation", "resolve",
    "select", "set_any_protocol", "set_vm_host", "test_port",
]
# fmt: on

CHANGES: frozenset[str] = frozenset(
    {"Disable-VMMigration", "Enable-VMMigration", "Move-VM", "Set-ADAccountControl", "Set-ADComputer", "Set-VMHost"}
)
"""Cmdlets that alter a host or the directory."""

# fmt: off
READS: frozenset[str] = frozenset(
    {
        "Get-ADComputer", "Get-ADDomain", "Get-CimInstance", "Get-Counter", "Get-NetFirewallRule", "Get-VHD",
        "Get-VM", "Get-VMDvdDrive", "Get-VMHardDiskDrive", "Get-VMHost", "Get-VMHostSupportedVersion",
        "Get-VMIntegrationService", "Get-VMMemory", "Get-VMMigrationNetwork", "Get-VMNetworkAdapter",
        "Get-VMProcessor", "Get-VMSnapshot", "Get-VMSwitch", "Get-Volume", "Get-WinEvent", "Measure-VM",
        "Resolve-DnsName", "Select-Object", "Test-NetConnection",
    }
)
# fmt: on
"""Cmdlets that only look."""

VIRTUALIZATION = "root\\virtualization\\v2"
DEVICE_GUARD = "root\\Microsoft\\Windows\\DeviceGuard"
STANDARD = "root\\StandardCimv2"
ADMIN_LOG = "Microsoft-Windows-Hyper-V-VMMS-Admin"
WORKER_LOG = "Microsoft-Windows-Hyper-V-Worker-Admin"
COUNTERS = "\\Hyper-V VM Live Migration(*)\\*"
DELEGATE_TO = "msDS-AllowedToDelegateTo"
FIREWALL_RULES = ("VIRT-MIGL-In-TCP-NoScope", "FPS-SMB-In-TCP")
"""Rules by Name, since display names are translated: the migration listener (6600) and SMB (445)."""

_ACCOUNT = (DELEGATE_TO, "userAccountControl", "servicePrincipalName", "dNSHostName", "TrustedToAuthForDelegation")
_ECHO = ("StatusCode", "ResponseTime", "PrimaryAddressResolutionStatus")
_PINGABLE = re.compile(r"[A-Za-z0-9:.-]{1,253}")


def _say(*commands: Command) -> Pipeline:
    unknown = [command.name for command in commands if command.name not in CHANGES | READS]
    if unknown:
        raise ValueError(f"not in the vocabulary: {', '.join(unknown)}")
    return Pipeline(commands, changes=any(command.name in CHANGES for command in commands))


def _cim(class_name: str, **parameters: object) -> Pipeline:
    return _say(Command("Get-CimInstance", {"ClassName": class_name, **parameters}))


def _of_vm(vm_id: UUID, cmdlet: str) -> Pipeline:
    return _say(Command("Get-VM", {"Id": vm_id}), Command(cmdlet))


# --- the host -------------------------------------------------------------------------------------


def get_vm_host() -> Pipeline:
    """Live-migration settings, paths, names of the host."""
    return _say(Command("Get-VMHost"))


def get_vm_switches() -> Pipeline:
    """Virtual switches."""
    return _say(Command("Get-VMSwitch"))


def get_vm_migration_networks() -> Pipeline:
    """Networks on which the host accepts migrations."""
    return _say(Command("Get-VMMigrationNetwork"))


def get_vm_host_supported_versions() -> Pipeline:
    """Configuration versions the host can run."""
    return _say(Command("Get-VMHostSupportedVersion"))


def get_computer_system() -> Pipeline:
    """``Win32_ComputerSystem``: name, domain, memory."""
    return _cim("Win32_ComputerSystem")


def get_operating_system() -> Pipeline:
    """``Win32_OperatingSystem``: build, free memory, clock."""
    return _cim("Win32_OperatingSystem")


def get_processors() -> Pipeline:
    """``Win32_Processor``: one object a socket."""
    return _cim("Win32_Processor")


def get_device_guard() -> Pipeline:
    """``Win32_DeviceGuard``: which virtualisation-based security services run (1: Credential Guard)."""
    return _cim("Win32_DeviceGuard", Namespace=DEVICE_GUARD)


def get_peer_host(peer: str, credential: Credential | None) -> Pipeline:
    """The peer's settings as this host reads them: a harmless read on the way that a move's cmdlet goes.

    ``credential`` as in `move_vm`.
    """
    given = {"Credential": credential} if credential is not None else {}
    return _say(Command("Get-VMHost", {"ComputerName": peer, **given}))


def get_migration_service() -> Pipeline:
    """``Msvm_VirtualSystemMigrationService``: the listener's addresses, migrations under way."""
    return _cim("Msvm_VirtualSystemMigrationService", Namespace=VIRTUALIZATION)


def get_network_adapters() -> Pipeline:
    """``MSFT_NetAdapter``: link speed and MTU of each network card, as numbers."""
    return _cim("MSFT_NetAdapter", Namespace=STANDARD)


def get_network_adapters_rdma() -> Pipeline:
    """``MSFT_NetAdapterRdmaSettingData``: which cards may use RDMA."""
    return _cim("MSFT_NetAdapterRdmaSettingData", Namespace=STANDARD)


def get_ip_addresses() -> Pipeline:
    """``MSFT_NetIPAddress``: which card bears which address."""
    return _cim("MSFT_NetIPAddress", Namespace=STANDARD)


def get_volumes() -> Pipeline:
    """Volumes with their size and free space."""
    return _say(Command("Get-Volume"))


def get_firewall_rules(names: Sequence[str] = FIREWALL_RULES) -> Pipeline:
    """Inbound rules by Name."""
    return _say(Command("Get-NetFirewallRule", {"Name": list(names)}))


def resolve(name: str) -> Pipeline:
    """The A records of ``name`` as the host resolves it."""
    return _say(Command("Resolve-DnsName", {"Name": name, "Type": "A"}))


def test_port(peer: str, port: int) -> Pipeline:
    """Can the host open a TCP connection to ``peer``?"""
    return _say(Command("Test-NetConnection", {"ComputerName": peer, "Port": port}))


def ping(address: str, timeout_ms: int) -> Pipeline:
    """One ICMP echo from the host to a name or address. What `Test-Connection` asks too, and its numbers arrive here.

    Selected, since Windows adds two properties to the whole object that ask DNS. Raises ValueError for what is no name.
    """
    if not _PINGABLE.fullmatch(address):
        raise ValueError(f"{address[:60]!r} is no name or address that a filter may hold")
    return select(_cim("Win32_PingStatus", Filter=f"Address='{address}' and Timeout={int(timeout_ms)}"), _ECHO)


# --- machines -------------------------------------------------------------------------------------


def get_vms() -> Pipeline:
    """Every machine registered on the host; names are compared here, never sent."""
    return _say(Command("Get-VM"))


def get_vm(vm_id: UUID) -> Pipeline:
    """One machine."""
    return _say(Command("Get-VM", {"Id": vm_id}))


def get_vm_hard_disks(vm_id: UUID) -> Pipeline:
    """The machine's disks as attached."""
    return _of_vm(vm_id, "Get-VMHardDiskDrive")


def get_vhds(vm_id: UUID) -> Pipeline:
    """The machine's disk files."""
    return _say(Command("Get-VHD", {"VMId": vm_id}))


def get_vm_network_adapters(vm_id: UUID) -> Pipeline:
    """The machine's network adapters."""
    return _of_vm(vm_id, "Get-VMNetworkAdapter")


def get_vm_dvd_drives(vm_id: UUID) -> Pipeline:
    """The machine's DVD drives."""
    return _of_vm(vm_id, "Get-VMDvdDrive")


def get_vm_snapshots(vm_id: UUID) -> Pipeline:
    """The machine's checkpoints."""
    return _of_vm(vm_id, "Get-VMSnapshot")


def get_vm_integration_services(vm_id: UUID) -> Pipeline:
    """The machine's integration services."""
    return _of_vm(vm_id, "Get-VMIntegrationService")


def get_vm_processor(vm_id: UUID) -> Pipeline:
    """The machine's processor settings."""
    return _of_vm(vm_id, "Get-VMProcessor")


def get_vm_memory(vm_id: UUID) -> Pipeline:
    """The machine's memory settings."""
    return _of_vm(vm_id, "Get-VMMemory")


def measure_vm(vm_id: UUID) -> Pipeline:
    """What was metered of the machine's resources; an error where metering is off."""
    return _of_vm(vm_id, "Measure-VM")


def get_planned_vm(vm_id: UUID) -> Pipeline:
    """The planned machine an interrupted migration leaves on the destination; not in ``Get-VM``."""
    return _cim("Msvm_PlannedComputerSystem", Namespace=VIRTUALIZATION, Filter=f"Name='{_guid(vm_id)}'")


# --- a move under way -----------------------------------------------------------------------------


def get_migration_jobs(vm_id: UUID) -> Pipeline:
    """``Msvm_MigrationJob`` of the machine; an ended job stays five minutes."""
    return _cim("Msvm_MigrationJob", Namespace=VIRTUALIZATION, Filter=f"VirtualSystemName='{_guid(vm_id)}'")


def get_live_migration_counters() -> Pipeline:
    """One sample of every live-migration counter of every machine on the move."""
    return _say(
        Command("Get-Counter", {"Counter": COUNTERS, "MaxSamples": 1}),
        Command("Select-Object", {"ExpandProperty": "CounterSamples"}),
    )


def get_events(ids: Iterable[int], since_utc: datetime, *, log: str = ADMIN_LOG) -> Pipeline:
    """Events of a log, by id, since an aware moment. Not by a hashtable: its Path may name a file of another host."""
    any_id = " or ".join(f"EventID={int(each)}" for each in sorted(ids))
    since = f"TimeCreated[@SystemTime>='{iso_utc(since_utc)}']"
    return _say(Command("Get-WinEvent", {"LogName": log, "FilterXPath": f"*[System[({any_id}) and {since}]]"}))


def get_event_values(record_id: int, *, log: str = ADMIN_LOG) -> Pipeline:
    """The values of one event, in order."""
    where = f"*[System[EventRecordID={int(record_id)}]]"
    return _say(
        Command("Get-WinEvent", {"LogName": log, "FilterXPath": where}),
        Command("Select-Object", {"ExpandProperty": "Properties"}),
    )


# --- changes of a host ----------------------------------------------------------------------------


def enable_vm_migration() -> Pipeline:
    """Switch live migration on."""
    return _say(Command("Enable-VMMigration", {"Confirm": False}))


def disable_vm_migration() -> Pipeline:
    """Switch live migration off: the undo."""
    return _say(Command("Disable-VMMigration", {"Confirm": False}))


def set_vm_host(
    *,
    authentication: str | None = None,
    performance: str | None = None,
    maximum_vm_migrations: int | None = None,
    maximum_storage_migrations: int | None = None,
    use_any_network: bool | None = None,
) -> Pipeline:
    """Live-migration settings; what is None stays as it is. Raises ValueError when all are None."""
    wanted: dict[str, object] = {
        "VirtualMachineMigrationAuthenticationType": authentication,
        "VirtualMachineMigrationPerformanceOption": performance,
        "MaximumVirtualMachineMigrations": maximum_vm_migrations,
        "MaximumStorageMigrations": maximum_storage_migrations,
        "UseAnyNetworkForMigration": use_any_network,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    if not given:
        raise ValueError("set_vm_host needs at least one setting")
    return _say(Command("Set-VMHost", {**given, "Confirm": False}))


def move_vm(vm_id: UUID, destination_host: str, *, storage_path: str, credential: Credential | None) -> Pipeline:
    """Move a running machine with its storage.

    ``storage_path``: folder on the destination. ``credential`` opens the destination from the
    source (the second hop); None leaves it to delegation.
    """
    parameters: dict[str, object] = {"DestinationHost": destination_host}
    if credential is not None:
        parameters["DestinationCredential"] = credential
    parameters |= {"IncludeStorage": True, "DestinationStoragePath": storage_path, "Confirm": False}
    return _say(Command("Get-VM", {"Id": vm_id}), Command("Move-VM", parameters))


# --- the directory --------------------------------------------------------------------------------


def get_ad_domain() -> Pipeline:
    """The domain."""
    return _say(Command("Get-ADDomain"))


def get_ad_computer(identity: str) -> Pipeline:
    """A computer account with everything delegation needs."""
    return _say(Command("Get-ADComputer", {"Identity": identity, "Properties": list(_ACCOUNT)}))


def add_delegation(identity: str, spns: Sequence[str]) -> Pipeline:
    """Add values to the account's delegation list; other values survive."""
    return _delegation(identity, "Add", spns)


def remove_delegation(identity: str, spns: Sequence[str]) -> Pipeline:
    """Take values off the account's delegation list: the undo."""
    return _delegation(identity, "Remove", spns)


def set_any_protocol(identity: str, value: bool) -> Pipeline:
    """ "Use any authentication protocol" (protocol transition) of an account, on or off."""
    parameters = {"Identity": identity, "TrustedToAuthForDelegation": value, "Confirm": False}
    return _say(Command("Set-ADAccountControl", parameters))


def at_server(pipeline: Pipeline, server: str, credential: Credential) -> Pipeline:
    """The same AD cmdlets, told which controller to ask and as whom: on a member server that is their second hop."""
    told = {"Server": server, "Credential": credential}
    return _say(*(Command(command.name, {**command.parameters, **told}) for command in pipeline.commands))


def select(pipeline: Pipeline, properties: Sequence[str]) -> Pipeline:
    """The same question, with only these properties in the answer."""
    return _say(*pipeline.commands, Command("Select-Object", {"Property": list(properties)}))


def _delegation(identity: str, verb: str, spns: Sequence[str]) -> Pipeline:
    if not spns:
        raise ValueError("no service principal name given")
    parameters = {"Identity": identity, verb: {DELEGATE_TO: list(spns)}, "Confirm": False}
    return _say(Command("Set-ADComputer", parameters))


def _guid(vm_id: UUID) -> str:
    return str(UUID(str(vm_id))).upper()  # Windows writes them upper case; a filter on text may mind
