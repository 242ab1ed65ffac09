"""Computer accounts and who may act for whom at what. Knows no host, no cmdlet, no ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import NAMESPACE_DNS, UUID, uuid5

__all__ = [
    "CIFS",
    "MIGRATION_SERVICE",
    "TRUSTED_FOR_DELEGATION",
    "TRUSTED_TO_AUTH",
    "ComputerAccount",
    "Directory",
]

MIGRATION_SERVICE = "Microsoft Virtual System Migration Service"
CIFS = "cifs"
TRUSTED_TO_AUTH = 0x1000000
TRUSTED_FOR_DELEGATION = 0x80000
_WORKSTATION = 0x1000
_DOMAIN_CONTROLLER = 0x2000
_HOST_SERVICES = ("WSMAN", "TERMSRV", "RestrictedKrbHost", "HOST")
_HYPERV_SERVICES = (MIGRATION_SERVICE, "Microsoft Virtual Console Service", "Hyper-V Replica Service")
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


class Directory:
    """One domain: its names and its computer accounts."""

    def __init__(self, *, netbios: str, dns: str) -> None:
        self.netbios = netbios
        self.dns = dns
        self.distinguished_name = ",".join(f"DC={part}" for part in dns.split("."))
        self.domain_sid = f"S-1-5-21-{uuid5(NAMESPACE_DNS, dns).int % 10**9}-1004336348-1177238915"
        self.accounts: dict[str, ComputerAccount] = {}

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
        return account

    def find(self, identity: str) -> ComputerAccount | None:
        """By name, sAMAccountName, distinguished name, SID or GUID, as -Identity takes them."""
        wanted = identity.casefold()
        for account in self.accounts.values():
            names: Sequence[str] = (
                account.sam_account_name,
                account.name,
                account.distinguished_name,
                account.sid,
                str(account.object_guid),
            )
            if wanted in (name.casefold() for name in names):
                return account
        return None

    def may_delegate(self, source: str, destination: str, service: str, any_protocol_needed: bool) -> bool:
        """May host ``source`` act for its caller at ``service`` of host ``destination``?

        The short or the fully qualified form in msDS-AllowedToDelegateTo is enough; delegation is
        one-way. ``any_protocol_needed``: the move was started over WinRM (hyperv.md 2.4, 2.5).
        """
        giver, taker = self.find(source), self.find(destination)
        if giver is None or taker is None or not taker.offers(service):
            return False
        if any_protocol_needed and not giver.any_protocol:
            return False
        wanted = {f"{service}/{form}".casefold() for form in (taker.name, taker.dns_host_name)}
        return any(value.casefold() in wanted for value in giver.delegate_to)
