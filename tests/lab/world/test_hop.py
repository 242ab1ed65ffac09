"""The second hop as one table: how the session came about, where the cmdlet runs, what the other machine sees."""

from __future__ import annotations

import pytest

from snlm_lib.lab.hop import credssp_refused, seen_as
from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT, Caller

USER, GMSA, OTHER = "CORP\\operator", "CORP\\snlm-move$", "CORP\\mover"
NOBODY = None

# sign-on, endpoint's account, credential given, runs at, needs -> who is seen there
HOPS: list[tuple[str, str, str | None, str, str, str | None]] = [
    # Move-VM and Compare-VM in a plain network session, at the source
    *((sign_on, "", None, "HV01", "HV02", NOBODY) for sign_on in ("ntlm", "kerberos", "basic", "certificate")),
    # the ways out
    *((sign_on, "", OTHER, "HV01", "HV02", OTHER) for sign_on in ("ntlm", "kerberos", "basic", "certificate")),
    ("credssp", "", None, "HV01", "HV02", USER),
    ("credssp+ntlm", "", None, "HV01", "HV02", USER),
    ("console", "", None, "HV01", "HV02", USER),
    ("kerberos", GMSA, None, "HV01", "HV02", GMSA),
    ("ntlm", GMSA, None, "HV01", "HV02", GMSA),
    ("certificate", GMSA, OTHER, "HV01", "HV02", OTHER),
    # a virtual account is the computer on the network, whoever signed on and how
    ("kerberos", VIRTUAL_ACCOUNT, None, "HV01", "HV02", "CORP\\HV01$"),
    ("credssp", VIRTUAL_ACCOUNT, None, "HV01", "HV02", "CORP\\HV01$"),
    # AD cmdlets: none on the controller itself, a second hop of their own on a member
    ("kerberos", "", None, "DC01", "dc01", USER),
    ("ntlm", GMSA, None, "DC01", "DC01", GMSA),
    ("kerberos", "", None, "MGMT01", "DC01", NOBODY),
    ("kerberos", "", USER, "MGMT01", "DC01", USER),
    ("credssp", "", None, "MGMT01", "DC01", USER),
    ("console", "", None, "MGMT01", "DC01", USER),
    # a jump host reached by WinRM: its Move-VM -ComputerName hops to both hosts; at its console both are first hops
    ("kerberos", "", None, "JUMP01", "HV01", NOBODY),
    ("kerberos", "", None, "JUMP01", "HV02", NOBODY),
    ("console", "", None, "JUMP01", "HV01", USER),
    ("console", "", None, "JUMP01", "HV02", USER),
]


@pytest.mark.parametrize(("sign_on", "run_as", "credential", "at", "target", "seen"), HOPS)
def test_who_is_seen_on_the_other_machine(
    sign_on: str, run_as: str, credential: str | None, at: str, target: str, seen: str | None
) -> None:
    assert seen_as(Caller(USER, sign_on, run_as), at=at, target=target, credential=credential) == seen


@pytest.mark.parametrize(
    ("sign_on", "run_as", "guard", "refused"),
    [
        ("kerberos", "", False, "no-delegation"),
        ("ntlm", VIRTUAL_ACCOUNT, False, "no-delegation"),
        ("kerberos", GMSA, False, None),
        ("credssp", "", False, None),
        ("console", "", False, None),
        ("credssp", "", True, "credential-guard-blocks-credssp"),
        ("console", "", True, "credential-guard-blocks-credssp"),
        ("kerberos", "", True, "credential-guard-blocks-credssp"),
        ("kerberos", GMSA, True, "credential-guard-blocks-credssp"),
    ],
)
def test_credssp_as_the_migration_type(sign_on: str, run_as: str, guard: bool, refused: str | None) -> None:
    assert credssp_refused(Caller(USER, sign_on, run_as), credential_guard=guard) == refused


def test_an_account_acts_as_itself_on_its_own_machine() -> None:
    assert Caller(USER, "kerberos").account == USER
    assert Caller(USER, "kerberos", GMSA).account == GMSA
    assert Caller(USER, "kerberos", VIRTUAL_ACCOUNT).account == "WinRM Virtual Users\\WinRM VA_1_CORP_operator"
