"""Every known failure as a fault: where it sits, when it strikes, what it says, what it leaves. Moves nothing.

The table is faults.json; a scenario names a row with ``fault: NAME``. Where the lab's world can be in the state that
causes the failure, ``world`` says so in the scenario's own keys, and whoever looks beforehand sees it; otherwise, or
where Hyper-V words it in a way of its own, ``text`` is raised at the fault's moment. Ids, codes, events and texts are
those of published failures; a text without a published source says little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any

from snlm_lib.errors import LabError

__all__ = ["FAULTS", "Fault", "Moment", "Remains", "fault_named", "laid_over"]

_PEER = (
    "The Virtual Machine Management Service failed to establish a connection for a Virtual Machine migration "
    "with host '{destination}': "
)


class Moment(StrEnum):
    """When it strikes; the first two end below ten percent."""

    PREFLIGHT = "preflight"
    START = "start"
    STORAGE = "storage"
    MEMORY = "memory"
    CUTOVER = "cutover"
    AFTER = "after"


class Remains(StrEnum):
    """What stands on the two hosts afterwards (hyperv.md, section 8)."""

    NOTHING = "The machine runs at the source as before; the destination is as it was."
    LEFTOVERS = "The machine runs at the source; a planned machine and copied disks stay at the destination."
    MOVED = "The machine runs at the destination and is gone from the source."


_LEAVES = {
    Moment.PREFLIGHT: Remains.NOTHING,
    Moment.START: Remains.NOTHING,
    Moment.STORAGE: Remains.LEFTOVERS,
    Moment.MEMORY: Remains.LEFTOVERS,
    Moment.CUTOVER: Remains.LEFTOVERS,
    Moment.AFTER: Remains.MOVED,
}


@dataclass(frozen=True)
class Fault:
    """One failure. ``text`` empty: the world's state alone brings it about.

    ``place``: source, destination, directory, network or guest. ``ends``: the verdict of a change that meets it.
    ``check``: the check that sees it beforehand; where ``ends`` is not "refused" it only warns or sees a part, and
    without ``check_exists`` it is still to be written. ``no_job``: the cmdlet itself refuses. ``stalls``: no end
    comes. ``moves``: Hyper-V moves the machine all the same.
    """

    id: str
    place: str
    moment: Moment
    ends: str
    check: str = ""
    check_exists: bool = True
    hresult: str = ""
    text: str = ""
    event: tuple[str, int] | None = None
    job_error_code: int = 32768
    no_job: bool = False
    stalls: bool = False
    moves: bool = False
    world: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remains(self) -> Remains:
        """What stands on the hosts when the move was begun in spite of it."""
        return Remains.MOVED if self.moves else _LEAVES[self.moment]

    @property
    def raised(self) -> bool:
        """Must the move raise it, or does the world's state do so?"""
        return bool(self.text)


def _load() -> dict[str, Fault]:
    rows = json.loads(files("snlm_lib.lab").joinpath("faults.json").read_text(encoding="utf-8"))["faults"]
    return {row["id"]: _fault(row) for row in rows}


def _fault(row: dict[str, Any]) -> Fault:
    event = row.get("event")
    shaped = {
        "moment": Moment(row["moment"]),
        "text": row.get("text", "").replace("{peer}", _PEER),
        "event": (str(event[0]), int(event[1])) if event else None,
    }
    return Fault(**{**row, **shaped})


FAULTS: Mapping[str, Fault] = _load()


def fault_named(name: object, where: str) -> Fault:
    """The fault of that name; raises LabError that lists the names."""
    fault = FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        known = ", ".join(sorted(FAULTS))
        raise LabError(f"there is no fault {name!r}"[:80], where=f"{where}.fault", remedy=f"Known are {known}.")
    return fault


def laid_over(data: Mapping[str, Any], fault: Fault, where: str) -> dict[str, Any]:
    """A scenario's table in the state that the fault wants; null takes a key away, a number names a list's item.

    Raises LabError when the scenario has no machine with a living guest and a switch on one of two hosts.
    """
    roles = _roles(data)
    if roles is None:
        raise LabError(
            "a fault needs two hosts and a machine with 'guest: true', on a switch",
            where=f"{where}.fault",
            remedy="Base the scenario on one that has them, such as quick.",
        )
    found: dict[str, Any] = _laid(dict(data), _spoken(fault.world, roles))
    return found


def _roles(data: Mapping[str, Any]) -> dict[str, str] | None:
    """Who is meant: the first machine with a living guest, its host, the other host, its first switch."""
    try:
        for name, host in data["hosts"].items():
            for key, machine in (host.get("vms") or {}).items():
                if machine.get("guest") is True:
                    peer = next(other for other in data["hosts"] if other != name)
                    switch = next(each["switch"] for each in machine["adapters"] if each["switch"])
                    return {"SOURCE": name, "DESTINATION": peer, "VM": key, "SWITCH": switch}
    except (AttributeError, KeyError, TypeError, StopIteration):
        return None
    return None


def _spoken(value: Any, roles: Mapping[str, str]) -> Any:
    """The same with the scenario's names in place of the roles."""
    if isinstance(value, Mapping):
        return {roles.get(key, key): _spoken(each, roles) for key, each in value.items()}
    if isinstance(value, list):
        return [_spoken(each, roles) for each in value]
    return roles.get(value, value) if isinstance(value, str) else value


def _laid(base: Any, own: Any) -> Any:
    if isinstance(base, list) and isinstance(own, dict):
        return [_laid(each, own[str(at)]) if str(at) in own else each for at, each in enumerate(base)]
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    gone = {key for key, value in own.items() if value is None}
    kept = {key: value for key, value in base.items() if key not in gone}
    return kept | {key: _laid(base.get(key), value) for key, value in own.items() if key not in gone}
