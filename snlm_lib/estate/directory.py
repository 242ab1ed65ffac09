"""Computer accounts and their delegation, read through the AD cmdlets on a domain controller.

A session on the controller itself: from any other host the cmdlets would need a second hop.
"""

from __future__ import annotations

from snlm_lib.estate import facts, values
from snlm_lib.estate.model import DelegationFacts
from snlm_lib.estate.reads import Session, ask
from snlm_lib.remote import commands

__all__ = ["account_name", "read_delegation", "read_domain", "read_role"]

_NOT_THERE = ("ActiveDirectoryCmdlet:Microsoft.ActiveDirectory.Management.ADIdentityNotFound", "ADIdentityNotFound")


def read_delegation(session: Session, host_name: str) -> DelegationFacts | None:
    """The account of a host, by the operator's name for it; None when the directory has none.

    Raises CommandFailed when the directory refuses the question, and what `HostSession.invoke` does.
    """
    found = session.invoke(commands.get_ad_computer(account_name(host_name)), accept=_NOT_THERE).bags
    return facts.delegation(found[0], host=host_name) if found else None


def read_domain(session: Session) -> str | None:
    """The domain's DNS name; None when the directory does not say."""
    found = ask(session, commands.get_ad_domain())
    return values.text(found[0], "DNSRoot") if found else None


def read_role(session: Session) -> int | None:
    """``Win32_ComputerSystem.DomainRole`` of the computer that is asked: 4 and 5 are domain controllers."""
    found = ask(session, commands.get_computer_system())
    return values.number(found[0], "DomainRole") if found else None


def account_name(host_name: str) -> str:
    """``hv01.corp.example`` -> ``hv01``: what the directory knows a computer by."""
    return host_name.split(".", 1)[0]
