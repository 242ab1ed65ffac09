"""Live-migration settings of a host: wanted, found, the difference, apply and undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from snlm_lib.change.act import Act
from snlm_lib.estate.model import HostFacts, MigrationSettings, PairFacts
from snlm_lib.estate.reads import Session
from snlm_lib.estate.survey import Estate, read_settings
from snlm_lib.parameters import Parameters
from snlm_lib.remote import commands

__all__ = ["Difference", "SettingsPlan", "acts", "plan_host", "plan_settings", "settings_rows", "wanted_settings"]

TITLE_OF = {
    "enabled": "live migration enabled",
    "authentication": "authentication",
    "performance": "performance option",
    "maximum_vm_migrations": "simultaneous live migrations",
    "maximum_storage_migrations": "simultaneous storage migrations",
    "use_any_network": "any network",
}


@dataclass(frozen=True)
class Difference:
    """One setting that is not as wanted; ``found`` is None when it could not be read."""

    name: str
    found: object
    wanted: object


@dataclass(frozen=True)
class SettingsPlan:
    """What one host needs."""

    host: str
    differences: tuple[Difference, ...]

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.differences


def wanted_settings(wanted: Parameters) -> MigrationSettings:
    """What the parameters ask of both hosts."""
    return MigrationSettings(
        enabled=True,
        authentication=wanted.authentication,
        performance=wanted.performance,
        maximum_vm_migrations=wanted.maximum_vm_migrations,
        maximum_storage_migrations=wanted.maximum_storage_migrations,
        use_any_network=wanted.use_any_network,
    )


def plan_host(host: HostFacts, wanted: MigrationSettings) -> SettingsPlan:
    """The smallest difference of one host; pure."""
    pairs = ((name, getattr(host.settings, name), getattr(wanted, name)) for name in TITLE_OF)
    return SettingsPlan(host.name, tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2]))


def plan_settings(facts: PairFacts, wanted: Parameters) -> tuple[SettingsPlan, ...]:
    """Both hosts."""
    return tuple(plan_host(host, wanted_settings(wanted)) for host in (facts.source, facts.destination))


def settings_rows(facts: PairFacts, wanted: Parameters) -> list[dict[str, object]]:
    """Found and wanted side by side, a row a setting: for the table in 01."""
    target = wanted_settings(wanted)
    return [
        {
            "setting": title,
            facts.source.name: getattr(facts.source.settings, name),
            facts.destination.name: getattr(facts.destination.settings, name),
            "wanted": getattr(target, name),
        }
        for name, title in TITLE_OF.items()
    ]


def acts(estate: Estate, plans: Iterable[SettingsPlan]) -> tuple[Act, ...]:
    """The changes, host by host: enable first, since the listener must exist before it is tuned."""
    found: list[Act] = []
    for plan in plans:
        session = estate.source if estate.source.host == plan.host else estate.destination
        switches = [item for item in plan.differences if item.name == "enabled"]
        values = [item for item in plan.differences if item.name != "enabled"]
        found.extend(_enable(session, plan.host, item) for item in switches)
        if values:
            found.append(_set_values(session, plan.host, values))
    return tuple(found)


def _enable(session: Session, host: str, item: Difference) -> Act:
    return Act.of(
        session,
        what=f"{host}: enable live migration",
        do=commands.enable_vm_migration(),
        undo=commands.disable_vm_migration(),
        before={"enabled": item.found},
        holds=lambda: _shows(session, {"enabled": True}),
    )


def _set_values(session: Session, host: str, values: list[Difference]) -> Act:
    wanted: dict[str, Any] = {item.name: item.wanted for item in values}
    found: dict[str, Any] = {item.name: item.found for item in values}
    return Act.of(
        session,
        what=f"{host}: "
        + ", ".join(f"{TITLE_OF[item.name]} {_said(item.found)} to {_said(item.wanted)}" for item in values),
        do=commands.set_vm_host(**wanted),
        undo=commands.set_vm_host(**found) if any(value is not None for value in found.values()) else None,
        before=found,
        holds=lambda: _shows(session, wanted),
    )


def _shows(session: Session, wanted: Mapping[str, object]) -> bool:
    """Are these settings so on the host now?"""
    found = read_settings(session)
    return all(getattr(found, name) == value for name, value in wanted.items())


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)
