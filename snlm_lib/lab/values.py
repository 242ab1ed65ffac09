"""What a simulated cmdlet says: values with the widths and types Windows would put on the wire.

Plain ``int`` leaves as I32 (I64 when it does not fit); the marks below choose another width.
``PsValue`` is one object of a pipeline; serialisation (depth 1) is `snlm_lib.lab.clixml`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["I64", "U8", "U16", "U32", "U64", "Credential", "EnumValue", "LabRecord", "PsValue", "Terminating"]


class I64(int):
    """System.Int64."""


class U8(int):
    """System.Byte."""


class U16(int):
    """System.UInt16."""


class U32(int):
    """System.UInt32."""


class U64(int):
    """System.UInt64."""


@dataclass(frozen=True)
class EnumValue:
    """A .NET enum: text as a property (depth 1), an object with its number as a pipeline's output."""

    type_name: str
    name: str
    number: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class PsValue:
    """One object: its .NET type and base types, its text, its properties in Windows' order.

    ``live`` is the world's own object, for the next cmdlet of the same pipeline; it never leaves.
    ``extended``: the properties stand in MS, not Props (what Select-Object makes); ``notes``: what
    stands in MS beside them, such as an alias that PowerShell's type data adds.
    """

    type_names: tuple[str, ...]
    to_string: str
    properties: Mapping[str, object]
    live: object = None
    extended: bool = False
    notes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Credential:
    """A PSCredential as a cmdlet received it."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credential(user={self.user!r})"


@dataclass(frozen=True)
class LabRecord:
    """The facts of one ErrorRecord.

    ``fq_error_id`` is whole ("ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM");
    ``category`` is PowerShell's ErrorCategory number (ObjectNotFound 13, InvalidArgument 5,
    PermissionDenied 18, NotSpecified 0, InvalidOperation 7 ...).
    """

    message: str
    fq_error_id: str
    category: int
    exception_type: str
    command: str = ""  # CategoryInfo.Activity
    target: str = ""
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


class Terminating(Exception):
    """Raised by a cmdlet: the pipeline ends as Failed with this record."""

    def __init__(self, record: LabRecord) -> None:
        super().__init__(record.message)
        self.record = record
