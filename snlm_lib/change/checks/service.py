"""Checks of the migration service as it stands now: it listens, a slot is free, and the clocks agree."""

from __future__ import annotations

from snlm_lib.change.checks.model import Check, Finding, fail, passed, warn
from snlm_lib.estate.model import PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["CHECKS", "EVIDENCE_SKEW_S", "KERBEROS_SKEW_S"]

KERBEROS_SKEW_S = 300.0
EVIDENCE_SKEW_S = 1.0


def listener(facts: PairFacts, wanted: Parameters) -> Finding:
    """The migration service really listens: a policy that failed switches it off whatever the settings say."""
    for host in (facts.destination, facts.source):
        if not host.listener_addresses:
            ready = host.settings.enabled is True and bool(host.settings.use_any_network or host.migration_networks)
            helps = not ready and (wanted.use_any_network or bool(host.migration_networks))
            remedy = "Run 01, which enables it." if helps else "Repair its policy (gpupdate), then Enable-VMMigration."
            return fail(
                "listens on no address for migrations", remedy, host=host.name, removed_by="01" if helps else None
            )
    return passed(", ".join((*facts.destination.listener_addresses, *facts.source.listener_addresses)))


def slots(facts: PairFacts, wanted: Parameters) -> Finding:
    """A free slot for a machine and for its storage on both hosts."""
    for host in (facts.source, facts.destination):
        had = (host.settings.maximum_vm_migrations, host.settings.maximum_storage_migrations)
        pairs = zip(
            (host.active_vm_migrations, host.active_storage_migrations),
            had,
            (wanted.maximum_vm_migrations, wanted.maximum_storage_migrations),
            strict=True,
        )
        for active, limit, later in pairs:
            if active is None or limit is None:
                return warn("the slots in use could not be read", "Look for other moves by hand.", host=host.name)
            if active >= limit:
                remedy = "Wait until they are done, or raise the limit."
                removed_by = "01" if active < later else None
                return fail(
                    f"{active} of {limit} migration slots in use", remedy, host=host.name, removed_by=removed_by
                )
    return passed("free on both hosts")


def clocks(facts: PairFacts, _wanted: Parameters) -> Finding:
    """Kerberos bears five minutes; more than a second, and times of the two hosts cannot be laid side by side."""
    source, destination = (host.clock_offset_s for host in (facts.source, facts.destination))
    if source is None or destination is None:
        return warn("a host does not tell its time", "Compare the clocks by hand.")
    apart = f"{facts.source.name} {source:+.1f} s, {facts.destination.name} {destination:+.1f} s against this machine"
    repair = "Repair time synchronisation (w32tm /resync) and look again."
    if abs(source - destination) > KERBEROS_SKEW_S:
        return fail(apart, repair, host=facts.destination.name)
    if max(source, destination, 0.0) - min(source, destination, 0.0) > EVIDENCE_SKEW_S:
        return warn(apart, repair)
    return passed(apart)


CHECKS = (
    Check("clocks", "The clocks agree", clocks),
    Check("listener", "Both listen for migrations", listener),
    Check("slots", "A migration slot is free on both", slots),
)
