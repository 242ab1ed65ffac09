"""What only the directory in memory decides; the outcomes it shares with Samba: test_delegation_table."""

from __future__ import annotations

import pytest

from snlm_lib.lab.directory import (
    ALL_RIGHTS,
    ALREADY_THERE,
    DELEGATE_TO,
    ENABLE_DELEGATION,
    MIGRATION_SERVICE,
    NO_ATTRIBUTE,
    NOT_THERE,
    DirectoryRefused,
    Edit,
    TicketRequest,
)
from snlm_lib.lab.directory_memory import MemoryDirectory, user_name


@pytest.fixture
def directory() -> MemoryDirectory:
    made = MemoryDirectory(netbios="CORP", dns="corp.example")
    for name in ("HV01", "HV02"):
        made.add_computer(name, hyperv=True)
    made.add_user("operator", "secret", rights=ALL_RIGHTS)
    made.add_user("half", "secret", rights=frozenset({ENABLE_DELEGATION}))
    return made


@pytest.mark.parametrize("logon", ["CORP\\Operator", "operator@corp.example", "OPERATOR"])
def test_a_user_is_known_by_every_form_of_the_name(logon: str) -> None:
    assert user_name(logon) == "operator"


def test_the_password_stays_out_of_the_representation(directory: MemoryDirectory) -> None:
    assert "secret" not in repr(directory.users["operator"])


def test_a_service_that_is_not_registered_gets_no_ticket(directory: MemoryDirectory) -> None:
    directory.accounts["hv01"].delegate_to = [f"{MIGRATION_SERVICE}/HV02"]
    request = TicketRequest("operator", "HV01", MIGRATION_SERVICE, "HV02", own_ticket=True)
    assert directory.why_no_ticket(request) is None
    taker = directory.accounts["hv02"]
    taker.service_principal_names = [spn for spn in taker.service_principal_names if "Migration" not in spn]
    assert "its service" in str(directory.why_no_ticket(request))


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        ([Edit("add", DELEGATE_TO, ("cifs/HV02", "CIFS/hv02"))], ALREADY_THERE),
        ([Edit("add", DELEGATE_TO, ("cifs/HV02",)), Edit("add", DELEGATE_TO, ("cifs/hv02",))], ALREADY_THERE),
        ([Edit("add", DELEGATE_TO, ("cifs/HV02",)), Edit("delete", DELEGATE_TO, ("cifs/HV03",))], NOT_THERE),
        ([Edit("add", DELEGATE_TO, ("cifs/HV02",)), Edit("add", "mail", ("x",))], NO_ATTRIBUTE),
    ],
)
def test_all_edits_are_made_or_none(directory: MemoryDirectory, edits: list[Edit], code: int) -> None:
    account = directory.accounts["hv01"]
    with pytest.raises(DirectoryRefused) as refused:
        directory.modify(account, edits, by="CORP\\operator")
    assert refused.value.code == code
    assert account.delegate_to == []


def test_the_privilege_alone_writes_nothing(directory: MemoryDirectory) -> None:
    account = directory.accounts["hv01"]
    with pytest.raises(DirectoryRefused, match="write-property"):
        directory.modify(account, [Edit("add", DELEGATE_TO, ("cifs/HV02",))], by="half")
    assert account.delegate_to == []
