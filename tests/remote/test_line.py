"""Where NTLM is not allowed, only what is surely Kerberos carries a message. SSPI's words are played, not raised."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from pypsrp.exceptions import AuthenticationError

from snlm_lib.remote.line import FellBack, Line, NotWsman

MESSAGE = b"<s:Envelope/>"


@dataclass
class Session:
    """Lets everybody in, by a security context of one's choice, and remembers each request's body."""

    context: object
    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[bytes | None] = field(default_factory=list)

    @property
    def auth(self) -> object:
        return SimpleNamespace(contexts={} if self.context is None else {"hv01": self.context})

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        return request.prepare()

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        self.bodies.append(request.body if isinstance(request.body, bytes) else None)
        return answer(200)


def answer(status: int, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    response._content = b""
    return response


def spnego(name: str | None, *, complete: bool = True) -> SimpleNamespace:
    return SimpleNamespace(negotiated_protocol=name, complete=complete)


def line(context: object, *, auth: str = "negotiate", allow_ntlm: bool = False) -> tuple[Line, Session]:
    made = Line(
        "hv01", 5986, handshake_timeout_s=1, allow_ntlm=allow_ntlm, auth=auth, ssl=True, username="u", password="p"
    )
    session: Any = Session(context)
    made.session = session
    return made, session


@pytest.mark.parametrize("name", ["kerberos", "Kerberos"])
def test_kerberos_of_a_finished_context_carries_the_message(name: str) -> None:
    made, session = line(spnego(name))
    made.send(MESSAGE)
    assert session.bodies == [None, MESSAGE]  # over TLS too it is known before


def test_so_it_does_inside_credssp() -> None:
    made, session = line(SimpleNamespace(_context=spnego("kerberos")), auth="credssp")
    made.send(MESSAGE)
    assert session.bodies == [None, MESSAGE]
    assert made.protocol == "https+credssp+kerberos"


@pytest.mark.parametrize(
    ("context", "ntlm"),
    [
        (spnego("ntlm"), True),
        (spnego("NTLM"), True),
        (spnego("negotiate"), False),
        (spnego("Negotiate"), False),
        (spnego("nego2"), False),
        (spnego("kerberos", complete=False), False),
    ],
)
def test_whatever_else_does_not(context: object, ntlm: bool) -> None:
    made, session = line(context)
    for _ in range(2):
        with pytest.raises(FellBack) as refused:
            made.send(MESSAGE)
        assert refused.value.took_ntlm is ntlm
    assert session.bodies == [None]


@pytest.mark.parametrize("context", [None, spnego(None)])
def test_who_lets_us_in_without_asking_who_we_are_hears_no_message(context: object) -> None:
    made, session = line(context)
    with pytest.raises(NotWsman):
        made.send(MESSAGE)
    assert session.bodies == [None]


def test_where_it_is_allowed_nothing_is_asked_ahead() -> None:
    for made, session in (line(spnego("ntlm"), allow_ntlm=True), line(None, auth="basic"), line(None, auth="kerberos")):
        made.send(MESSAGE)
        assert session.bodies == [MESSAGE]


def test_a_message_is_not_carried_along_when_the_host_asks_anew() -> None:
    asked = answer(401, **{"WWW-Authenticate": "Negotiate, NTLM"})
    strict, _ = line(spnego("kerberos"))
    assert strict._look(lambda *_: asked, None, None) is asked  # the sign-on itself
    strict.send(MESSAGE)
    with pytest.raises(AuthenticationError):
        strict._look(lambda *_: asked, None, None)
    easy, _ = line(spnego("ntlm"), allow_ntlm=True)
    easy.send(MESSAGE)
    assert easy._look(lambda *_: asked, None, None) is asked
    assert easy.seen.offered == ("negotiate", "ntlm")
