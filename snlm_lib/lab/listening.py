"""How each host of a scenario is spoken to: listeners, certificates, and the descriptor's word of it. Knows no HTTP.

A listener is as the host was set up, well or badly: what it offers, whose certificate it shows, how far its clock is
off. The lab's authority lives as long as the lab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from snlm_lib.clock import Clock
from snlm_lib.errors import LabError
from snlm_lib.lab.jea import shipped_endpoint
from snlm_lib.lab.kerberos import Kerberos
from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT
from snlm_lib.lab.server import Wire
from snlm_lib.lab.tls import Authority, Tls, serving
from snlm_lib.lab.wire_spec import ADMINISTRATORS, WireSpec
from snlm_lib.lab.world import LabHost
from snlm_lib.process import write_private

__all__ = ["Listening"]

_BY_TICKET = ("kerberos", "negotiate", "credssp")


class Listening:
    """The wires of a lab. ``specs``: host -> how it is spoken to."""

    def __init__(
        self,
        specs: Mapping[str, WireSpec],
        hosts: Sequence[LabHost],
        folder: Path,
        *,
        clock: Clock,
    ) -> None:
        self._specs = specs
        self._hosts = {host.name: host for host in hosts}
        self._folder = folder
        self._clock = clock
        self._kerberos: Kerberos | None = None

    def wire(self, ports: Mapping[str, int], *, operator: str, kerberos: Kerberos | None = None) -> Wire:
        """For the server; writes the authority's certificate, and ``operator``'s where one is asked for.

        Raises LabError when a host takes nothing but Kerberos and there is no realm.
        """
        self._kerberos = kerberos
        lost = [name for name, spec in self._specs.items() if set(spec.ways) == {"kerberos"}]
        if lost and kerberos is None:
            raise LabError(
                f"{lost[0]} takes nothing but Kerberos, and this lab has no realm",
                remedy="Say domain: {directory: samba}.",
            )
        if any(spec.scheme == "https" for spec in self._specs.values()):
            (self._folder / "ca.pem").write_text(self._authority.pem, encoding="ascii")
        if any("certificate" in spec.ways for spec in self._specs.values()):
            write_private(self._client_file, self._authority.client(operator).pem)
        return Wire(ports=ports, by_host={name: self._own(name) for name in self._specs}, kerberos=self._kerberos)

    def entry(self, name: str) -> dict[str, object]:
        """What the descriptor says of a host beside its address."""
        spec = self._specs[name]
        entry: dict[str, object] = {"scheme": spec.scheme, "auth": spec.auth}
        if spec.scheme == "https":
            entry["ca"] = str((self._folder / "ca.pem").resolve())
        if spec.auth == "certificate":
            entry["certificate"] = str(self._client_file.resolve())
        if self._kerberos is not None and spec.auth in _BY_TICKET:
            entry["kerberos_name"] = self._hosts[name].fqdn
        if spec.configuration != ADMINISTRATORS:
            entry |= self._endpoint(name, spec.configuration)
        return entry

    def _endpoint(self, name: str, configuration: str) -> dict[str, object]:
        """The session configuration, and the account it runs as when that has a name."""
        endpoint = shipped_endpoint(self._hosts[name].kind, configuration)
        if endpoint is None:
            where = f"hosts.{name}.wire.configuration"
            raise LabError(f"{name} has no session configuration {configuration!r}", where=where)
        named = endpoint.run_as != VIRTUAL_ACCOUNT
        return {"configuration_name": configuration, **({"runs_as": endpoint.run_as} if named else {})}

    def forget(self) -> None:
        """Take the client's key away."""
        self._client_file.unlink(missing_ok=True)

    @property
    def _client_file(self) -> Path:
        return self._folder / "operator.pem"

    @cached_property
    def _authority(self) -> Authority:
        return Authority(now=self._clock.utc_now())

    def _own(self, name: str) -> Wire:
        spec = self._specs[name]
        tls = self._tls(name, spec) if spec.scheme == "https" else None
        return Wire(offers=spec.ways, tls=tls, clock_skew_s=self._hosts[name].clock_offset_s, page=spec.page)

    def _tls(self, name: str, spec: WireSpec) -> Tls:
        now = self._clock.utc_now()
        authority = Authority(now=now) if spec.certificate == "other-authority" else self._authority
        names: Sequence[str] = ("127.0.0.1", "localhost", name.lower(), self._hosts[name].fqdn)
        if spec.certificate == "other-name":
            names = (f"other.{self._hosts[name].fqdn.partition('.')[2]}",)
        begins = now + timedelta(days=1) if spec.certificate == "early" else None
        ends = now - timedelta(hours=1) if spec.certificate == "expired" else None
        clients = self._authority.pem if "certificate" in spec.ways else None
        return serving(authority.identity(names, begins=begins, ends=ends), self._folder, clients=clients)
