"""Module Hyper-V, Compare-VM with a destination: looks, and leaves a planned machine there (hyperv.md, section 1)."""

from __future__ import annotations

from collections.abc import Iterator

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.hyperv_move import attempt_of, may_begin
from snlm_lib.lab.cmdlets.hyperv_storage import dvd_object
from snlm_lib.lab.cmdlets.hyperv_vm import adapter_object, vm_object
from snlm_lib.lab.cmdlets.machines import chosen_machines
from snlm_lib.lab.cmdlets.objects import build
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.faults import Moment
from snlm_lib.lab.refusals import IN_CHECK, JOB_FAILED, MoveAttempt, MoveRefused, fault_met
from snlm_lib.lab.values import PsValue

__all__: list[str] = []

_REPORTED = {
    "switch-missing": 33012,
    "iso-on-host-path": 40010,
    "cpu-vendor": 0,  # which number stands here is not published
    "config-version": 0,
    "device-not-movable": 0,
}


@cmdlet(
    "Compare-VM",
    honours=(
        "VM",
        "Name",
        "DestinationHost",
        "DestinationCredential",
        "IncludeStorage",
        "DestinationStoragePath",
        "WhatIf",
        "Confirm",
    ),
)
def compare_vm(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, bound):
        attempt = attempt_of(context, bound, vm)
        if bound.on("WhatIf") or not may_begin(context, attempt):
            continue
        stopped = fault_met(attempt, Moment.START) or next(_refusals(attempt, reported=False), None)
        if stopped is not None:
            context.error(context.record(str(stopped), "OperationFailed", 0, target=attempt.destination_name))
            continue
        attempt.target.planned.pop(vm.vm_id, None)  # an older one is deleted
        attempt.target.planned[vm.vm_id] = vm.name
        yield _report(context, attempt, storage=bound.on("IncludeStorage") or "DestinationStoragePath" in bound)


def _refusals(attempt: MoveAttempt, *, reported: bool) -> Iterator[MoveRefused]:
    """What stands in a report, or what ends the comparison before there is one."""
    for rule in IN_CHECK:
        detail = rule.applies(attempt) if (rule.identity in _REPORTED) is reported else None
        if detail is not None:
            yield MoveRefused(rule, detail)


def _report(context: Context, attempt: MoveAttempt, *, storage: bool) -> PsValue:
    vm, path = attempt.vm, attempt.storage_path or attempt.target.default_path
    machine = vm_object(context, vm)
    text = f"The virtual machine '{vm.name}' was compared with the computer '{attempt.destination_name}'."
    raised = fault_met(attempt, Moment.PREFLIGHT)
    found = [*([raised] if raised is not None else []), *_refusals(attempt, reported=True)]
    values: dict[str, object] = {
        "VM": machine,
        "OperationType": "MoveVirtualMachineAndStorage" if storage else "MoveVirtualMachine",
        "Destination": attempt.destination_name,
        "Path": path,
        "SnapshotPath": path,
        "VhdDestinationPath": f"{path}\\Virtual Hard Disks",
        "Incompatibilities": [  # never empty: the first is about the machine itself
            build("VMCompatibilityError", {"Message": text, "MessageId": 0, "Source": machine}),
            *(_entry(context, attempt, each, machine) for each in found),
        ],
    }
    return build("VMCompatibilityReport", values, live=attempt)


def _entry(context: Context, attempt: MoveAttempt, found: MoveRefused, machine: PsValue) -> PsValue:
    rule = found.refusal
    own = rule.job_error_code if rule.job_error_code != JOB_FAILED else 0
    source = machine
    if rule.identity == "switch-missing":
        lost = next(each for each in attempt.vm.adapters if each.switch_name and each.switch_name in str(found))
        source = adapter_object(context, attempt.vm, lost)
    elif rule.identity == "iso-on-host-path":
        source = dvd_object(context, attempt.vm)
    values: dict[str, object] = {
        "Message": str(found),
        "MessageId": _REPORTED.get(rule.identity, own),
        "Source": source,
    }
    return build("VMCompatibilityError", values)
