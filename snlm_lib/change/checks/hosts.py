"""Checks of the two hosts: who they are, live-migration settings, processors, versions."""

from __future__ import annotations

from snlm_lib.change.checks.model import Check, Finding, fail, passed, warn
from snlm_lib.estate.model import HostFacts, PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["CHECKS"]


def _both(facts: PairFacts) -> tuple[HostFacts, HostFacts]:
    return facts.source, facts.destination


def same_host(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Source is not destination: by what the hosts call themselves, not by the typed text."""
    source, destination = _both(facts)
    if source.fqdn is None or destination.fqdn is None:
        return fail("a host does not say its own name", "Check the session's rights on both hosts.")
    if source.fqdn.casefold() == destination.fqdn.casefold():
        return fail(
            f"{source.name} and {destination.name} are both {source.fqdn}",
            "Name two different hosts.",
            host=source.name,
        )
    return passed(f"{source.fqdn} to {destination.fqdn}")


def same_domain(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Both hosts in one domain (trusts between domains are not read yet: a warning then)."""
    source, destination = _both(facts)
    for host in (source, destination):
        if host.in_domain is False:
            return fail(
                f"is not joined to a domain (workgroup {host.domain or 'unknown'})",
                "Join it, or move the machine cold.",
                host=host.name,
            )
        if host.in_domain is None or not host.domain:
            return fail("its domain could not be read", "Check the session's rights.", host=host.name)
    if str(source.domain).casefold() != str(destination.domain).casefold():
        return warn(
            f"{source.name} is in {source.domain}, {destination.name} in {destination.domain}",
            "Make sure that the domains trust each other in both directions.",
        )
    return passed(str(source.domain))


def rights(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Both hosts let the account read Hyper-V at all; who may not read may not move either."""
    closed = [host.name for host in _both(facts) if host.fqdn is None and host.settings.enabled is None]
    if closed:
        return fail(
            f"Hyper-V does not answer the account on {' and '.join(closed)}",
            "Add the account to Hyper-V Administrators on both hosts, and sign in again.",
            host=closed[0],
        )
    return passed("Hyper-V answers the account on both hosts")


def enabled(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Live migration is switched on at both hosts."""
    off = [host.name for host in _both(facts) if host.settings.enabled is not True]
    if off:
        return fail(
            f"not enabled on {' and '.join(off)}", "Run 01, which enables it (Enable-VMMigration).", host=off[0]
        )
    return passed("enabled on both hosts")


def authentication(facts: PairFacts, wanted: Parameters) -> Finding:
    """The same authentication type on both, and the one wanted (a mismatch fails late in a move)."""
    found = {host.name: host.settings.authentication for host in _both(facts)}
    wrong = {name: kind for name, kind in found.items() if kind != wanted.authentication}
    if wrong:
        guarded = facts.source.name in wrong and facts.source.credential_guard is True
        why = f"; Credential Guard runs on {facts.source.name}, where no other type can work" if guarded else ""
        return fail(
            ", ".join(f"{name} uses {kind or 'an unknown type'}" for name, kind in wrong.items()) + why,
            f"Run 01, which sets {wanted.authentication} on both.",
            host=next(iter(wrong)),
        )
    return passed(f"{wanted.authentication} on both hosts")


def performance(facts: PairFacts, _wanted: Parameters) -> Finding:
    """A different performance option is no failure: TCP is used then (hyperv.md, section 5)."""
    source, destination = (host.settings.performance for host in _both(facts))
    if source is None or source != destination:
        return warn(
            f"{facts.source.name} {source or 'unknown'}, {facts.destination.name} {destination or 'unknown'}",
            "Set the same option on both, or the move falls back to plain TCP.",
        )
    return passed(f"{source} on both hosts")


def cpu_vendor(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Never between Intel and AMD, not even with processor compatibility on; never waivable."""
    source, destination = (host.cpu_manufacturer for host in _both(facts))
    if not source or not destination:
        return fail("the processor manufacturer could not be read", "Check the session's rights on both hosts.")
    if source != destination:
        return fail(
            f"{facts.source.name} {source}, {facts.destination.name} {destination}",
            "A running machine cannot cross processor makers: move it while it is off.",
            host=facts.destination.name,
        )
    return passed(f"{source} on both hosts")


def cpu_model(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Different models of one maker need processor compatibility, which Hyper-V itself enforces."""
    source, destination = (host.cpu_model for host in _both(facts))
    if source == destination:
        return passed(str(source))
    if facts.vm is not None and facts.vm.compatibility_for_migration:
        return passed(f"{source} and {destination}; processor compatibility is on")
    return warn(
        f"{facts.source.name} {source or 'unknown'}, {facts.destination.name} {destination or 'unknown'}",
        "Hyper-V may refuse the move; processor compatibility can be set while the machine is off.",
    )


def version(facts: PairFacts, _wanted: Parameters) -> Finding:
    """The machine's configuration version runs on the destination; there is no downgrade."""
    wanted = facts.vm.version if facts.vm else None
    known = facts.destination.supported_versions
    if wanted is None or not known:
        return warn("the configuration versions could not be read", "Compare Get-VMHostSupportedVersion by hand.")
    if wanted not in known:
        return fail(
            f"version {wanted} is not among {', '.join(known)}",
            "Choose a destination that runs this version.",
            host=facts.destination.name,
        )
    return passed(f"version {wanted} runs on {facts.destination.name}")


CHECKS = (
    Check("same-host", "Source and destination are two hosts", same_host),
    Check("domain", "Both hosts are in the domain", same_domain),
    Check("rights", "Hyper-V answers the account on both hosts", rights),
    Check("enabled", "Live migration is enabled on both", enabled, removed_by="01"),
    Check("authentication", "Same authentication type on both", authentication, removed_by="01"),
    Check("performance", "Same performance option on both", performance, removed_by="01"),
    Check("cpu-vendor", "Same processor maker", cpu_vendor),
    Check("cpu-model", "Processor models fit", cpu_model),
    Check("version", "Configuration version runs on the destination", version, of_vm=True),
)
