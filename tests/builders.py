"""Two hosts and a machine between which a move is possible; a test spoils one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from snlm_lib.change.delegation import wanted_names
from snlm_lib.estate.model import (
    AdapterFacts,
    DelegationFacts,
    DirectoryHost,
    DiskFacts,
    HopFacts,
    HostFacts,
    IntegrationFacts,
    MigrationSettings,
    PairFacts,
    PortFacts,
    VmFacts,
    VolumeFacts,
)
from snlm_lib.units import GIB

VM_ID = UUID("6f9d2b1c-0f1e-4f7a-9d5e-1c2b3a4d5e6f")
READ_UTC = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
GOOD_SETTINGS = MigrationSettings(
    enabled=True,
    authentication="Kerberos",
    performance="Compression",
    maximum_vm_migrations=2,
    maximum_storage_migrations=2,
    use_any_network=True,
)


def host(name: str, peer: str, **changes: Any) -> HostFacts:
    """A healthy host called ``name``."""
    good = HostFacts(
        name=name,
        computer_name=name,
        fqdn=f"{name.lower()}.corp.example",
        domain="corp.example",
        os_build=26100,
        cpu_manufacturer="GenuineIntel",
        cpu_model="Xeon Gold 6430",
        logical_processors=32,
        memory_bytes=128 * GIB,
        memory_free_bytes=64 * GIB,
        clock_offset_s=0.01,
        settings=GOOD_SETTINGS,
        migration_networks=(),
        listener_addresses=("10.20.0.11",),
        active_vm_migrations=0,
        active_storage_migrations=0,
        supported_versions=("10.0", "11.0", "12.0"),
        default_path="D:\\Hyper-V",
        switches=("LAN", "Backup"),
        volumes=(VolumeFacts("D", "Data", 1000 * GIB, 500 * GIB),),
        firewall_enabled={"VIRT-MIGL-In-TCP-NoScope": True, "FPS-SMB-In-TCP": True},
        peer_address="10.20.0.12",
        ports=(PortFacts(peer, 6600, True, None), PortFacts(peer, 445, True, None)),
        read_utc=READ_UTC,
        switch_kinds={"LAN": "External", "Backup": "External"},
        credential_guard=True,
        in_domain=True,
    )
    return replace(good, **changes)


def machine(**changes: Any) -> VmFacts:
    """VM01, running on HV01."""
    disks = tuple(
        DiskFacts(
            f"D:\\VMs\\VM01\\{name}.vhdx", f"SCSI 0:{place}", size * GIB, 100 * GIB, "Dynamic", None, False, False
        )
        for place, (name, size) in enumerate((("os", 40), ("data", 60)))
    )
    good = VmFacts(
        vm_id=VM_ID,
        name="VM01",
        host="HV01",
        state="Running",
        operational_status=("Ok",),
        generation=2,
        version="12.0",
        processors=4,
        compatibility_for_migration=False,
        memory_assigned_bytes=8 * GIB,
        memory_startup_bytes=8 * GIB,
        dynamic_memory=False,
        memory_maximum_bytes=None,
        uptime_s=3600.0,
        clustered=False,
        configuration_path="D:\\VMs\\VM01",
        disks=disks,
        adapters=(AdapterFacts("Network Adapter", "LAN", "00155D010203", True, ("10.20.0.51",)),),
        checkpoints=(),
        images=(),
        integration=(IntegrationFacts("Heartbeat", True, "Ok"),),
        replication="Disabled",
    )
    return replace(good, **changes)


def account(name: str, **changes: Any) -> DelegationFacts:
    """A computer account with nothing delegated."""
    bare = DelegationFacts(
        host=name,
        sam_account_name=f"{name}$",
        distinguished_name=f"CN={name},OU=Hyper-V,DC=corp,DC=example",
        dns_host_name=f"{name.lower()}.corp.example",
        delegate_to=(),
        any_protocol=False,
        unconstrained=False,
        service_principal_names=(f"HOST/{name}",),
    )
    return replace(bare, **changes)


def pair(**changes: Any) -> PairFacts:
    """Everything ready for VM01 to go from HV01 to HV02."""
    there, back = account("HV02"), account("HV01")
    good = PairFacts(
        source=host("HV01", "HV02"),
        destination=host("HV02", "HV01"),
        vm=machine(),
        vm_wanted="VM01",
        same_name_source=1,
        same_name_destination=0,
        id_on_destination=False,
        planned_on_destination=False,
        jobs=(),
        delegation={
            "HV01": account("HV01", delegate_to=wanted_names(there), any_protocol=True),
            "HV02": account("HV02", delegate_to=wanted_names(back), any_protocol=True),
        },
        directory_domain="corp.example",
        directory_host=DirectoryHost("DC01", 5),
        hop=HopFacts("CORP\\operator", None),
    )
    return replace(good, **changes)
