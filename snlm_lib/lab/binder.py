"""Binds what a client sent to the parameters of a cmdlet as PowerShell does. Knows no cmdlet's work.

signatures.json holds parameter sets, types, aliases and positions of exactly the cmdlets the lab
answers. Mistakes raise `Terminating` with PowerShell's own error ids.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from snlm_lib.lab.argument import Unconvertible, convert_argument
from snlm_lib.lab.pipeline import Invocation
from snlm_lib.lab.values import LabRecord, PsValue, Terminating

__all__ = ["Binding", "Bound", "Parameter", "Signature", "signature_of"]

_INVALID_ARGUMENT, _INVALID_DATA = 5, 6
_COMMON = {
    name.casefold(): name
    for name in (
        "ErrorAction",
        "ErrorVariable",
        "WarningAction",
        "WarningVariable",
        "InformationAction",
        "InformationVariable",
        "ProgressAction",
        "OutVariable",
        "OutBuffer",
        "PipelineVariable",
        "Verbose",
        "Debug",
    )
}
_COMMON["ea"] = "ErrorAction"
_BINDING_EXCEPTION = "System.Management.Automation.ParameterBindingException"


@dataclass(frozen=True)
class Parameter:
    """One parameter; ``pipeline``: "value", "property" or "" (takes no pipeline input).

    ``refusal`` says why an endpoint's role does not take a value; None: no role minds.
    """

    name: str
    type: str
    aliases: tuple[str, ...]
    values: tuple[str, ...]
    position: int | None
    pipeline: str
    refusal: Callable[[object], str | None] | None = None


@dataclass(frozen=True)
class Signature:
    """One cmdlet: ``error_class`` ends its error ids; ``sets`` name their parameters and mandatory ones."""

    name: str
    error_class: str
    module: str
    default: str | None
    sets: Mapping[str, frozenset[str]]
    mandatory: Mapping[str, frozenset[str]]
    parameters: Mapping[str, Parameter]

    def find(self, name: str) -> Parameter | None:
        """By name or alias, in any case; whole names only."""
        wanted = name.lstrip("-").rstrip(":").casefold()
        for parameter in self.parameters.values():
            if wanted in (parameter.name.casefold(), *(alias.casefold() for alias in parameter.aliases)):
                return parameter
        return None

    def refuse(
        self, error_id: str, message: str, *, category: int = _INVALID_ARGUMENT, target: str = ""
    ) -> Terminating:
        """A binding error of this cmdlet."""
        reason = _BINDING_EXCEPTION.rsplit(".", 1)[-1]
        whole = f"{error_id},{self.error_class}"
        return Terminating(LabRecord(message, whole, category, _BINDING_EXCEPTION, self.name, target, reason))


@dataclass(frozen=True)
class Bound:
    """The parameters of one call, by their real names."""

    set_name: str
    values: Mapping[str, object]
    common: Mapping[str, object]

    def get(self, name: str, default: Any = None) -> Any:
        """One parameter's converted value, or ``default`` when it was not given."""
        return self.values.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def on(self, name: str) -> bool:
        """Was this switch given as true?"""
        return bool(self.values.get(name, False))


@cache
def _signatures() -> dict[str, Signature]:
    text = files("snlm_lib.lab.cmdlets").joinpath("signatures.json").read_text(encoding="utf-8")
    return {name.casefold(): _read(name, entry) for name, entry in json.loads(text)["cmdlets"].items()}


def _read(name: str, entry: dict[str, Any]) -> Signature:
    parameters = {
        key: Parameter(
            key,
            raw["type"],
            tuple(raw.get("aliases", ())),
            tuple(raw.get("values", ())),
            raw.get("position"),
            raw.get("pipeline", ""),
        )
        for key, raw in entry["parameters"].items()
    }
    return Signature(
        name=name,
        error_class=entry["class"],
        module=entry["module"],
        default=entry["default"],
        sets={key: frozenset(each["parameters"]) for key, each in entry["sets"].items()},
        mandatory={key: frozenset(each["mandatory"]) for key, each in entry["sets"].items()},
        parameters=parameters,
    )


def signature_of(name: str) -> Signature | None:
    """The signature of a cmdlet the lab knows, by its name in any case."""
    return _signatures().get(name.casefold())


class Binding:
    """One command of a pipeline, its named and positional arguments bound; input comes later.

    Raises Terminating at once for what is wrong without any input.
    """

    def __init__(self, signature: Signature, invocation: Invocation) -> None:
        self.signature = signature
        self.common: dict[str, object] = {}
        self._values: dict[str, object] = {}
        for name, value in invocation.parameters.items():
            self._bind_named(name, value)
        for value in invocation.positional:
            self._bind_position(value)
        if not self._sets(frozenset(self._values)):
            raise self._ambiguous()

    def complete(self, item: object = None, *, piped: bool = False) -> Bound | None:
        """All parameters of one call; None when a piped ``item`` fits no parameter."""
        values = dict(self._values)
        if piped:
            taker = self._taker(item)
            if taker is None:
                return None
            values[taker[0].name] = taker[1]
        return Bound(self._choose(frozenset(values)), values, self.common)

    # -- named and positional -------------------------------------------------------------------

    def _bind_named(self, name: str, value: object) -> None:
        parameter = self.signature.find(name)
        if parameter is not None:
            if parameter.name in self._values:
                text = f"Cannot bind parameter because parameter '{parameter.name}' is specified more than once."
                raise self.signature.refuse("ParameterAlreadyBound", text, target=parameter.name)
            self._values[parameter.name] = self._convert(parameter, value)
            return
        common = _COMMON.get(name.lstrip("-").casefold())
        if common is None:
            text = f"A parameter cannot be found that matches parameter name '{name.lstrip('-')}'."
            raise self.signature.refuse("NamedParameterNotFound", text, target=name)
        self.common[common] = value

    def _bind_position(self, value: object) -> None:
        open_sets = self._sets(frozenset(self._values))
        free = [
            parameter
            for parameter in self.signature.parameters.values()
            if parameter.position is not None and parameter.name not in self._values
            if any(parameter.name in self.signature.sets[name] for name in open_sets)
        ]
        if not free:
            text = f"A positional parameter cannot be found that accepts argument '{value}'."
            raise self.signature.refuse("PositionalParameterNotFound", text)
        first = min(parameter.position or 0 for parameter in free)
        candidates = [parameter for parameter in free if (parameter.position or 0) == first]
        default = self.signature.sets.get(self.signature.default or "", frozenset())
        chosen = next((each for each in candidates if each.name in default), candidates[0])
        self._values[chosen.name] = self._convert(chosen, value)

    def _convert(self, parameter: Parameter, value: object) -> object:
        refused = parameter.refusal(value) if parameter.refusal is not None else None
        if refused is not None:
            text = f"Cannot validate argument on parameter '{parameter.name}'. {refused}"
            error_id = "ParameterArgumentValidationError"
            raise self.signature.refuse(error_id, text, category=_INVALID_DATA, target=parameter.name)
        try:
            return convert_argument(value, parameter.type, allowed=parameter.values)
        except Unconvertible as wrong:
            text = f"Cannot bind parameter '{parameter.name}'. {wrong}"
            if wrong.not_allowed:
                error_id, category = "ParameterArgumentValidationError", _INVALID_DATA
            else:
                error_id, category = "CannotConvertArgumentNoMessage", _INVALID_ARGUMENT
            raise self.signature.refuse(error_id, text, category=category, target=parameter.name) from wrong

    # -- pipeline and sets ----------------------------------------------------------------------

    def _taker(self, item: object) -> tuple[Parameter, object] | None:
        """The parameter that takes this piped item, with the converted value."""
        for parameter in self.signature.parameters.values():
            if not parameter.pipeline or parameter.name in self._values:
                continue
            if not self._sets(frozenset(self._values) | {parameter.name}):
                continue
            value = item if parameter.pipeline == "value" else _by_property(parameter, item)
            if value is None:
                continue
            try:
                return parameter, convert_argument(value, parameter.type, allowed=parameter.values)
            except Unconvertible:
                continue
        return None

    def _sets(self, bound: frozenset[str]) -> list[str]:
        return [name for name, members in self.signature.sets.items() if bound <= members]

    def _choose(self, bound: frozenset[str]) -> str:
        fitting = self._sets(bound)
        whole = [name for name in fitting if self.signature.mandatory[name] <= bound]
        if len(whole) == 1:
            return whole[0]
        if self.signature.default in whole:
            return str(self.signature.default)
        if whole or not fitting:
            raise self._ambiguous()
        raise self._missing(fitting, bound)

    def _missing(self, fitting: Sequence[str], bound: frozenset[str]) -> Terminating:
        likely = self.signature.default if self.signature.default in fitting else fitting[0]
        names = " ".join(sorted(self.signature.mandatory[str(likely)] - bound))
        text = f"Cannot process command because of one or more missing mandatory parameters: {names}."
        return self.signature.refuse("MissingMandatoryParameter", text)

    def _ambiguous(self) -> Terminating:
        text = "Parameter set cannot be resolved using the specified named parameters."
        return self.signature.refuse("AmbiguousParameterSet", text)


def _by_property(parameter: Parameter, item: object) -> object:
    """ValueFromPipelineByPropertyName: the item's property of the parameter's name or alias."""
    if not isinstance(item, PsValue):
        return None
    wanted = {parameter.name.casefold(), *(alias.casefold() for alias in parameter.aliases)}
    return next((value for name, value in item.properties.items() if name.casefold() in wanted), None)
