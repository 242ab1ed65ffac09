"""Stream records: the lab's facts as the objects Windows sends, and the refusals the wire itself makes.

Shapes, names and their order follow recorded error, warning and verbose records of PowerShell 5.1.
"""

from __future__ import annotations

from snlm_lib.lab.metadata import CMDLET
from snlm_lib.lab.values import I64, EnumValue, LabRecord, PsValue

__all__ = [
    "error_record",
    "informational_record",
    "lab_fault",
    "pipeline_state",
    "pipeline_stopped",
    "scripts_not_allowed",
    "unsupported",
]

_COR_E_EXCEPTION = -2146233088  # what .NET gives an exception nobody chose a number for
_ERROR = ("System.Management.Automation.ErrorRecord", "System.Object")
_INVOCATION = "System.Management.Automation.InvocationInfo"
_PUBLIC = EnumValue("System.Management.Automation.SessionStateEntryVisibility", "Public", 0)
_COMMAND_ORIGIN = EnumValue("System.Management.Automation.CommandOrigin", "Internal", 1)
# fmt: off
_CATEGORIES = (  # System.Management.Automation.ErrorCategory, by number
    "NotSpecified", "OpenError", "CloseError", "DeviceError", "DeadlockDetected", "InvalidArgument", "InvalidData",
    "InvalidOperation", "InvalidResult", "InvalidType", "MetadataError", "NotImplemented", "NotInstalled",
    "ObjectNotFound", "OperationStopped", "OperationTimeout", "SyntaxError", "ParserError", "PermissionDenied",
    "ResourceBusy", "ResourceExists", "ResourceUnavailable", "ReadError", "WriteError", "FromStdErr", "SecurityError",
    "ProtocolError", "ConnectionError", "AuthenticationError", "LimitsExceeded", "QuotaExceeded", "NotEnabled",
)
# fmt: on


class _Table(dict[str, object]):
    """A dictionary of another class than Hashtable."""

    type_names = ("System.Collections.ListDictionaryInternal", "System.Object")


class _Bound(dict[str, object]):
    """The parameters an invocation was bound to."""

    type_names = ("System.Collections.Generic.Dictionary`2[[System.String],[System.Object]]", "System.Object")


def error_record(record: LabRecord, *, written: bool = False, extended: bool = False) -> PsValue:
    """The facts of a record as the object on the wire.

    ``written``: by WriteError, on the error stream; ``extended``: the client asked for the invocation,
    which then stands field by field behind the rest.
    """
    target = record.target or None
    category = record.category if 0 <= record.category < len(_CATEGORIES) else 0
    reason = record.reason or record.exception_type.rpartition(".")[2]
    fields: dict[str, object] = {"writeErrorStream": True} if written else {}
    fields |= {
        "Exception": _exception(record),
        "TargetObject": target,
        "FullyQualifiedErrorId": record.fq_error_id,
        "InvocationInfo": _invocation(record.command) if record.command else None,
        "ErrorCategory_Category": category,
        "ErrorCategory_Activity": record.command,
        "ErrorCategory_Reason": reason,
        "ErrorCategory_TargetName": record.target,
        "ErrorCategory_TargetType": "String" if target else "",
        "ErrorCategory_Message": _summary(record, _CATEGORIES[category], reason),
        "SerializeExtendedInfo": extended,
    }
    if extended:
        fields |= _extended(record.command)
    if record.details:
        fields["ErrorDetails_Message"] = record.details.get("Message", "")
        fields["ErrorDetails_RecommendedAction"] = record.details.get("RecommendedAction", "")
    if written:
        fields["PSMessageDetails"] = None
    return PsValue(_ERROR, record.details.get("Message") or record.message, fields, extended=True)


def informational_record(kind: str, text: str) -> PsValue:
    """``kind``: Warning, Verbose or Debug."""
    types = tuple(f"System.Management.Automation.{name}" for name in (f"{kind}Record", "InformationalRecord"))
    fields = {"InformationalRecord_Message": text, "InformationalRecord_SerializeInvocationInfo": False}
    return PsValue((*types, "System.Object"), text, fields, extended=True)


def pipeline_state(number: int, record: LabRecord | None = None) -> PsValue:
    """The state message of a pipeline, with the error that ended it."""
    fields: dict[str, object] = {"PipelineState": number}
    if record is not None:
        fields["ExceptionAsErrorRecord"] = error_record(record)
    return PsValue((), "", fields, extended=True)


def pipeline_stopped() -> LabRecord:
    """What a pipeline that somebody stopped ends with."""
    return LabRecord(
        message="The pipeline has been stopped.",
        fq_error_id="PipelineStopped",
        category=14,
        exception_type="System.Management.Automation.PipelineStoppedException",
    )


def _exception(record: LabRecord) -> PsValue:
    types = (record.exception_type, "System.Exception", "System.Object")
    unknown = dict.fromkeys(("InnerException", "TargetSite", "StackTrace", "HelpLink", "Source"))
    fields = {"Message": record.message, "Data": _Table(), **unknown, "HResult": _COR_E_EXCEPTION}
    return PsValue(tuple(dict.fromkeys(types)), f"{record.exception_type}: {record.message}", fields)


def _invocation(command: str) -> PsValue:
    """What the command knows of its call; the lab runs no script, so there is no place in one."""
    place: dict[str, object] = {"ScriptLineNumber": 0, "OffsetInLine": 0, "HistoryId": I64(1)}
    place |= dict.fromkeys(("ScriptName", "Line", "PositionMessage", "PSScriptRoot"), "")
    fields = {
        "MyCommand": command,
        "BoundParameters": _Bound(),
        "UnboundArguments": [],
        **place,
        "PSCommandPath": None,
        "InvocationName": command,
        "PipelineLength": 0,
        "PipelinePosition": 0,
        "ExpectingInput": False,
        "CommandOrigin": _COMMAND_ORIGIN,
        "DisplayScriptPosition": None,
    }
    return PsValue((_INVOCATION, "System.Object"), _INVOCATION, fields)


def _extended(command: str) -> dict[str, object]:
    place = _invocation(command).properties
    told = {name: value for name, value in place.items() if name not in ("MyCommand", "DisplayScriptPosition")}
    fields = {f"InvocationInfo_{name}": value for name, value in told.items()}
    return fields | {
        "InvocationInfo_PipelineIterationInfo": [],
        "SerializeExtent": False,
        "CommandInfo_CommandType": CMDLET,
        "CommandInfo_Definition": command,
        "CommandInfo_Name": command,
        "CommandInfo_Visibility": _PUBLIC,
        "PipelineIterationInfo": [0, 1],
    }


def _summary(record: LabRecord, category: str, reason: str) -> str:
    target, kind = _ellipsis(record.target), "String" if record.target else ""
    return f"{category}: ({target}:{kind}) [{record.command}], {reason}"


def _ellipsis(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:15]}...{text[-15:]}"


def scripts_not_allowed(script: str) -> LabRecord:
    """The refusal of script text in a runspace without language, as Windows PowerShell 5.1 words it."""
    return LabRecord(
        message="The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.",
        fq_error_id="ScriptsNotAllowed",
        category=17,
        exception_type="System.Management.Automation.ParseException",
        target=script,
        reason="ParseException",
    )


def lab_fault(what: str) -> LabRecord:
    """A failure that is the lab's own mistake and says so; no Windows host sends it."""
    return LabRecord(
        message=f"This is a bug of the lab, not of the simulated host: {what}",
        fq_error_id="LabInternalError",
        category=0,
        exception_type="Snlm.Lab.InternalError",
        reason="InternalError",
    )


def unsupported(what: str) -> LabRecord:
    """A pipeline that is none of cmdlets: the lab does not pretend to run it."""
    return LabRecord(
        message=f"The lab does not offer {what}; send a pipeline of cmdlets with parameters.",
        fq_error_id="LabNotImplemented",
        category=11,
        exception_type="System.NotImplementedException",
        target=what,
    )
