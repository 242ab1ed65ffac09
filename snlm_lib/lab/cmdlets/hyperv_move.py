"""Module Hyper-V, Move-VM: asks, starts the host's job, tells its progress; stopping it cancels nothing."""

from __future__ import annotations

from collections.abc import Iterator

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.hyperv_vm import vm_object
from snlm_lib.lab.cmdlets.machines import chosen_machines
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.faults import Moment
from snlm_lib.lab.migration import Migration, start_move
from snlm_lib.lab.refusals import BEFORE_JOB, MoveAttempt, fault_met, first_refusal
from snlm_lib.lab.telemetry import JobState
from snlm_lib.lab.world import VirtualMachine

__all__: list[str] = []

_POLL_S = 0.1
_NOT_IMPLEMENTED = 11
_BEFORE = (Moment.PREFLIGHT, Moment.START)
_ACTIVITY = "Moving virtual machine and storage"


@cmdlet(
    "Move-VM",
    honours=(
        "VM",
        "Name",
        "DestinationHost",
        "DestinationCredential",
        "IncludeStorage",
        "DestinationStoragePath",
        "Passthru",
        "WhatIf",
        "Confirm",
    ),
    blocking=True,
)
def move_vm(context: Context, bound: Bound) -> Iterator[object]:
    if not bound.on("IncludeStorage") and "DestinationStoragePath" not in bound:
        text = "The lab has no storage that both hosts reach: give -IncludeStorage or -DestinationStoragePath."
        context.error(context.record(text, "NotSimulated", _NOT_IMPLEMENTED))
        return
    with context.world.lock:
        machines = list(chosen_machines(context, bound))
    for vm in machines:
        migration = None if bound.on("WhatIf") else _start(context, bound, vm)
        if migration is not None and _follow(context, migration) and bound.on("Passthru"):
            yield vm_object(context, vm)


def _start(context: Context, bound: Bound, vm: VirtualMachine) -> Migration | None:
    world = context.world
    name: str = bound.get("DestinationHost")
    with world.lock:
        attempt = MoveAttempt(
            world=world,
            vm=vm,
            source=context.host,
            destination_name=name,
            destination=world.seen_from(context.host, name),
            storage_path=bound.get("DestinationStoragePath"),
            caller=context.caller,
            credential=bound.get("DestinationCredential"),
        )
        refused = fault_met(attempt, *_BEFORE, job=False) or first_refusal(attempt, BEFORE_JOB)
        if refused is None:
            _warn_of_shared_disks(context, vm)
            attempt.target.planned.pop(vm.vm_id, None)  # Move-VM deletes a stale planned machine first
            return start_move(attempt, owner=context.caller.account)
    rule = refused.refusal
    context.error(context.record(str(refused), rule.error_id, rule.category, target=name))
    return None


def _warn_of_shared_disks(context: Context, vm: VirtualMachine) -> None:
    """Disks with persistent reservations stay where they are; the cmdlet only warns (hyperv.md, section 1)."""
    for disk in vm.disks:
        if disk.shared:
            context.sink.warning(f"The shared virtual hard disk '{disk.path}' is not moved.")


def _follow(context: Context, migration: Migration) -> bool:
    """Tell the progress until the job ends; True when it has completed. Stopped: leave, the job goes on."""
    job, shown = migration.job, -1
    while not job.ended:
        if job.percent != shown:
            shown = job.percent
            context.sink.progress(_ACTIVITY, migration.vm.status_text, shown)
        if context.stop.wait(_POLL_S):
            return False
    context.sink.progress(_ACTIVITY, "", job.percent, completed=True)
    if job.state is not JobState.EXCEPTION:
        return True
    context.error(context.record(job.error_text, "OperationFailed", 0, target=job.vm_name))
    return False
