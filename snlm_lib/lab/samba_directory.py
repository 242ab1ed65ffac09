"""The directory that a running Samba keeps: accounts and changes by its keeper, tickets by its KDC. Starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from snlm_lib.lab.directory import ComputerAccount, Directory, DirectoryRefused, Edit, TicketRequest
from snlm_lib.lab.directory_memory import user_name

__all__ = ["Controller", "SambaDirectory"]

_BAD_LOGON = 49


class Answers(Protocol):
    """Who answers a question of plain data."""

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Controller:
    """What is known of one domain controller from its start: names, users' passwords, keys, its two helpers."""

    netbios: str
    dns: str
    realm: str
    passwords: Mapping[str, str]
    keytab_of: Callable[[str], Path]
    keeper: Answers
    tickets: Answers
    replica: Callable[[], Directory]


class SambaDirectory:
    """One controller as the lab's `Directory`."""

    kind = "samba"

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.netbios = controller.netbios
        self.dns = controller.dns
        self.distinguished_name = ",".join(f"DC={part}" for part in controller.dns.split("."))
        self.domain_sid: str = self._read()["domain_sid"]

    @property
    def accounts(self) -> Mapping[str, ComputerAccount]:
        """The computer accounts as they are now, by name in lower case."""
        return {each["name"].casefold(): _account(each) for each in self._read()["accounts"]}

    def find(self, identity: str) -> ComputerAccount | None:
        """One computer account, by any name that -Identity takes."""
        return next((account for account in self.accounts.values() if account.answers_to(identity)), None)

    def modify(self, account: ComputerAccount, edits: Sequence[Edit], *, by: str) -> None:
        """One LDAP modification, bound as user ``by``. Raises DirectoryRefused."""
        user = user_name(by)
        password = self._controller.passwords.get(user)
        if password is None:
            raise DirectoryRefused(_BAD_LOGON, f"{by} is not in the directory")
        plain = [(edit.verb, edit.attribute, edit.values) for edit in edits]
        question = {"do": "write", "dn": account.distinguished_name, "user": user, "password": password, "edits": plain}
        answer = self._controller.keeper.ask(question)
        if answer["code"] != 0:
            raise DirectoryRefused(answer["code"], answer["text"])

    def why_no_ticket(self, request: TicketRequest) -> str | None:
        """The KDC's own words; None when it issued the ticket."""
        accounts = self.accounts
        source, destination = (accounts.get(name.casefold()) for name in (request.source, request.destination))
        if source is None or destination is None:
            return "the host is not in the directory"
        self._controller.keeper.ask({"do": "mirror"})
        user = user_name(request.user)
        question: dict[str, object] = {
            "realm": self._controller.realm,
            "keytab": str(self._controller.keytab_of(source.name)),
            "source": source.name,
            "targets": list(destination.names_of(request.service)),
            "user": user,
        }
        if request.own_ticket:
            question["password"] = self._controller.passwords.get(user, "")
        return self._controller.tickets.ask(question)["why"] or None

    def replica(self) -> Directory:
        """A second controller as the domain was when it was made; it ends with the first."""
        return self._controller.replica()

    def _read(self) -> dict[str, Any]:
        return self._controller.keeper.ask({"do": "read"})


def _account(found: Mapping[str, Any]) -> ComputerAccount:
    return ComputerAccount(
        name=found["name"],
        dns_host_name=found["dns"],
        distinguished_name=found["dn"],
        object_guid=UUID(found["guid"]),
        sid=found["sid"],
        service_principal_names=found["names"],
        delegate_to=found["delegate_to"],
        user_account_control=found["flags"],
    )
