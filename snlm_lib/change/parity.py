"""Is it the same machine as before? What must survive a move, as rows, and the comparison; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.change.reconcile import Owner
from snlm_lib.estate.model import AdapterFacts, DiskFacts, EventFacts, VmFacts, VmStatus
from snlm_lib.units import say_bytes

__all__ = [
    "addresses_in",
    "continuity_proof",
    "differences",
    "files_proof",
    "identity_rows",
    "place_rows",
    "proofs",
]

Row = dict[str, str | None]
_ADDRESSES = ": addresses"
_NONE = "none"


def identity_rows(vm: VmFacts) -> list[Row]:
    """What an operator would compare by hand, a row a fact; uptime is left out (it starts again).

    What could not be read is a row without a value. Addresses are shown here and judged apart (`addresses_in`):
    the guest reports them late on a new host.
    """
    checkpoints = None if vm.checkpoints is None else ", ".join(item.name for item in vm.checkpoints) or "none"
    rows: list[tuple[str, object]] = [
        ("GUID", vm.vm_id),
        ("name", vm.name),
        ("generation", vm.generation),
        ("configuration version", vm.version),
        ("virtual processors", vm.processors),
        ("startup memory", say_bytes(vm.memory_startup_bytes)),
        ("dynamic memory", vm.dynamic_memory),
        *_disks(vm, lambda disk: _disk(disk.path, disk.size_bytes)),
        *([("adapters", None)] if vm.adapters is None else [row for item in vm.adapters for row in _adapter(item)]),
        ("checkpoints", checkpoints),
        *_services(vm),
    ]
    return [{"fact": name, "value": _words(value)} for name, value in rows]


def place_rows(vm: VmFacts) -> list[Row]:
    """Where the machine's files are, a row a file: they change with the host, and the way back needs the old ones."""
    rows = [("configuration", vm.configuration_path), *_disks(vm, lambda disk: disk.path)]
    return [{"fact": name, "value": value} for name, value in rows]


def addresses_in(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The addresses that the guest had reported when the identity ``rows`` were read."""
    told = (str(row["value"] or "") for row in rows if str(row["fact"]).endswith(_ADDRESSES))
    return sorted({address for said in told for address in said.split(", ") if address not in ("", _NONE)})


def files_proof(places: Sequence[Mapping[str, object]], folder: str, host: str) -> CheckResult:
    """Every file lies where the move was told to put it."""
    below = folder.rstrip("\\").casefold()
    outside = [row for row in places if not _lies_in(str(row["value"] or "").casefold(), below)]
    told = ", ".join(f"{row['fact']}: {row['value'] or 'unknown'}" for row in outside)
    return _result(
        "files-there",
        "Its files are where they were to go",
        bool(places) and not outside,
        told or (f"{len(places)} places in {folder}" if places else "its files could not be read"),
        "Find out why before relying on the free space and the backup of that volume.",
        host,
    )


def continuity_proof(vm_id: UUID, events: Iterable[EventFacts] | None) -> CheckResult:
    """No event says that the guest was off or reset meanwhile; None: a host would not tell. Absence proves little."""
    title, remedy = "No restart of the guest is logged", "Ask the guest for its boot time; look at what it was doing."
    if events is None:
        return CheckResult("ran-through", title, Level.WARN, "a host's worker log could not be read", remedy, "", None)
    found = list(events)
    told = ", ".join(f"event {event.event_id} on {event.host}" for event in found)
    if not found:
        return CheckResult("ran-through", title, Level.PASS, "none on either host", "", "", None)
    mine = any(str(vm_id) in value.lower() for event in found for value in event.values)
    evidence = told if mine else f"{told}, whose machine it does not say"
    return CheckResult("ran-through", title, Level.FAIL if mine else Level.WARN, evidence, remedy, found[0].host, None)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}\\")


def _words(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def _disks(vm: VmFacts, say: Callable[[DiskFacts], str]) -> list[tuple[str, str | None]]:
    if vm.disks is None:
        return [("disks", None)]
    return [(f"disk {disk.controller}", say(disk)) for disk in sorted(vm.disks, key=lambda disk: disk.controller)]


def _services(vm: VmFacts) -> list[tuple[str, object]]:
    if vm.integration is None:
        return [("integration services", None)]
    return [(f"integration service {item.name}", item.enabled) for item in vm.integration]


def _disk(path: str, size_bytes: int | None) -> str:
    # the folder changes with the host; file name and size must not
    name = path.replace("/", "\\").rsplit("\\", 1)[-1]
    return f"{name}, {say_bytes(size_bytes)}"


def _adapter(adapter: AdapterFacts) -> list[tuple[str, object]]:
    return [
        (f"{adapter.name}: MAC address", adapter.mac_address),
        (f"{adapter.name}: switch", adapter.switch_name),
        (f"{adapter.name}{_ADDRESSES}", ", ".join(sorted(adapter.ip_addresses)) or _NONE),
    ]


def differences(before: Sequence[Mapping[str, object]], after: Sequence[Mapping[str, object]]) -> list[Row]:
    """Rows that changed, appeared or vanished: ``fact``, ``before``, ``after`` (None: not there); addresses apart."""
    old = {str(row["fact"]): row["value"] for row in before}
    new = {str(row["fact"]): row["value"] for row in after}
    # nothing is told about what was not read before: "integration services" stands for each of them
    unread = tuple(name.removesuffix("s") for name, value in old.items() if value is None)
    return [
        {"fact": name, "before": _text(old.get(name)), "after": _text(new.get(name))}
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name) and not name.endswith(_ADDRESSES) and not name.startswith(unread)
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _address_proof(wanted: Sequence[str], found: Sequence[str], host: str) -> CheckResult:
    """Only other addresses than before are a failure: none may mean that the guest has no services that report them."""
    lost = sorted(set(wanted) - set(found))
    remedy = "Look at the guest's network settings and its switch."
    level = Level.WARN
    if not found:
        told = "the guest has not reported an address yet" if wanted else "no address reported, before or after"
    elif not wanted:
        told = f"none was reported before the move; now {', '.join(found)}"
    else:
        level = Level.FAIL if lost else Level.PASS
        told = f"lost {', '.join(lost)}" if lost else ", ".join(found)
    return CheckResult(
        "same-address", "Has its address", level, told, "" if level is Level.PASS else remedy, host, None
    )


def _result(check_id: str, title: str, good: bool, evidence: str, remedy: str = "", host: str = "") -> CheckResult:
    level = Level.PASS if good else Level.FAIL
    return CheckResult(check_id, title, level, evidence, "" if good else remedy, host, None)


def proofs(
    owner: Owner,
    destination: VmStatus | None,
    *,
    names: tuple[str, str],
    changed: Sequence[Row],
    addresses: tuple[Sequence[str], Sequence[str]],
) -> tuple[CheckResult, ...]:
    """What must hold after a move; ``names`` are source and destination, ``addresses`` wanted and found."""
    source_name, destination_name = names
    look = "Look at both hosts before doing anything; do not start it a second time."
    running = destination is not None and destination.state == "Running"
    state = destination.state if destination else "not registered"
    told = "; ".join(f"{row['fact']}: {row['before']} became {row['after']}" for row in changed)
    only = owner is Owner.DESTINATION
    registered = f"registered on {destination_name} only" if only else f"registered: {owner.value}"
    return (
        _result("runs-there", f"Runs on {destination_name}", running, str(state), look, destination_name),
        _result("only-there", f"Gone from {source_name}", only, registered, look, source_name),
        _result(
            "same-machine",
            "Is the same machine as before",
            not changed,
            told or "GUID, processors, memory, disks, adapters, checkpoints unchanged",
            "Compare the two tables and repair what was lost.",
            destination_name,
        ),
        _address_proof(*addresses, destination_name),
    )
