"""All cmdlets of the lab, and which computer has which modules."""

from __future__ import annotations

from snlm_lib.lab.cmdlets import (
    activedirectory,
    cim,
    diagnostics,
    hyperv_compare,
    hyperv_host,
    hyperv_move,
    hyperv_storage,
    hyperv_vm,
    network,
    utility,
)
from snlm_lib.lab.cmdlets.table import TABLE, Cmdlet
from snlm_lib.lab.world import LabHost

__all__ = ["cmdlet_for", "names_on"]

_MODULES = (
    activedirectory,
    cim,
    diagnostics,
    hyperv_compare,
    hyperv_host,
    hyperv_move,
    hyperv_storage,
    hyperv_vm,
    network,
    utility,
)  # imported for what they register
_ONLY_HYPERV = "Hyper-V"
_ONLY_DIRECTORY = "ActiveDirectory"


def cmdlet_for(host: LabHost, name: str) -> Cmdlet | None:
    """The cmdlet as this computer has it; None: not installed there, or unknown to the lab."""
    found = TABLE.get(name.casefold())
    missing = _ONLY_DIRECTORY if host.hyperv else _ONLY_HYPERV
    return found if found is None or host.member or found.signature.module != missing else None


def names_on(host: LabHost) -> list[str]:
    """Names of the cmdlets this computer has."""
    return sorted(each.signature.name for each in TABLE.values() if cmdlet_for(host, each.signature.name))
