"""What a survey says of a coming move, as a forecast wants it. Pure; what nobody told stays unknown."""

from __future__ import annotations

from snlm_lib.change.link import pair_link
from snlm_lib.estate.model import DiskFacts, PairFacts, VmFacts
from snlm_lib.measure.forecast.inputs import MoveInputs, Source, Transport
from snlm_lib.parameters import Parameters
from snlm_lib.units import MIB

__all__ = ["move_inputs"]

_TRANSPORTS = {"TCPIP": Transport.TCP, "Compression": Transport.COMPRESSION}


def move_inputs(facts: PairFacts, wanted: Parameters) -> MoveInputs:
    """The inputs of a forecast for the machine and the pair surveyed, with the change's own limits."""
    link, vm = pair_link(facts.source, facts.destination), facts.vm
    under_way = [host.active_vm_migrations for host in (facts.source, facts.destination)]
    known = [count for count in under_way if count is not None]
    return MoveInputs(
        machine=str(vm.vm_id) if vm else None,
        workload=wanted.workload.strip().casefold() or None,
        ram_assigned_mib=_mib(vm.memory_assigned_bytes) if vm else None,
        ram_demand_mib=_mib(vm.memory_demand_bytes) if vm else None,
        disk_used_mib=_disk_mib(vm),
        disk_write_mib_s=_mib(vm.disk_write_bytes_s) if vm else None,
        link_mbit_s=link.mbit_s,
        mtu=link.mtu_bytes,
        transport=_transport(wanted.performance, rdma=link.rdma),
        simultaneous=1.0 + max(known) if known else None,
        window_s=wanted.window_min * 60 or None,
        pause_limit_s=wanted.pause_limit_s or None,
        sources={"link_mbit_s": Source.PRIOR} if link.inferred else {},
    )


def _transport(performance: str, *, rdma: bool | None) -> Transport:
    if performance == "SMB":
        return Transport.SMB_DIRECT if rdma else Transport.SMB
    return _TRANSPORTS.get(performance, Transport.TCP)


def _disk_mib(vm: VmFacts | None) -> float | None:
    """What the copied files hold now; shared disks and disks of the host are not moved. None: one size is not known."""
    if vm is None or vm.disks is None:
        return None
    sizes = [disk.file_bytes for disk in vm.disks if _is_copied(disk)]
    return None if None in sizes else sum(size or 0 for size in sizes) / MIB


def _is_copied(disk: DiskFacts) -> bool:
    return not disk.shared and not disk.pass_through


def _mib(count: float | None) -> float | None:
    return None if count is None else count / MIB
