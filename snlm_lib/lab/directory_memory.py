"""The directory in memory: the delegation rules of a Windows KDC as a table. Knows no host, no cmdlet, no wire."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import NAMESPACE_DNS, uuid5

from snlm_lib.lab.directory import (
    ALREADY_THERE,
    DELEGATE_TO,
    ENABLE_DELEGATION,
    MIGRATION_SERVICE,
    NO_ATTRIBUTE,
    NOT_ALLOWED,
    NOT_THERE,
    SERVICE_NAMES,
    TRUSTED_FOR_DELEGATION,
    TRUSTED_TO_AUTH,
    USER_ACCOUNT_CONTROL,
    WRITE_DELEGATION,
    ComputerAccount,
    DirectoryRefused,
    Edit,
    TicketRequest,
    UserAccount,
)

__all__ = ["MemoryDirectory", "user_name"]

_WORKSTATION, _DOMAIN_CONTROLLER = 0x1000, 0x2000
_HOST_SERVICES = ("WSMAN", "TERMSRV", "RestrictedKrbHost", "HOST")
_HYPERV_SERVICES = (MIGRATION_SERVICE, "Microsoft Virtual Console Service", "Hyper-V Replica Service")
_GUARDED_BITS = TRUSTED_TO_AUTH | TRUSTED_FOR_DELEGATION  # SeEnableDelegationPrivilege, beside the delegation list


def user_name(logon: str) -> str:
    """CORP\\operator, operator@corp.example or operator -> operator, in lower case."""
    return logon.rpartition("\\")[2].partition("@")[0].casefold()


class MemoryDirectory:
    """One domain: its names, its computers and its users. Also the description that Samba is provisioned from."""

    kind = "memory"

    def __init__(self, *, netbios: str, dns: str) -> None:
        self.netbios = netbios
        self.dns = dns
        self.distinguished_name = ",".join(f"DC={part}" for part in dns.split("."))
        self.domain_sid = f"S-1-5-21-{uuid5(NAMESPACE_DNS, dns).int % 10**9}-1004336348-1177238915"
        self.accounts: dict[str, ComputerAccount] = {}
        self.users: dict[str, UserAccount] = {}
        self.controller = ""

    def add_computer(self, name: str, *, hyperv: bool = False, controller: bool = False) -> ComputerAccount:
        """Register a computer with the service names a healthy machine has (hyperv.md 2.3)."""
        fqdn = f"{name.lower()}.{self.dns}"
        services = (_HYPERV_SERVICES if hyperv else ()) + _HOST_SERVICES
        folder = "OU=Domain Controllers" if controller else "CN=Computers"
        account = ComputerAccount(
            name=name,
            dns_host_name=fqdn,
            distinguished_name=f"CN={name},{folder},{self.distinguished_name}",
            object_guid=uuid5(NAMESPACE_DNS, fqdn),
            sid=f"{self.domain_sid}-{1100 + len(self.accounts)}",
            service_principal_names=[f"{service}/{form}" for service in services for form in (name, fqdn)],
            user_account_control=_DOMAIN_CONTROLLER if controller else _WORKSTATION,
        )
        self.accounts[name.casefold()] = account
        self.controller = name if controller else self.controller
        return account

    def add_user(
        self,
        name: str,
        password: str,
        *,
        sensitive: bool = False,
        protected: bool = False,
        rights: frozenset[str] = frozenset(),
        state: str = "enabled",
    ) -> UserAccount:
        """Register a user; the same name again replaces it."""
        self.users[user_name(name)] = user = UserAccount(name, password, sensitive, protected, rights, state)
        return user

    def set_password(self, name: str, password: str) -> None:
        """Give a user a password; an unknown user is nobody's mistake here."""
        known = self.users.get(user_name(name))
        if known is not None:
            self.users[user_name(name)] = replace(known, password=password)

    def find(self, identity: str) -> ComputerAccount | None:
        """By name, sAMAccountName, distinguished name, SID or GUID, as -Identity takes them."""
        return next((account for account in self.accounts.values() if account.answers_to(identity)), None)

    def modify(self, account: ComputerAccount, edits: Sequence[Edit], *, by: str) -> None:
        """Change an account on behalf of user ``by``: all edits or none. Raises DirectoryRefused."""
        changed = copy.deepcopy(account)
        for edit in edits:
            _apply(changed, edit)
        self._refuse_writer(account, changed, by)
        vars(account).update(vars(changed))

    def _refuse_writer(self, before: ComputerAccount, after: ComputerAccount, by: str) -> None:
        """The rights of directory.md 8: write-property, and the privilege for what lets impersonate."""
        user = self.users.get(user_name(by))
        rights = user.rights if user is not None else frozenset[str]()
        if before != after and WRITE_DELEGATION not in rights:
            raise DirectoryRefused(NOT_ALLOWED, "no write-property access")
        bits = (before.user_account_control ^ after.user_account_control) & _GUARDED_BITS
        if (bits or before.delegate_to != after.delegate_to) and ENABLE_DELEGATION not in rights:
            raise DirectoryRefused(NOT_ALLOWED, "not permitted without the SeEnableDelegationPrivilege")

    def why_no_ticket(self, request: TicketRequest) -> str | None:
        """The first row of the table that applies; None when the ticket is issued."""
        parties = _Parties(
            request,
            self.users.get(user_name(request.user)),
            self.find(request.source),
            self.find(request.destination),
        )
        return next((reason for reason, applies in _TICKET_REFUSALS if applies(parties)), None)

    def replica(self) -> MemoryDirectory:
        """Another controller of this domain, as the domain is now: replication never comes."""
        return copy.deepcopy(self)


@dataclass(frozen=True)
class _Parties:
    request: TicketRequest
    user: UserAccount | None
    giver: ComputerAccount | None
    taker: ComputerAccount | None

    @property
    def known_service(self) -> bool:
        return self.giver is not None and self.taker is not None and self.taker.offers(self.request.service)

    @property
    def listed(self) -> bool:
        """The short or the fully qualified name in the list is enough; delegation is one-way."""
        if self.giver is None or self.taker is None:
            return False
        wanted = {name.casefold() for name in self.taker.names_of(self.request.service)}
        return any(value.casefold() in wanted for value in self.giver.delegate_to)

    @property
    def forwardable(self) -> bool:
        """A ticket the host makes for itself may be forwarded only with "any protocol"."""
        return self.request.own_ticket or (self.giver is not None and self.giver.any_protocol)


_TICKET_REFUSALS: tuple[tuple[str, Callable[[_Parties], bool]], ...] = (
    ("the user is not in the directory", lambda p: p.user is None),
    ("the host or its service is not in the directory", lambda p: not p.known_service),
    ("the user is sensitive and cannot be delegated", lambda p: p.user is not None and p.user.sensitive),
    ("the user is in Protected Users", lambda p: p.user is not None and p.user.protected),
    ("the host may not delegate to this service", lambda p: not p.listed),
    ("the host may not make a forwardable ticket itself", lambda p: not p.forwardable),
)

# --- LDAP changes ---------------------------------------------------------------------------------


def _apply(account: ComputerAccount, edit: Edit) -> None:
    name = edit.attribute.casefold()
    if name == USER_ACCOUNT_CONTROL.casefold() and edit.verb == "replace":
        account.user_account_control = int(edit.values[0])
        return
    lists = {DELEGATE_TO.casefold(): account.delegate_to, SERVICE_NAMES.casefold(): account.service_principal_names}
    if name not in lists:
        raise DirectoryRefused(NO_ATTRIBUTE, edit.attribute)
    lists[name][:] = _EDITS[edit.verb](lists[name], edit.values)


def _added(have: list[str], values: Sequence[str]) -> list[str]:
    known = {value.casefold() for value in have}
    if len({value.casefold() for value in values} - known) != len(values):
        raise DirectoryRefused(ALREADY_THERE, values[0])
    return [*have, *values]


def _removed(have: list[str], values: Sequence[str]) -> list[str]:
    gone = {value.casefold() for value in values}
    if gone - {value.casefold() for value in have}:
        raise DirectoryRefused(NOT_THERE, values[0])
    return [value for value in have if value.casefold() not in gone]


_EDITS: Mapping[str, Callable[[list[str], Sequence[str]], list[str]]] = {
    "add": _added,
    "delete": _removed,
    "replace": lambda have, values: list(values),
}
