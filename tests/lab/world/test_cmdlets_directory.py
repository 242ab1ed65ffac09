"""The directory's cmdlets: read, add, remove, flags, and what AD does not accept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.world.conftest import Lab, RecordingSink

COMMANDS = "Microsoft.ActiveDirectory.Management.Commands"
ATTRIBUTE = "msDS-AllowedToDelegateTo"
FOUR = [
    f"{service}/{form}"
    for service in ("cifs", "Microsoft Virtual System Migration Service")
    for form in ("HV02", "hv02.corp.example")
]


def change(lab: Lab, **parameters: Any) -> RecordingSink:
    return lab.ask("DC01", ("Set-ADComputer", {"Identity": "HV01", "Confirm": False, **parameters}))


def values(lab: Lab, identity: str = "HV01") -> object:
    return lab.ask("DC01", ("Get-ADComputer", {"Identity": identity, "Properties": ATTRIBUTE})).one.properties[
        ATTRIBUTE
    ]


def test_the_domain(lab: Lab) -> None:
    domain = lab.ask("DC01", ("Get-ADDomain", {})).one.properties
    assert (domain["DNSRoot"], domain["NetBIOSName"], domain["PDCEmulator"]) == (
        "corp.example",
        "CORP",
        "dc01.corp.example",
    )
    assert lab.ask("DC01", ("Get-ADDomain", {"Identity": "corp"})).one.properties["Name"] == "corp"
    assert lab.ask("DC01", ("Get-ADDomain", {"Identity": "other.example"})).failure is not None


def test_an_account_shows_what_was_asked_for(lab: Lab) -> None:
    plain = lab.ask("DC01", ("Get-ADComputer", {"Identity": "HV01"})).one
    assert ATTRIBUTE not in plain.properties
    assert plain.properties["SamAccountName"] == "HV01$"
    names = [ATTRIBUTE, "userAccountControl", "dNSHostName", "TrustedToAuthForDelegation"]
    full = lab.ask("DC01", ("Get-ADComputer", {"Identity": "HV01$", "Properties": names})).one.properties
    assert (full[ATTRIBUTE], full["userAccountControl"], full["TrustedToAuthForDelegation"]) == ([], 4096, False)
    assert full["DNSHostName"] == "hv01.corp.example"


def test_an_unknown_account_ends_the_pipeline(lab: Lab) -> None:
    failure = lab.ask("DC01", ("Get-ADComputer", {"Identity": "HV09"})).failure
    assert failure is not None
    assert failure.exception_type == "Microsoft.ActiveDirectory.Management.ADIdentityNotFoundException"
    assert failure.fq_error_id.endswith(f"ADIdentityNotFoundException,{COMMANDS}.GetADComputer")
    assert failure.category == 13


def test_an_unknown_property_is_refused(lab: Lab) -> None:
    failure = lab.ask("DC01", ("Get-ADComputer", {"Identity": "HV01", "Properties": ["colour"]})).failure
    assert failure is not None
    assert "colour" in failure.message


def test_values_are_added_and_others_survive(lab: Lab) -> None:
    change(lab, Add={ATTRIBUTE: ["HOST/FILESERVER"]})
    assert change(lab, Add={ATTRIBUTE: FOUR}).fq_error_ids == []
    assert values(lab) == ["HOST/FILESERVER", *FOUR]
    assert values(lab, "HV02") == []
    assert change(lab, Remove={ATTRIBUTE: FOUR}).fq_error_ids == []
    assert values(lab) == ["HOST/FILESERVER"]


def test_replace_and_a_single_value(lab: Lab) -> None:
    change(lab, Add={ATTRIBUTE: FOUR})
    change(lab, Replace={ATTRIBUTE.upper(): "cifs/HV02"})
    assert values(lab) == ["cifs/HV02"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Add": {ATTRIBUTE: ["HTTP/x", "CIFS/hv02"]}}, 8323),
        ({"Add": {ATTRIBUTE: ["HTTP/x", "http/X"]}}, 8323),
        ({"Remove": {ATTRIBUTE: ["cifs/HV02", "cifs/HV03"]}}, 8325),
        ({"Add": {"colour": ["red"]}}, 8202),
    ],
)
def test_what_the_directory_refuses_changes_nothing(lab: Lab, parameters: dict[str, Any], code: int) -> None:
    change(lab, Add={ATTRIBUTE: ["cifs/HV02"]})
    assert change(lab, **parameters).fq_error_ids == [f"ActiveDirectoryServer:{code},{COMMANDS}.SetADComputer"]
    assert values(lab) == ["cifs/HV02"]


def test_any_protocol_is_a_bit_of_the_account(lab: Lab) -> None:
    flag = {"Identity": "HV01", "Confirm": False}
    lab.ask("DC01", ("Set-ADAccountControl", {**flag, "TrustedToAuthForDelegation": True}))
    account = lab.world.directory.accounts["hv01"]
    assert account.user_account_control == 0x1000000 | 0x1000
    lab.ask("DC01", ("Set-ADAccountControl", {**flag, "TrustedForDelegation": True}))
    assert account.user_account_control == 0x1000000 | 0x80000 | 0x1000
    lab.ask("DC01", ("Set-ADAccountControl", {**flag, "TrustedToAuthForDelegation": False}))
    assert account.user_account_control == 0x80000 | 0x1000
    change(lab, TrustedForDelegation=False)
    assert account.user_account_control == 0x1000


def test_accounts_flow_and_passthru_shows_them(lab: Lab) -> None:
    reader = ("Get-ADComputer", {"Identity": "HV02"})
    shown = lab.ask("DC01", reader, ("Set-ADComputer", {"Add": {ATTRIBUTE: ["cifs/HV01"]}, "PassThru": True})).one
    assert shown.properties["Name"] == "HV02"
    assert values(lab, "HV02") == ["cifs/HV01"]


def test_whatif_changes_nothing(lab: Lab) -> None:
    before = lab.world.snapshot()
    change(lab, Add={ATTRIBUTE: FOUR}, WhatIf=True)
    flags = {"Identity": "HV01", "TrustedToAuthForDelegation": True, "WhatIf": True}
    lab.ask("DC01", ("Set-ADAccountControl", flags))
    assert lab.world.snapshot() == before


def test_only_any_protocol_is_no_parameter_of_set_adcomputer(lab: Lab) -> None:
    answer = change(lab, TrustedToAuthForDelegation=True)
    assert answer.fq_error_ids == [f"NamedParameterNotFound,{COMMANDS}.SetADComputer"]
