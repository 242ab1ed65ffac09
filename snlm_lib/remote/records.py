"""What a pipeline leaves: its objects, errors, warnings and progress as plain records; pure.

Knows PowerShell's stream records by property name (MS-PSRP 2.2.3.15 and 2.2.2.25), no cmdlet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from snlm_lib.errors import CommandFailed
from snlm_lib.remote.clixml import PsObject, PsOdd
from snlm_lib.remote.pipeline import Pipeline

__all__ = [
    "CommandRecord",
    "ErrorRecord",
    "Progress",
    "Result",
    "error_record",
    "failure",
    "hresult_in",
    "progress_record",
    "unexpected",
    "unread_texts",
    "warning_text",
]

_HRESULT = re.compile(r"0x([0-9A-Fa-f]{8})(?![0-9A-Fa-f])")
_PERMISSION_DENIED = 18  # System.Management.Automation.ErrorCategory
_REMEDIES = {
    "CommandNotFoundException": "The endpoint does not offer this cmdlet: its module is missing, or a role hides it",
    "ScriptsNotAllowed": "The endpoint allows cmdlets only",
}


@dataclass(frozen=True)
class ErrorRecord:
    """One ErrorRecord. ``category`` is the name, ``category_number`` the ErrorCategory;
    ``hresult`` is the first 0xXXXXXXXX of the text, digits in upper case."""

    message: str
    fq_error_id: str
    category: str
    category_number: int | None
    target: str
    activity: str
    hresult: str | None


@dataclass(frozen=True)
class Progress:
    """One progress record; ``percent`` is None where PowerShell says -1; ``completed``: the last of its kind."""

    activity: str
    status: str
    percent: int | None
    completed: bool


@dataclass(frozen=True)
class Result:
    """What came back. ``errors`` holds accepted ones only; ``stopped``: somebody stopped it."""

    objects: tuple[object, ...]
    errors: tuple[ErrorRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    progress: tuple[Progress, ...] = ()
    stopped: bool = False

    @property
    def bags(self) -> tuple[PsObject, ...]:
        """The objects that have properties."""
        return tuple(item for item in self.objects if isinstance(item, PsObject))


@dataclass(frozen=True)
class CommandRecord:
    """One line for the journal. ``phase`` is "sent", or "ended" with ``outcome`` "completed",
    "failed", "stopped" or "lost", or "settled" with a sentence as ``outcome``: an answer was lost, and how
    that was made up for; ``text`` never holds a secret."""

    host: str
    text: str
    changes: bool
    phase: str
    utc: datetime
    outcome: str | None = None
    duration_s: float | None = None
    error_id: str | None = None


# fmt: off
_CATEGORIES = (  # System.Management.Automation.ErrorCategory, by number
    "NotSpecified", "OpenError", "CloseError", "DeviceError", "DeadlockDetected", "InvalidArgument", "InvalidData",
    "InvalidOperation", "InvalidResult", "InvalidType", "MetadataError", "NotImplemented", "NotInstalled",
    "ObjectNotFound", "OperationStopped", "OperationTimeout", "SyntaxError", "ParserError", "PermissionDenied",
    "ResourceBusy", "ResourceExists", "ResourceUnavailable", "ReadError", "WriteError", "FromStdErr", "SecurityError",
    "ProtocolError", "ConnectionError", "AuthenticationError", "LimitsExceeded", "QuotaExceeded", "NotEnabled",
)
# fmt: on


def error_record(raw: object) -> ErrorRecord:
    """An ErrorRecord as it came over the wire."""
    bag = raw if isinstance(raw, PsObject) else PsObject(to_string=str(raw))
    thrown = bag.get("Exception")
    thrown_text = thrown.get("Message") or thrown.to_string if isinstance(thrown, PsObject) else None
    message = str(bag.get("ErrorDetails_Message") or thrown_text or bag.to_string or "no message").strip()
    number = bag.get("ErrorCategory_Category")
    number = number if isinstance(number, int) else None
    known = number is not None and 0 <= number < len(_CATEGORIES)
    return ErrorRecord(
        message=message,
        fq_error_id=str(bag.get("FullyQualifiedErrorId") or ""),
        category=_CATEGORIES[number or 0] if known else "",
        category_number=number,
        target=str(bag.get("ErrorCategory_TargetName") or ""),
        activity=str(bag.get("ErrorCategory_Activity") or ""),
        hresult=hresult_in(message) or hresult_in(str(thrown_text or "")),
    )


def progress_record(raw: object) -> Progress:
    """A ProgressRecord as it came over the wire."""
    bag = raw if isinstance(raw, PsObject) else PsObject()
    percent = bag.get("PercentComplete")
    kind = bag.get("Type")
    return Progress(
        activity=str(bag.get("Activity") or ""),
        status=str(bag.get("StatusDescription") or ""),
        percent=percent if isinstance(percent, int) and percent >= 0 else None,
        completed=getattr(kind, "number", kind) in (1, "Completed"),
    )


def warning_text(raw: object) -> str:
    """A WarningRecord's text."""
    if not isinstance(raw, PsObject):
        return str(raw)
    return str(raw.get("InformationalRecord_Message") or raw.to_string or "")


def unread_texts(objects: Iterable[object]) -> tuple[str, ...]:
    """A warning for every object of an answer that could not be read; it stays among the others, marked."""
    return tuple(f"one object of the answer cannot be read: {item.why}" for item in objects if isinstance(item, PsOdd))


def hresult_in(text: str) -> str | None:
    """The first HRESULT in a text, as ``0x8009030E``."""
    found = _HRESULT.search(text)
    return f"0x{found[1].upper()}" if found else None


def unexpected(errors: Iterable[ErrorRecord], accept: Sequence[str]) -> ErrorRecord | None:
    """The first error whose FullyQualifiedErrorId starts with none of ``accept``, without regard to case."""
    prefixes = tuple(prefix.lower() for prefix in accept)
    return next((error for error in errors if not (prefixes and error.fq_error_id.lower().startswith(prefixes))), None)


def failure(error: ErrorRecord, pipeline: Pipeline, *, host: str) -> CommandFailed:
    """The error to raise for an error record."""
    remedy = next((text for part, text in _REMEDIES.items() if part in error.fq_error_id), "")
    if not remedy and error.category_number == _PERMISSION_DENIED:
        remedy = "Use an account that may do this there"
    first_line = " ".join(error.message.split())
    return CommandFailed(
        f"{error.activity or pipeline.name} failed: {first_line}",
        host=host,
        command=pipeline.text(),
        fq_error_id=error.fq_error_id,
        category=error.category,
        hresult=error.hresult,
        remedy=remedy or "These are the host's own words; nothing was retried",
    )
