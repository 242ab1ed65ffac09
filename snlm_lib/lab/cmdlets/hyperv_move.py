"""Module Hyper-V, Move-VM: asks, starts the host's job, tells its progress; stopping it cancels nothing."""

from __future__ import annotations

from collections.abc import Iterator

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.hyperv_vm import vm_object
from snlm_lib.lab.cmdlets.machines import chosen_machines
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.faults import Moment
from snlm_lib.lab.migration import Migration, start_move
from snlm_lib.lab.pipeline import Stop
from snlm_lib.lab.refusals import BEFORE_JOB, MoveAttempt, fault_met, first_refusal
from snlm_lib.lab.telemetry import JobState
from snlm_lib.lab.world import VirtualMachine

__all__ = ["attempt_of", "may_begin"]

_POLL_S = 0.1
_INVALID_ARGUMENT, _NOT_IMPLEMENTED = 5, 11
_BEFORE = (Moment.PREFLIGHT, Moment.START)
_ACTIVITY = "Moving virtual machine and storage"


@cmdlet(
    "Move-VM",
    honours=(
        "VM",
        "Name",
        "CompatibilityReport",
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
    if "CompatibilityReport" in bound:
        yield from _with_report(context, bound)
        return
    if not bound.on("IncludeStorage") and "DestinationStoragePath" not in bound:
        text = "The lab has no storage that both hosts reach: give -IncludeStorage or -DestinationStoragePath."
        context.error(context.record(text, "NotSimulated", _NOT_IMPLEMENTED))
        return
    with context.world.lock:
        machines = list(chosen_machines(context, bound))
    for vm in machines:
        yield from _move(context, bound, attempt_of(context, bound, vm))


def _with_report(context: Context, bound: Bound) -> Iterator[object]:
    """Uses the planned machine that Compare-VM staged; the report must be the live one, of this very session."""
    attempt = bound.get("CompatibilityReport").live
    if not isinstance(attempt, MoveAttempt) or attempt.vm.vm_id not in attempt.target.planned:
        text = "The compatibility report does not refer to a planned virtual machine on the destination."
        context.error(context.record(text, "InvalidParameter", _INVALID_ARGUMENT))
        return
    yield from _move(context, bound, attempt, planned=True)


def _move(context: Context, bound: Bound, attempt: MoveAttempt, *, planned: bool = False) -> Iterator[object]:
    migration = None if bound.on("WhatIf") else _start(context, attempt, planned=planned)
    if migration is not None and _follow(context, migration) and bound.on("Passthru"):
        yield vm_object(context, attempt.vm)


def attempt_of(context: Context, bound: Bound, vm: VirtualMachine) -> MoveAttempt:
    """What the cmdlet was asked to do with one machine."""
    name: str = bound.get("DestinationHost")
    return MoveAttempt(
        world=context.world,
        vm=vm,
        source=context.host,
        destination_name=name,
        destination=context.world.seen_from(context.host, name),
        storage_path=bound.get("DestinationStoragePath"),
        caller=context.caller,
        credential=bound.get("DestinationCredential"),
    )


def may_begin(context: Context, attempt: MoveAttempt) -> bool:
    """Does the cmdlet itself let it pass? Otherwise its error is told."""
    refused = fault_met(attempt, *_BEFORE, job=False) or first_refusal(attempt, BEFORE_JOB)
    if refused is not None:
        rule = refused.refusal
        context.error(context.record(str(refused), rule.error_id, rule.category, target=attempt.destination_name))
    return refused is None


def _start(context: Context, attempt: MoveAttempt, *, planned: bool) -> Migration | None:
    with context.world.lock:
        if not may_begin(context, attempt):
            return None
        _warn_of_shared_disks(context, attempt.vm)
        if not planned:
            attempt.target.planned.pop(attempt.vm.vm_id, None)  # a stale planned machine is deleted first
        return start_move(attempt, owner=context.caller.account)


def _warn_of_shared_disks(context: Context, vm: VirtualMachine) -> None:
    """Disks with persistent reservations stay where they are; the cmdlet only warns (hyperv.md, section 1)."""
    for disk in vm.disks:
        if disk.shared:
            context.sink.warning(f"The shared virtual hard disk '{disk.path}' is not moved.")


def _follow(context: Context, migration: Migration) -> bool:
    """Tell the progress until the job ends; True when it has completed. Stopped: leave, the job goes on.

    A session that ends leaves the job alone too, unless the scenario has it otherwise (hyperv.md, section 12).
    """
    job, shown = migration.job, -1
    while not job.ended:
        if job.percent != shown:
            shown = job.percent
            context.sink.progress(_ACTIVITY, migration.vm.status_text, shown)
        if context.stop.wait(_POLL_S):
            lost = isinstance(context.stop, Stop) and context.stop.session_lost
            job.cancelled = lost and not context.world.pace.survives_lost_session
            return False
    context.sink.progress(_ACTIVITY, "", job.percent, completed=True)
    if job.state is JobState.COMPLETED:
        return True
    context.error(context.record(job.error_text, "OperationFailed", 0, target=job.vm_name))
    return False
