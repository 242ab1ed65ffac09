"""One runspace pool on one host over unmodified pypsrp, made safe for threads; knows no cmdlet.

pypsrp's pool-level receive takes the host's "nothing yet" for a failure, its errors are its own, and
what it cannot read ends in its parsers' errors: all three end here.
"""

from __future__ import annotations

import binascii
import logging
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from pypsrp.complex_objects import PSInvocationState, RunspacePoolState
from pypsrp.exceptions import WinRMError, WSManFaultError
from pypsrp.powershell import RunspacePool
from pypsrp.shell import SignalCode
from pypsrp.wsman import WSMan

from snlm_lib.clock import Clock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, RemoteError, SessionLost
from snlm_lib.remote.clixml import PlainSerializer, Unreadable
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.encode import encode, has_secret
from snlm_lib.remote.fragments import PlainFragmenter
from snlm_lib.remote.line import Line
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.reach import look
from snlm_lib.remote.sending import NOT_THERE, NotBegun, SentPipeline, after_sending
from snlm_lib.remote.tls import check_authority, check_certificate
from snlm_lib.remote.transport import LOOK_FIRST, TransportPool

__all__ = ["Endpoint", "Shell"]

_NOTHING_YET = 2150858793  # OperationTimeout passed with nothing to send: ask again
_ACCESS_DENIED = 5
_NO_CONFIGURATION = 2150858752
ADMINISTRATORS = "Microsoft.PowerShell"  # the session configuration that every host has
_READ_TIMEOUT_S = 30.0
_HOSTS_SHARE = 2 / 3  # of the read timeout: the host's own limit must end first, or its answer is cut off
_PATIENCE_S = 60
_OPENINGS = 3  # an opening whose answer is lost leaves a shell to its idle timeout, and another is opened
_RUNSPACES = 8
_DONE = (PSInvocationState.COMPLETED, PSInvocationState.STOPPED, PSInvocationState.FAILED)
_ASK_AGAIN = "Ask again: a new session opens by itself"


@dataclass(frozen=True)
class Endpoint:
    """Where and how a host is reached. ``name`` is the operator's; ``scheme`` http or https;
    ``auth`` ntlm, negotiate, kerberos, credssp or, under https only, basic or certificate (a PEM file, its
    key in another or in the same); ``kerberos_name``: whose ticket to ask for, None: the address's;
    ``configuration_name`` the session configuration; ``ca`` the only authorities trusted (a PEM file),
    None: those of this machine; ``read_timeout_s``: a host that is silent for longer is lost;
    ``allow_ntlm``: may negotiate and credssp end in NTLM?"""

    name: str
    address: str
    port: int
    scheme: str = "http"
    auth: str = "negotiate"
    configuration_name: str = ADMINISTRATORS
    ca: str | None = None
    read_timeout_s: float = _READ_TIMEOUT_S
    kerberos_name: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    allow_ntlm: bool = True


class Shell:
    """An open runspace pool. Every method raises RemoteError's kinds only.

    ``known``: the host has opened one for this credential before; if it is away now, it restarts, and is waited for.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credential: Credential,
        *,
        clock: Clock,
        connect_timeout_s: float,
        at_once: int = 1,
        known: bool = False,
    ) -> None:
        self.host = endpoint.name
        self._configuration = endpoint.configuration_name
        self._clock = clock
        self._key_lock = threading.Lock()
        # pypsrp writes whole envelopes, passwords' carriers included, when its logger is let
        # speak; whatever it has to say of errors is said by ours.
        for chatty in ("pypsrp", "spnego"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)
        check_authority(endpoint.ca, host=self.host)
        check_certificate(endpoint.certificate, endpoint.certificate_key, host=self.host)
        if not known:
            look(self.host, endpoint.address, endpoint.port, clock=clock, timeout_s=connect_timeout_s)
        self._transport = TransportPool(
            lambda: _line(endpoint, credential, connect_timeout_s), host=self.host, clock=clock, known=known
        )
        self._transport.sign_on_ahead(at_once - 1)
        self._last_words = ThreadPoolExecutor(1, thread_name_prefix=f"terminate-{self.host}")
        self._pool = self._opened(endpoint)

    @property
    def protocol(self) -> str | None:
        """The protocol really used: "ntlm", "kerberos", under TLS "https+basic" and the like."""
        return self._transport.protocol

    def begin(self, pipeline: Pipeline) -> SentPipeline:
        """Send the pipeline; it runs when this returns. Raises NotBegun when it certainly does not run."""
        if has_secret(pipeline):
            self._exchange_keys()
        with self._translated(changes=pipeline.changes):
            running = SentPipeline(self._pool, host=self.host)
            for command in pipeline.commands:
                running.add_cmdlet(command.name)
                for name, value in command.parameters.items():
                    running.add_parameter(name, encode(value))
            running.begin_invoke()
            return running

    def poll(self, running: SentPipeline) -> bool:
        """Wait for the next answer, at most 20 s; True when the pipeline has ended."""
        with after_sending(self.host), self._translated():
            running.poll_invoke()
        return running.state in _DONE

    def stop(self, running: SentPipeline) -> None:
        """Ask the host to stop it. The end comes through `poll`; a pipeline gone meanwhile is no error."""
        with suppress(WSManFaultError), after_sending(self.host), self._translated(faults=False):
            self._pool.shell.signal(SignalCode.PS_CTRL_C, _command_id(running))

    def finish(self, running: SentPipeline) -> None:
        """Let the host forget the pipeline, without making anybody wait: what it left is already here."""
        self._pool.pipelines.pop(running.id, None)
        with suppress(RuntimeError):  # the shell is being closed, and takes its pipelines along
            self._last_words.submit(self._terminate, _command_id(running))

    def _terminate(self, command_id: str) -> None:
        with suppress(RemoteError, WinRMError):
            self._pool.shell.signal(SignalCode.TERMINATE, command_id)

    def close(self) -> None:
        """Delete the shell on the host and close every connection; never raises."""
        self._transport.hurry()
        self._last_words.shutdown(wait=False, cancel_futures=True)
        with suppress(RemoteError, WinRMError):
            self._pool.close()
        self._transport.close()

    def _opened(self, endpoint: Endpoint) -> RunspacePool:
        """Open a pool; no command was sent yet, so a lost answer puts nothing in doubt."""
        try:
            for left in reversed(range(_OPENINGS)):
                pool = self._new_pool(endpoint)
                try:
                    with self._translated(opening=True):
                        self._patiently(pool, pool.open, partial(_is_open, pool))
                    return pool
                except SessionLost as lost:
                    if not left:
                        raise HostUnreachable(
                            lost.what, host=self.host, remedy="Try again; nothing was sent yet"
                        ) from None
            raise AssertionError("an opening returns or raises")
        except RemoteError:
            self._transport.close()
            raise

    def _new_pool(self, endpoint: Endpoint) -> RunspacePool:
        wsman = WSMan(
            endpoint.address,
            port=endpoint.port,
            username="",
            password="",
            ssl=endpoint.scheme == "https",
            auth=endpoint.auth,
            no_proxy=True,
            operation_timeout=endpoint.read_timeout_s * _HOSTS_SHARE,  # type: ignore[arg-type]  # goes into PT20S
        )
        wsman.transport = self._transport  # type: ignore[assignment]  # same methods, by intent
        pool = RunspacePool(wsman, configuration_name=endpoint.configuration_name, max_runspaces=_RUNSPACES)
        serializer = PlainSerializer()
        pool._serializer = serializer
        pool._fragmenter = PlainFragmenter(wsman.max_payload_size, serializer)
        return pool

    def _exchange_keys(self) -> None:
        """Once a pool, before the first secret. Whatever is lost here: the secret's command was not sent."""
        with self._key_lock:
            if self._pool._key_exchanged:
                return
            try:
                with self._translated():
                    self._patiently(self._pool, self._pool.exchange_keys, lambda: self._pool._key_exchanged)
            except SessionLost as lost:
                raise NotBegun(lost.what, host=self.host, remedy=_ASK_AGAIN) from None

    def _patiently(self, pool: RunspacePool, act: Callable[[], object], done: Callable[[], bool]) -> None:
        """Do ``act``, and go on receiving for the pool while the host says only "nothing yet"."""
        deadline_s = self._clock.monotonic_s() + _PATIENCE_S
        while True:
            try:
                act()
            except WSManFaultError as fault:
                if fault.code != _NOTHING_YET or self._clock.monotonic_s() > deadline_s:
                    raise
            if done():
                return
            act = pool._receive

    @contextmanager
    def _translated(self, *, opening: bool = False, changes: bool = True, faults: bool = True) -> Iterator[None]:
        """pypsrp's errors as ours. ``opening``: no command was sent yet; ``changes``: one that may
        alter something was, so its fate matters."""
        try:
            yield
        except WSManFaultError as fault:
            if not faults:
                raise
            refused = opening and fault.code != NOT_THERE  # gone while it opened: the host has just restarted
            raise (self._not_opened(fault) if refused else self._lost(f"fault {fault.code}", changes)) from None
        except (Unreadable, ET.ParseError, binascii.Error) as odd:
            raise self._unread(str(odd), changes and not opening) from None
        except (AttributeError, LookupError) as missing:  # pypsrp takes for granted what a sound answer has
            raise self._unread(f"something is missing in it ({missing})", changes and not opening) from missing
        except WinRMError as error:
            raise self._lost(type(error).__name__, changes and not opening) from None

    def _lost(self, why: str, changes: bool) -> SessionLost:
        remedy = LOOK_FIRST if changes else _ASK_AGAIN
        return SessionLost(f"the host ended the session ({why})", host=self.host, remedy=remedy)

    def _unread(self, why: str, changes: bool) -> SessionLost:
        remedy = LOOK_FIRST if changes else _ASK_AGAIN
        return SessionLost(f"the host's answer cannot be read: {why}", host=self.host, remedy=remedy)

    def _not_opened(self, fault: WSManFaultError) -> RemoteError:
        name = self._configuration
        if fault.code == _ACCESS_DENIED:
            ours = f"a role in the session configuration {name}"
            groups = "to be in Administrators or Remote Management Users"
            return AuthenticationRefused(
                "the host knows the user and does not let it open a session (fault 5)",
                host=self.host,
                remedy=f"The account needs {groups if name == ADMINISTRATORS else ours} there",
            )
        if fault.code == _NO_CONFIGURATION:
            return HostUnreachable(
                f"the host has no session configuration called {name} (WS-Management fault {fault.code})",
                host=self.host,
                remedy="Correct 'configuration_name', or register it there: snlm_lib/jea/README.md",
            )
        return HostUnreachable(
            f"the host refuses to open a session (WS-Management fault {fault.code})",
            host=self.host,
            remedy="Check the session configuration's name and the host's quotas",
        )


def _line(endpoint: Endpoint, credential: Credential, connect_timeout_s: float) -> Line:
    return Line(
        endpoint.address,
        endpoint.port,
        handshake_timeout_s=2 * connect_timeout_s,
        username=credential.user if credential.password is not None else None,
        password=credential.password,
        ssl=endpoint.scheme == "https",
        auth=endpoint.auth,
        kerberos_name=endpoint.kerberos_name,
        certificate_pem=endpoint.certificate,
        certificate_key_pem=endpoint.certificate_key or endpoint.certificate,
        allow_ntlm=endpoint.allow_ntlm,
        credssp_auth_mechanism=None if endpoint.allow_ntlm else "kerberos",
        cert_validation=endpoint.ca or True,
        connection_timeout=connect_timeout_s,
        read_timeout=endpoint.read_timeout_s,
    )


def _is_open(pool: RunspacePool) -> bool:
    return bool(pool.state == RunspacePoolState.OPENED)


def _command_id(running: SentPipeline) -> str:
    return running._command_id or str(running.id)
