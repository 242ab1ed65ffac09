"""HTTPS from the client's side: which certificate is trusted, and what each wrong one is told. Nothing is sent then."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock, SystemClock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, SessionLost
from snlm_lib.lab.server import LabServer, Wire
from snlm_lib.lab.tls import Authority, serving
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.line import Line
from snlm_lib.remote.session import Endpoint, HostSession
from snlm_lib.remote.tls import is_tls
from snlm_lib.remote.transport import TransportPool
from tests.remote.conftest import PASSWORD, USER, ToyHost

NOW = SystemClock().utc_now()
Ask = Callable[..., HostSession]


@contextmanager
def listening(
    toy: ToyHost,
    folder: Path,
    *,
    auth: str = "basic",
    names: Sequence[str] = ("127.0.0.1",),
    ends: datetime | None = None,
) -> Iterator[Ask]:
    """The toy host over HTTPS; gives a function that makes a session on it, trusting its authority unless told."""
    authority = Authority(now=NOW)
    (folder / "ca.pem").write_text(authority.pem, encoding="ascii")
    tls = serving(authority.identity(names, ends=ends), folder)
    server = LabServer([toy], users={USER: PASSWORD}, state_dir=folder, wire=Wire(offers=(auth,), tls=tls))
    server.start()
    made: list[HostSession] = []

    def ask(*, ca: Path | None = folder / "ca.pem", password: str = PASSWORD, scheme: str = "https") -> HostSession:
        port = server.ports["HV01"]
        place = Endpoint("HV01", "127.0.0.1", port, scheme=scheme, auth=auth, ca=str(ca) if ca else None)
        made.append(HostSession(place, Credential(USER, password), clock=SystemClock()))
        return made[-1]

    toy.heard.clear()
    try:
        yield ask
    finally:
        for session in made:
            session.close()
        server.close()


def refused(session: HostSession, toy: ToyHost) -> str:
    with pytest.raises(HostUnreachable) as told:
        session.invoke(commands.get_vm_host())
    assert toy.heard == []
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("auth", ["basic", "ntlm"])
def test_the_named_authority_is_trusted_and_the_protocol_told(auth: str, toy: ToyHost, tmp_path: Path) -> None:
    with listening(toy, tmp_path, auth=auth) as ask:
        session = ask()
        before = session.protocol
        assert before is None
        assert len(session.invoke(commands.get_vm_host()).bags) == 1
        assert session.protocol == f"https+{auth}"
        with pytest.raises(AuthenticationRefused):
            ask(password="wrong").invoke(commands.get_vm_host())


def test_only_that_authority_is_trusted(toy: ToyHost, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Authority(now=NOW).pem, encoding="ascii")
    with listening(toy, tmp_path) as ask:
        for ca in (other, None):
            said = refused(ask(ca=ca), toy)
            assert "signed by an authority that is not trusted here. Nothing was sent" in said


def test_a_certificate_of_another_name_is_refused(toy: ToyHost, tmp_path: Path) -> None:
    with listening(toy, tmp_path, names=("hv09.corp.example", "127.0.0.9")) as ask:
        assert "does not bear that name. Nothing was sent" in refused(ask(), toy)


def test_an_expired_certificate_is_refused(toy: ToyHost, tmp_path: Path) -> None:
    with listening(toy, tmp_path, ends=NOW - timedelta(hours=1)) as ask:
        assert "has expired. Nothing was sent" in refused(ask(), toy)


def test_a_file_without_a_certificate_is_told_before_anybody_is_spoken_to(toy: ToyHost, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n", encoding="utf-8")
    with listening(toy, tmp_path) as ask:
        assert "holds no certificate that can be read" in refused(ask(ca=empty), toy)
        assert f"is not there: {tmp_path / 'none.pem'}" in refused(ask(ca=tmp_path / "none.pem"), toy)


def test_plain_http_to_an_https_port_is_told(toy: ToyHost, tmp_path: Path) -> None:
    with listening(toy, tmp_path, auth="ntlm") as ask:
        assert "no WS-Management service answers" in refused(ask(scheme="http"), toy)


def test_https_to_a_plain_port_is_told(server: LabServer, toy: ToyHost) -> None:
    toy.heard.clear()
    place = Endpoint("HV01", "127.0.0.1", server.ports["HV01"], scheme="https", auth="ntlm")
    with HostSession(place, Credential(USER, PASSWORD), clock=SystemClock()) as session:
        assert "no TLS connection" in refused(session, toy)


def test_a_connection_that_ends_after_a_message_was_read_is_not_called_a_handshake(tmp_path: Path) -> None:
    """What the host did with the message is unknown: nobody may say that nothing was sent."""
    authority = Authority(now=NOW)
    (tmp_path / "ca.pem").write_text(authority.pem, encoding="ascii")
    context = serving(authority.identity(["127.0.0.1"]), tmp_path).context
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def read_and_end() -> None:
            with suppress(OSError):
                while True:
                    raw = listener.accept()[0]
                    with context.wrap_socket(raw, server_side=True) as connection:
                        heard.append(connection.recv(65536))
                    raw.close()  # without a word

        threading.Thread(target=read_and_end, daemon=True).start()
        line = partial(
            Line,
            *("127.0.0.1", listener.getsockname()[1]),
            handshake_timeout_s=5,
            username=USER,
            password=PASSWORD,
            ssl=True,
            auth="basic",
            cert_validation=str(tmp_path / "ca.pem"),
        )
        with pytest.raises(SessionLost, match="may still be running"):
            TransportPool(line, host="HV01", clock=FakeClock()).send(b"<Command/>")
    assert len(heard) == 1
    assert b"POST /wsman" in heard[0]


@pytest.mark.parametrize(
    ("error", "handshake"),
    [
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), True),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), True),
        (ConnectionError(ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA]")), True),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), False),
        (ConnectionError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")), False),
        (ConnectionResetError(104, "reset"), False),
    ],
)
def test_what_is_a_handshake_that_failed_and_what_only_an_end(error: OSError, handshake: bool) -> None:
    assert is_tls(error) is handshake
