"""Computer accounts and the table of delegation outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.lab.directory import MIGRATION_SERVICE, TRUSTED_TO_AUTH, Directory

CASES = json.loads(Path(__file__).with_name("delegation.json").read_text(encoding="utf-8"))


@pytest.fixture
def directory() -> Directory:
    made = Directory(netbios="CORP", dns="corp.example")
    for name in ("HV01", "HV02"):
        made.add_computer(name, hyperv=True)
    made.add_computer("DC01", controller=True)
    return made


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_delegation_outcomes(directory: Directory, case: dict[str, Any]) -> None:
    account = directory.accounts["hv01"]
    account.delegate_to = case["delegate_to"]
    account.set_flag(TRUSTED_TO_AUTH, case["any"])
    assert directory.may_delegate("HV01", "HV02", "cifs", case["needs_any"]) is case["allowed"]


def test_delegation_is_one_way(directory: Directory) -> None:
    directory.accounts["hv01"].delegate_to = ["cifs/HV02"]
    assert directory.may_delegate("HV01", "HV02", "cifs", False)
    assert not directory.may_delegate("HV02", "HV01", "cifs", False)


def test_a_service_that_is_not_registered_gets_no_ticket(directory: Directory) -> None:
    directory.accounts["hv01"].delegate_to = [f"{MIGRATION_SERVICE}/HV02"]
    assert directory.may_delegate("HV01", "HV02", MIGRATION_SERVICE, False)
    taker = directory.accounts["hv02"]
    taker.service_principal_names = [spn for spn in taker.service_principal_names if "Migration" not in spn]
    assert not directory.may_delegate("HV01", "HV02", MIGRATION_SERVICE, False)


def test_unknown_hosts_delegate_nothing(directory: Directory) -> None:
    assert not directory.may_delegate("HV01", "HV09", "cifs", False)
    assert not directory.may_delegate("HV09", "HV01", "cifs", False)


def test_a_healthy_host_has_its_names_short_and_full_but_no_cifs(directory: Directory) -> None:
    names = directory.accounts["hv01"].service_principal_names
    assert f"{MIGRATION_SERVICE}/HV01" in names
    assert f"{MIGRATION_SERVICE}/hv01.corp.example" in names
    assert not [name for name in names if name.startswith("cifs")]
    assert not directory.accounts["dc01"].offers(MIGRATION_SERVICE)


@pytest.mark.parametrize("identity", ["HV01", "hv01", "HV01$", "CN=HV01,CN=Computers,DC=corp,DC=example"])
def test_an_account_is_found_by_name(directory: Directory, identity: str) -> None:
    assert directory.find(identity) is directory.accounts["hv01"]


def test_an_account_is_found_by_sid_and_guid_and_not_by_pattern(directory: Directory) -> None:
    account = directory.accounts["hv02"]
    assert directory.find(account.sid) is account
    assert directory.find(str(account.object_guid)) is account
    assert directory.find("HV*") is None


def test_flags_leave_each_other_alone(directory: Directory) -> None:
    account = directory.accounts["hv01"]
    before = account.user_account_control
    account.set_flag(TRUSTED_TO_AUTH, True)
    assert account.any_protocol
    account.set_flag(TRUSTED_TO_AUTH, False)
    assert account.user_account_control == before
