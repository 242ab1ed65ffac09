"""Who may sign on at the lab, in numbers, and how often a wrong password is forgiven."""

from __future__ import annotations

import pytest

from snlm_lib.errors import LabError
from snlm_lib.lab.accounts import DISABLED, LOCKED, STATES, WRONG, Accounts

USER, PASSWORD = "CORP\\operator", "Lab-Passw0rd"


@pytest.mark.parametrize(
    "given", ["CORP\\operator", "corp\\OPERATOR", "operator@CORP.EXAMPLE", "Operator@corp.example"]
)
def test_an_account_is_known_by_both_of_its_names(given: str) -> None:
    accounts = Accounts({USER: PASSWORD}, realm="CORP.EXAMPLE")

    assert accounts.named(given) == USER
    assert accounts.check(given, PASSWORD) == USER


@pytest.mark.parametrize("given", ["operator", "OTHER\\operator", "operator@OTHER.EXAMPLE", ""])
def test_no_other_name_is(given: str) -> None:
    accounts = Accounts({USER: PASSWORD}, realm="CORP.EXAMPLE")

    assert accounts.named(given) is None
    assert accounts.refusal(accounts.named(given)) == WRONG


def test_without_a_realm_there_is_one_name() -> None:
    assert Accounts({USER: PASSWORD}).named("operator@CORP.EXAMPLE") is None


@pytest.mark.parametrize(("state", "status"), STATES.items())
def test_a_state_is_a_number(state: str, status: int) -> None:
    accounts = Accounts({USER: PASSWORD}, states={USER: state})

    assert accounts.refusal(USER) == status
    assert accounts.check(USER, PASSWORD) == (None if status else USER)


def test_a_row_of_wrong_passwords_locks_and_a_right_one_ends_the_row() -> None:
    accounts = Accounts({USER: PASSWORD}, lock_out_after=2)
    for password in ("x", PASSWORD, "x"):
        accounts.check(USER, password)
    assert accounts.refusal(USER) == 0
    accounts.check(USER, "x")
    assert accounts.refusal(USER) == LOCKED
    assert accounts.check(USER, PASSWORD) is None


def test_the_file_of_the_library_gets_both_names() -> None:
    lines = Accounts({USER: PASSWORD}, realm="CORP.EXAMPLE").lines()

    assert lines == [("CORP", "operator", PASSWORD), ("", "operator@corp.example", PASSWORD)]
    assert DISABLED not in (WRONG, LOCKED)


def test_an_account_without_a_domain_is_refused() -> None:
    with pytest.raises(LabError, match="DOMAIN"):
        Accounts({"operator": PASSWORD})
