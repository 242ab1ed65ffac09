"""After 01 and 02: is it as wanted now? Facts read again, compared with the wish; pure."""

from __future__ import annotations

from collections.abc import Iterable

from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.change.delegation import plan_delegation
from snlm_lib.change.settings import TITLE_OF, plan_settings
from snlm_lib.estate.model import PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["accounts_readable", "delegation_proofs", "settings_proofs"]


def settings_proofs(facts: PairFacts, wanted: Parameters, *, applied: bool) -> tuple[CheckResult, ...]:
    """One row a host. ``applied``: the step changed something; else a difference is only a warning."""
    return tuple(
        _row(
            f"settings-{plan.host}",
            f"Settings of {plan.host} as wanted",
            [f"{TITLE_OF[item.name]} is {item.found}, wanted {item.wanted}" for item in plan.differences],
            applied=applied,
            host=plan.host,
        )
        for plan in plan_settings(facts, wanted)
    )


def accounts_readable(facts: PairFacts) -> tuple[CheckResult, ...]:
    """02's gate: both computer accounts are there to be changed."""
    return tuple(
        CheckResult(
            f"account-{name}",
            f"Computer account of {name}",
            Level.FAIL if account is None else Level.PASS,
            "cannot be read" if account is None else str(account.distinguished_name),
            "Check the directory host and its credential in the connection profile." if account is None else "",
            name,
            None,
        )
        for name in (facts.source.name, facts.destination.name)
        for account in (facts.delegation.get(name),)
    )


def delegation_proofs(facts: PairFacts, *, applied: bool) -> tuple[CheckResult, ...]:
    """One row a computer account; an account that cannot be read is a row of its own."""
    plans = plan_delegation(facts)
    if not plans:
        missing = [name for name, account in facts.delegation.items() if account is None]
        told = [f"no computer account could be read for {', '.join(missing) or 'the hosts'}"]
        return (_row("delegation-read", "Computer accounts are readable", told, applied=applied, host=""),)
    return tuple(
        _row(
            f"delegation-{plan.host}",
            f"Delegation of {plan.host} as wanted",
            [
                *([f"lacks {', '.join(plan.add)}"] if plan.add else []),
                *(["Kerberos only"] if plan.set_any_protocol else []),
            ],
            applied=applied,
            host=plan.host,
        )
        for plan in plans
    )


def _row(check_id: str, title: str, wrong: Iterable[str], *, applied: bool, host: str) -> CheckResult:
    found = "; ".join(wrong)
    if not found:
        return CheckResult(check_id, title, Level.PASS, "read back as wanted", "", host, None)
    level = Level.FAIL if applied else Level.WARN
    remedy = "Read the host's own log: it accepted the change and does not show it." if applied else "Not applied here."
    return CheckResult(check_id, title, level, found, remedy, host, None)
