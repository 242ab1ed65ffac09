"""Provision a Samba domain controller and fill it. Run by the distribution's interpreter, which alone has Samba's
modules: ``/usr/bin/python3 samba_seed.py < domain.json``. Stands alone: imports nothing of ours.

Samba's own command does the provisioning, within this process: so the step that needs root (owners of SYSVOL)
can be left out, and its databases are open once.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

import ldb
import samba
import samba.dckeytab  # gives Net its export_keytab
import samba.provision
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.net import Net
from samba.netcmd.main import cmd_sambatool
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

__all__ = ["export_keys", "fill", "grant", "main", "provision"]

_AES_AND_RC4 = "28"
_NOT_DELEGATED = 0x100000
_DISABLED = 0x2
_STATES = {
    "locked": {"lockoutTime": str((int(time.time()) + 11644473600) * 10**7)},  # 100 ns since 1601
    "password-expired": {"pwdLastSet": "0"},
}
_WRITABLE = (  # the attributes whose write-property goes with "write-delegation", by schema GUID
    "800d94d7-b7a1-42a1-b14d-7cae1423d07f",  # msDS-AllowedToDelegateTo
    "bf967a68-0de6-11d0-a285-00aa003049e2",  # userAccountControl
    "f3a64788-5306-11d1-a9c5-0000f80367c1",  # servicePrincipalName
)
_LONG_LIFE = {"pwdProperties": "0", "minPwdAge": "0", "maxPwdAge": "-9223372036854775808"}
_SERVICES = ("host", "HTTP", "WSMAN")


def provision(wanted: dict[str, Any]) -> None:
    """An empty domain in ``folder``: LDAP, CLDAP and KDC in one process, nothing else."""
    folder, address = wanted["folder"], wanted["address"]
    os.makedirs(f"{folder}/etc")
    os.makedirs(f"{folder}/run")
    with open(f"{folder}/etc/smb.conf", "w", encoding="ascii"):
        pass  # it must exist
    options = {
        "interfaces": f"{address}/8",
        "bind interfaces only": "yes",
        "pid directory": f"{folder}/run",
        "ncalrpc dir": f"{folder}/run/ncalrpc",
        "winbindd socket directory": f"{folder}/run/winbindd",
        "ntp signd socket directory": f"{folder}/run/ntp_signd",
        "log file": f"{folder}/log.%m",
        "server services": "ldap cldap kdc",
        "usershare path": "",
        "dns update command": "/bin/true",
        "xattr_tdb:file": f"{folder}/xattr.tdb",
        "posix:eadb": f"{folder}/eadb.tdb",
        "ldb:nosync": "true",
    }
    words = {
        "configfile": f"{folder}/etc/smb.conf",
        "targetdir": folder,
        "server-role": "dc",
        "domain": wanted["netbios"],
        "realm": wanted["realm"],
        "host-name": wanted["controller"],
        "host-ip": address,
        "adminpass": wanted["admin_password"],
        "dns-backend": "NONE",
        "backend-store": "tdb",
    }
    argv = [f"--{name}={value}" for name, value in words.items()]
    argv += [f"--option={name}={value}" for name, value in options.items()]
    samba.provision.setsysvolacl = lambda *_args, **_more: None
    if cmd_sambatool()._run("samba-tool", "domain", "provision", *argv) not in (None, 0):
        raise SystemExit("samba-tool domain provision failed")


def fill(database: SamDB, wanted: dict[str, Any]) -> None:
    """Computers, users and rights, in one transaction."""
    database.transaction_start()
    _replace(database, str(database.domain_dn()), _LONG_LIFE)
    for computer in wanted["computers"]:
        _computer(database, computer, controller=computer["name"] == wanted["controller"])
    for user in wanted["users"]:
        _user(database, user)
    database.transaction_commit()


def _replace(database: SamDB, where: str, values: dict[str, Any]) -> None:
    message = ldb.Message(ldb.Dn(database, where))
    for name, value in values.items():
        given = value if isinstance(value, list) else [value]
        message[name] = ldb.MessageElement(given, ldb.FLAG_MOD_REPLACE, name)
    database.modify(message)


def _computer(database: SamDB, computer: dict[str, Any], *, controller: bool) -> None:
    name = computer["name"]
    names = list(computer["names"])
    if controller:  # provisioned already, with names of its own
        names = [f"{service}/{form}" for service in ("ldap", "WSMAN", "HOST") for form in (name, computer["dns"])]
    else:
        database.newcomputer(name)
        database.setpassword(f"(sAMAccountName={name}$)", computer["password"])
    values = {
        "dNSHostName": computer["dns"],
        "servicePrincipalName": names,
        "msDS-SupportedEncryptionTypes": _AES_AND_RC4,
        **({"msDS-AllowedToDelegateTo": computer["delegate_to"]} if computer["delegate_to"] else {}),
    }
    if not controller:
        values["userAccountControl"] = str(computer["flags"])
    _replace(database, computer["dn"], values)


def _user(database: SamDB, user: dict[str, Any]) -> None:
    name = user["name"]
    database.newuser(name, user["password"], useusernameascn=True)
    found = database.search(expression=f"(sAMAccountName={name})", attrs=["userAccountControl"])[0]
    flags = int(str(found["userAccountControl"]))
    flags |= _NOT_DELEGATED if user["sensitive"] else 0
    flags |= _DISABLED if user["state"] == "disabled" else 0
    _replace(database, str(found.dn), {"userAccountControl": str(flags), **_STATES.get(user["state"], {})})
    if user["protected"]:
        database.add_remove_group_members("Protected Users", [name], add_members_operation=True)


def grant(database: SamDB, wanted: dict[str, Any], private: str, options: LoadParm) -> None:
    """Write-property on the computers, and the privilege that lets a user make others impersonate."""
    privileges = samba.Ldb(f"{private}/privilege.ldb", lp=options, session_info=system_session())
    for user in wanted["users"]:
        found = database.search(expression=f"(sAMAccountName={user['name']})", attrs=["objectSid"])[0]
        sid = str(ndr_unpack(security.dom_sid, found["objectSid"][0]))
        if "write-delegation" in user["rights"]:
            entries = "".join(f"(OA;CI;RPWP;{attribute};;{sid})" for attribute in _WRITABLE)
            for where in {computer["dn"] for computer in wanted["computers"]}:
                SDUtils(database).dacl_add_ace(where, entries)
        if "enable-delegation" in user["rights"]:
            privilege = {"objectClass": "privilege", "comment": user["name"], "objectSid": sid}
            privileges.add({"dn": f"sid={sid}", **privilege, "privilege": "SeEnableDelegationPrivilege"})


# --- keys -----------------------------------------------------------------------------------------


def export_keys(wanted: dict[str, Any], options: LoadParm) -> None:
    """``keys/NAME.keytab`` for each computer, and ``keys/all.keytab``: the account, and host/ HTTP/ WSMAN/ of it."""
    folder = f"{wanted['folder']}/keys"
    os.makedirs(folder, mode=0o700)
    every = b""
    for computer in wanted["computers"]:
        file = f"{folder}/{computer['name']}.keytab"
        Net(Credentials(), options).export_keytab(keytab=file, principal=f"{computer['name']}$")
        with open(file, "rb") as exported:
            entries = list(_entries(exported.read()))
        names = [f"{service}/{form}" for service in _SERVICES for form in (computer["name"], computer["dns"])]
        own = b"".join(_entry(each, name) for name in (f"{computer['name']}$", *names) for each in entries)
        with open(file, "wb") as together:
            together.write(b"\x05\x02" + own)
        every += own
    with open(f"{folder}/all.keytab", "wb") as together:
        together.write(b"\x05\x02" + every)


def _entries(keytab: bytes) -> Iterator[bytes]:
    """The entries of a keytab, format 2 (MIT krb5, formats/keytab_file_format)."""
    at = 2
    while at + 4 <= len(keytab):
        (size,) = struct.unpack_from(">i", keytab, at)
        if size > 0:
            yield keytab[at + 4 : at + 4 + size]
        at += 4 + abs(size)


def _entry(entry: bytes, name: str) -> bytes:
    """The same key under another principal of the same realm, with its size in front."""
    (count,) = struct.unpack_from(">h", entry, 0)
    (length,) = struct.unpack_from(">h", entry, 2)
    realm, at = entry[4 : 4 + length], 4 + length
    for _ in range(count):
        (length,) = struct.unpack_from(">h", entry, at)
        at += 2 + length
    parts = [realm, *(part.encode() for part in name.split("/"))]
    made = struct.pack(">h", len(parts) - 1) + b"".join(struct.pack(">h", len(part)) + part for part in parts)
    made += entry[at:]
    return struct.pack(">i", len(made)) + made


def main() -> None:
    wanted = json.load(sys.stdin)
    os.umask(0o077)
    provision(wanted)
    options = LoadParm()
    options.load(f"{wanted['folder']}/etc/smb.conf")
    private = f"{wanted['folder']}/private"
    database = SamDB(url=f"{private}/sam.ldb", session_info=system_session(), lp=options)
    fill(database, wanted)
    grant(database, wanted, private, options)
    export_keys(wanted, options)


if __name__ == "__main__":
    main()
