"""The tables of sign_on, on errors made by hand as each security library makes them. SSPI's were never raised here."""

from __future__ import annotations

import pytest
from spnego.exceptions import SpnegoError

from snlm_lib.errors import AuthenticationRefused, HostUnreachable
from snlm_lib.remote.line import FellBack, NotWsman, Seen, kerberos_user
from snlm_lib.remote.sign_on import Attempt, numbers, refused, why

SECRET = "Geheim-1!"


class WindowsError_(OSError):
    """What Python raises on Windows: a number in `winerror`, a text in the system's language."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Die Anmeldung ist fehlgeschlagen ({SECRET})")
        self.winerror = number


class Krb5Error(Exception):
    """krb5's own, with libkrb5's number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"some text {SECRET}")
        self.err_code = number


class GSSError(Exception):
    """gssapi's own: a major status and, without its sign, libkrb5's number."""

    def __init__(self, major: int, minor: int) -> None:
        super().__init__(f"Major ({major}) {SECRET}")
        self.maj_code, self.min_code = major, minor


def attempt(
    auth: str = "negotiate", *, endpoint: str = "http://h:5985/wsman", offered: tuple[str, ...] = ()
) -> Attempt:
    return Attempt("HV01", endpoint, auth, Seen(offered=offered))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0x8009030C, "user name or password is wrong"),
        (0x8009030E, "there is no Kerberos ticket"),
        (0x80090303, "no service principal name"),
        (0x80090311, "no domain controller answers"),
        (0x80090322, "cannot read the ticket"),
        (0x80090324, "more than five minutes"),
        (0x80090346, "channel binding"),
        (0xC000006D, "user name or password is wrong"),
        (0xC0000234, "the account is locked"),
        (0xC0000072, "the account is disabled"),
        (0xC0000071, "the password has expired"),
        (0xC0000224, "the password has expired"),
        (0xC0000193, "the account has expired"),
        (0xC0000133, "more than five minutes"),
        (0xC0000413, "does not let this user sign on there"),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_a_number_of_windows_is_read_with_and_without_its_sign(number: int, said: str, signed: bool) -> None:
    error = SpnegoError(base_error=WindowsError_(number - (1 << 32) if signed else number), context_msg="Processing")
    told = refused(attempt(), error)

    assert isinstance(told, AuthenticationRefused)
    assert said in str(told)
    assert SECRET not in f"{told} {told!r} {told.remedy}"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (-1765328383, "the account has expired"),
        (-1765328378, "knows no such user"),
        (-1765328377, "no service principal name"),
        (-1765328366, "disabled or locked"),
        (-1765328361, "the password has expired"),
        (-1765328360, "the password is wrong"),
        (-1765328353, "the password is wrong"),
        (-1765328352, "the Kerberos ticket has expired"),
        (-1765328351, "not valid yet"),
        (-1765328347, "more than five minutes"),
        (-1765328343, "cannot read the ticket"),
        (-1765328243, "there is no Kerberos ticket"),
        (-1765328230, "known for the user's realm"),
        (-1765328228, "no domain controller answers"),
    ],
)
def test_a_number_of_libkrb5_is_read_from_krb5_and_from_gssapi(number: int, said: str) -> None:
    for error in (Krb5Error(number), SpnegoError(base_error=GSSError(13 << 16, number + (1 << 32)))):
        told = str(refused(attempt("kerberos"), error))
        assert said in told
        assert SECRET not in told


@pytest.mark.parametrize(
    ("major", "said"), [(4 << 16, "channel binding"), (7 << 16, "no Kerberos ticket"), (11 << 16, "ticket has expired")]
)
def test_a_major_status_counts_where_the_minor_one_says_nothing(major: int, said: str) -> None:
    assert said in str(refused(attempt(), GSSError(major, 100001)))


def test_the_number_is_found_however_deep_and_the_outermost_known_one_counts() -> None:
    inner = WindowsError_(0xC0000234)
    outer = RuntimeError("wrapped")
    outer.__cause__ = SpnegoError(base_error=inner)
    inner.__context__ = outer  # a ring ends too

    assert [value for _, value in numbers(outer)] == [0xC0000234]
    found = why(outer)
    assert found is not None
    assert "locked" in found.what
    assert why(ValueError("no number")) is None


def test_what_is_not_offered_comes_before_any_number() -> None:
    said = str(refused(attempt("credssp", offered=("negotiate", "kerberos")), WindowsError_(0x8009030C)))

    assert "does not offer credssp, only Negotiate, Kerberos" in said
    assert "winrm get winrm/config/service/auth" in said


def test_an_unknown_error_names_its_type_and_nothing_of_its_text() -> None:
    said = str(refused(attempt("ntlm"), LookupError(SECRET)))

    assert "signing on with ntlm failed (LookupError)" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("had_kerberos", "said"), [(True, "Check its name, its service principal names"), (False, "extra 'kerberos'")]
)
def test_a_fall_back_is_blamed_on_what_can_have_caused_it(had_kerberos: bool, said: str) -> None:
    told = str(refused(attempt("negotiate"), FellBack(had_kerberos=had_kerberos)))

    assert "took NTLM although negotiate was asked for; no command was sent" in told
    assert said in told
    assert told.endswith("or say allow_ntlm: true")


def test_what_is_not_known_to_be_kerberos_is_not_called_ntlm() -> None:
    told = str(refused(attempt("negotiate"), FellBack(had_kerberos=True, took_ntlm=False)))

    assert "it is not certain that Kerberos signed us on, although negotiate was asked for; no command was sent" in told
    assert "NTLM" not in told


@pytest.mark.parametrize(("auth", "said"), [("kerberos", "extra 'kerberos'"), ("credssp", "requests-credssp")])
def test_a_library_that_is_missing_is_named(auth: str, said: str) -> None:
    assert said in str(refused(attempt(auth), ImportError("gssapi")))


def test_a_web_server_of_another_kind_is_no_matter_of_credentials() -> None:
    told = refused(attempt(), NotWsman())

    assert isinstance(told, HostUnreachable)
    assert "is not a WS-Management service" in str(told)


@pytest.mark.parametrize(
    ("user", "host", "principal"),
    [
        ("CORP\\operator", "hv01.corp.example", "operator@CORP.EXAMPLE"),
        ("corp\\operator", "HV01.Corp.Example", "operator@CORP.EXAMPLE"),
        ("OTHER\\operator", "hv01.corp.example", "OTHER\\operator"),
        ("operator@CORP.EXAMPLE", "hv01.corp.example", "operator@CORP.EXAMPLE"),
        ("CORP\\operator", "127.0.0.1", "CORP\\operator"),
        ("CORP\\operator", "hv01", "CORP\\operator"),
        ("operator", "hv01.corp.example", "operator"),
    ],
)
def test_a_principal_is_made_only_where_the_hosts_name_tells_the_realm(user: str, host: str, principal: str) -> None:
    assert kerberos_user(user, host) == principal
