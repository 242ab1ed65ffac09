"""How Hyper-V cmdlets find machines, and what all Hyper-V objects have in common."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.objects import build, property_types
from snlm_lib.lab.cmdlets.table import Context
from snlm_lib.lab.cmdlets.wildcard import has_wildcard, matches
from snlm_lib.lab.values import PsValue
from snlm_lib.lab.world import VirtualMachine

__all__ = ["NO_SNAPSHOT", "by_name", "chosen_machines", "hyperv_object", "not_found"]

NO_SNAPSHOT = UUID(int=0)
_SESSION = PsValue(("Microsoft.Management.Infrastructure.CimSession", "System.Object"), "CimSession: .", {})
_INVALID_ARGUMENT, _NOT_FOUND = 5, 13


def hyperv_object(
    context: Context,
    class_name: str,
    values: dict[str, object],
    *,
    to_string: str = "",
    live: object = None,
    vm: VirtualMachine | None = None,
) -> PsValue:
    """A Hyper-V object with the properties all of them have; ``vm``: the machine it belongs to."""
    common: dict[str, object] = {"CimSession": _SESSION, "ComputerName": context.host.name, "IsDeleted": False}
    if vm is not None:
        common |= {"VMId": vm.vm_id, "VMName": vm.name, "VMSnapshotId": NO_SNAPSHOT, "VMSnapshotName": ""}
    known = property_types(class_name)
    shared = {name: value for name, value in common.items() if name in known}
    return build(class_name, shared | values, to_string=to_string, live=live)


def not_found(context: Context, what: str, value: object, *, by_id: bool) -> None:
    """No machine of that id (ObjectNotFound) or literal name (InvalidParameter)."""
    text = f'Hyper-V was unable to find a virtual machine with {what} "{value}".'
    error_id, category = ("ObjectNotFound", _NOT_FOUND) if by_id else ("InvalidParameter", _INVALID_ARGUMENT)
    context.error(context.record(text, error_id, category, target=str(value)))


def by_name(context: Context, patterns: list[str]) -> Iterator[VirtualMachine]:
    """Machines whose name fits; only a literal name that fits none is an error."""
    for pattern in patterns:
        found = [vm for vm in context.host.vms.values() if matches(pattern, vm.name)]
        if not found and not has_wildcard(pattern):
            not_found(context, "name", pattern, by_id=False)
        yield from found


def chosen_machines(context: Context, bound: Bound) -> Iterator[VirtualMachine]:
    """The machines of -VM (live objects) or of -VMName or -Name."""
    given = bound.get("VM")
    if given is not None:
        for item in given if isinstance(given, list) else [given]:
            live = item.live
            if isinstance(live, VirtualMachine) and live.vm_id in context.host.vms:
                yield live
            else:
                not_found(context, "id", item.properties.get("Id"), by_id=True)
        return
    names = bound.get("VMName", bound.get("Name", []))
    yield from by_name(context, names if isinstance(names, list) else [names])
