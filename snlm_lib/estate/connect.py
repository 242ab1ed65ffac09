"""From a connection profile to sessions: resolves the credentials, as late as can be.

A session on a real host refuses to work when the sign-on silently ended in a weaker protocol than was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from snlm_lib.clock import Clock
from snlm_lib.estate.reads import AT_ONCE
from snlm_lib.estate.survey import Estate
from snlm_lib.parameters import ConnectionProfile, Parameters
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential, ask_in_notebook, resolve
from snlm_lib.remote.line import use_krb5_conf
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.session import CommandRecord, Endpoint, HostSession, Result

__all__ = ["AtServer", "Connection", "open_estate"]

Listener = Callable[[CommandRecord], None]


@dataclass(frozen=True)
class AtServer:
    """A session on a member server whose AD cmdlets are told which controller to ask, and as whom."""

    session: HostSession
    server: str
    credential: Credential

    @property
    def host(self) -> str:
        """The member server."""
        return self.session.host

    @property
    def user(self) -> str:
        """Who asks the controller."""
        return self.credential.user

    @property
    def protocol(self) -> str | None:
        """As `HostSession.protocol`."""
        return self.session.protocol

    def open(self) -> None:
        """As `HostSession.open`."""
        self.session.open()

    def invoke(self, pipeline: Pipeline, *, accept: Sequence[str] = ()) -> Result:
        """As `HostSession.invoke`; what is no AD cmdlet is asked of the member server itself."""
        asked = commands.at_server(pipeline, self.server, self.credential) if "-AD" in pipeline.name else pipeline
        return self.session.invoke(asked, accept=accept)

    def close(self) -> None:
        """As `HostSession.close`."""
        self.session.close()


@dataclass(frozen=True)
class Connection:
    """The sessions of a change, and what they are surveyed as."""

    source: HostSession
    destination: HostSession
    directory: HostSession | AtServer | None
    hop: Credential | None = None  # what cmdlets on the source are given for the destination; None: nothing
    vantage: HostSession | None = None  # a session of its own: what is asked there holds up nothing here

    @property
    def estate(self) -> Estate:
        """For `snlm_lib.estate.survey`."""
        return Estate(self.source, self.destination, self.directory, self.hop)

    @property
    def protocols(self) -> dict[str, str | None]:
        """Host -> the authentication really used; None where nothing was asked yet."""
        sessions = (self.source, self.destination, self.directory)
        return {session.host: session.protocol for session in sessions if session is not None}

    @property
    def accounts(self) -> dict[str, str]:
        """Host -> the account we signed on with there."""
        sessions = (self.source, self.destination, self.directory)
        return {session.host: session.user for session in sessions if session is not None}

    def close(self) -> None:
        """Close every session; the next command opens it anew."""
        for session in (self.vantage, self.source, self.destination, self.directory):
            if session is not None:
                session.close()


def open_estate(
    profile: ConnectionProfile, wanted: Parameters, *, clock: Clock, on_command: Listener | None = None
) -> Connection:
    """Sessions on source, destination and directory; nothing is sent before the first command.

    Raises ParameterError for a host the profile does not list or one host named twice,
    CredentialError for a reference that cannot be resolved.
    """
    profile.refuse_one_host(wanted.source, wanted.destination)
    main, *own = (resolve(user, secret, prompt=ask_in_notebook) for user, secret in profile.sign_ons)
    directory = own[0] if own else main
    if profile.krb5_conf is not None:
        use_krb5_conf(profile.krb5_conf)
    allow_ntlm = profile.rehearsal or profile.allow_ntlm

    def session(name: str, credential: Credential, at_once: int = AT_ONCE) -> HostSession:
        at = profile.host(name)
        shown = at.model_dump(exclude={"address", "port", "runs_as"})
        endpoint = Endpoint(name, at.address, at.port, **shown, allow_ntlm=allow_ntlm)
        return HostSession(endpoint, credential, clock=clock, on_command=on_command, at_once=at_once)

    seen_from = profile.vantage
    return Connection(
        source=session(wanted.source, main),
        destination=session(wanted.destination, main),
        directory=_asked(session(profile.directory, directory, 1), directory, profile) if profile.directory else None,
        hop=None if profile.hops_alone(wanted.source) or main.password is None else main,
        vantage=session(seen_from, directory if profile.is_directory(seen_from) else main, 1) if seen_from else None,
    )


def _asked(session: HostSession, credential: Credential, profile: ConnectionProfile) -> HostSession | AtServer:
    """Where the directory is asked. A user without a password has none to give to the cmdlets."""
    if profile.directory_server is None or credential.password is None:
        return session
    return AtServer(session, profile.directory_server, credential)
