"""The gates of 01 and 02: nothing is changed by a run that cannot reach the move.

A step that will change something refuses on every obstacle that stays in its way to the end. A step that only
shows goes on, so that every difference is shown and 03 judges them all.
"""

from __future__ import annotations

from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.change.checks.preflight import preflight
from snlm_lib.change.delegation import plan_delegation
from snlm_lib.change.proofs import accounts_readable
from snlm_lib.change.settings import plan_settings
from snlm_lib.estate.model import PairFacts
from snlm_lib.step import Step
from snlm_lib.steps.monitor import HOW_TO_LIST, guest_of

__all__ = ["before_delegation", "before_settings"]


def before_settings(step: Step, facts: PairFacts) -> None:
    """01's gate: the whole preflight, and a probe target; what 01 and 02 will remove is no obstacle."""
    wanted = step.parameters
    acts = step.may_apply(wanted.apply_settings) and not all(plan.empty for plan in plan_settings(facts, wanted))
    removing = ("01", "02") if not acts or step.may_apply(wanted.apply_delegation) else ("01",)
    step.gate((*preflight(facts, wanted), _probe_target(step, facts)), removing=removing)


def before_delegation(step: Step, facts: PairFacts) -> None:
    """02's gate: the accounts are readable; and when it will change them, only 02 stands between here and the move."""
    plans = plan_delegation(facts)
    acts = step.may_apply(step.parameters.apply_delegation) and not all(plan.empty for plan in plans)
    rest = preflight(facts, step.parameters) if acts else ()
    step.gate((*accounts_readable(facts), *rest), removing=("02",))


def _probe_target(step: Step, facts: PairFacts) -> CheckResult:
    """04 cannot begin without one, and by then hosts and directory would be changed."""
    name = facts.vm.name if facts.vm else facts.vm_wanted
    found = guest_of(step.profile, name)
    return CheckResult(
        "probe-target",
        "A probe target is listed for the machine",
        Level.FAIL if found is None else Level.PASS,
        f"connection {step.profile.name!r} lists none for {name!r}" if found is None else found.address,
        HOW_TO_LIST if found is None else "",
        "",
        None,
    )
