"""Reads and writes the accounts of a running Samba, one JSON line each way. Run by the distribution's interpreter:
``/usr/bin/python3 samba_keeper.py SMB.CONF ADDRESS``. Stands alone: imports nothing of ours.

Reading is done in the database itself. Writing goes over LDAP as the user who wants it: so Samba decides who may.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import ldb
from samba.auth import system_session
from samba.credentials import DONT_USE_KERBEROS, Credentials
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

__all__ = ["Keeper", "main"]

_DELEGATE_TO, _NAMES = "msDS-AllowedToDelegateTo", "servicePrincipalName"
_READ = ("sAMAccountName", "dNSHostName", "objectGUID", "objectSid", "userAccountControl", _NAMES, _DELEGATE_TO)
_VERBS = {"add": ldb.FLAG_MOD_ADD, "delete": ldb.FLAG_MOD_DELETE, "replace": ldb.FLAG_MOD_REPLACE}
_BAD_LOGON = 49


class Keeper:
    """One running domain controller, seen from the file side and over LDAP."""

    def __init__(self, configuration: str, address: str) -> None:
        self._options = LoadParm()
        self._options.load(configuration)
        self._address = address
        where = self._options.private_path("sam.ldb")
        self._database = SamDB(url=where, session_info=system_session(), lp=self._options)
        self._writers: dict[tuple[str, str], SamDB] = {}

    def read(self, _question: dict[str, Any]) -> dict[str, Any]:
        """Every computer account; the sid of the domain."""
        return {
            "domain_sid": str(self._database.get_domain_sid()),
            "accounts": [self._account(found) for found in self._computers()],
        }

    def write(self, question: dict[str, Any]) -> dict[str, Any]:
        """One LDAP modification by ``user``; ``code`` is the LDAP result."""
        try:
            over_ldap = self._writer(question["user"], question["password"])
        except ldb.LdbError as error:
            return {"code": _BAD_LOGON, "text": str(error.args[-1])}
        message = ldb.Message(ldb.Dn(over_ldap, question["dn"]))
        for verb, attribute, values in question["edits"]:
            message.add(ldb.MessageElement(values, _VERBS[verb], attribute))
        try:
            over_ldap.modify(message)
        except ldb.LdbError as error:
            return {"code": error.args[0], "text": str(error.args[1]).strip()}
        return {"code": 0, "text": ""}

    def mirror(self, _question: dict[str, Any]) -> dict[str, Any]:
        """Beside each name with spaces its form with backslashes, which is how this KDC looks a name up.

        Windows needs only the plain form; readers never see the other.
        """
        for found in self._computers():
            message = ldb.Message(found.dn)
            for attribute in (_NAMES, _DELEGATE_TO):
                have = set(_texts(found, attribute, quoted=True))
                plain = _texts(found, attribute)
                wanted = {*plain, *(name.replace(" ", "\\ ") for name in plain)}
                if have != wanted:
                    message.add(ldb.MessageElement(sorted(wanted), ldb.FLAG_MOD_REPLACE, attribute))
            if len(message):
                self._database.modify(message)
        return {}

    def _computers(self) -> Any:
        return self._database.search(expression="(objectCategory=computer)", attrs=list(_READ))

    def _account(self, found: Any) -> dict[str, Any]:
        return {
            "name": str(found["sAMAccountName"]).rstrip("$"),
            "dns": str(found.get("dNSHostName", "")),
            "dn": str(found.dn),
            "guid": str(UUID(bytes_le=bytes(found["objectGUID"][0]))),
            "sid": str(ndr_unpack(security.dom_sid, found["objectSid"][0])),
            "names": _texts(found, _NAMES),
            "delegate_to": _texts(found, _DELEGATE_TO),
            "flags": int(str(found["userAccountControl"])),
        }

    def _writer(self, user: str, password: str) -> SamDB:
        if (user, password) not in self._writers:
            who = Credentials()
            who.guess(self._options)
            who.set_username(user)
            who.set_password(password)
            who.set_domain(self._options.get("workgroup"))
            who.set_kerberos_state(DONT_USE_KERBEROS)
            url = f"ldap://{self._address}"
            self._writers[user, password] = SamDB(url=url, credentials=who, lp=self._options)
        return self._writers[user, password]


def _texts(found: Any, attribute: str, *, quoted: bool = False) -> list[str]:
    values = (raw.decode() for raw in found.get(attribute, []))
    return [value for value in values if quoted or "\\ " not in value]


def _questions() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    keeper = Keeper(sys.argv[1], sys.argv[2])
    deeds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]]
    deeds = {"read": keeper.read, "write": keeper.write, "mirror": keeper.mirror}
    for question in _questions():
        print(json.dumps(deeds[question["do"]](question)), flush=True)


if __name__ == "__main__":
    main()
