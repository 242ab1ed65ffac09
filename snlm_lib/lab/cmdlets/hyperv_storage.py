"""Module Hyper-V, storage of a machine: drives and the disk files behind them."""

from __future__ import annotations

from collections.abc import Iterator

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.machines import chosen_machines, hyperv_object, not_found
from snlm_lib.lab.cmdlets.objects import build
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.values import PsValue
from snlm_lib.lab.world import Disk, VirtualMachine

__all__ = ["dvd_object", "hard_disk_object"]

_DVD_LOCATION = 63  # the last place of the controller, clear of the disks
_DRIVE = ("VM", "VMName", "ControllerNumber", "ControllerLocation")
_NOT_FOUND = 13


def _drive(vm: VirtualMachine, kind: str, number: int, location: int) -> dict[str, object]:
    where = f"{kind} on SCSI controller number {number} at location {location}"
    return {
        "ControllerType": "SCSI",
        "ControllerNumber": number,
        "ControllerLocation": location,
        "Name": where,
        "PoolName": "Primordial",
        "Id": f"Microsoft:{str(vm.vm_id).upper()}\\{number}\\{location}\\D",
    }


def hard_disk_object(context: Context, vm: VirtualMachine, disk: Disk) -> PsValue:
    """The HardDiskDrive that holds a disk."""
    values = _drive(vm, "Hard Drive", disk.controller_number, disk.controller_location) | {
        "Path": disk.path if disk.disk_number is None else f"Disk {disk.disk_number}",
        "DiskNumber": disk.disk_number,
        "SupportPersistentReservations": disk.shared,
        "MaximumIOPS": 0,
        "MinimumIOPS": 0,
    }
    return hyperv_object(context, "HardDiskDrive", values, to_string=str(values["Name"]), live=disk, vm=vm)


def dvd_object(context: Context, vm: VirtualMachine) -> PsValue:
    """The machine's one DVD drive, with or without an image."""
    values = _drive(vm, "DVD Drive", 0, _DVD_LOCATION) | {
        "DvdMediaType": "ISO" if vm.dvd_path else "None",
        "Path": vm.dvd_path,
    }
    return hyperv_object(context, "DvdDrive", values, to_string=str(values["Name"]), vm=vm)


@cmdlet("Get-VMHardDiskDrive", honours=_DRIVE)
def get_vm_hard_disk_drive(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, bound):
        for disk in vm.disks:
            if bound.get("ControllerNumber", disk.controller_number) == disk.controller_number and (
                bound.get("ControllerLocation", disk.controller_location) == disk.controller_location
            ):
                yield hard_disk_object(context, vm, disk)


@cmdlet("Get-VMDvdDrive", honours=_DRIVE)
def get_vm_dvd_drive(context: Context, bound: Bound) -> Iterator[object]:
    for vm in chosen_machines(context, bound):
        if bound.get("ControllerNumber", 0) == 0 and bound.get("ControllerLocation", _DVD_LOCATION) == _DVD_LOCATION:
            yield dvd_object(context, vm)


def _vhd_object(context: Context, disk: Disk, *, attached: bool) -> PsValue:
    values: dict[str, object] = {
        "ComputerName": context.host.name,
        "Path": disk.path,
        "VhdFormat": "VHDX",
        "VhdType": disk.vhd_type,
        "FileSize": disk.file_bytes,
        "Size": disk.size_bytes,
        "LogicalSectorSize": 512,
        "PhysicalSectorSize": 4096,
        "BlockSize": 0 if disk.vhd_type == "Fixed" else 33554432,
        "ParentPath": "",
        "FragmentationPercentage": 0,
        "Alignment": 1,
        "Attached": attached,
        "IsPMEMCompatible": False,
        "AddressAbstractionType": "None",
    }
    return build("VirtualHardDisk", values, live=disk)


@cmdlet("Get-VHD", honours=("Path", "VMId"))
def get_vhd(context: Context, bound: Bound) -> Iterator[object]:
    for vm_id in bound.get("VMId", []):
        vm = context.host.vms.get(vm_id)
        if vm is None:
            not_found(context, "id", vm_id, by_id=True)
            continue
        for disk in vm.disks:
            if disk.disk_number is None:
                yield _vhd_object(context, disk, attached=vm.running)
    for path in bound.get("Path", []):
        yield from _by_path(context, path)


def _by_path(context: Context, path: str) -> Iterator[object]:
    for vm in context.host.vms.values():
        for disk in vm.disks:
            if disk.path.casefold() == path.casefold():
                yield _vhd_object(context, disk, attached=vm.running)
                return
    text = f"'{path}': The system cannot find the file specified. (0x80070002)."
    context.error(context.record(text, "ObjectNotFound", _NOT_FOUND, target=path))
