"""A real Active Directory domain for the lab: Samba as its domain controller and KDC, on a loopback address.

Provisioned once into a folder (some seconds), copied from there and started (half a second), it ends with the
lab: its input is a pipe of ours. Knows no host of the lab and no wire. Facts: Samba 4.17 of Debian 12.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from snlm_lib.clock import Clock
from snlm_lib.errors import LabError
from snlm_lib.lab.companion import Companion, end_attended
from snlm_lib.lab.directory import Directory
from snlm_lib.lab.directory_memory import MemoryDirectory
from snlm_lib.lab.samba_directory import Controller, SambaDirectory
from snlm_lib.lab.tls import Authority
from snlm_lib.process import attend, write_private

__all__ = ["SambaDomain", "SambaTemplate", "why_not"]

_SAMBA = Path("/usr/sbin/samba")
_PYTHON = Path("/usr/bin/python3")  # the distribution's: Samba's modules are nowhere else
_RUN = (str(_PYTHON), "-I")  # isolated: the folder of a script, with our samba.py, is not searched
_HERE = Path(__file__).parent
_UNPLACED = "127.88.0.1"  # stands in a template's smb.conf until a copy gets an address of its own
_PORTS = (88, 389, 636)
_SERVE = ("-i", "-M", "single", "--no-process-group", "--maximum-runtime=86400")
_READY_S, _POLL_S = 30.0, 0.02
_LOG_TAIL = 400
_LONGEST_PATH = 64  # a socket's path ends at 108 characters, and Samba adds its own
_REMEDY = "Say 'directory: memory', or mend that (.ci/run installs what it takes)."
_KRB5_CONF = """\
[libdefaults]
 default_realm = {realm}
 dns_lookup_realm = false
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
 rdns = false
 qualify_shortname = ""
 udp_preference_limit = 1
 forwardable = true
[realms]
 {realm} = {{
  kdc = {address}
  admin_server = {address}
 }}
[domain_realm]
 .{dns} = {realm}
{hosts}
"""


@cache
def why_not(program: Path = _SAMBA) -> str | None:
    """Why Samba cannot be the directory on this machine, in a sentence; None when it can."""
    if platform.system() != "Linux":
        return "only on Linux does Samba serve as a domain controller"
    if not program.exists() or not _PYTHON.exists():
        return f"Samba's domain controller is not installed ({program})"
    if importlib.util.find_spec("gssapi") is None:
        return "the Python package gssapi is not installed (it needs libkrb5-dev to build)"
    look = attend([*_RUN, "-c", "import samba.provision, samba.dckeytab"], log=Path(os.devnull))
    end_attended(look)
    if look.returncode != 0:
        return f"{_PYTHON} has no Samba modules"
    try:
        _free_address()
    except LabError as error:
        return error.what
    return None


@dataclass(frozen=True)
class SambaTemplate:
    """A provisioned domain that nobody has started: the same SIDs and keys for every copy. Holds secrets."""

    folder: Path
    netbios: str
    dns: str
    controller: str
    hosts: Mapping[str, str]  # name -> fully qualified
    passwords: Mapping[str, str] = field(repr=False)

    @property
    def realm(self) -> str:
        return self.dns.upper()

    @classmethod
    def provision(
        cls, domain: MemoryDirectory, folder: Path, *, lack: Callable[[], str | None] = why_not
    ) -> SambaTemplate:
        """Make the domain described by ``domain`` in the new ``folder``. Raises LabError, with what we ``lack``."""
        reason = lack()
        if reason is not None:
            raise LabError(f"a Samba directory cannot be had here: {reason}", where="directory", remedy=_REMEDY)
        if len(str(folder.resolve())) > _LONGEST_PATH:
            raise LabError("too long a path for Samba's sockets", where=str(folder), remedy="Take a shorter one.")
        folder.mkdir(parents=True, mode=0o700)
        hosts = {account.name: account.dns_host_name for account in domain.accounts.values()}
        passwords = {name: user.password for name, user in domain.users.items()}
        made = cls(folder.resolve() / "dc", domain.netbios, domain.dns, domain.controller, hosts, passwords)
        log = folder / "provision.log"
        child = attend([*_RUN, str(_HERE / "samba_seed.py")], log=log)
        child.communicate(json.dumps(made._wanted(domain)).encode())
        if child.returncode != 0:
            raise LabError(f"Samba was not provisioned: {_tail(log)}", where=str(log), remedy="Read this log.")
        return made

    def _wanted(self, domain: MemoryDirectory) -> dict[str, object]:
        return {
            "folder": str(self.folder),
            "address": _UNPLACED,
            "netbios": self.netbios,
            "realm": self.realm,
            "controller": self.controller,
            "admin_password": _password(),
            "computers": [
                {
                    "name": account.name,
                    "dns": account.dns_host_name,
                    "dn": account.distinguished_name,
                    "names": account.service_principal_names,
                    "delegate_to": account.delegate_to,
                    "flags": account.user_account_control,
                    "password": _password(),
                }
                for account in domain.accounts.values()
            ],
            "users": [{**vars(user), "rights": sorted(user.rights)} for user in domain.users.values()],
        }


class SambaDomain:
    """One running domain controller, a copy of a template in the new ``folder``, at an address of its own."""

    def __init__(self, template: SambaTemplate, folder: Path, *, clock: Clock) -> None:
        self.template, self._clock = template, clock
        self._folder = folder.resolve()
        self.name, self.netbios = template.realm, template.netbios
        self.passwords = template.passwords
        self.address = _free_address()
        self.krb5_conf = self._folder / "krb5.conf"
        self.keytab = self._folder / "keys" / "all.keytab"
        self._replicas: list[SambaDomain] = []
        self._configure()
        self._log = self._folder / "samba.log"
        self._server = attend([str(_SAMBA), *_SERVE, "-s", str(self._configuration)], log=self._log)
        self._helpers: list[Companion] = []
        try:
            self._wait_until_ready()
            self.directory: Directory = SambaDirectory(self._controller())
        except BaseException:
            self.stop()
            raise

    @classmethod
    @contextmanager
    def started(cls, domain: MemoryDirectory, folder: Path, *, clock: Clock) -> Iterator[SambaDomain]:
        """Provision ``domain`` below ``folder`` and run it for as long as the block lasts. Raises LabError."""
        try:
            running = cls(SambaTemplate.provision(domain, folder / "template"), folder / "dc", clock=clock)
            try:
                yield running
            finally:
                running.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keytab_of(self, host: str) -> Path:
        """The keys of one host: host/, HTTP/, WSMAN/ of it, and the account itself."""
        return self._folder / "keys" / f"{host}.keytab"

    @property
    def environ(self) -> dict[str, str]:
        """What a process must have in its environment before it loads a Kerberos library."""
        return {"KRB5_CONFIG": str(self.krb5_conf), "KRB5_KTNAME": f"FILE:{self.keytab}", "KRB5CCNAME": "MEMORY:"}

    def replica(self) -> SambaDomain:
        """Another controller of the same domain, as it was provisioned; it ends with this one."""
        folder = self._folder.with_name(f"{self._folder.name}-replica-{len(self._replicas) + 1}")
        found = SambaDomain(self.template, folder, clock=self._clock)
        self._replicas.append(found)
        return found

    def stop(self) -> None:
        """End the controller, its helpers and its replicas; safe to call twice."""
        for replica in self._replicas:
            replica.stop()
        for helper in self._helpers:
            helper.close()
        end_attended(self._server)

    # -- start ----------------------------------------------------------------------------------

    @property
    def _configuration(self) -> Path:
        return self._folder / "etc" / "smb.conf"

    def _configure(self) -> None:
        """The template's copy under its own path and address, with a certificate and Kerberos settings for them."""
        template = self.template
        shutil.copytree(template.folder, self._folder)
        text = self._configuration.read_text(encoding="utf-8").replace(str(template.folder), str(self._folder))
        self._configuration.write_text(text.replace(_UNPLACED, self.address), encoding="utf-8")
        hosts = "\n".join(f" {name.lower()} = {template.realm}" for name in template.hosts)
        settings = _KRB5_CONF.format(realm=template.realm, address=self.address, dns=template.dns, hosts=hosts)
        self.krb5_conf.write_text(settings, encoding="ascii")
        authority = Authority(now=self._clock.utc_now(), name="snlm lab, its domain")
        names = [template.hosts[template.controller], template.controller.lower(), self.address]
        pem = authority.identity(names).pem
        certificate = pem.index("-----BEGIN CERTIFICATE")
        folder = self._folder / "private" / "tls"
        folder.mkdir(exist_ok=True)
        (folder / "ca.pem").write_text(authority.pem, encoding="ascii")
        (folder / "cert.pem").write_text(pem[certificate:], encoding="ascii")
        write_private(folder / "key.pem", pem[:certificate])

    def _wait_until_ready(self) -> None:
        end = self._clock.monotonic_s() + _READY_S
        waiting = list(_PORTS)
        while waiting:
            if self._server.poll() is not None or self._clock.monotonic_s() > end:
                text = f"Samba did not answer at {self.address}: {_tail(self._log)}"
                raise LabError(text, where=str(self._log), remedy="Read this log.")
            waiting = [port for port in waiting if not _answers(self.address, port)]
            self._clock.sleep(_POLL_S if waiting else 0)

    def _controller(self) -> Controller:
        keeper = [*_RUN, str(_HERE / "samba_keeper.py"), str(self._configuration), self.address]
        tickets = [sys.executable, "-m", "snlm_lib.lab.samba_tickets"]
        for argv, environ in ((keeper, {}), (tickets, self.environ)):
            self._helpers.append(Companion(argv, log=self._folder / "helpers.log", environ=environ))
        return Controller(
            netbios=self.netbios,
            dns=self.template.dns,
            realm=self.name,
            passwords=self.passwords,
            keytab_of=self.keytab_of,
            keeper=self._helpers[0],
            tickets=self._helpers[1],
            replica=lambda: self.replica().directory,
        )


def _free_address() -> str:
    """A loopback address on which nobody holds the ports of a domain controller, which cannot be moved."""
    start = os.getpid()
    for step in range(240):
        address = f"127.88.0.{10 + (start + step) % 240}"
        try:
            for port in _PORTS:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
        except PermissionError as error:
            raise LabError("only root may open the ports 88 and 389", where="directory", remedy=_REMEDY) from error
        except OSError:
            continue
        return address
    raise LabError("no loopback address is free", where="127.88.0.0/24", remedy="End other labs.")


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False


def _password() -> str:
    return f"aA1!{secrets.token_urlsafe(18)}"


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-_LOG_TAIL:] or "it said nothing"
