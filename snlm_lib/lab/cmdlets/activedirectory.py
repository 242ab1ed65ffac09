"""Module ActiveDirectory, on the domain controller: the domain and its computer accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from uuid import NAMESPACE_DNS, uuid5

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.objects import build, property_types
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.directory import TRUSTED_FOR_DELEGATION, TRUSTED_TO_AUTH, ComputerAccount
from snlm_lib.lab.values import PsValue, Terminating

__all__: list[str] = []

_AD = "Microsoft.ActiveDirectory.Management"
_DEFAULT = (
    "DistinguishedName",
    "DNSHostName",
    "Enabled",
    "Name",
    "ObjectClass",
    "ObjectGUID",
    "SamAccountName",
    "SID",
    "UserPrincipalName",
)
_NOT_SPECIFIED, _INVALID_ARGUMENT, _NOT_FOUND = 0, 5, 13
_ALREADY_THERE = (8323, "The specified value already exists.")
_NOT_THERE = (8325, "The attribute value cannot be removed because it is not present on the object.")
_NO_ATTRIBUTE = (8202, "The specified directory service attribute or value does not exist.")
_CHANGE = ("Identity", "PassThru", "WhatIf", "Confirm")


@cmdlet("Get-ADDomain", honours=("Identity",))
def get_ad_domain(context: Context, bound: Bound) -> Iterator[object]:
    directory = context.world.directory
    wanted = str(bound.get("Identity", directory.dns)).casefold()
    if wanted not in (directory.dns, directory.netbios.casefold(), directory.distinguished_name.casefold()):
        raise _unknown(context, wanted)
    root = directory.distinguished_name
    controllers = [host.fqdn for host in context.world.hosts.values() if not host.hyperv]
    first = controllers[0] if controllers else None
    values: dict[str, object] = {
        "ComputersContainer": f"CN=Computers,{root}",
        "DistinguishedName": root,
        "DNSRoot": directory.dns,
        "DomainControllersContainer": f"OU=Domain Controllers,{root}",
        "DomainMode": "Windows2016Domain",
        "DomainSID": directory.domain_sid,
        "Forest": directory.dns,
        "InfrastructureMaster": first,
        "Name": directory.dns.partition(".")[0],
        "NetBIOSName": directory.netbios,
        "ObjectClass": "domainDNS",
        "ObjectGUID": uuid5(NAMESPACE_DNS, directory.dns),
        "PDCEmulator": first,
        "ReplicaDirectoryServers": controllers,
        "RIDMaster": first,
        "UsersContainer": f"CN=Users,{root}",
    }
    yield build("ADDomain", values, to_string=root)


def _account_values(account: ComputerAccount) -> dict[str, object]:
    return {
        "DistinguishedName": account.distinguished_name,
        "DNSHostName": account.dns_host_name,
        "Enabled": True,
        "msDS-AllowedToDelegateTo": list(account.delegate_to),
        "Name": account.name,
        "ObjectClass": "computer",
        "ObjectGUID": account.object_guid,
        "SamAccountName": account.sam_account_name,
        "servicePrincipalName": list(account.service_principal_names),
        "ServicePrincipalNames": list(account.service_principal_names),
        "SID": account.sid,
        "TrustedForDelegation": bool(account.user_account_control & TRUSTED_FOR_DELEGATION),
        "TrustedToAuthForDelegation": account.any_protocol,
        "userAccountControl": account.user_account_control,
    }


def _account_object(context: Context, account: ComputerAccount, asked: Sequence[str]) -> PsValue:
    """The default properties and those asked for; an attribute computers lack is an error."""
    names = {name.casefold(): name for name in property_types("ADComputer")}
    strange = [name for name in asked if name != "*" and name.casefold() not in names]
    if strange:
        text = f"One or more properties are invalid.\r\nParameter name: {strange[0]}"
        error_id = "ActiveDirectoryCmdlet:System.ArgumentException"
        raise Terminating(
            context.record(text, error_id, _INVALID_ARGUMENT, target=strange[0], exception="System.ArgumentException")
        )
    whole = build("ADComputer", _account_values(account), to_string=account.distinguished_name)
    kept = {name.casefold() for name in (*_DEFAULT, *asked)}
    chosen = {name: value for name, value in whole.properties.items() if "*" in asked or name.casefold() in kept}
    return PsValue(whole.type_names, whole.to_string, chosen, live=account)


@cmdlet("Get-ADComputer", honours=("Identity", "Properties"))
def get_ad_computer(context: Context, bound: Bound) -> Iterator[object]:
    account = _find(context, bound)
    yield _account_object(context, account, bound.get("Properties", []))


def _find(context: Context, bound: Bound) -> ComputerAccount:
    wanted = bound.get("Identity")
    text = str(wanted.properties.get("DistinguishedName")) if isinstance(wanted, PsValue) else str(wanted)
    account = context.world.directory.find(text)
    if account is None:
        raise _unknown(context, text)
    return account


def _unknown(context: Context, identity: str) -> Terminating:
    exception = f"{_AD}.ADIdentityNotFoundException"
    root = context.world.directory.distinguished_name
    text = f"Cannot find an object with identity: '{identity}' under: '{root}'."
    error_id = f"ActiveDirectoryCmdlet:{exception}"
    return Terminating(context.record(text, error_id, _NOT_FOUND, target=identity, exception=exception))


def _server_says(context: Context, fault: tuple[int, str], target: str) -> Terminating:
    code, text = fault
    error_id = f"ActiveDirectoryServer:{code}"
    record = context.record(text, error_id, _NOT_SPECIFIED, target=target, exception=f"{_AD}.ADException")
    return Terminating(record)


# --- changes --------------------------------------------------------------------------------------

_LISTS: dict[str, Callable[[ComputerAccount], list[str]]] = {
    "msds-allowedtodelegateto": lambda account: account.delegate_to,
    "serviceprincipalname": lambda account: account.service_principal_names,
}


def _edit(context: Context, account: ComputerAccount, verb: str, table: Mapping[object, object]) -> None:
    """One of -Add, -Remove, -Replace: all values or none, as one LDAP modification."""
    for name, given in table.items():
        reach = _LISTS.get(str(name).casefold())
        if reach is None:
            raise _server_says(context, _NO_ATTRIBUTE, str(name))
        values = [str(value) for value in given] if isinstance(given, list | tuple) else [str(given)]
        have = reach(account)
        have[:] = _EDITS[verb](context, have, values)


def _added(context: Context, have: list[str], values: list[str]) -> list[str]:
    known = {value.casefold() for value in have}
    if len({value.casefold() for value in values} - known) != len(values):
        raise _server_says(context, _ALREADY_THERE, values[0])
    return have + values


def _removed(context: Context, have: list[str], values: list[str]) -> list[str]:
    gone = {value.casefold() for value in values}
    if gone - {value.casefold() for value in have}:
        raise _server_says(context, _NOT_THERE, values[0])
    return [value for value in have if value.casefold() not in gone]


_EDITS: dict[str, Callable[[Context, list[str], list[str]], list[str]]] = {
    "Remove": _removed,
    "Add": _added,
    "Replace": lambda context, have, values: values,
}


@cmdlet("Set-ADComputer", honours=(*_CHANGE, *_EDITS, "TrustedForDelegation"))
def set_ad_computer(context: Context, bound: Bound) -> Iterator[object]:
    account = _find(context, bound)
    if not bound.on("WhatIf"):
        for verb in _EDITS:
            if verb in bound:
                _edit(context, account, verb, bound.get(verb))
        if "TrustedForDelegation" in bound:
            account.set_flag(TRUSTED_FOR_DELEGATION, bound.get("TrustedForDelegation"))
    if bound.on("PassThru"):
        yield _account_object(context, account, [])


@cmdlet("Set-ADAccountControl", honours=(*_CHANGE, "TrustedForDelegation", "TrustedToAuthForDelegation"))
def set_ad_account_control(context: Context, bound: Bound) -> Iterator[object]:
    account = _find(context, bound)
    flags = {"TrustedForDelegation": TRUSTED_FOR_DELEGATION, "TrustedToAuthForDelegation": TRUSTED_TO_AUTH}
    for name, bit in flags.items():
        if name in bound and not bound.on("WhatIf"):
            account.set_flag(bit, bound.get(name))
    if bound.on("PassThru"):
        yield _account_object(context, account, [])
