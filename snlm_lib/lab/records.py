"""Error records: the lab's facts as psrpcore's objects, and the refusals the wire itself makes."""

from __future__ import annotations

from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorDetails,
    ErrorRecord,
    NETException,
    PSType,
)

from snlm_lib.lab.values import LabRecord

__all__ = ["error_record", "lab_fault", "scripts_not_allowed", "unsupported"]

_COR_E_EXCEPTION = -2146233088  # what .NET gives an exception nobody chose a number for


@PSType(type_names=["System.Management.Automation.ErrorCategoryInfo"], rehydrate=False)
class _Category(ErrorCategoryInfo):
    """psrpcore words the summary otherwise than Windows does."""

    def __str__(self) -> str:
        target, kind = _ellipsis(self.TargetName or ""), _ellipsis(self.TargetType or "")
        return f"{self.Category.name}: ({target}:{kind}) [{self.Activity or ''}], {self.Reason or ''}"


def error_record(record: LabRecord) -> ErrorRecord:
    """The facts of a record as the object psrpcore sends, with Windows' texts."""
    exception = NETException(Message=record.message, HResult=_COR_E_EXCEPTION)
    types = (record.exception_type, "System.Exception", "System.Object")
    exception.PSObject.type_names = list(dict.fromkeys(types))
    exception.PSObject.to_string = f"{record.exception_type}: {record.message}"
    details = None
    if "Message" in record.details or "RecommendedAction" in record.details:
        details = ErrorDetails(
            Message=record.details.get("Message"), RecommendedAction=record.details.get("RecommendedAction")
        )
    known = record.category in {member.value for member in ErrorCategory}
    category = _Category(
        Category=ErrorCategory(record.category) if known else ErrorCategory.NotSpecified,
        Activity=record.command,
        Reason=record.reason or record.exception_type.rpartition(".")[2],
        TargetName=record.target,
        TargetType="String" if record.target else "",
    )
    result = ErrorRecord(
        Exception=exception,
        CategoryInfo=category,
        TargetObject=record.target or None,
        FullyQualifiedErrorId=record.fq_error_id,
        ErrorDetails=details,
    )
    result.PSObject.to_string = record.details.get("Message") or record.message
    return result


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
