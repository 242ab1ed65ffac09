"""The lab's HTTPS: certificates, who may sign on how, and clients that say nothing or the wrong thing."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from snlm_lib.clock import SystemClock
from snlm_lib.errors import LabError
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.auth import ConnectionAuth, Door
from snlm_lib.lab.server import LabServer, Wire
from snlm_lib.lab.tls import Authority, serving
from tests.lab.toy_host import OPERATOR, PASSWORDS, ToyHost

END_POINT = b"tls-server-end-point:x"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[LabServer]:
    authority = Authority(now=SystemClock().utc_now())
    (tmp_path / "ca.pem").write_text(authority.pem, encoding="ascii")
    wire = Wire(offers=("basic",), tls=serving(authority.identity(["127.0.0.1", "localhost"]), tmp_path))
    server = LabServer([ToyHost()], users=PASSWORDS, state_dir=tmp_path, wire=wire)
    server.start()
    yield server
    server.close()


def connection(server: LabServer, folder: Path) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    return http.client.HTTPSConnection("localhost", server.ports["TOY01"], context=context, timeout=5)


def test_a_certificate_bears_its_names_and_is_valid_from_a_day_ago() -> None:
    now = datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
    found = x509.load_der_x509_certificate(Authority(now=now).identity(["127.0.0.1", "hv01.corp.example"]).certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["hv01.corp.example"]
    assert (now - found.not_valid_before_utc).days == 1
    assert (found.not_valid_after_utc - now).days == 30


def test_the_key_does_not_stay_on_the_disk(tmp_path: Path) -> None:
    serving(Authority(now=SystemClock().utc_now()).identity(["localhost"]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_basic_is_asked_for_and_an_unsealed_answer_comes(secure: LabServer, tmp_path: Path) -> None:
    line = connection(secure, tmp_path)
    line.request("POST", "/wsman", body=b"<x/>")
    asked = line.getresponse()
    assert (asked.status, asked.getheader("WWW-Authenticate"), asked.read()) == (401, 'Basic realm="WSMAN"', b"")
    for password, status in (("wrong", 401), (PASSWORDS[OPERATOR], 500)):  # 500: a fault, for this is no envelope
        line.request("POST", "/wsman", body=b"<x/>", headers={"Authorization": basic(OPERATOR, password)})
        answer = line.getresponse()
        told = answer.read()
        assert answer.status == status
    assert (answer.getheader("Content-Type") or "").startswith("application/soap+xml")
    assert b"Fault" in told
    line.close()


def test_a_client_without_handshake_holds_nobody_up(secure: LabServer, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", secure.ports["TOY01"])):
        line = connection(secure, tmp_path)
        line.request("POST", "/wsman", body=b"")
        assert line.getresponse().status == 401
        line.close()


def test_old_tls_is_refused(secure: LabServer, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secure.ports["TOY01"])) as raw, pytest.raises(OSError, match=r"."):
        context.wrap_socket(raw, server_hostname="localhost")


def test_basic_without_tls_cannot_be_set_up() -> None:
    with pytest.raises(LabError, match="in clear over plain HTTP"):
        ConnectionAuth(Accounts(PASSWORDS), Door(("basic",)))


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (basic(OPERATOR, PASSWORDS[OPERATOR]), 200),
        (basic(OPERATOR.lower(), PASSWORDS[OPERATOR]), 200),
        (basic(OPERATOR, ""), 401),
        (basic("CORP\\nobody", PASSWORDS[OPERATOR]), 401),
        ("Basic", 401),
        ("Basic !!!", 401),
        ("Negotiate TlRMTVNTUAABAAAA", 401),
    ],
)
def test_who_basic_lets_in(header: str, status: int) -> None:
    auth = ConnectionAuth(Accounts(PASSWORDS), Door(("basic",)), end_point=END_POINT)
    assert auth.negotiate(header).status == status
    assert (auth.caller is not None) is (status == 200)
    if auth.caller is not None:
        assert (auth.caller.user, auth.caller.protocol) == (OPERATOR, "basic")
