"""Checks of the machine and of the room it needs: found once, running, memory, disk, images."""

from __future__ import annotations

from collections.abc import Iterable

from snlm_lib.change.checks.model import Check, Finding, fail, passed, warn
from snlm_lib.estate.model import DiskFacts, PairFacts, VmFacts
from snlm_lib.parameters import Parameters
from snlm_lib.units import GIB, say_bytes

__all__ = ["CHECKS", "HOST_RESERVE_BYTES", "RUNNING_JOB_STATES"]

HOST_RESERVE_BYTES = 2 * GIB  # what the destination's own system keeps; our choice, stated in the evidence
RUNNING_JOB_STATES = frozenset({2, 3, 4, 5, 6})  # Msvm_MigrationJob.JobState
_BUSY = {"CreatingSnapshot", "DeletingSnapshot", "MergingDisks", "BackingUpVirtualMachine"}


def _not_found(facts: PairFacts) -> Finding:
    if facts.same_name_destination:
        return fail(
            f"no machine called {facts.vm_wanted!r} here; one of that name is on {facts.destination.name}",
            "If it was moved already there is nothing to do. In the lab: end 'snlm lab up' and start it again.",
            host=facts.source.name,
        )
    return fail(
        f"no machine called {facts.vm_wanted!r}",
        f"Correct 'vm', or name the host that runs it (now source: {facts.source.name}).",
        host=facts.source.name,
    )


def found_once(facts: PairFacts, _wanted: Parameters) -> Finding:
    """The machine is on the source, exactly one of that name."""
    several = facts.same_name_source is not None and facts.same_name_source > 1
    if facts.vm is None and several:
        return fail(
            f"{facts.same_name_source} machines are called {facts.vm_wanted!r}",
            "Name the machine by its GUID.",
            host=facts.source.name,
        )
    if facts.vm is None:
        return _not_found(facts)
    if several:
        return warn(
            f"{facts.same_name_source} machines are called {facts.vm.name!r}; {facts.vm.vm_id} is the one meant",
            "Rename the other one: people and probes tell machines apart by name.",
            host=facts.source.name,
        )
    if facts.same_name_destination:
        return warn(
            f"another machine called {facts.vm.name!r} is on {facts.destination.name}",
            "Two machines of one name will stand there; rename one to avoid confusion.",
            host=facts.destination.name,
        )
    return passed(f"{facts.vm.name} is {facts.vm.vm_id}", host=facts.source.name)


def running(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Only a running machine moves live."""
    if facts.vm is None:
        return _not_found(facts)
    if facts.vm.state != "Running":
        return fail(f"the machine is {facts.vm.state or 'in an unknown state'}", "Start it.", host=facts.source.name)
    busy = _BUSY & set(facts.vm.operational_status)
    if busy:
        return fail(f"it is busy: {', '.join(sorted(busy))}", "Wait until that is done.", host=facts.source.name)
    return passed("running", host=facts.source.name)


def free_id(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Nothing of this GUID is on the destination, not even a planned machine left by an earlier try."""
    if facts.id_on_destination:
        return fail(
            "a machine of this GUID is already registered there",
            "Find out which of the two is the right one before anything else.",
            host=facts.destination.name,
        )
    if facts.planned_on_destination:
        return fail(
            "a planned VM of this GUID is left there from an earlier try",
            "Remove the planned VM first.",
            host=facts.destination.name,
        )
    if facts.planned_on_destination is None:
        return fail("planned VMs could not be read", "Check the session's rights.", host=facts.destination.name)
    if facts.id_on_destination is None:
        return warn("could not be read", "Look for a machine of this GUID by hand.", host=facts.destination.name)
    return passed(f"free on {facts.destination.name}")


def no_move(facts: PairFacts, _wanted: Parameters) -> Finding:
    """No migration job of this machine is under way."""
    if facts.jobs is None:
        return fail("migration jobs could not be read", "Check the session's rights on both hosts.")
    going = [job for job in facts.jobs if job.job_state in RUNNING_JOB_STATES]
    if going:
        return fail(
            f"a migration of this machine is under way ({going[0].percent} %)",
            "Wait for it; two moves of one machine exclude each other.",
            host=going[0].host,
        )
    return passed("none under way")


def processors(facts: PairFacts, _wanted: Parameters) -> Finding:
    """The destination has at least as many logical processors as the machine wants."""
    have = facts.destination.logical_processors
    want = facts.vm.processors if facts.vm else None
    if have is None or want is None:
        return fail("processor counts could not be read", "Check the session's rights.", host=facts.destination.name)
    if want > have:
        return fail(
            f"the machine has {want} virtual processors, the host {have}",
            "Choose a larger host.",
            host=facts.destination.name,
        )
    return passed(f"{want} of {have}")


def memory(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Free memory less a reserve for the host against what the machine holds now."""
    free = facts.destination.memory_free_bytes
    want = facts.vm.memory_assigned_bytes if facts.vm else None
    if free is None or want is None:
        return fail("memory could not be read", "Check the session's rights.", host=facts.destination.name)
    said = (
        f"{facts.vm.name if facts.vm else 'it'} needs {say_bytes(want)}; "
        f"free {say_bytes(free)}, of which {say_bytes(HOST_RESERVE_BYTES)} stay with the host"
    )
    if want > free - HOST_RESERVE_BYTES:
        return fail(said, "Free memory there, or choose another host.", host=facts.destination.name)
    return passed(said)


def _sum(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else sum(size or 0 for size in known)


def _virtual(vm: VmFacts | None) -> list[DiskFacts] | None:
    return None if vm is None or vm.disks is None else [disk for disk in vm.disks if not disk.pass_through]


def disk_space(facts: PairFacts, wanted: Parameters) -> Finding:
    """Room for the disks' files on the target volume; Hyper-V is not known to look itself."""
    letter = wanted.destination_path[0].upper()
    volume = next((item for item in facts.destination.volumes if item.drive_letter.upper() == letter), None)
    if volume is None:
        return fail(f"has no volume {letter}:", "Correct 'destination_path'.", host=facts.destination.name)
    disks = _virtual(facts.vm)
    need = None if disks is None else _sum(disk.file_bytes for disk in disks)
    if disks is None or need is None or volume.free_bytes is None:
        where = facts.destination if volume.free_bytes is None else facts.source
        return fail("sizes could not be read", "Check the session's rights.", host=where.name)
    chained = [disk for disk in disks if disk.parent_path or disk.vhd_type == "Differencing"]
    said = f"{letter}: needs {'at least ' * bool(chained)}{say_bytes(need)}, free {say_bytes(volume.free_bytes)}"
    if need > volume.free_bytes:
        return fail(said, "Free space there, or choose another volume.", host=facts.destination.name)
    if chained:
        return _with_parents(said, _sum(disk.size_bytes for disk in chained), volume.free_bytes - need, facts)
    largest = sum(disk.size_bytes or 0 for disk in disks)
    if largest > volume.free_bytes:
        return warn(
            f"{said}; the disks may grow to {say_bytes(largest)}", "Plan for growth.", host=facts.destination.name
        )
    return passed(said)


def _with_parents(said: str, parents: int | None, left: int, facts: PairFacts) -> Finding:
    """A differencing disk travels with its parents, whose files nobody measured: a volume that fills up pauses
    every machine on it."""
    merge, host = "Merge the checkpoints first", facts.destination.name
    told = f"{said}; parents of differencing disks are not counted"
    if parents is None:
        return fail(f"{told}, their size could not be read", f"{merge}, or check the session's rights.", host=host)
    told = f"{told}, a parent may be as large as its disk ({say_bytes(parents)} in all)"
    if parents > left:
        return fail(told, f"{merge}, free space there, or choose another volume.", host=host)
    return warn(told, f"{merge}, or add up the files of the whole chain by hand.", host=host)


def movable_disks(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Pass-through and shared disks do not move (shared ones would be skipped with a warning only)."""
    if facts.vm is None:
        return _not_found(facts)
    if facts.vm.disks is None:
        return fail("the disks could not be read", "Check the session's rights.", host=facts.source.name)
    bad = [disk.path for disk in facts.vm.disks if disk.pass_through or disk.shared]
    if bad:
        return fail(f"cannot move: {', '.join(bad)}", "Detach pass-through and shared disks.", host=facts.source.name)
    return passed(f"{len(facts.vm.disks)} virtual disks")


def images(facts: PairFacts, _wanted: Parameters) -> Finding:
    """A DVD image on a host path does not travel."""
    if facts.vm is None:
        return _not_found(facts)
    if facts.vm.images is None:
        return warn("could not be read", "Look for an attached image by hand.", host=facts.source.name)
    if facts.vm.images:
        return warn(
            f"image attached: {', '.join(facts.vm.images)}", "Eject it, or the move may fail.", host=facts.source.name
        )
    return passed("no image attached")


def checkpoints(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Checkpoints travel, but are a risk of processor mismatch and of name collision."""
    if facts.vm is None:
        return _not_found(facts)
    if facts.vm.checkpoints is None:
        return warn("could not be read", "Look for checkpoints by hand.", host=facts.source.name)
    if facts.vm.checkpoints:
        names = ", ".join(item.name for item in facts.vm.checkpoints)
        return warn(
            f"{len(facts.vm.checkpoints)} checkpoints: {names}", "Remove what is not needed.", host=facts.source.name
        )
    return passed("none")


def clustered(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Move-VM refuses a machine that a failover cluster owns."""
    if facts.vm is None:
        return _not_found(facts)
    if facts.vm.clustered:
        return fail(
            "a failover cluster owns it",
            "Take the role out of the cluster first, or move it with the cluster's own cmdlets.",
            host=facts.source.name,
        )
    if facts.vm.clustered is None:
        return warn("could not be read", "Look for a cluster role of it by hand.", host=facts.source.name)
    return passed("no cluster owns it")


def replica(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Replication of the machine does not follow it by itself."""
    if facts.vm is None:
        return _not_found(facts)
    if facts.vm.replication is None:
        return warn("could not be read", "Look for Hyper-V Replica by hand.", host=facts.source.name)
    if facts.vm.replication != "Disabled":
        return warn(
            f"Hyper-V Replica: {facts.vm.replication}",
            "Pause replication, authorise the destination at the replica server, resume after the move.",
            host=facts.source.name,
        )
    return passed("not replicated")


CHECKS = (
    Check("vm-found", "The machine is found, once", found_once),
    Check("vm-running", "The machine is running", running, of_vm=True),
    Check("vm-id-free", "Its GUID is free at the destination", free_id, of_vm=True),
    Check("no-move", "No migration of it is under way", no_move),
    Check("processors", "Enough processors at the destination", processors, of_vm=True),
    Check("memory", "Enough free memory at the destination", memory, of_vm=True),
    Check("disk-space", "Enough free disk at the destination", disk_space, of_vm=True),
    Check("disks-movable", "Every disk can move", movable_disks, of_vm=True),
    Check("images", "No DVD image attached", images, of_vm=True),
    Check("checkpoints", "No checkpoints", checkpoints, of_vm=True),
    Check("clustered", "No cluster owns it", clustered, of_vm=True),
    Check("replica", "No replica follows it", replica, of_vm=True),
)
