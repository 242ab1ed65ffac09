"""Every way to sign on against a real listener: the protocol that is recorded, or the one sentence that is said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from snlm_lib.clock import SystemClock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, RemoteError
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.samba import SambaDomain
from snlm_lib.remote.pipeline import Command, Pipeline
from tests.lab.listeners import FQDN, PASSWORD, USER, between, listening
from tests.lab.toy_host import until

NOTHING = Pipeline((Command("Write-Nothing"),))
HOUR = timedelta(hours=1)
REALM = {"kerberos_name": FQDN}


@dataclass(frozen=True)
class Way:
    """``auth`` against a listener that takes ``offers``; ``told`` is the protocol recorded, or of the sentence."""

    auth: str
    offers: tuple[str, ...]
    told: str
    tls: bool = False
    kerberos: bool = False
    listener: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)
    kind: type[RemoteError] = AuthenticationRefused

    def __str__(self) -> str:
        return f"{self.auth} at {'+'.join(self.offers)}{' over TLS' if self.tls else ''}: {self.told[:40]}"


GOOD = (
    Way("ntlm", ("ntlm",), "ntlm"),
    Way("ntlm", ("negotiate", "kerberos", "basic"), "https+ntlm", tls=True),
    Way("negotiate", ("ntlm",), "ntlm"),
    Way("negotiate", ("negotiate",), "https+ntlm", tls=True),
    Way("credssp", ("credssp",), "credssp+ntlm"),
    Way("credssp", ("credssp", "negotiate"), "https+credssp+ntlm", tls=True),
    Way("basic", ("basic",), "https+basic", tls=True),
    Way("basic", ("negotiate", "basic"), "https+basic", tls=True),
    Way("certificate", ("certificate",), "https+certificate", tls=True),
    Way(
        "certificate",
        ("basic", "certificate"),
        "https+certificate",
        tls=True,
        listener={"bearer": "operator@CORP.EXAMPLE"},
    ),
    Way("kerberos", ("kerberos",), "kerberos", kerberos=True),
    Way("kerberos", ("negotiate", "kerberos"), "kerberos", kerberos=True),
    Way("kerberos", ("kerberos",), "https+kerberos", tls=True, kerberos=True),
    Way("kerberos", ("negotiate",), "https+kerberos", tls=True, kerberos=True),
    Way("negotiate", ("negotiate",), "kerberos", kerberos=True),
    Way("negotiate", ("negotiate",), "https+kerberos", tls=True, kerberos=True),
    Way("credssp", ("credssp",), "credssp+kerberos", kerberos=True),
    Way("credssp", ("credssp",), "https+credssp+kerberos", tls=True, kerberos=True),
    Way("kerberos", ("kerberos",), "kerberos", kerberos=True, session={"user": "operator@CORP.EXAMPLE"}),
    Way("kerberos", ("kerberos",), "kerberos", kerberos=True, session={"real": True}),
    Way("credssp", ("credssp",), "credssp+kerberos", kerberos=True, session={"real": True}),
    Way("negotiate", ("negotiate",), "kerberos", kerberos=True, session={"real": True}),
    Way("negotiate", ("negotiate",), "https+kerberos", tls=True, kerberos=True, session={"real": True}),
    Way("ntlm", ("negotiate",), "https+ntlm", tls=True, session={"real": True}),
    Way("basic", ("basic",), "https+basic", tls=True, session={"real": True}),
)

WRONG: dict[str, Any] = {"password": "Geheim-Falsch"}
BARE = "does not accept the credential: the password is wrong, or the account is unknown, locked, disabled or expired"


def stated(state: str) -> dict[str, Any]:
    return {"accounts": Accounts({USER: PASSWORD}, realm="CORP.EXAMPLE", states={USER: state})}


BAD = (
    # The password and the account: NTLM, Basic and Negotiate answer 401 whatever it was; CredSSP has a number.
    Way("ntlm", ("ntlm",), BARE, session=WRONG),
    Way("ntlm", ("ntlm",), BARE, session={"user": "CORP\\nobody"}),
    Way("ntlm", ("ntlm",), BARE, listener=stated("locked")),
    Way("ntlm", ("ntlm",), "proxy that opens TLS", tls=True, listener=stated("disabled")),
    Way("negotiate", ("negotiate",), BARE, session=WRONG),
    Way("basic", ("basic",), BARE, tls=True, session=WRONG),
    Way("basic", ("basic",), BARE, tls=True, listener=stated("disabled")),
    Way("credssp", ("credssp",), "user name or password is wrong", session=WRONG),
    Way("credssp", ("credssp",), "user name or password is wrong", session={"user": "CORP\\nobody"}),
    Way("credssp", ("credssp",), "the account is locked", listener=stated("locked")),
    Way("credssp", ("credssp",), "the account is disabled", tls=True, listener=stated("disabled")),
    Way("credssp", ("credssp",), "the password has expired", listener=stated("password-expired")),
    # Certificates
    Way(
        "certificate",
        ("certificate",),
        "lets nobody in by this certificate",
        tls=True,
        listener={"bearer": "CORP\\nobody"},
    ),
    Way("certificate", ("certificate",), "lets nobody in by this certificate", tls=True, listener=stated("locked")),
    # What is not offered
    Way("credssp", ("negotiate",), "does not offer credssp, only Negotiate"),
    Way("ntlm", ("credssp",), "does not offer ntlm, only CredSSP"),
    Way("ntlm", ("kerberos",), "does not offer ntlm, only Kerberos"),
    Way("basic", ("negotiate", "kerberos"), "does not offer basic, only Negotiate, Kerberos", tls=True),
    Way("certificate", ("basic",), "does not offer certificate, only Basic", tls=True),
    # Who answers is not who was meant
    Way("ntlm", ("ntlm",), "is not a WS-Management service", listener={"page": True}, kind=HostUnreachable),
    Way("basic", ("basic",), "is not a WS-Management service", tls=True, listener={"page": True}, kind=HostUnreachable),
    Way("credssp", ("credssp",), "is not a WS-Management service", listener={"page": True}, kind=HostUnreachable),
    Way("ntlm", ("ntlm",), "no TLS connection", session={"scheme": "https", "ca": None}, kind=HostUnreachable),
    Way(
        "ntlm",
        ("ntlm",),
        "no WS-Management service answers",
        tls=True,
        session={"scheme": "http"},
        kind=HostUnreachable,
    ),
    Way("ntlm", ("ntlm",), "not trusted here", tls=True, session={"ca": None}, kind=HostUnreachable),
    Way("ntlm", ("ntlm",), "does not bear that name", tls=True, listener={"names": (FQDN,)}, kind=HostUnreachable),
    Way(
        "ntlm",
        ("ntlm",),
        "has expired",
        tls=True,
        listener={"ends": SystemClock().utc_now() - HOUR},
        kind=HostUnreachable,
    ),
    # Kerberos: the library has a number
    Way("kerberos", ("kerberos",), "the password is wrong", kerberos=True, session=WRONG),
    Way("kerberos", ("kerberos",), "the domain knows no such user", kerberos=True, session={"user": "CORP\\nobody"}),
    Way("kerberos", ("kerberos",), "disabled or locked", kerberos=True, session={"user": "CORP\\disabled"}),
    Way("kerberos", ("kerberos",), "disabled or locked", kerberos=True, session={"user": "CORP\\locked"}),
    Way(
        "kerberos", ("kerberos",), "the password has expired", kerberos=True, session={"user": "CORP\\password-expired"}
    ),
    Way(
        "kerberos",
        ("kerberos",),
        "no service principal name",
        kerberos=True,
        session={"kerberos_name": "hv09.corp.example"},
    ),
    Way(
        "kerberos",
        ("kerberos",),
        "cannot read the ticket",
        kerberos=True,
        session={"kerberos_name": "hv02.corp.example"},
    ),
    Way(
        "kerberos",
        ("negotiate",),
        "cannot read the ticket",
        kerberos=True,
        session={"kerberos_name": "hv02.corp.example"},
    ),
    Way("kerberos", ("kerberos",), "more than five minutes", kerberos=True, listener={"clock_skew_s": 900.0}),
    Way(
        "kerberos", ("negotiate",), "more than five minutes", tls=True, kerberos=True, listener={"clock_skew_s": -900.0}
    ),
    Way("negotiate", ("negotiate",), "more than five minutes", kerberos=True, listener={"clock_skew_s": 900.0}),
    Way(
        "kerberos",
        ("kerberos",),
        "known for the user's realm",
        kerberos=True,
        session={"user": "operator@OTHER.EXAMPLE"},
    ),
    Way("kerberos", ("ntlm",), "does not accept the ticket", kerberos=True),
    Way(
        "credssp",
        ("credssp",),
        "no service principal name",
        kerberos=True,
        session={"real": True, "kerberos_name": "hv09.corp.example"},
    ),
    # A silent fall back
    Way("negotiate", ("negotiate",), "took NTLM although negotiate", session={"real": True}),
    Way("negotiate", ("ntlm",), "took NTLM although negotiate", tls=True, session={"real": True}),
    Way(
        "negotiate",
        ("negotiate",),
        "took NTLM although negotiate",
        kerberos=True,
        session={"real": True, "kerberos_name": "hv09.corp.example"},
    ),
)


@pytest.fixture
def open_way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Way], Any]:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'tickets'}")

    def enter(way: Way) -> Any:
        realm: SambaDomain | None = request.getfixturevalue("realm") if way.kerberos else None
        return listening(tmp_path, *way.offers, tls=way.tls, realm=realm, **way.listener)

    return enter


@pytest.mark.parametrize("way", GOOD, ids=str)
def test_the_protocol_really_used_is_told(way: Way, open_way: Callable[[Way], Any]) -> None:
    with open_way(way) as listener:
        session = listener.session(way.auth, **{**(REALM if way.kerberos else {}), **way.session})
        session.invoke(NOTHING)

        assert session.protocol == way.told
        [caller] = listener.host.callers
        assert (caller.user, caller.protocol) == (USER, way.told.removeprefix("https+"))


@pytest.mark.parametrize("way", BAD, ids=str)
def test_what_stands_in_the_way_is_one_sentence(way: Way, open_way: Callable[[Way], Any]) -> None:
    with open_way(way) as listener:
        session = listener.session(way.auth, **{**(REALM if way.kerberos else {}), **way.session})
        with pytest.raises(RemoteError) as told:
            session.invoke(NOTHING)

    said = str(told.value)
    assert type(told.value) is way.kind or isinstance(told.value, way.kind), said
    assert way.told in said
    assert said.startswith("HV01: ")
    assert "\n" not in said
    assert told.value.remedy
    assert [secret for secret in (PASSWORD, WRONG["password"]) if secret in f"{said} {told.value!r}"] == []
    assert listener.host.callers == []


@pytest.mark.parametrize(
    ("auth", "kerberos"), [("ntlm", False), ("credssp", False), ("kerberos", True), ("credssp", True)]
)
def test_long_bodies_are_sealed_both_ways(auth: str, kerberos: bool, open_way: Callable[[Way], Any]) -> None:
    with open_way(Way(auth, (auth,), "", kerberos=kerberos)) as listener:
        session = listener.session(auth, **(REALM if kerberos else {}))
        text = "0123456789abcdef" * 5000
        assert session.invoke(Pipeline((Command("Write-Echo", {"Value": text}),))).objects == (text,)


def test_wrong_passwords_lock_an_account_and_the_right_one_comes_too_late(tmp_path: Path) -> None:
    accounts = Accounts({USER: PASSWORD}, realm="CORP.EXAMPLE", lock_out_after=3)
    with listening(tmp_path, "negotiate", "credssp", accounts=accounts) as listener:
        for auth, user in (("ntlm", USER), ("credssp", USER), ("negotiate", "operator@CORP.EXAMPLE")):
            with pytest.raises(AuthenticationRefused):
                listener.session(auth, user=user, **WRONG).invoke(NOTHING)
        with pytest.raises(AuthenticationRefused, match=BARE):
            listener.session("ntlm").invoke(NOTHING)
        with pytest.raises(AuthenticationRefused, match="the account is locked"):
            listener.session("credssp").invoke(NOTHING)


def test_a_right_password_in_between_begins_the_count_anew(tmp_path: Path) -> None:
    with listening(tmp_path, "ntlm", accounts=Accounts({USER: PASSWORD}, lock_out_after=2)) as listener:
        for _ in range(3):
            with pytest.raises(AuthenticationRefused):
                listener.session("ntlm", **WRONG).invoke(NOTHING)
            assert listener.session("ntlm").invoke(NOTHING).objects == ()


# --- certificates of our own --------------------------------------------------------------------------


def test_a_certificate_of_another_authority_is_turned_down_by_the_host(tmp_path: Path) -> None:
    with listening(tmp_path, "certificate", tls=True) as listener:
        session = listener.session("certificate", certificate=str(tmp_path / "other.pem"))
        with pytest.raises(HostUnreachable, match="does not accept this machine's certificate"):
            session.invoke(NOTHING)
        assert listener.host.callers == []


@pytest.mark.parametrize(
    ("certificate", "said"),
    [("none.pem", "is not there"), ("ca.pem", "cannot be used"), ("locked.pem", "cannot be used")],
)
def test_a_certificate_that_cannot_be_shown_is_told_before_anybody_is_spoken_to(
    certificate: str, said: str, tmp_path: Path
) -> None:
    with listening(tmp_path, "certificate", tls=True) as listener:
        (tmp_path / "locked.pem").write_text(_locked(tmp_path / "me.pem"), encoding="ascii")
        with pytest.raises(AuthenticationRefused, match=said):
            listener.session("certificate", certificate=str(tmp_path / certificate)).invoke(NOTHING)


def _locked(pem: Path) -> str:
    """The same certificate, its key under a password."""
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"geheim")
    block = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    return block.decode("ascii") + pem.read_text(encoding="ascii").partition("-----END PRIVATE KEY-----\n")[2]


# --- somebody in between ------------------------------------------------------------------------------


@pytest.mark.parametrize(("auth", "kerberos"), [("ntlm", False), ("kerberos", True), ("negotiate", True)])
def test_who_opens_tls_in_between_breaks_the_channel_binding(
    auth: str, kerberos: bool, open_way: Callable[[Way], Any], tmp_path: Path
) -> None:
    """Its certificate is by an authority that the client trusts: only the binding gives it away."""
    with open_way(Way(auth, ("negotiate", "kerberos"), "", tls=True, kerberos=kerberos)) as listener:
        with between(listener.port, tmp_path) as (port, ca):
            near = listener.session(auth, **(REALM if kerberos else {}), ca=str(ca), port=port)
            with pytest.raises(AuthenticationRefused, match="a proxy that opens TLS on the way"):
                near.invoke(NOTHING)
        assert listener.host.callers == []


# --- who is signed on to this machine -----------------------------------------------------------------


@pytest.fixture
def ticket(realm: SambaDomain, tmp_path: Path) -> Callable[[str], None]:
    """Get the operator a ticket that lasts so long; only its programs know how to ask for one."""

    def get(lifetime: str) -> None:
        environ = {**os.environ, "KRB5_CONFIG": str(realm.krb5_conf), "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}"}
        kinit = ["kinit", "-l", lifetime, "operator@CORP.EXAMPLE"]
        subprocess.run(kinit, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True, env=environ)

    return get


@pytest.mark.parametrize("auth", ["kerberos", "negotiate"])
def test_who_has_a_ticket_needs_no_password(
    auth: str, ticket: Callable[[str], None], open_way: Callable[[Way], Any]
) -> None:
    ticket("10m")
    with open_way(Way(auth, ("negotiate",), "", kerberos=True)) as listener:
        session = listener.session(auth, password=None, **REALM)
        session.invoke(NOTHING)
        assert (session.protocol, listener.host.callers[0].user) == ("kerberos", USER)


def test_no_ticket_and_no_password_is_said(open_way: Callable[[Way], Any]) -> None:
    with open_way(Way("kerberos", ("kerberos",), "", kerberos=True)) as listener:
        session = listener.session("kerberos", password=None, **REALM)
        with pytest.raises(AuthenticationRefused, match="there is no Kerberos ticket on this machine"):
            session.invoke(NOTHING)


def test_an_expired_ticket_is_said(ticket: Callable[[str], None], open_way: Callable[[Way], Any]) -> None:
    with open_way(Way("kerberos", ("kerberos",), "", kerberos=True)) as listener:
        ticket("1s")
        until(lambda: subprocess.run(["klist", "-s"], check=False).returncode != 0, within_s=10)
        with pytest.raises(AuthenticationRefused, match="the Kerberos ticket has expired"):
            listener.session("kerberos", password=None, **REALM).invoke(NOTHING)


def test_no_domain_controller_is_said(
    realm: SambaDomain, open_way: Callable[[Way], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "krb5.conf"
    alone.write_text(
        realm.krb5_conf.read_text(encoding="utf-8").replace(realm.address, "127.0.0.1:9"), encoding="utf-8"
    )
    with open_way(Way("kerberos", ("kerberos",), "", kerberos=True)) as listener:
        monkeypatch.setenv("KRB5_CONFIG", str(alone))
        with pytest.raises(AuthenticationRefused, match="no domain controller answers for Kerberos"):
            listener.session("kerberos", **REALM).invoke(NOTHING)


# --- secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "credssp"])
def test_no_password_is_in_any_log_whether_it_was_right_or_wrong(
    auth: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with listening(tmp_path, "negotiate", "credssp") as listener:
        listener.session(auth).invoke(NOTHING)
        with pytest.raises(AuthenticationRefused):
            listener.session(auth, **WRONG).invoke(NOTHING)

    assert [secret for secret in (PASSWORD, WRONG["password"]) if secret in caplog.text] == []
    assert not [each for each in caplog.records if each.name.partition(".")[0] in ("spnego", "pypsrp")]
