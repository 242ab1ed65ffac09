"""From a connection profile to sessions: resolves the credentials, as late as can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snlm_lib.clock import Clock
from snlm_lib.errors import ParameterError
from snlm_lib.estate.survey import Estate
from snlm_lib.parameters import ConnectionProfile, Parameters
from snlm_lib.remote.credentials import Credential, resolve
from snlm_lib.remote.session import CommandRecord, Endpoint, HostSession

__all__ = ["Connection", "hop_credential", "open_estate"]

Listener = Callable[[CommandRecord], None]


@dataclass(frozen=True)
class Connection:
    """The sessions of a change, and what they are surveyed as."""

    source: HostSession
    destination: HostSession
    directory: HostSession | None

    @property
    def estate(self) -> Estate:
        """For `snlm_lib.estate.survey`."""
        return Estate(self.source, self.destination, self.directory)

    @property
    def protocols(self) -> dict[str, str | None]:
        """Host -> the authentication really used; None where nothing was asked yet."""
        sessions = (self.source, self.destination, self.directory)
        return {session.host: session.protocol for session in sessions if session is not None}

    def close(self) -> None:
        """Close every session; the next command opens it anew."""
        for session in (self.source, self.destination, self.directory):
            if session is not None:
                session.close()


def open_estate(
    profile: ConnectionProfile, wanted: Parameters, *, clock: Clock, on_command: Listener | None = None
) -> Connection:
    """Sessions on source, destination and directory; nothing is sent before the first command.

    Raises ParameterError for a host the profile does not list or one host named twice,
    CredentialError for a reference that cannot be resolved.
    """
    if wanted.source.casefold() == wanted.destination.casefold():
        raise ParameterError(f"source and destination are both {wanted.source!r}", remedy="Name two different hosts.")
    main = resolve(profile.user, profile.secret)
    own = profile.directory_user and profile.directory_secret
    directory = resolve(str(profile.directory_user), str(profile.directory_secret)) if own else main

    def session(name: str, credential: Credential) -> HostSession:
        at = profile.host(name)
        endpoint = Endpoint(name=name, address=at.address, port=at.port, scheme=at.scheme, auth=at.auth, ca=at.ca)
        return HostSession(endpoint, credential, clock=clock, on_command=on_command)

    return Connection(
        source=session(wanted.source, main),
        destination=session(wanted.destination, main),
        directory=session(profile.directory, directory) if profile.directory else None,
    )


def hop_credential(profile: ConnectionProfile) -> Credential:
    """What ``-DestinationCredential`` carries: the operator's own, opened again on the second hop."""
    return resolve(profile.user, profile.secret)
