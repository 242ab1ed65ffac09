"""Module Microsoft.PowerShell.Utility: Select-Object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.cmdlets.wildcard import matches
from snlm_lib.lab.values import PsValue

__all__: list[str] = []

_INVALID_ARGUMENT = 5
_ARGUMENT_EXCEPTION = "System.Management.Automation.PSArgumentException"


@cmdlet("Select-Object", honours=("InputObject", "Property", "ExpandProperty", "First", "Skip"))
def select_object(context: Context, bound: Bound) -> Iterator[object]:
    place = context.taken - bound.get("Skip", 0)
    if "InputObject" not in bound or place < 1 or place > bound.get("First", place):
        return
    item = bound.get("InputObject")
    if "ExpandProperty" in bound:
        yield from _expand(context, item, bound.get("ExpandProperty"))
    elif "Property" in bound:
        yield _select(item, bound.get("Property"))
    else:
        yield item


def _properties(item: object) -> Mapping[str, object]:
    return item.properties if isinstance(item, PsValue) else {}


def _expand(context: Context, item: object, name: str) -> Iterator[object]:
    hit = [value for key, value in _properties(item).items() if key.casefold() == name.casefold()]
    if not hit:
        text = f'Property "{name}" cannot be found.'
        record = context.record(
            text, "ExpandPropertyNotFound", _INVALID_ARGUMENT, target=str(item), exception=_ARGUMENT_EXCEPTION
        )
        context.error(record)
    for value in hit:
        yield from value if isinstance(value, list | tuple) else [value]


def _select(item: object, names: list[str]) -> PsValue:
    """A Selected.X object: all values in extended properties, a name that fits nothing is null."""
    have = _properties(item)
    chosen: dict[str, object] = {}
    for name in names:
        found = [key for key in have if matches(name, key)]
        chosen |= {key: have[key] for key in found} or ({} if "*" in name else {name: None})
    first = item.type_names[0] if isinstance(item, PsValue) else f"System.{type(item).__name__}"
    types = (f"Selected.{first}", "System.Management.Automation.PSCustomObject", "System.Object")
    text = "; ".join(f"{key}={'' if value is None else value}" for key, value in chosen.items())
    return PsValue(types, f"@{{{text}}}", chosen, extended=True)
