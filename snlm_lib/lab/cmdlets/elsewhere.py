"""-ComputerName and -Credential of Hyper-V cmdlets: managing another computer is a hop of its own."""

from __future__ import annotations

from dataclasses import replace

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.table import Context
from snlm_lib.lab.hop import obstacle, seen_as
from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import HOP
from snlm_lib.lab.values import Credential

__all__ = ["elsewhere"]

_HERE = ("localhost", ".")
_NEEDS = ("ComputerName", "Credential")


def elsewhere(context: Context, bound: Bound) -> tuple[Context, Bound] | None:
    """Where and as whom the cmdlet goes on; None when nobody arrives, which is told. One computer only."""
    names: list[str] = bound.get("ComputerName", [])
    if context.signature.module != "Hyper-V" or len(names) != 1:
        return context, bound
    rest = replace(bound, values={name: value for name, value in bound.values.items() if name not in _NEEDS})
    name, world, here = names[0], context.world, context.host
    if name.casefold() in _HERE:
        return context, rest
    given: list[Credential] = bound.get("Credential") or []
    credential = given[0] if given else None
    there = world.host(name)
    found = obstacle(world, context.caller, at=here, to=there, credential=credential)
    if found is not None or there is None:
        rule = next(each for each in HOP if each.identity == found)
        context.error(context.record(rule.say(name), rule.error_id, rule.category, target=name))
        return None
    seen = seen_as(context.caller, at=here.name, target=there.name, credential=credential.user if credential else None)
    return replace(context, host=there, caller=Caller(seen or "", "kerberos")), rest
