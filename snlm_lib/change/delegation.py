"""Constrained delegation between two hosts: what is wanted, the smallest difference, apply, undo.

Values are added and removed one by one, never replaced: what others put there survives. Protocol
transition is a flag of the whole account: it also widens every delegation already listed there, so
the plan shows those (hyperv.md, sections 2 and 12).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from snlm_lib.change.act import Act
from snlm_lib.estate.directory import read_delegation
from snlm_lib.estate.model import DelegationFacts, PairFacts
from snlm_lib.estate.reads import Session
from snlm_lib.remote import commands

__all__ = [
    "SERVICES",
    "DelegationPlan",
    "acts",
    "delegation_rows",
    "missing_names",
    "plan_account",
    "plan_delegation",
    "wanted_names",
]

SERVICES = ("cifs", "Microsoft Virtual System Migration Service")  # storage, and the machine itself


@dataclass(frozen=True)
class DelegationPlan:
    """What one computer account needs: ``add`` to msDS-AllowedToDelegateTo, and the flag or not."""

    host: str
    account: str
    add: tuple[str, ...]
    set_any_protocol: bool
    widened: tuple[str, ...]  # delegations listed already that the flag would widen too

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.add and not self.set_any_protocol


def wanted_names(peer: DelegationFacts) -> tuple[str, ...]:
    """Four service principal names of ``peer``: each service by short and by full name."""
    short = (peer.sam_account_name or peer.host).rstrip("$")
    full = peer.dns_host_name
    return tuple(f"{service}/{name}" for service in SERVICES for name in (short, full) if name)


def missing_names(account: DelegationFacts, wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of ``wanted`` that the account does not list; the KDC compares text, we ignore case."""
    have = {name.casefold() for name in account.delegate_to}
    return tuple(name for name in wanted if name.casefold() not in have)


def plan_account(account: DelegationFacts, peer: DelegationFacts) -> DelegationPlan:
    """The smallest difference for one account that shall act at ``peer``."""
    wanted = wanted_names(peer)
    known = {name.casefold() for name in wanted}
    others = tuple(name for name in account.delegate_to if name.casefold() not in known)
    flag = account.any_protocol is not True
    return DelegationPlan(
        host=account.host,
        account=(account.sam_account_name or account.host).rstrip("$"),
        add=missing_names(account, wanted),
        set_any_protocol=flag,
        widened=others if flag else (),
    )


def plan_delegation(facts: PairFacts) -> tuple[DelegationPlan, ...]:
    """Both directions; an account that could not be read has no plan (the checks say so)."""
    source = facts.delegation.get(facts.source.name)
    destination = facts.delegation.get(facts.destination.name)
    if source is None or destination is None:
        return ()
    return (plan_account(source, destination), plan_account(destination, source))


def delegation_rows(facts: PairFacts) -> list[dict[str, object]]:
    """Found and wanted for both accounts, a row an account: for the table in 02."""
    missing = {plan.host: ", ".join(plan.add) or "nothing" for plan in plan_delegation(facts)}
    rows: list[dict[str, object]] = []
    for name, account in facts.delegation.items():
        if account is None:
            rows.append({"account": name, "found": "not readable"})
            continue
        rows.append(
            {
                "account": name,
                "may act at": ", ".join(account.delegate_to) or "nobody",
                "any authentication protocol": account.any_protocol,
                "unconstrained": account.unconstrained,
                "missing": missing.get(name),
            }
        )
    return rows


def acts(directory: Session | None, plans: Iterable[DelegationPlan]) -> tuple[Act, ...]:
    """The changes, each with its undo; the names first, since the flag alone would only widen."""
    found: list[Act] = []
    if directory is None:
        return ()
    for plan in plans:
        if plan.add:
            found.append(
                Act.of(
                    directory,
                    what=f"{plan.host}: allow delegation to {', '.join(plan.add)}",
                    do=commands.add_delegation(plan.account, plan.add),
                    undo=commands.remove_delegation(plan.account, plan.add),
                    before={"missing": list(plan.add)},
                    holds=partial(_lists, directory, plan),
                )
            )
        if plan.set_any_protocol:
            found.append(
                Act.of(
                    directory,
                    what=f"{plan.host}: any authentication protocol (protocol transition)",
                    do=commands.set_any_protocol(plan.account, True),
                    undo=commands.set_any_protocol(plan.account, False),
                    before={"any_protocol": False, "also_widens": list(plan.widened)},
                    holds=partial(_has_flag, directory, plan),
                )
            )
    return tuple(found)


def _lists(directory: Session, plan: DelegationPlan) -> bool:
    account = read_delegation(directory, plan.host)
    return account is not None and not missing_names(account, plan.add)


def _has_flag(directory: Session, plan: DelegationPlan) -> bool:
    account = read_delegation(directory, plan.host)
    return account is not None and account.any_protocol is True
