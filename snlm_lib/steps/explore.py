"""A host pair side by side, for who looks and changes nothing: no record, no file, reads alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snlm_lib import show
from snlm_lib.change.checks.preflight import preflight
from snlm_lib.change.delegation import delegation_rows
from snlm_lib.change.settings import settings_rows
from snlm_lib.clock import SystemClock
from snlm_lib.errors import SnlmError
from snlm_lib.estate import values
from snlm_lib.estate.connect import open_estate
from snlm_lib.estate.model import HostFacts, PairFacts
from snlm_lib.estate.reads import Session, ask
from snlm_lib.estate.survey import survey_pair
from snlm_lib.opening import kernel_parameters
from snlm_lib.parameters import Parameters, connection_profile
from snlm_lib.process import still_runs
from snlm_lib.remote import commands
from snlm_lib.units import say_bytes

__all__ = ["Pair", "checks", "delegation", "hosts", "look", "machines", "settings", "storage", "switches"]


@dataclass(frozen=True)
class _Row:
    """One thing on both hosts; ``alike``: they should be the same."""

    what: str
    sides: tuple[object, object]
    alike: bool = False

    @property
    def odd(self) -> bool:
        """They differ and should not, or one of them has nothing."""
        left, right = self.sides
        return left != right if self.alike else (left is None) != (right is None)


@dataclass(frozen=True)
class Pair:
    """What was read, and what was asked for; ``machines`` are name -> state of each host, None: not readable."""

    facts: PairFacts
    wanted: Parameters
    machines: tuple[Mapping[str, str | None] | None, Mapping[str, str | None] | None]

    @property
    def names(self) -> tuple[str, str]:
        """Source and destination, as they were asked for."""
        return self.facts.source.name, self.facts.destination.name


def look() -> Pair:
    """Read both hosts, the machine and the directory, and close the sessions again.

    Raises InputError for a wrong parameter or connection, RemoteError for a host that does not answer.
    """
    show.on_error(lambda error: f"NOT READ: {error}" if isinstance(error, SnlmError) else None)
    wanted, _ = kernel_parameters("this notebook")
    profile = connection_profile(wanted.connection, alive=still_runs)
    clock = SystemClock()
    connection = open_estate(profile, wanted, clock=clock)
    try:
        facts = survey_pair(connection.estate, wanted.vm, clock)
        pair = Pair(facts, wanted, (_machines(connection.source), _machines(connection.destination)))
    finally:
        connection.close()
    kind = "simulated hosts" if profile.rehearsal else "REAL hosts"
    show.text(f"{kind}: {' and '.join(pair.names)}, read at {facts.source.read_utc:%Y-%m-%d %H:%M:%S} UTC.")
    return pair


def _machines(session: Session) -> dict[str, str | None] | None:
    listed = ask(session, commands.get_vms())
    if listed is None:
        return None
    return {values.text(bag, "Name") or "(no name)": values.name(bag, "State") for bag in listed}


def hosts(pair: Pair) -> None:
    """What each host is, and how it sees the other one."""
    both = (pair.facts.source, pair.facts.destination)
    left, right = (_host(host) for host in both)
    rows = [_Row(title, (value, right[title][0]), alike) for title, (value, alike) in left.items()]
    _side_by_side(pair, "host", [*rows, *_rules(both)])


def _host(host: HostFacts) -> dict[str, tuple[object, bool]]:
    """Title -> value, and whether two hosts of a pair should have the same."""
    moving = f"{_count(host.active_vm_migrations)} / {_count(host.active_storage_migrations)}"
    ports = ", ".join(f"{port.port} {_open(port.reachable)}" for port in host.ports)
    return {
        "name": (host.fqdn or host.computer_name, False),
        "domain": (host.domain, True),
        "Windows build": (host.os_build, True),
        "processor": (host.cpu_model, True),
        "logical processors": (host.logical_processors, True),
        "memory": (say_bytes(host.memory_bytes), True),
        "memory free": (say_bytes(host.memory_free_bytes), False),
        "clock ahead of ours, s": (None if host.clock_offset_s is None else round(host.clock_offset_s, 2), False),
        "configuration versions": (", ".join(host.supported_versions) or None, True),
        "default folder": (host.default_path, True),
        "migrations now, machine / storage": (moving, False),
        "listens for migrations at": (", ".join(host.listener_addresses) or None, False),
        "address of the other host": (host.peer_address, False),
        "ports of the other host": (ports or None, True),
    }


def _count(count: int | None) -> str:
    return "-" if count is None else str(count)


def _open(reachable: bool | None) -> str:
    return "not known" if reachable is None else "open" if reachable else "CLOSED"


def _rules(both: tuple[HostFacts, HostFacts]) -> list[_Row]:
    names = dict.fromkeys(name for host in both for name in host.firewall_enabled)
    left, right = (host.firewall_enabled for host in both)
    return [_Row(f"firewall rule {name}", (left.get(name), right.get(name)), alike=True) for name in names]


def settings(pair: Pair) -> None:
    """Live-migration settings; what is wanted stands in the last column."""
    rows = settings_rows(pair.facts, pair.wanted)
    marked = [number for number, row in enumerate(rows) if any(row[name] != row["wanted"] for name in pair.names)]
    show.table(rows, caption="Live migration: marked is what 01 would change", marked=marked)


def storage(pair: Pair) -> None:
    """Volumes by drive letter: what is free, and size."""
    left, right = (_volumes(host) for host in (pair.facts.source, pair.facts.destination))
    rows = [_Row(f"{letter}:", (left.get(letter), right.get(letter))) for letter in sorted({*left, *right})]
    _side_by_side(pair, "volume", rows)


def _volumes(host: HostFacts) -> dict[str, str]:
    return {
        one.drive_letter: f"{say_bytes(one.free_bytes)} free of {say_bytes(one.size_bytes)}" for one in host.volumes
    }


def switches(pair: Pair) -> None:
    """Virtual switches: the machine needs one of the same name on the other side."""
    left, right = (dict.fromkeys(host.switches, "there") for host in (pair.facts.source, pair.facts.destination))
    rows = [_Row(name, (left.get(name), right.get(name))) for name in sorted({*left, *right})]
    _side_by_side(pair, "switch", rows)


def machines(pair: Pair) -> None:
    """Every machine and its state; one that stands on both sides is marked."""
    left, right = (side or {} for side in pair.machines)
    names = sorted({*left, *right}, key=str.casefold)
    rows = [{"machine": name, pair.names[0]: left.get(name), pair.names[1]: right.get(name)} for name in names]
    unread = [host for host, side in zip(pair.names, pair.machines, strict=True) if side is None]
    both = [number for number, name in enumerate(names) if name in left and name in right]
    show.table(rows, caption=f"Not readable: {', '.join(unread)}" if unread else "", marked=both)


def delegation(pair: Pair) -> None:
    """What each computer account may do, and what is missing for moves both ways."""
    show.table(delegation_rows(pair.facts))


def checks(pair: Pair) -> None:
    """The whole preflight for the machine asked for, worst first; it refuses nothing here."""
    found = preflight(pair.facts, pair.wanted)
    order = ("FAIL", "WARN", "PASS")
    rows = [
        {
            "verdict": item.level.value,
            "check": item.title,
            "host": item.host or None,
            "found": item.evidence,
            "what to do": item.remedy or None,
        }
        for item in sorted(found, key=lambda item: order.index(item.level.value))
    ]
    show.table(rows, caption=f"{pair.wanted.vm} from {pair.names[0]} to {pair.names[1]}")


def _side_by_side(pair: Pair, first: str, rows: list[_Row]) -> None:
    """A column a host; what is odd is marked."""
    shown = [{first: row.what, **dict(zip(pair.names, row.sides, strict=True))} for row in rows]
    show.table(shown, marked=[number for number, row in enumerate(rows) if row.odd])
