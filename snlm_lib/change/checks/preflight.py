"""The whole preflight: every check over one set of facts, and the gates of 01, 03 and 05."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from snlm_lib.change.checks import hosts, machine, network, service, session
from snlm_lib.change.checks.model import Check, CheckResult, Level
from snlm_lib.errors import Refused
from snlm_lib.estate.model import PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["ALL_CHECKS", "obstacles", "preflight", "refusal"]

ALL_CHECKS: tuple[Check, ...] = (*machine.CHECKS, *hosts.CHECKS, *service.CHECKS, *session.CHECKS, *network.CHECKS)


def preflight(facts: PairFacts, wanted: Parameters, *, checks: Iterable[Check] = ALL_CHECKS) -> tuple[CheckResult, ...]:
    """Judge every check; pure. The order is that of the table, not of severity.

    Without a machine its own checks have nothing to judge: that it is missing is said once.
    """
    return tuple(_judge(check, facts, wanted) for check in checks if facts.vm is not None or not check.of_vm)


def _judge(check: Check, facts: PairFacts, wanted: Parameters) -> CheckResult:
    found = check.judge(facts, wanted)
    return CheckResult(
        check.check_id,
        check.title,
        found.level,
        found.evidence,
        found.remedy,
        found.host,
        check.removed_by if found.removed_by is None else found.removed_by,
    )


def obstacles(results: Iterable[CheckResult], *, removing: Collection[str] = ()) -> tuple[CheckResult, ...]:
    """The failures that none of the steps in ``removing`` ("01", "02") will remove itself."""
    return tuple(item for item in results if item.level is Level.FAIL and item.removed_by not in removing)


def refusal(found: tuple[CheckResult, ...]) -> Refused:
    """One sentence for what stands in the way: the first obstacle whole, the number of the others."""
    first, more = found[0], len(found) - 1
    titles = ", ".join(item.title for item in found[1:])
    others = f" {more} more obstacle{'s' if more > 1 else ''}: {titles}." if more else ""
    return Refused(first.evidence, where=first.host, remedy=f"{first.remedy}{others}")
