"""A pipeline's Command, sent once in effect: when its answer is lost, the host is asked whether it has it.

A Command carries the id that we chose. A shell that is still there lists the commands it took; one that is not
listed never arrived, and may be sent again under the same id, which a host takes only once. A shell that is gone
settles nothing: then what became of the command is unknown.
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import NAMESPACES, SelectorSet

from snlm_lib.errors import AuthenticationRefused, HostUnreachable, RemoteError, SessionLost
from snlm_lib.remote.transport import LOOK_FIRST

__all__ = ["NOT_THERE", "NotBegun", "SentPipeline", "after_sending", "known_commands"]

NOT_THERE = 2150858843  # 0x8033805B: the host knows no such shell, or no such command in it
_COMMANDS = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command"
_SELECTOR_FILTER = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
_TRIES = 3


class NotBegun(SessionLost):
    """The session is lost, and the host is known not to have taken the command: a new session may send it."""


@contextmanager
def after_sending(host: str) -> Iterator[None]:
    """The command is out: a host that is gone, too busy, or no longer lets us in has not said what became of it."""
    try:
        yield
    except (HostUnreachable, AuthenticationRefused) as error:
        raise SessionLost(error.what, host=host, remedy=LOOK_FIRST) from None


class SentPipeline(PowerShell):
    """pypsrp's pipeline, but for the way its first request travels. ``settled``: how a lost answer was made
    up for, in a sentence; None when none was lost."""

    def __init__(self, pool: RunspacePool, *, host: str) -> None:
        super().__init__(pool)
        self.host = host
        self.settled: str | None = None

    def _invoke(self, msg: Any) -> None:
        """In place of pypsrp's own: it would leave a lost answer to its caller. Raises SessionLost, NotBegun."""
        pool = self.runspace_pool
        first, *rest = pool._fragmenter.fragment(msg, pool.id, self.id)
        pool.pipelines[self.id] = self
        try:
            self._send_once(base64.b64encode(first).decode("ascii"))
        except BaseException:
            pool.pipelines.pop(self.id, None)
            raise
        self.state = PSInvocationState.RUNNING
        with after_sending(self.host):
            for fragment in rest:
                pool.shell.send("stdin", fragment, command_id=self._command_id)

    def _send_once(self, first: str) -> None:
        lost: SessionLost | None = None
        for _ in range(_TRIES):
            try:
                self._command_id = self._send(first)
                if lost is not None:
                    self.settled = f"{lost.what}; the host had not taken the command, it was sent again"
                return
            except SessionLost as error:
                lost = error
            except WSManFaultError as fault:
                if lost is None:
                    raise self._refused(fault) from None
            except RemoteError:
                if lost is None:
                    raise
                raise lost from None
            assert lost is not None
            if self._taken(lost):
                self._command_id = self.id.upper()
                self.settled = f"{lost.what}; the host has taken the command, it was not sent again"
                return
        assert lost is not None
        raise NotBegun(lost.what, host=self.host, remedy="The host has not taken the command: try again")

    def _send(self, first: str) -> str:
        answer = self.runspace_pool.shell.command("", arguments=[first], command_id=self.id)
        return answer.findtext("rsp:CommandResponse/rsp:CommandId", default=self.id, namespaces=NAMESPACES)

    def _refused(self, fault: WSManFaultError) -> Exception:
        """A shell that the host does not know cannot have begun anything."""
        if fault.code != NOT_THERE:
            return fault
        return NotBegun("the host no longer has our session", host=self.host)

    def _taken(self, lost: SessionLost) -> bool:
        """Does the host list this command? Raises ``lost`` when it cannot say."""
        try:
            return self.id.upper() in known_commands(self.runspace_pool)
        except (RemoteError, WSManFaultError):
            raise lost from None


def known_commands(pool: RunspacePool) -> set[str]:
    """The ids of the commands that the host has in this pool's shell, in upper case; ended ones stay until
    Terminate. Raises SessionLost, and WSManFaultError when the shell is gone or the user may not ask."""
    selectors = SelectorSet()
    selectors.add_option("ShellId", str(pool.shell.id))
    wsen, wsman = NAMESPACES["wsen"], NAMESPACES["wsman"]
    ask = ET.Element(f"{{{wsen}}}Enumerate")
    ET.SubElement(ask, f"{{{wsman}}}OptimizeEnumeration")
    ET.SubElement(ask, f"{{{wsman}}}MaxElements").text = "32000"
    ET.SubElement(ask, f"{{{wsman}}}Filter", Dialect=_SELECTOR_FILTER).append(selectors.pack())
    answer = pool.connection.enumerate(_COMMANDS, ask)
    found = answer.iterfind("wsen:EnumerateResponse/wsman:Items/rsp:Command/rsp:CommandId", NAMESPACES)
    return {(each.text or "").strip().upper() for each in found}
