"""What the lab may ask of a directory: accounts, LDAP changes, tickets. Knows no host, no cmdlet, no wire.

Two keep the promise: one in memory (`directory_memory`), and Samba's (`samba_directory`). One table of
delegation outcomes is asked of both by the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

__all__ = [
    "ALL_RIGHTS",
    "ALREADY_THERE",
    "CIFS",
    "DELEGATE_TO",
    "ENABLE_DELEGATION",
    "MIGRATION_SERVICE",
    "NOT_ALLOWED",
    "NOT_THERE",
    "NO_ATTRIBUTE",
    "SERVICE_NAMES",
    "TRUSTED_FOR_DELEGATION",
    "TRUSTED_TO_AUTH",
    "USER_ACCOUNT_CONTROL",
    "WRITE_DELEGATION",
    "ComputerAccount",
    "Directory",
    "DirectoryRefused",
    "Edit",
    "TicketRequest",
    "UserAccount",
]

MIGRATION_SERVICE = "Microsoft Virtual System Migration Service"
CIFS = "cifs"
TRUSTED_TO_AUTH = 0x1000000
TRUSTED_FOR_DELEGATION = 0x80000
DELEGATE_TO, SERVICE_NAMES = "msDS-AllowedToDelegateTo", "servicePrincipalName"
USER_ACCOUNT_CONTROL = "userAccountControl"
NOT_THERE, NO_ATTRIBUTE, ALREADY_THERE, NOT_ALLOWED = 16, 17, 20, 50  # LDAP result codes
WRITE_DELEGATION = "write-delegation"  # write-property on the hosts' delegation attributes
ENABLE_DELEGATION = "enable-delegation"  # SeEnableDelegationPrivilege on the domain controllers
ALL_RIGHTS = frozenset({WRITE_DELEGATION, ENABLE_DELEGATION})
_WORKSTATION = 0x1000
_COVERED_BY_HOST = {CIFS}


@dataclass
class ComputerAccount:
    """One computer account; ``delegate_to`` is msDS-AllowedToDelegateTo."""

    name: str
    dns_host_name: str
    distinguished_name: str
    object_guid: UUID
    sid: str
    service_principal_names: list[str]
    delegate_to: list[str] = field(default_factory=list)
    user_account_control: int = _WORKSTATION

    @property
    def sam_account_name(self) -> str:
        return f"{self.name}$"

    @property
    def any_protocol(self) -> bool:
        """ "Use any authentication protocol", bit 0x1000000."""
        return bool(self.user_account_control & TRUSTED_TO_AUTH)

    def set_flag(self, bit: int, on: bool) -> None:
        """Set or clear one bit of userAccountControl."""
        self.user_account_control = self.user_account_control | bit if on else self.user_account_control & ~bit

    def offers(self, service: str) -> bool:
        """Is a name of this service registered here (HOST covers cifs)?"""
        wanted = "host" if service in _COVERED_BY_HOST else service.casefold()
        return any(spn.partition("/")[0].casefold() == wanted for spn in self.service_principal_names)

    def names_of(self, service: str) -> tuple[str, str]:
        """The short and the fully qualified name of a service here; the directory compares text."""
        return f"{service}/{self.name}", f"{service}/{self.dns_host_name}"

    def answers_to(self, identity: str) -> bool:
        """Name, sAMAccountName, distinguished name, SID or GUID, as -Identity takes them?"""
        names = (self.sam_account_name, self.name, self.distinguished_name, self.sid, str(self.object_guid))
        return identity.casefold() in (name.casefold() for name in names)


@dataclass(frozen=True)
class UserAccount:
    """One user; ``rights``: what it may change about delegation; ``state``: a word of `accounts.STATES`."""

    name: str
    password: str = field(repr=False)
    sensitive: bool = False
    protected: bool = False
    rights: frozenset[str] = frozenset()
    state: str = "enabled"


@dataclass(frozen=True)
class Edit:
    """One step of an LDAP modification: ``verb`` is add, delete or replace; values are as LDAP has them, texts."""

    verb: str
    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class TicketRequest:
    """Host ``source`` wants to act for ``user`` at ``service`` of host ``destination``.

    ``own_ticket``: the user came with a Kerberos ticket of his own that the service may forward (moves
    started at the source); otherwise the host asks in his name (S4U2Self), as everything started over
    WinRM must (hyperv.md 2.4, 2.5).
    """

    user: str
    source: str
    service: str
    destination: str
    own_ticket: bool = False


class DirectoryRefused(Exception):
    """The directory does not make a change; ``code``: the LDAP result code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Directory(Protocol):
    """One domain controller: its domain, its accounts, what it lets change, what it issues."""

    kind: str
    netbios: str
    dns: str
    distinguished_name: str
    domain_sid: str

    @property
    def accounts(self) -> Mapping[str, ComputerAccount]:
        """The computer accounts as they are now, by name in lower case."""
        ...

    def find(self, identity: str) -> ComputerAccount | None:
        """One computer account, by any name that -Identity takes."""
        ...

    def modify(self, account: ComputerAccount, edits: Sequence[Edit], *, by: str) -> None:
        """Change an account on behalf of user ``by``: all edits or none. Raises DirectoryRefused."""
        ...

    def why_no_ticket(self, request: TicketRequest) -> str | None:
        """None when the ticket is issued; otherwise why not."""
        ...

    def replica(self) -> Directory:
        """Another controller of this domain, as the domain was when it began: replication never comes."""
        ...
