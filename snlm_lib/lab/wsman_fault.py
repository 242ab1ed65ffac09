"""The faults the service answers with: Windows' codes, and whose fault each is; knows no envelope.

Codes: 2150858793 and 2150858843 are in recorded exchanges; 2150858752 is what Windows reports for an
unknown session configuration; 995 and 2150859174 are assumed; 2147500037 is the lab's own.
"""

from __future__ import annotations

__all__ = ["Fault"]


class Fault(Exception):
    """A WSMan fault: ``code`` is what a client matches, ``text`` what a person reads.

    ``subcode`` is the qualified name Windows puts in the SOAP subcode; ``sender``: whose fault;
    ``provider``: who objected behind the service.
    """

    def __init__(
        self,
        code: int,
        text: str,
        *,
        subcode: str = "w:InternalError",
        sender: bool = False,
        provider: str = "",
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.subcode = subcode
        self.sender = sender
        self.provider = provider

    @classmethod
    def timed_out(cls) -> Fault:
        """Nothing to send within OperationTimeout: the client sends Receive again."""
        text = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
        return cls(2150858793, text, subcode="w:TimedOut")

    @classmethod
    def shell_unknown(cls) -> Fault:
        """No such shell for this user: closed, expired, or somebody else's."""
        text = (
            "The WS-Management service cannot process the request because the request contained invalid "
            "selectors for the resource."
        )
        return cls(2150858843, text, subcode="w:InvalidSelectors", sender=True, provider="Shell provider")

    @classmethod
    def command_unknown(cls) -> Fault:
        """No such command: completed and read to its end, terminated, or never there."""
        text = (
            "The Windows Remote Shell received a request to perform an operation on a command identifier that does "
            "not exist. Either the command has completed execution or the client specified an invalid command "
            "identifier."
        )
        return cls(2150858843, text, subcode="w:InvalidSelectors", sender=True)

    @classmethod
    def aborted(cls) -> Fault:
        """The pending Receive was replaced by a newer one, or its shell was disconnected."""
        text = "The I/O operation has been aborted because of either a thread exit or an application request."
        return cls(995, text)

    @classmethod
    def already_connected(cls) -> Fault:
        """Connect on a shell that some client still holds."""
        return cls(2150859174, "The shell is connected to another client.")

    @classmethod
    def not_found(cls, resource_uri: str) -> Fault:
        """No such resource or session configuration."""
        text = f"The WS-Management service cannot process the request. Cannot find the resource {resource_uri}."
        return cls(2150858752, text, subcode="a:DestinationUnreachable", sender=True)

    @classmethod
    def access_denied(cls) -> Fault:
        """The session configuration is not for this caller."""
        return cls(5, "Access is denied.", subcode="w:AccessDenied", sender=True)

    @classmethod
    def malformed(cls, text: str) -> Fault:
        """The request is not what the verb asks for."""
        return cls(87, text, subcode="w:SchemaValidationError", sender=True)

    @classmethod
    def lab_failed(cls, what: str) -> Fault:
        """E_FAIL: a mistake of the lab's own, which no Windows host makes."""
        return cls(2147500037, f"This is a bug of the lab, not of the simulated host: {what}.")
