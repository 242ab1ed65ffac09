"""Computer accounts: their names and flags."""

from __future__ import annotations

import pytest

from snlm_lib.lab.directory import MIGRATION_SERVICE, TRUSTED_TO_AUTH
from snlm_lib.lab.directory_memory import MemoryDirectory


@pytest.fixture
def directory() -> MemoryDirectory:
    made = MemoryDirectory(netbios="CORP", dns="corp.example")
    for name in ("HV01", "HV02"):
        made.add_computer(name, hyperv=True)
    made.add_computer("DC01", controller=True)
    return made


def test_a_healthy_host_has_its_names_short_and_full_but_no_cifs(directory: MemoryDirectory) -> None:
    names = directory.accounts["hv01"].service_principal_names
    assert f"{MIGRATION_SERVICE}/HV01" in names
    assert f"{MIGRATION_SERVICE}/hv01.corp.example" in names
    assert not [name for name in names if name.startswith("cifs")]
    assert not directory.accounts["dc01"].offers(MIGRATION_SERVICE)


@pytest.mark.parametrize("identity", ["HV01", "hv01", "HV01$", "CN=HV01,CN=Computers,DC=corp,DC=example"])
def test_an_account_is_found_by_name(directory: MemoryDirectory, identity: str) -> None:
    assert directory.find(identity) is directory.accounts["hv01"]


def test_an_account_is_found_by_sid_and_guid_and_not_by_pattern(directory: MemoryDirectory) -> None:
    account = directory.accounts["hv02"]
    assert directory.find(account.sid) is account
    assert directory.find(str(account.object_guid)) is account
    assert directory.find("HV*") is None


def test_flags_leave_each_other_alone(directory: MemoryDirectory) -> None:
    account = directory.accounts["hv01"]
    before = account.user_account_control
    account.set_flag(TRUSTED_TO_AUTH, True)
    assert account.any_protocol
    account.set_flag(TRUSTED_TO_AUTH, False)
    assert account.user_account_control == before
