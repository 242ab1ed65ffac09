"""Every error of snlm: facts in, one sentence out. Knows no library and no other module.

    SnlmError                   what happened, where, what to do; never a secret
    +-- InputError              the user's input; refused before anything changed
    |   +-- ParameterError      a parameter, its file or its type
    |   +-- CredentialError     a credential reference that cannot be resolved
    |   +-- LabError            the lab cannot start, or its descriptor is stale
    +-- Refused                 a gate said no; this step changed nothing
    +-- RemoteError             the host's or the wire's
    |   +-- HostUnreachable     nobody answers there
    |   +-- AuthenticationRefused  the host does not accept the credential
    |   +-- CommandFailed       the host ran the command and reported an error record
    |   +-- SessionLost         the answer never came: what the host did is unknown
    +-- RecordError             the record: busy, sealed, damaged
    +-- RecordLost              the record cannot be written any more, in the middle of a run
    +-- OutcomeUnknown          an intent has no outcome and the hosts do not settle it

A sentence is built in ``__str__`` from the facts, so that a caller matches numbers, not prose.
"""

from __future__ import annotations

__all__ = [
    "AuthenticationRefused",
    "CommandFailed",
    "CredentialError",
    "HostUnreachable",
    "InputError",
    "LabError",
    "OutcomeUnknown",
    "ParameterError",
    "RecordError",
    "RecordLost",
    "Refused",
    "RemoteError",
    "SessionLost",
    "SnlmError",
]


class SnlmError(Exception):
    """What happened (``what``), where (``where``: host, file, key), what to do (``remedy``)."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        if not self.remedy:
            return head
        return f"{head.rstrip('.')}. {self.remedy}"


class InputError(SnlmError):
    """The user's input is wrong; nothing has been changed."""


class ParameterError(InputError):
    """A parameter is unknown, of the wrong type, missing, or holds what it must not hold."""


class CredentialError(InputError):
    """A credential reference (never the secret itself) cannot be resolved."""


class LabError(InputError):
    """The lab cannot be started, or the descriptor names one that no longer runs."""


class Refused(SnlmError):
    """A gate said no before this step changed anything."""


class RemoteError(SnlmError):
    """The host's or the wire's fault; ``host`` is the name the operator uses."""

    def __init__(self, what: str, *, host: str, remedy: str = "") -> None:
        super().__init__(what, where=host, remedy=remedy)
        self.host = host


class HostUnreachable(RemoteError):
    """No WS-Management service answers at the host's address."""


class AuthenticationRefused(RemoteError):
    """The host answered and did not accept the credential."""


class SessionLost(RemoteError):
    """The session ended while a command was under way; what the host did with it is unknown."""


class CommandFailed(RemoteError):
    """The host ran the command and sent an error record.

    ``command`` is the pipeline as sent (without secrets); ``fq_error_id`` and ``category`` are
    PowerShell's; ``hresult`` is the first 0xXXXXXXXX found in the text, upper case, or None.
    """

    def __init__(
        self,
        what: str,
        *,
        host: str,
        command: str,
        fq_error_id: str = "",
        category: str = "",
        hresult: str | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(what, host=host, remedy=remedy)
        self.command = command
        self.fq_error_id = fq_error_id
        self.category = category
        self.hresult = hresult


class RecordError(SnlmError):
    """The record is held by another process, already sealed, or damaged."""


class RecordLost(SnlmError):
    """In the middle of a run the record cannot be written any more: what was done since is known to nobody."""


class OutcomeUnknown(SnlmError):
    """An intent has no outcome, and looking at the hosts does not settle it."""
