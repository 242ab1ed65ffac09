"""Names that change their address: asked again and again in a thread of its own, so that no probe waits for it."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterable

from snlm_lib.measure.channels.model import Lookup

__all__ = ["Names", "is_name"]

Found = list[tuple[int, str]]  # family and address


def is_name(address: str) -> bool:
    """False for an address in numbers, with or without a zone."""
    try:
        ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return False


class Names:
    """What each name stands for now; ``changed`` is set when an answer differs from the one before.

    A name that nobody knows for a while keeps its last answer. The thread runs only where there is a name.
    """

    def __init__(self, addresses: Iterable[str], lookup: Lookup, *, every_s: float) -> None:
        self._names = sorted({address for address in addresses if is_name(address)})
        self._lookup = lookup
        self._every_s = every_s
        self._found: dict[str, Found] = {}
        self._ended = threading.Event()
        self.changed = threading.Event()

    def start(self) -> None:
        """Begin to ask."""
        if self._names:
            threading.Thread(target=self._run, name="names", daemon=True).start()  # a look-up may hang at the end

    def look(self) -> None:
        """Ask for every name once."""
        for name in self._names:
            try:
                answer = self._lookup(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                continue
            found = [(int(family), str(where[0])) for family, _, _, _, where in answer]
            if sorted(found) != sorted(self._found.get(name, [])):  # servers take turns in the order
                self._found[name] = found
                self.changed.set()

    def stands_for(self, address: str, host: str) -> str:
        """The address to probe for ``address``, where it is now ``host``: kept while the name still has it."""
        found = self._found.get(address, [])
        if not found or any(one == host for _, one in found):
            return host
        return found[0][1]

    def close(self) -> None:
        """Ask no more; twice is fine."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self.look()
