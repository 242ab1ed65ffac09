"""What a client learns of a host's commands before it imports them (GetCommandMetadata). Pure; knows no cmdlet.

Shapes are those recorded from PowerShell 5.1; MS-PSRP 2.2.2.14 and 2.2.3.22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snlm_lib.lab.values import EnumValue, PsValue

__all__ = ["CMDLET", "CommandFacts", "ParameterFacts", "command_count", "command_metadata"]

_SELECTED = ("System.Management.Automation.PSCustomObject", "System.Object")
CMDLET = EnumValue("System.Management.Automation.CommandTypes", "Cmdlet", 8)
_PARAMETER = "System.Management.Automation.ParameterMetadata"
_AUTOMATION = "System.Management.Automation"
_CIM = "Microsoft.Management.Infrastructure"
_NAMESPACES = {
    **dict.fromkeys(("SwitchParameter", "PSCredential", "PSObject"), _AUTOMATION),
    **dict.fromkeys(("CimSession", "CimInstance"), _CIM),
    **dict.fromkeys(("String", "Boolean", "Char", "DateTime", "Guid", "Int32", "Int64"), "System"),
    **dict.fromkeys(("Object", "TimeSpan", "UInt32", "Uri"), "System"),
    "Hashtable": "System.Collections",
    "XmlDocument": "System.Xml",
}


@dataclass(frozen=True)
class ParameterFacts:
    """One parameter; ``type`` without a namespace, such as "String[]"."""

    name: str
    type: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommandFacts:
    """One cmdlet and the parameters the caller may use."""

    name: str
    module: str
    parameters: tuple[ParameterFacts, ...]


class _Parameters(dict[str, object]):
    """A dictionary of the class PowerShell uses here."""

    type_names = (f"System.Collections.Generic.Dictionary`2[[System.String],[{_PARAMETER}]]", "System.Object")


class _Names(list[str]):
    type_names: tuple[str, ...] = ("System.Collections.ObjectModel.Collection`1[[System.String]]", "System.Object")


class _Types(_Names):
    type_names = (f"System.Collections.ObjectModel.ReadOnlyCollection`1[[{_AUTOMATION}.PSTypeName]]", "System.Object")


def command_count(commands: Sequence[CommandFacts]) -> PsValue:
    """The first answer: how many follow."""
    types = ("Selected.Microsoft.PowerShell.Commands.GenericMeasureInfo", *_SELECTED)
    return PsValue(types, "", {"Count": len(commands)}, extended=True)


def command_metadata(command: CommandFacts) -> PsValue:
    """One command, to be written two levels deep. The lab knows no cmdlet's output types and help page."""
    fields: Mapping[str, object] = {
        "Name": command.name,
        "Namespace": command.module,
        "HelpUri": "",
        "CommandType": CMDLET,
        "ResolvedCommandName": None,
        "OutputType": _Types(),
        "Parameters": _Parameters({each.name: _parameter(each) for each in command.parameters}),
    }
    return PsValue(("Selected.System.Management.Automation.CmdletInfo", *_SELECTED), "", fields, extended=True)


def _parameter(parameter: ParameterFacts) -> PsValue:
    fields: Mapping[str, object] = {
        "Name": parameter.name,
        "ParameterType": _whole_type(parameter.type),
        "Aliases": _Names(parameter.aliases),
        "IsDynamic": False,
        "SwitchParameter": parameter.type == "SwitchParameter",
    }
    return PsValue((_PARAMETER, "System.Object"), _PARAMETER, fields)


def _whole_type(name: str) -> str:
    namespace = _NAMESPACES.get(name.removesuffix("[]"))
    return f"{namespace}.{name}" if namespace else name
