"""How the hosts of a change are reached: the closed schema of a profile, and what is refused before any byte is sent.

Opens no socket and resolves no secret. To a real host only Kerberos or verified HTTPS is spoken, and hosts are
named, not numbered: no service principal name, hence no ticket, exists for an address.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from snlm_lib.closed import Closed, Literally, checked, is_device_name
from snlm_lib.errors import CredentialError, LabError, ParameterError
from snlm_lib.guests import Address, GuestTarget, Port, is_loopback
from snlm_lib.places import connections_root, lab_descriptor_path
from snlm_lib.yaml_file import read_mapping

__all__ = ["PASSWORDLESS", "Auth", "ConnectionProfile", "GuestTarget", "HostAddress", "connection_profile"]

Alive = Callable[[int, float], bool]
PASSWORDLESS = "signed-on:"
_KINDS = ("env:", "keyring:", "file:", "prompt:", PASSWORDLESS)
_KERBEROS = ("kerberos", "negotiate", "credssp")  # a ticket is asked for the host's name
_WITHOUT_PASSWORD = ("kerberos", "negotiate")  # who is signed on to this machine may use them
_FILES = ("ca", "certificate", "certificate_key")
_DESCRIPTOR = "snlm.lab/1"
_START_LAB = "Start one with 'snlm lab up', or run 'snlm rehearse', which starts one of its own."
_WAYS = (
    "Ways that exist: a user name with a password kept by keyring:, file: or env: (it travels to the source over the"
    " sealed session as -DestinationCredential); or move from a console or RDP session on the source itself, without"
    " snlm; or an endpoint on each host that runs as an account of its own: 'configuration_name' and 'runs_as'"
)


def _reference(value: str) -> str:
    if not value.lower().startswith(_KINDS):
        raise ValueError(f"it must say where the secret is kept: {', '.join(_KINDS[:-1])}, never the secret itself")
    return value


Auth = Literal["kerberos", "negotiate", "credssp", "certificate", "basic", "ntlm"]
Configuration = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Reference = Annotated[str, Field(max_length=500), AfterValidator(_reference)]


class HostAddress(Closed):
    """Where a host's WS-Management service answers, and how we sign on. A file is looked for beside the profile."""

    address: Address = Field(description="full DNS name: Kerberos gives no ticket to an address")
    port: Port = Field(5985, description="TCP port; 5986 is usual for https")
    scheme: Literal["http", "https"] = Field("http", description="with http every message is sealed by the sign-on")
    auth: Auth = Field("kerberos", description="how snlm signs on; what each needs stands below")
    kerberos_name: Address | None = Field(
        None, description="kerberos, negotiate, credssp: the name to ask a ticket for, where `address` is another"
    )
    ca: str | None = Field(
        None, description="https: PEM file with the only authority trusted; without it this machine's own are"
    )
    configuration_name: Configuration = Field(
        "Microsoft.PowerShell", description="session configuration (endpoint) that answers; snlm_lib/jea has some"
    )
    runs_as: Literally | None = Field(
        None,
        description="the named account which that endpoint runs as: on the source it makes the second hop, so that no"
        " -DestinationCredential is sent",
    )
    certificate: str | None = Field(None, description="auth certificate: PEM file with the client certificate")
    certificate_key: str | None = Field(
        None, description="auth certificate: PEM file with its key, unencrypted; without it the same file"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> HostAddress:
        if (self.auth == "certificate") != (self.certificate is not None):
            raise ValueError("'auth: certificate' and 'certificate', the file to show, belong together")
        if self.certificate_key is not None and self.certificate is None:
            raise ValueError("'certificate_key' belongs to a 'certificate'")
        if self.auth == "certificate" and self.scheme != "https":
            raise ValueError("a certificate signs on inside TLS only: say scheme: https")
        if self.kerberos_name is not None and self.auth not in _KERBEROS:
            raise ValueError(f"'kerberos_name' means nothing to {self.auth}: leave it out")
        if self.ca is not None and self.scheme != "https":
            raise ValueError("'ca' means nothing to plain http: leave it out, or say scheme: https")
        if self.runs_as is not None and self.configuration_name == "Microsoft.PowerShell":
            raise ValueError("'runs_as' belongs to a 'configuration_name': the default one runs as who signs on")
        return self


class ConnectionProfile(Closed):
    """How to reach the hosts of a change. ``secret`` fields are references, never secrets.

    ``directory_user`` and ``directory_secret`` are 02's own credential: who may change delegation is
    seldom who may move machines. ``allow_ntlm`` accepts NTLM where negotiate or credssp end in it.
    """

    name: str
    rehearsal: bool = False
    hosts: Annotated[dict[Literally, HostAddress], Field(min_length=1)] = Field(
        description="name, as the change says it -> host"
    )
    directory: str | None = Field(
        None, description="the host where 02 reads and writes delegation: a domain controller, or see the next"
    )
    directory_server: Address | None = Field(
        None, description="where `directory` is a member server: the controller its AD cmdlets are told to ask"
    )
    user: Literally = Field(description="account on both hosts; also for the second hop")
    secret: Reference = Field(description="where its password is kept")
    directory_user: Literally | None = Field(None, description="02's own account; without it 02 signs on as `user`")
    directory_secret: Reference | None = Field(None, description="where that one's password is kept")
    allow_ntlm: bool = Field(False, description="accept NTLM where `negotiate` or `credssp` end in it")
    guests: dict[str, GuestTarget] = Field(default_factory=dict, description="machine -> what the monitor probes")
    controls: dict[Literally, GuestTarget] = Field(
        default_factory=dict,
        description="name -> a neighbour that stays where it is, probed alike: its gap tells a fault of the path",
    )
    vantage: str | None = Field(
        None, description="one of `hosts` that pings the machine too, twice a second: a second look from elsewhere"
    )
    truth_dir: str | None = None
    scenario: str | None = None  # what a lab plays: its moves teach nothing about another one's
    time_factor: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.0  # a lab's clock: simulated s in one s
    krb5_conf: str | None = None  # the lab's realm, where it has one; a real one is known to the machine

    @property
    def lab(self) -> str | None:
        """Whose hosts: a lab's, by its scenario, or None for real ones. What is learnt of one holds there alone."""
        return (self.scenario or "lab") if self.rehearsal else None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> ConnectionProfile:
        folded = [name.casefold() for name in self.hosts]
        for name in self.hosts:
            if folded.count(name.casefold()) > 1:
                raise ValueError(f"host {name!r} stands twice, written differently")
        if self.directory is not None and self.directory.casefold() not in folded:
            raise ValueError(f"'directory' is {self.directory!r}, which 'hosts' does not list")
        if self.vantage is not None and self.vantage.casefold() not in folded:
            raise ValueError(f"'vantage' is {self.vantage!r}, which 'hosts' does not list")
        if (self.directory_user is None) != (self.directory_secret is None):
            raise ValueError("'directory_user' and 'directory_secret' belong together: give both or neither")
        probed = [name.casefold() for name in (*self.guests, *self.controls)]
        for name in self.controls:
            if probed.count(name.casefold()) > 1:
                raise ValueError(f"control {name!r} bears the name of another target: samples tell them by name")
        return self

    @property
    def sign_ons(self) -> tuple[tuple[str, str], ...]:
        """Each user with the reference of its secret."""
        own = self.directory_user, self.directory_secret
        return ((self.user, self.secret), *([(own[0], own[1])] if own[0] and own[1] else []))

    def host(self, name: str) -> HostAddress:
        """The address of ``name``; raises ParameterError when the profile does not list it."""
        for known, address in self.hosts.items():
            if known.casefold() == name.casefold():
                return address
        raise ParameterError(
            f"connection {self.name!r} has no host called {name!r}",
            remedy=f"It knows {', '.join(sorted(self.hosts))}; correct the name, or add the host to the profile.",
        )

    def is_directory(self, name: str) -> bool:
        """Is this the host where the directory is asked?"""
        return self.directory is not None and self.directory.casefold() == name.casefold()

    def hops_alone(self, source: str) -> bool:
        """Does a session on ``source`` reach the destination without a credential given to the cmdlet?"""
        how = self.host(source)
        return how.runs_as is not None or how.auth == "credssp"

    def refuse_one_host(self, source: str, destination: str) -> None:
        """Raise ParameterError for a host that is not listed, and for two names of one host."""
        one, other = self.host(source), self.host(destination)
        if (one.address.casefold(), one.port) == (other.address.casefold(), other.port):
            raise ParameterError(
                f"source {source!r} and destination {destination!r} are one host: {one.address} port {one.port}",
                where=f"connection {self.name!r}",
                remedy="Name two different hosts.",
            )


def connection_profile(
    name: str, environ: Mapping[str, str] = os.environ, *, alive: Alive | None = None
) -> ConnectionProfile:
    """The profile ``name``: the running lab for "lab", else NAME.yaml among the connections.

    ``alive`` says whether the process of an id and a start time still runs (`process.still_runs`).
    Raises LabError when no lab runs, ParameterError when the profile is missing, wrong or weak, and
    CredentialError when it asks for a way to sign on that cannot carry a move.
    """
    if name == "lab":
        return _lab_profile(lab_descriptor_path(environ), alive)
    path = connections_root(environ) / f"{name}.yaml"
    if is_device_name(name) or path.name != f"{name}.yaml":
        raise ParameterError(f"{name[:60]!r} cannot name a connection", remedy="Use letters, digits, - and _.")
    profile = checked(ConnectionProfile, {"name": name, **read_mapping(path)}, where=str(path))
    _refuse_weak(profile, path)
    _refuse_passwordless(profile, str(path))
    beside = {host: how.model_copy(update=_beside(how, path.parent)) for host, how in profile.hosts.items()}
    return profile.model_copy(update={"hosts": beside})


def _beside(how: HostAddress, folder: Path) -> dict[str, str]:
    """A file is where the profile says it is, wherever somebody stands."""
    named = {key: getattr(how, key) for key in _FILES}
    return {key: str(folder / Path(value).expanduser()) for key, value in named.items() if value is not None}


def _refuse_weak(profile: ConnectionProfile, path: Path) -> None:
    lab_only = (profile.rehearsal, profile.truth_dir, profile.krb5_conf, profile.scenario, profile.time_factor != 1)
    if any(lab_only):
        raise ParameterError("only the lab may call itself a rehearsal", where=str(path), remedy="Delete that line.")
    for host, how in profile.hosts.items():
        # CredSSP seals by TLS of its own and, without allow_ntlm, proves the host by Kerberos inside.
        proven = how.auth == "kerberos" or (how.auth == "credssp" and not profile.allow_ntlm)
        if how.scheme == "http" and not proven:
            raise ParameterError(
                f"host {host!r} would be spoken to by {how.auth} over plain HTTP",
                where=str(path),
                remedy="Use auth: kerberos, or scheme: https.",
            )
        named = how.kerberos_name or how.address
        if how.auth in _KERBEROS and not profile.allow_ntlm and _is_number(named):
            raise ParameterError(
                f"host {host!r} has the address {named}, and Kerberos gives tickets to names only",
                where=str(path),
                remedy="Write its full DNS name, as 'address' or as 'kerberos_name'.",
            )


def _is_number(address: str) -> bool:
    try:
        ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    return True


def _refuse_passwordless(profile: ConnectionProfile, where: str) -> None:
    """Who is signed on has no password: hosts must not ask for one, and endpoints must make the second hop."""
    if _is_passwordless(profile.secret):
        movers = [name for name in profile.hosts if not profile.is_directory(name)]
        if not all(profile.hosts[name].runs_as for name in movers):
            raise CredentialError(
                f"{profile.user}: who is signed on to this machine (single sign-on, smartcard, gMSA) has no password,"
                " and 05 needs one for the second hop, from the source to the destination",
                where=where,
                remedy=f"{_WAYS}.",
            )
        _refuse_password_only(profile, profile.user, movers, "secret", where)
    *_, (user, reference) = profile.sign_ons
    if profile.directory is not None and _is_passwordless(reference):
        key = "directory_secret" if profile.directory_user else "secret"
        _refuse_password_only(profile, user, [profile.directory], key, where)


def _refuse_password_only(profile: ConnectionProfile, user: str, hosts: list[str], key: str, where: str) -> None:
    for name in hosts:
        auth = profile.host(name).auth
        if auth not in _WITHOUT_PASSWORD:
            raise CredentialError(
                f"{user}: who is signed on to this machine has no password, and {auth} needs one",
                where=where,
                remedy=f"Say auth: kerberos for {name}, or give '{key}' a reference to a password.",
            )


def _is_passwordless(reference: str) -> bool:
    return reference.lower().startswith(PASSWORDLESS)


def _lab_profile(path: Path, alive: Alive | None) -> ConnectionProfile:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.get("schema", _DESCRIPTOR) != _DESCRIPTOR:
            raise _not_ours(path, f"its schema is not {_DESCRIPTOR}")
        if alive is not None and "pid" in raw and not alive(int(raw["pid"]), float(raw["process_started"])):
            what = f"the lab of this descriptor no longer runs (process {int(raw['pid'])})"
            raise LabError(what, where=str(path), remedy=_START_LAB)
        hosts = {name: {"auth": "ntlm", **at} for name, at in raw["hosts"].items()}
        known = {key: raw[key] for key in ("directory", "user", "secret", "guests", "truth_dir")}
        known |= {"controls": raw.get("controls", {}), "vantage": raw.get("vantage")}
        known |= {"time_factor": raw.get("time_factor", 1.0), "scenario": raw.get("scenario")}
        known["krb5_conf"] = raw.get("domain", {}).get("krb5_conf")
        profile = ConnectionProfile.model_validate({"name": "lab", "rehearsal": True, "hosts": hosts, **known})
        _refuse_elsewhere(profile, path)
        return profile
    except FileNotFoundError:
        raise LabError("no lab is running", where=str(path), remedy=_START_LAB) from None
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _not_ours(path, place or "it contradicts itself") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _not_ours(path, type(error).__name__) from None


def _refuse_elsewhere(profile: ConnectionProfile, path: Path) -> None:
    """A lab is on this machine: what is reached elsewhere is no rehearsal, whatever a file says."""
    places = [*((name, at.address) for name, at in profile.hosts.items()), *_guest_places(profile)]
    for name, address in places:
        if not is_loopback(address):
            raise LabError(
                f"{name!r} would be reached at {address}, which is not this machine",
                where=str(path),
                remedy="A real host needs a connection profile of its own: parameters/connections/README.md.",
            )


def _guest_places(profile: ConnectionProfile) -> list[tuple[str, str]]:
    return [(name, target.address) for name, target in (*profile.guests.items(), *profile.controls.items())]


def _not_ours(path: Path, why: str) -> LabError:
    return LabError(f"not a lab descriptor ({why})", where=str(path), remedy=_START_LAB)
