"""Session configurations without language, read from the very files that real hosts register (snlm_lib/jea).

Knows no wire and no cmdlet. A role is what PowerShell makes of it: for every cmdlet with listed parameters a function
of the same name that has those alone, each with its ValidateSet or ValidatePattern; any other command does not exist.
Compared without case, as there; a pattern is looked for anywhere in the text unless it is anchored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from snlm_lib.errors import LabError
from snlm_lib.lab.binder import Parameter, Signature
from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT
from snlm_lib.lab.psdata import Table, Value, read_data

__all__ = ["Endpoint", "Role", "Rule", "read_role", "shipped_endpoint"]

_ROLE_KEYS = {"GUID", "Author", "Description", "VisibleCmdlets", "VisibleFunctions"}
_ENDPOINT_KEYS = {
    *("SchemaVersion", "GUID", "Author", "Description", "SessionType", "LanguageMode"),
    *("RunAsVirtualAccount", "GroupManagedServiceAccount", "RoleDefinitions"),
}
_ASKING = frozenset({"Confirm", "WhatIf"})  # they come with the cmdlet, listed or not
_SHIPPED = ("Snlm.Operator", "Snlm.Survey")


@dataclass(frozen=True)
class Rule:
    """What one visible parameter takes; without set and pattern: anything of its type."""

    values: tuple[str, ...] = ()
    pattern: str | None = None

    def refusal(self, value: object) -> str | None:
        """Windows' sentence for a value outside the rule; None when it may pass."""
        for item in value if isinstance(value, list | tuple) else (value,):
            if self.values and str(item).casefold() not in (each.casefold() for each in self.values):
                listed = ",".join(self.values)
                return (
                    f'The argument "{item}" does not belong to the set "{listed}" specified by the ValidateSet '
                    "attribute. Supply an argument that is in the set and then try the command again."
                )
            if self.pattern is not None and not re.search(self.pattern, str(item), re.IGNORECASE):
                return (
                    f'The argument "{item}" does not match the "{self.pattern}" pattern. Supply an argument that '
                    f'matches "{self.pattern}" and try the command again.'
                )
        return None


Rules = Mapping[str, Rule]


@dataclass(frozen=True)
class Role:
    """Name of a visible command -> its parameters with their rules."""

    commands: Mapping[str, Rules]

    def narrowed(self, signature: Signature) -> Signature | None:
        """The command as this role has it; None: it is not there."""
        rules = next((each for name, each in self.commands.items() if _same(name, signature.name)), None)
        if rules is None:
            return None
        by_name = {name.casefold(): rule for name, rule in rules.items()}
        kept = {
            name: _ruled(parameter, by_name.get(name.casefold()))
            for name, parameter in signature.parameters.items()
            if name.casefold() in by_name or name in _ASKING
        }
        return replace(
            signature,
            error_class=signature.name,  # a function's binding errors bear its own name
            sets={name: members & set(kept) for name, members in signature.sets.items()},
            mandatory={name: members & set(kept) for name, members in signature.mandatory.items()},
            parameters=kept,
        )


def _ruled(parameter: Parameter, rule: Rule | None) -> Parameter:
    return parameter if rule is None else replace(parameter, refusal=rule.refusal)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


@dataclass(frozen=True)
class Endpoint:
    """One session configuration: as whom it runs, and which group has which role."""

    name: str
    run_as: str
    roles: Mapping[str, Role]

    def role_of(self, groups: frozenset[str]) -> Role | None:
        """The role of a member of these groups (``CORP\\snlm-operators``, lower case); None: not let in."""
        return next((role for group, role in self.roles.items() if group.casefold() in groups), None)


@cache
def shipped_endpoint(kind: str, name: str) -> Endpoint | None:
    """The endpoint that a ``kind`` of computer (HyperVHost, DomainController) has under that name, in any case."""
    known = next((each for each in _SHIPPED if _same(each, name)), None)
    if known is None:
        return None
    path = files("snlm_lib").joinpath("jea", kind, f"{known}.pssc")
    return _endpoint(known, read_data(path.read_text(encoding="utf-8"), where=f"{kind}/{known}.pssc"))


def _endpoint(name: str, table: Table) -> Endpoint:
    where = f"{name}.pssc"
    _only(table, _ENDPOINT_KEYS, where)
    if (table.get("SessionType"), table.get("LanguageMode")) != ("RestrictedRemoteServer", "NoLanguage"):
        raise LabError("the lab plays endpoints of SessionType RestrictedRemoteServer, NoLanguage, only", where=where)
    virtual, account = table.get("RunAsVirtualAccount") is True, table.get("GroupManagedServiceAccount")
    if virtual is isinstance(account, str):
        raise LabError("an endpoint runs as a virtual account or as a group managed one", where=where)
    roles = {
        group: _merged(_texts(_table(entry, where)["RoleCapabilities"], where))
        for group, entry in _table(table.get("RoleDefinitions"), where).items()
    }
    return Endpoint(name, VIRTUAL_ACCOUNT if virtual else str(account), roles)


def _merged(names: list[str]) -> Role:
    commands: dict[str, Rules] = {}
    for name in names:
        path = files("snlm_lib").joinpath("jea", "Snlm", "RoleCapabilities", f"{name}.psrc")
        more = read_role(path.read_text(encoding="utf-8"), where=f"{name}.psrc").commands
        if commands.keys() & more.keys():
            raise LabError("two roles list one command, and Windows would mix their rules", where=f"{name}.psrc")
        commands |= more
    return Role(commands)


def read_role(text: str, *, where: str) -> Role:
    """A .psrc file. Raises LabError for what this reader does not know and for an unruled Invoke-CimMethod."""
    table = read_data(text, where=where)
    _only(table, _ROLE_KEYS, where)
    listed = [entry for key in ("VisibleCmdlets", "VisibleFunctions") for entry in _items(table.get(key, []))]
    commands = dict(_command(_table(entry, where), where) for entry in listed)
    _pinned(commands.get("Invoke-CimMethod"), where)
    return Role(commands)


def _pinned(rules: Rules | None, where: str) -> None:
    """Left open, Invoke-CimMethod equals administrator (hyperv.md, section 12)."""
    names = ("ClassName", "Namespace", "MethodName")
    if rules is not None and not all(rules[name].values if name in rules else False for name in names):
        raise LabError("Invoke-CimMethod needs ValidateSets for ClassName, Namespace and MethodName", where=where)


def _command(entry: Table, where: str) -> tuple[str, Rules]:
    _only(entry, {"Name", "Parameters"}, where)
    parameters = [_table(each, where) for each in _items(entry.get("Parameters", []))]
    if not parameters:
        raise LabError(f"{entry.get('Name')} lists no parameter, which would let all of them pass", where=where)
    for each in parameters:
        _only(each, {"Name", "ValidateSet", "ValidatePattern"}, where)
    return str(entry["Name"]), {str(each["Name"]): _rule(each, where) for each in parameters}


def _rule(entry: Table, where: str) -> Rule:
    pattern = entry.get("ValidatePattern")
    values = tuple(_texts(entry.get("ValidateSet", []), where))
    return Rule(values, pattern if isinstance(pattern, str) else None)


def _only(table: Table, known: set[str], where: str) -> None:
    strange = sorted(set(table) - known)
    if strange:
        raise LabError(f"the lab does not know the key {strange[0]!r}", where=where)


def _items(value: Value) -> list[Value]:
    """One or several, as PowerShell takes them."""
    return value if isinstance(value, list) else [value]


def _table(value: Value | None, where: str) -> Table:
    if not isinstance(value, dict):
        raise LabError("a hashtable is wanted", where=where)
    return value


def _texts(value: Value, where: str) -> list[str]:
    found = [each for each in _items(value) if isinstance(each, str)]
    if len(found) != len(_items(value)):
        raise LabError("texts are wanted", where=where)
    return found
