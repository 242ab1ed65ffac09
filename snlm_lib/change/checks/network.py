"""Checks of what lies between the hosts: delegation, names, ports, firewall, switches."""

from __future__ import annotations

from snlm_lib.change.checks.model import Check, Finding, fail, passed, warn
from snlm_lib.change.delegation import missing_names, wanted_names
from snlm_lib.estate.model import HostFacts, PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["CHECKS", "MIGRATION_PORT", "MIGRATION_RULE", "SMB_PORT"]

MIGRATION_PORT = 6600  # the live-migration listener (hyperv.md, section 4)
SMB_PORT = 445  # the storage copy
MIGRATION_RULE = "VIRT-MIGL-In-TCP-NoScope"  # rule Name: display names are localised


def _missing(facts: PairFacts, acting: str, peer: str) -> tuple[tuple[str, ...] | None, int]:
    """The names that are missing, None when an account could not be read; and how many are wanted."""
    account, target = facts.delegation.get(acting), facts.delegation.get(peer)
    if account is None or target is None:
        return None, 0
    wanted = wanted_names(target)  # two, where the directory knows no full name of the peer
    return missing_names(account, wanted), len(wanted)


def delegation_there(facts: PairFacts, _wanted: Parameters) -> Finding:
    """The source's account may delegate to the destination's two services, short and full names."""
    source, destination = facts.source.name, facts.destination.name
    missing, count = _missing(facts, source, destination)
    if missing is None:
        return fail(
            "a computer account could not be read",
            "Check the directory's name and credential.",
            host=source,
            removed_by="",
        )
    if missing:
        return fail(
            f"{source} lacks {len(missing)} of {count} names: {', '.join(missing)}",
            "Run 02, which adds them.",
            host=source,
        )
    return passed(f"{source} may act at {destination} ({count} of {count} names)")


def delegation_back(facts: PairFacts, _wanted: Parameters) -> Finding:
    """The way back: needed only to return the machine."""
    source, destination = facts.source.name, facts.destination.name
    missing, count = _missing(facts, destination, source)
    if missing is None or missing:
        return warn(
            f"{destination} lacks {f'{len(missing)} of {count}' if missing else 'an unknown number of'} names",
            "Run 02, or the machine cannot be moved back the same way.",
            host=destination,
        )
    return passed(f"{destination} may act at {source} ({count} of {count} names)")


def protocol_transition(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Any authentication protocol, not Kerberos only: a move started from a third machine needs it."""
    account = facts.delegation.get(facts.source.name)
    if account is None or account.any_protocol is None:
        return fail(
            "the account's flags could not be read",
            "Check the directory's name and credential.",
            host=facts.source.name,
            removed_by="",
        )
    if not account.any_protocol:
        return fail(
            f"{facts.source.name} is set to Kerberos only",
            "Run 02, which allows any authentication protocol (else 0x8009030E).",
            host=facts.source.name,
        )
    return passed(f"{facts.source.name} may use any authentication protocol")


def names(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Each host resolves the other's name."""
    for host, peer in ((facts.source, facts.destination), (facts.destination, facts.source)):
        if host.peer_address is None:
            return fail(f"does not resolve {peer.name}", "Repair DNS (an A record for each host).", host=host.name)
    return passed(f"{facts.destination.peer_address} and {facts.source.peer_address}")


def _port(host: HostFacts, port: int) -> bool | None:
    return next((found.reachable for found in host.ports if found.port == port), None)


def _reach(facts: PairFacts, port: int, what: str) -> Finding:
    source, destination = facts.source, facts.destination
    there, back = _port(source, port), _port(destination, port)
    if there is not True:
        listening = port != MIGRATION_PORT or destination.settings.enabled is True
        return fail(
            f"TCP {port} ({what}) {'does not answer' if there is False else 'cannot be tried'} at {destination.name}",
            "Open the firewall rule and the path between the hosts." if listening else "Run 01: nothing listens yet.",
            host=source.name,
            # nobody listens on 6600 before live migration is enabled there
            removed_by=None if listening else "01",
        )
    if back is not True:
        return warn(
            f"TCP {port} ({what}) does not answer at {source.name}", "Open it for the way back.", host=destination.name
        )
    return passed(f"TCP {port} answers both ways")


def reach_migration(facts: PairFacts, _wanted: Parameters) -> Finding:
    """6600 between the hosts, tried on the hosts themselves."""
    return _reach(facts, MIGRATION_PORT, "live-migration listener")


def reach_smb(facts: PairFacts, _wanted: Parameters) -> Finding:
    """445 between the hosts, for the storage copy."""
    return _reach(facts, SMB_PORT, "SMB, the storage copy")


def firewall(facts: PairFacts, _wanted: Parameters) -> Finding:
    """The rule for 6600 by its Name, on both."""
    closed = [
        host.name for host in (facts.destination, facts.source) if host.firewall_enabled.get(MIGRATION_RULE) is not True
    ]
    if facts.destination.name in closed:
        told = f"rule {MIGRATION_RULE} is not enabled on {' and '.join(closed)}"
        if _port(facts.source, MIGRATION_PORT) is True:
            return warn(
                f"{told}, but TCP {MIGRATION_PORT} answers at {facts.destination.name}",
                "Nothing, if another rule or a group policy opens it.",
                host=facts.destination.name,
            )
        return fail(
            told,
            f"Enable-NetFirewallRule -Name {MIGRATION_RULE}",
            host=facts.destination.name,
        )
    if closed:
        return warn(f"rule {MIGRATION_RULE} is not enabled", "Enable it for the way back.", host=closed[0])
    return passed(f"{MIGRATION_RULE} enabled on both")


def switches(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Every adapter's switch exists on the destination under the same name."""
    adapters = facts.vm.adapters if facts.vm else ()
    if adapters is None:
        return fail("the adapters could not be read", "Check the session's rights.", host=facts.source.name)
    wanted = sorted({item.switch_name for item in adapters if item.switch_name})
    there = {name.casefold() for name in facts.destination.switches}
    missing = [name for name in wanted if name.casefold() not in there]
    if missing:
        return fail(
            f"has no virtual switch {', '.join(repr(name) for name in missing)}"
            f" (it has {', '.join(facts.destination.switches) or 'none'})",
            f"Create the switch on {facts.destination.name}, or connect the adapter to one that exists there.",
            host=facts.destination.name,
        )
    return passed(f"{', '.join(wanted) or 'no adapter connected'} on both")


def switch_kind(facts: PairFacts, _wanted: Parameters) -> Finding:
    """A switch of the same name that leads nowhere takes the machine off the network."""
    adapters = facts.vm.adapters if facts.vm else ()
    if adapters is None:
        return warn("the adapters could not be read", "Check the session's rights.", host=facts.source.name)
    source, destination = (_kinds(host) for host in (facts.source, facts.destination))
    wanted = {item.switch_name.casefold() for item in adapters if item.switch_name}
    pairs = {name: (source.get(name), destination[name]) for name in sorted(wanted & set(destination))}
    told = ", ".join(
        f"{name!r} is {there or 'unknown'} there, {here or 'unknown'} here" for name, (here, there) in pairs.items()
    )
    host = facts.destination.name
    if any(here == "External" and there not in (None, "External") for here, there in pairs.values()):
        return fail(told, "Connect the switch to an uplink (External), or the adapter to another switch.", host=host)
    if any(here != there or here is None for here, there in pairs.values()):
        return warn(told, "Compare the two switches before the move.", host=host)
    return passed(", ".join(f"{name!r} is {there}" for name, (_, there) in pairs.items()) or "nothing to compare")


def _kinds(host: HostFacts) -> dict[str, str | None]:
    return {name.casefold(): host.switch_kinds.get(name) for name in host.switches}


CHECKS = (
    Check("delegation", "Delegation, source to destination", delegation_there, removed_by="02"),
    Check("delegation-back", "Delegation, the way back", delegation_back, removed_by="02"),
    Check("protocol-transition", "Any authentication protocol", protocol_transition, removed_by="02"),
    Check("names", "The hosts resolve each other", names),
    Check("port-6600", "Migration port open between the hosts", reach_migration),
    Check("port-445", "SMB port open between the hosts", reach_smb),
    Check("firewall", "Firewall rule for live migration", firewall),
    Check("switches", "Virtual switches exist at the destination", switches, of_vm=True),
    Check("switch-kind", "They lead to the same kind of network", switch_kind, of_vm=True),
)
