"""Checks of how we came here: can our sessions reach what a cmdlet on the other side needs (hyperv.md, section 3)?"""

from __future__ import annotations

from snlm_lib.change.checks.model import Check, Finding, fail, passed, warn
from snlm_lib.estate.model import PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["CHECKS"]

_WAYS = (
    "Ways out: a password behind 'secret' (it goes along as -DestinationCredential), of an account with rights on both"
    " hosts; or auth: credssp for the source; or an endpoint that runs as an account of its own ('configuration_name'"
    " and 'runs_as'); or move from a console or RDP session on the source, without snlm."
)
_CONTROLLERS = (4, 5)  # Win32_ComputerSystem.DomainRole


def second_hop(facts: PairFacts, _wanted: Parameters) -> Finding:
    """A cmdlet on the source can manage the destination: Move-VM goes the same way."""
    source, destination, hop = facts.source.name, facts.destination.name, facts.hop
    if hop is None:
        return warn("was not tried", f"On {source}, try: Get-VMHost -ComputerName {destination}", host=source)
    with_what = f"with the credential of {hop.account}" if hop.account else "without a credential"
    if hop.error is not None:
        return fail(f"{source} cannot manage {destination} {with_what}: {hop.error}", _WAYS, host=source)
    return passed(f"{source} reaches {destination} {with_what}")


def directory_hop(facts: PairFacts, _wanted: Parameters) -> Finding:
    """AD cmdlets on a member server make a second hop of their own; on a domain controller none is needed."""
    asked, read = facts.directory_host, any(facts.delegation.values())
    if asked is None:
        return warn("no directory is named, so delegation cannot be judged", "Name a domain controller as 'directory'.")
    if asked.domain_role in _CONTROLLERS:
        return passed(f"{asked.name} is a domain controller")
    what = "is a member server" if asked.domain_role is not None else "does not say whether it is a domain controller"
    if read:
        return passed(f"{asked.name} {what}; the accounts could be read through it")
    return fail(
        f"{what}: AD cmdlets there make a second hop, and the accounts could not be read",
        "Name a domain controller itself as 'directory'; or name it as 'directory_server', and the cmdlets are given it"
        " and a credential; or let that session hop: auth: credssp, or an endpoint that runs as a named account.",
        host=asked.name,
    )


CHECKS = (
    Check("second-hop", "The source can manage the destination", second_hop),
    Check("directory-hop", "The directory is asked where it answers", directory_hop),
)
