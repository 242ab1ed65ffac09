"""A scenario file (YAML) -> a scenario, strictly: nothing unknown is let through. Builds no world.

``based_on: NAME`` takes another scenario and changes it: tables are merged key by key, a list or a value
replaces the other's, and ``key: null`` takes a key away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from snlm_lib.errors import LabError
from snlm_lib.lab.accounts import STATES
from snlm_lib.lab.directory import ALL_RIGHTS
from snlm_lib.lab.faults import fault_named, laid_over
from snlm_lib.lab.scenario import DomainSpec, Scenario
from snlm_lib.lab.strict import decode
from snlm_lib.lab.wire_faults import refuse_unknown
from snlm_lib.lab.wire_spec import own_wire, refuse_wire

__all__ = ["SCHEMA", "load_scenario", "read_scenario"]

SCHEMA = "snlm.scenario/1"
_SHIPPED = Path(__file__).resolve().parents[2] / "parameters" / "scenarios"
_MAX_BYTES = 1 << 20
_MAX_BASES = 8
_MAX_NAME = 100  # a file system refuses far longer ones in words of its own
_DIRECTORIES = ("memory", "samba")
_OWN = ("based_on", "parameters")  # never inherited


class _TwiceError(yaml.YAMLError):
    """A key stands twice in one table."""


class _Loader(yaml.SafeLoader):
    """Plain data, and no key twice: YAML itself silently takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _TwiceError(f"the key '{key.value[:40]}' stands twice, again at line {key.start_mark.line + 1}")
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load_scenario(path: Path) -> Scenario:
    """File -> scenario. Raises LabError for a file that is missing or wrong."""
    return _scenario(_with_bases(_read_table(path), path), path.name)


def read_scenario(text: str, where: str) -> Scenario:
    """Text -> scenario, based on shipped ones only. Raises LabError that names ``where`` and the key."""
    return _scenario(_with_bases(_table(text, where), _SHIPPED / where), where)


def _scenario(data: dict[str, Any], where: str) -> Scenario:
    if data.get("fault") is not None:
        data = laid_over(data, fault_named(data["fault"], where), where)
    scenario = decode(Scenario, data, where)
    if scenario.schema != SCHEMA:
        raise LabError(f"schema '{scenario.schema}' is not {SCHEMA}", where=where, remedy="Correct it.")
    _refuse_sign_on(scenario, where)
    _refuse_domain(scenario.domain, where)
    computers = [*scenario.hosts, scenario.domain.controller]
    refuse_unknown(scenario.wire_faults, computers, where)
    if scenario.vantage not in (None, *computers):
        raise LabError(
            f"'{scenario.vantage}' is no computer here", where=f"{where}.vantage", remedy=f"Say {', '.join(computers)}."
        )
    living = [
        (vm.name or key).casefold() for host in scenario.hosts.values() for key, vm in host.vms.items() if vm.guest
    ]
    if len(set(living)) < len(living):
        raise LabError("two living guests bear one name", where=where, remedy="Give only one of them 'guest: true'.")
    return scenario


def _refuse_sign_on(scenario: Scenario, where: str) -> None:
    refuse_wire(scenario.wire, f"{where}.wire")
    for name, host in scenario.hosts.items():
        own_wire(scenario.wire, host.wire, f"{where}.hosts.{name}.wire")


def _refuse_domain(domain: DomainSpec, where: str) -> None:
    for key, value, known in (
        ("directory", domain.directory, _DIRECTORIES),
        ("operator_state", domain.operator_state, tuple(STATES)),
        *(("operator_rights", right, sorted(ALL_RIGHTS)) for right in domain.operator_rights),
    ):
        if value not in known:
            raise LabError(
                f"'{value}' is not known here", where=f"{where}.domain.{key}", remedy=f"Say {', '.join(known)}."
            )


def _read_table(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise LabError("longer than a scenario can be (1 MiB)", where=str(path), remedy="Name a scenario file.")
        data = path.read_bytes()
    except OSError as error:
        raise LabError("the scenario cannot be read", where=str(path), remedy="Name an existing file.") from error
    return _table(data, path.name)


def _table(text: str | bytes, where: str) -> dict[str, Any]:
    """YAML -> table; bytes may be UTF-8 with or without a mark, or UTF-16."""
    try:
        data = yaml.load(text, Loader=_Loader)
    except _TwiceError as error:
        raise LabError(str(error), where=where, remedy="Keep one of them.") from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise LabError(f"not readable as YAML{line}", where=where, remedy="Correct the file.") from error
    if not isinstance(data, dict):
        raise LabError("expected a table of 'key: value' lines", where=where, remedy="Correct the scenario.")
    return data


def _with_bases(own: dict[str, Any], path: Path) -> dict[str, Any]:
    """``own`` laid over what it is based on, and that over its own base."""
    chain, seen = [own], [path.resolve()]
    while (base := chain[-1].get("based_on")) is not None:
        file = _base_file(base, path)
        if file.resolve() in seen or len(seen) > _MAX_BASES:
            raise LabError(f"based on itself through '{base}'", where=path.name, remedy="Correct 'based_on'.")
        seen.append(file.resolve())
        chain.append(_read_table(file))
    merged: dict[str, Any] = {}
    for table in reversed(chain):
        merged = _merged(merged, {key: value for key, value in table.items() if key not in _OWN})
    if len(chain) > 1:
        merged["name"] = own.get("name", path.stem)
        change = f"with the fault {own['fault']}" if "fault" in own else "changed"
        merged["about"] = own.get("about", f"{own['based_on']}, {change}")
    if "parameters" in own:
        merged["parameters"] = own["parameters"] or {}
    return merged


def _base_file(base: object, path: Path) -> Path:
    """The file of a base: beside the one that names it, else a shipped one."""
    if not isinstance(base, str) or Path(base).name != base or len(base) > _MAX_NAME:
        raise LabError(
            "'based_on' must be the name of a scenario, without .yaml", where=path.name, remedy="Correct 'based_on'."
        )
    beside = path.parent / f"{base}.yaml"
    file = beside if beside.is_file() else _SHIPPED / f"{base}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in _SHIPPED.glob("*.yaml")))
        raise LabError(
            f"there is no scenario '{base}' to be based on", where=path.name, remedy=f"Choose one of {known}."
        )
    return file


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in own.items():
        if value is None and key in base:
            del found[key]
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            found[key] = _merged(base[key], value)
        else:
            found[key] = value
    return found
