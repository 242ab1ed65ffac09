"""Module ActiveDirectory, on the domain controller: the domain and its computer accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import NAMESPACE_DNS, uuid5

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.objects import build, property_types
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.directory import (
    ALREADY_THERE,
    NO_ATTRIBUTE,
    NOT_ALLOWED,
    NOT_THERE,
    TRUSTED_FOR_DELEGATION,
    TRUSTED_TO_AUTH,
    USER_ACCOUNT_CONTROL,
    ComputerAccount,
    DirectoryRefused,
    Edit,
)
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
# LDAP result code -> what Windows says of it: number and text
_FAULTS = {
    ALREADY_THERE: (8323, "The specified value already exists."),
    NOT_THERE: (8325, "The attribute value cannot be removed because it is not present on the object."),
    NO_ATTRIBUTE: (8202, "The specified directory service attribute or value does not exist."),
    NOT_ALLOWED: (8344, "Insufficient access rights to perform the operation."),
}
_OTHER_FAULT = (8224, "An operations error occurred.")
_CHANGE = ("Identity", "PassThru", "WhatIf", "Confirm")


@cmdlet("Get-ADDomain", honours=("Identity",))
def get_ad_domain(context: Context, bound: Bound) -> Iterator[object]:
    directory = context.world.directory
    wanted = str(bound.get("Identity", directory.dns)).casefold()
    if wanted not in (directory.dns, directory.netbios.casefold(), directory.distinguished_name.casefold()):
        raise _unknown(context, wanted)
    root = directory.distinguished_name
    controllers = [host.fqdn for host in context.world.hosts.values() if host.is_controller]
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


def _server_says(context: Context, refused: DirectoryRefused) -> Terminating:
    code, text = _FAULTS.get(refused.code, _OTHER_FAULT)
    error_id = f"ActiveDirectoryServer:{code}"
    record = context.record(text, error_id, _NOT_SPECIFIED, target=str(refused), exception=f"{_AD}.ADException")
    return Terminating(record)


# --- changes --------------------------------------------------------------------------------------

_VERBS = {"Remove": "delete", "Add": "add", "Replace": "replace"}
_FLAGS = {"TrustedForDelegation": TRUSTED_FOR_DELEGATION, "TrustedToAuthForDelegation": TRUSTED_TO_AUTH}


def _value_edits(bound: Bound) -> Iterator[Edit]:
    """-Remove, -Add, -Replace @{attribute=values}, in the order in which Windows applies them."""
    for parameter, verb in _VERBS.items():
        table: Mapping[object, object] = bound.get(parameter, {})
        for name, given in table.items():
            values = given if isinstance(given, list | tuple) else (given,)
            yield Edit(verb, str(name), tuple(str(value) for value in values))


def _flag_edits(account: ComputerAccount, bound: Bound) -> Iterator[Edit]:
    flags = account.user_account_control
    for name, bit in _FLAGS.items():
        if name in bound:
            flags = flags | bit if bound.get(name) else flags & ~bit
    if flags != account.user_account_control:
        yield Edit("replace", USER_ACCOUNT_CONTROL, (str(flags),))


def _changed(context: Context, bound: Bound) -> Iterator[object]:
    """One LDAP modification on behalf of the caller."""
    account = _find(context, bound)
    edits = [*_value_edits(bound), *_flag_edits(account, bound)]
    if edits and not bound.on("WhatIf"):
        try:
            context.world.directory.modify(account, edits, by=context.caller.account)
        except DirectoryRefused as refused:
            raise _server_says(context, refused) from refused
    if bound.on("PassThru"):
        yield _account_object(context, _find(context, bound), [])


@cmdlet("Set-ADComputer", honours=(*_CHANGE, *_VERBS, "TrustedForDelegation"))
def set_ad_computer(context: Context, bound: Bound) -> Iterator[object]:
    yield from _changed(context, bound)


@cmdlet("Set-ADAccountControl", honours=(*_CHANGE, *_FLAGS))
def set_ad_account_control(context: Context, bound: Bound) -> Iterator[object]:
    yield from _changed(context, bound)
