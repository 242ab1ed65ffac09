"""What a sentence to a host is: cmdlets with parameters, as data. Knows no cmdlet and no wire.

A value is a value wherever it stands: a name with a quote or a bracket stays a name, because no
text is ever built from it for the host to parse. `Pipeline.text` is for people and the journal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType

from snlm_lib.remote.credentials import Credential
from snlm_lib.units import iso_utc

__all__ = ["Command", "Pipeline", "literal"]

_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")  # PowerShell ends a string at any of these


@dataclass(frozen=True)
class Command:
    """One cmdlet and its named parameters; the mapping is copied and cannot be written to."""

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def text(self) -> str:
        """The command as PowerShell would be typed; a credential shows as ``***``."""
        words = [self.name]
        for name, value in self.parameters.items():
            words.append(f"-{name}:{literal(value)}" if isinstance(value, bool) else f"-{name} {literal(value)}")
        return " ".join(words)


@dataclass(frozen=True)
class Pipeline:
    """Commands joined by ``|``; ``changes`` says whether running it can alter the host."""

    commands: tuple[Command, ...]
    changes: bool = False

    def text(self) -> str:
        """The pipeline as PowerShell would be typed, without secrets."""
        return " | ".join(command.text() for command in self.commands)

    @property
    def name(self) -> str:
        """The last cmdlet's name: the one whose answer comes back."""
        return self.commands[-1].name


def literal(value: object) -> str:
    """One value as PowerShell would be typed; whatever may be a secret shows as ``***``."""
    if isinstance(value, Credential):
        return "***"
    if value is None or isinstance(value, bool):
        return {None: "$null", True: "$true", False: "$false"}[value]
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return "@{" + "; ".join(f"{literal(str(key))}={literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "@(" + ",".join(literal(item) for item in value) + ")"
    return _quoted(value)


def _quoted(value: object) -> str:
    if isinstance(value, datetime):
        value = iso_utc(value)
    elif isinstance(value, timedelta):
        value = f"{value.total_seconds():g} s"
    elif isinstance(value, Enum):
        value = value.name
    return "'" + _QUOTES.sub(lambda found: found[0] * 2, str(value)) + "'"
