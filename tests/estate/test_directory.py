"""Computer accounts through the AD cmdlets."""

from __future__ import annotations

from typing import Any

import pytest

from snlm_lib.errors import CommandFailed
from snlm_lib.estate.directory import account_name, read_delegation, read_domain

NOT_FOUND = "ActiveDirectoryCmdlet:Microsoft.ActiveDirectory.Management.ADIdentityNotFoundException,X.GetADComputer"


def test_an_account_is_asked_for_by_its_short_name_and_keeps_the_operators(table: Any) -> None:
    session = table("DC01", {"Get-ADComputer -Identity 'hv01' ": [{"userAccountControl": 0x1000000}]})
    found = read_delegation(session, "hv01.corp.example")
    assert found is not None
    assert (found.host, found.any_protocol) == ("hv01.corp.example", True)


@pytest.mark.parametrize("fq_error_id", [NOT_FOUND, "ADIdentityNotFound,X"])
def test_no_account_is_none(table: Any, refused: Any, fq_error_id: str) -> None:
    assert read_delegation(table("DC01", {"Get-ADComputer": refused(fq_error_id)}), "HV01") is None


def test_a_refusal_is_not_the_same_as_no_account(table: Any, refused: Any) -> None:
    with pytest.raises(CommandFailed):
        read_delegation(table("DC01", {"Get-ADComputer": refused()}), "HV01")


def test_the_domain(table: Any, refused: Any) -> None:
    assert read_domain(table("DC01", {"Get-ADDomain": [{"DNSRoot": "corp.example"}]})) == "corp.example"
    assert read_domain(table("DC01")) is None
    assert read_domain(table("DC01", {"Get-ADDomain": refused()})) is None


def test_short_names() -> None:
    assert account_name("hv01.corp.example") == "hv01"
    assert account_name("HV01") == "HV01"
