"""A toy host behind a listener of one's choice, in process, and the session that a client would open on it."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from snlm_lib.clock import SystemClock
from snlm_lib.lab.accounts import Accounts
from snlm_lib.lab.kerberos import Kerberos
from snlm_lib.lab.samba import SambaDomain
from snlm_lib.lab.server import LabServer, Wire
from snlm_lib.lab.tls import Authority, serving
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import Endpoint, HostSession
from tests.lab.toy_host import ToyHost

__all__ = ["FQDN", "PASSWORD", "USER", "Listener", "between", "listening"]

FQDN = "hv01.corp.example"
USER, PASSWORD = "CORP\\operator", "Lab-Passw0rd"


@dataclass
class Listener:
    """What stands there, and how to reach it; ``session`` opens one with what differs from the right way."""

    port: int
    folder: Path
    host: ToyHost
    server: LabServer
    tls: bool
    ends: ExitStack = field(default_factory=ExitStack)

    def session(
        self, auth: str, *, user: str = USER, password: str | None = PASSWORD, real: bool = False, **place: Any
    ) -> HostSession:
        told = {"scheme": "https" if self.tls else "http", "auth": auth, **place}
        port = told.pop("port", self.port)
        told.setdefault("ca", str(self.folder / "ca.pem") if told["scheme"] == "https" else None)
        if auth == "certificate":
            told.setdefault("certificate", str(self.folder / "me.pem"))
        endpoint = Endpoint("HV01", "127.0.0.1", port, **told, allow_ntlm=not real)
        return self.ends.enter_context(HostSession(endpoint, Credential(user, password), clock=SystemClock()))


@contextmanager
def listening(
    folder: Path,
    *offers: str,
    tls: bool = False,
    realm: SambaDomain | None = None,
    accounts: Accounts | None = None,
    names: tuple[str, ...] = ("127.0.0.1",),
    ends: datetime | None = None,
    bearer: str = USER,
    **wire: Any,
) -> Iterator[Listener]:
    """The toy host HV01 as a listener that takes ``offers``; its authority is folder/ca.pem, ``bearer``'s
    certificate folder/me.pem, and an operator's of another authority folder/other.pem."""
    now = SystemClock().utc_now()
    authority = Authority(now=now)
    identity = authority.identity(names, begins=ends - timedelta(days=1) if ends else None, ends=ends)
    (folder / "ca.pem").write_text(authority.pem, encoding="ascii")
    (folder / "me.pem").write_text(authority.client(bearer).pem, encoding="ascii")
    (folder / "other.pem").write_text(Authority(now=now).client(USER).pem, encoding="ascii")
    clients = authority.pem if "certificate" in offers else None
    kerberos = Kerberos(realm.name, realm.krb5_conf, realm.keytab) if realm else None
    host = ToyHost("HV01")
    server = LabServer(
        [host],
        users=accounts or Accounts({USER: PASSWORD}, realm="CORP.EXAMPLE"),
        state_dir=folder,
        wire=Wire(
            offers=offers, tls=serving(identity, folder, clients=clients) if tls else None, kerberos=kerberos, **wire
        ),
    )
    server.start()
    made = Listener(server.ports["HV01"], folder, host, server, tls)
    try:
        with made.ends:
            yield made
    finally:
        server.close()


@contextmanager
def between(port: int, folder: Path) -> Iterator[tuple[int, Path]]:
    """A proxy that opens TLS: speaks it to both sides, with a certificate of an authority of its own.

    Gives its port, and a file that has a client trust it.
    """
    authority = Authority(now=SystemClock().utc_now())
    trusted = folder / "proxy-ca.pem"
    trusted.write_text(authority.pem, encoding="ascii")
    near = serving(authority.identity(["127.0.0.1"]), folder).context
    far = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as ends:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    arrived = ends.enter_context(listener.accept()[0])
                    threading.Thread(target=carry, args=(arrived,), daemon=True).start()

        def carry(arrived: socket.socket) -> None:
            with suppress(OSError):  # a client that only looks whether somebody listens speaks no TLS
                client = ends.enter_context(near.wrap_socket(arrived, server_side=True))
                raw = socket.create_connection(("127.0.0.1", port))
                host = ends.enter_context(far.wrap_socket(raw, server_hostname="127.0.0.1"))
                while _carried(client, host):
                    pass

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], trusted


def _carried(*pair: ssl.SSLSocket) -> bool:
    """Pass on what has come, from either side; False when one has ended. One thread: OpenSSL stands no two at once."""
    for one in select.select(pair, (), ())[0]:
        one.settimeout(0)
        try:
            while data := one.recv(65536):
                other = pair[1] if one is pair[0] else pair[0]
                other.settimeout(5)
                other.sendall(data)
            return False
        except ssl.SSLWantReadError:
            continue  # all of it, or a record that is not whole yet
    return True
