"""The accepting side of NTLM and Negotiate, joined to pypsrp's own client side in memory."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import spnego
from pypsrp.encryption import WinRMEncryption

from snlm_lib.errors import LabError
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.auth import ConnectionAuth, SealError, install_user_file, remove_user_file

USERS = {"CORP\\operator": "Lab-Passw0rd", "CORP\\auditor": "Another one"}


@pytest.fixture(autouse=True)
def user_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "state" / "users"
    install_user_file(Accounts(USERS), path)
    yield path
    remove_user_file(path)


def sign_on(auth: ConnectionAuth, user: str, password: str, protocol: str = "ntlm") -> tuple[int, spnego.ContextProxy]:
    """What a client does: tokens to and fro until somebody is content or refuses."""
    client = spnego.client(
        user, password, hostname="127.0.0.1", protocol=protocol, options=spnego.NegotiateOptions.wrapping_winrm
    )
    token, status = client.step(), 401
    for _ in range(5):
        reply = auth.negotiate(f"Negotiate {base64.b64encode(token or b'').decode()}")
        status = reply.status
        answer = base64.b64decode("".join(reply.headers).removeprefix("Negotiate").strip())
        token = client.step(answer) if answer else None
        if not token:
            break
    return status, client


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_the_right_password_signs_on(protocol: str) -> None:
    auth = ConnectionAuth(Accounts(USERS))
    status, _ = sign_on(auth, "CORP\\operator", "Lab-Passw0rd", protocol)
    assert status == 200
    assert auth.caller is not None
    assert (auth.caller.user, auth.caller.protocol) == ("CORP\\operator", "ntlm")
    assert auth.negotiate(None).status == 200, "later requests carry no header"


def test_the_caller_is_named_as_the_lab_spells_it() -> None:
    auth = ConnectionAuth(Accounts(USERS))
    status, _ = sign_on(auth, "corp\\OPERATOR", "Lab-Passw0rd")
    assert status == 200
    assert auth.caller is not None
    assert auth.caller.user == "CORP\\operator"


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("CORP\\operator", "wrong"),
        ("CORP\\operator", "Another one"),
        ("CORP\\nobody", "Lab-Passw0rd"),
        ("OTHER\\operator", "Lab-Passw0rd"),
        ("operator", "Lab-Passw0rd"),
    ],
)
@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_anything_else_is_refused(user: str, password: str, protocol: str) -> None:
    auth = ConnectionAuth(Accounts(USERS))
    status, _ = sign_on(auth, user, password, protocol)
    assert status == 401
    assert auth.caller is None
    assert auth.negotiate(None).status == 401


def test_a_refused_connection_may_try_again() -> None:
    auth = ConnectionAuth(Accounts(USERS))
    assert sign_on(auth, "CORP\\operator", "wrong")[0] == 401
    assert sign_on(auth, "CORP\\operator", "Lab-Passw0rd")[0] == 200


@pytest.mark.parametrize(
    "header", ["Negotiate", "Negotiate !!!", "Basic QTpC", "Negotiate " + base64.b64encode(b"NTLMSSP\0junk").decode()]
)
def test_a_broken_token_is_401_and_not_an_exception(header: str) -> None:
    auth = ConnectionAuth(Accounts(USERS))
    reply = auth.negotiate(header)
    assert (reply.status, reply.headers) == (401, ("Negotiate",))


def test_bodies_are_sealed_both_ways() -> None:
    auth = ConnectionAuth(Accounts(USERS))
    _, client = sign_on(auth, "CORP\\operator", "Lab-Passw0rd")
    seal = WinRMEncryption(client, WinRMEncryption.SPNEGO)
    for number in range(3):
        text = f"<request {number}/>".encode() * 500
        _, body = seal.wrap_message(text)
        assert text not in body
        assert auth.unseal(body) == text
        kind, answer = auth.seal(b"<answer/>" * 4000)
        assert kind.startswith('multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted"')
        assert seal.unwrap_message(answer, "Encrypted Boundary") == b"<answer/>" * 4000


def test_a_body_sealed_for_another_connection_is_not_read() -> None:
    first, second = ConnectionAuth(Accounts(USERS)), ConnectionAuth(Accounts(USERS))
    _, client = sign_on(first, "CORP\\operator", "Lab-Passw0rd")
    sign_on(second, "CORP\\operator", "Lab-Passw0rd")
    _, body = WinRMEncryption(client, WinRMEncryption.SPNEGO).wrap_message(b"<request/>")
    with pytest.raises(SealError):
        second.unseal(body)


@pytest.mark.parametrize("body", [b"", b"<s:Envelope/>", b"--Encrypted Boundary\r\n--Encrypted Boundary--\r\n"])
def test_an_unsealed_body_is_not_read(body: bytes) -> None:
    auth = ConnectionAuth(Accounts(USERS))
    sign_on(auth, "CORP\\operator", "Lab-Passw0rd")
    with pytest.raises(SealError):
        auth.unseal(body)
    with pytest.raises(SealError, match="no security context"):
        ConnectionAuth(Accounts(USERS)).unseal(body)


def test_the_user_file_is_for_its_owner_only(user_file: Path) -> None:
    assert os.environ["NTLM_USER_FILE"] == str(user_file)
    if os.name == "posix":
        assert stat.S_IMODE(user_file.stat().st_mode) == 0o600
    remove_user_file(user_file)
    assert "NTLM_USER_FILE" not in os.environ
    assert not user_file.exists()


@pytest.mark.parametrize(
    "users", [{"operator": "x"}, {"CORP\\a:b": "x"}, {"CORP\\a": "pass:word"}, {"CORP\\a": "x\ny"}]
)
def test_an_account_the_file_cannot_hold_is_refused_without_its_password(users: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LabError) as raised:
        install_user_file(Accounts(users), tmp_path / "users")
    assert all(password not in str(raised.value).split() for password in users.values())
