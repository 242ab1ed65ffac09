"""Is anybody there? One bounded look before a session is opened; knows no protocol.

Resolvers and dead addresses take their time, and pypsrp's limit counts for each address anew; a
person who mistyped a name wants the sentence now.
"""

from __future__ import annotations

import socket
import threading

from snlm_lib.clock import Clock
from snlm_lib.errors import HostUnreachable

__all__ = ["look"]

_SockAddress = tuple[socket.AddressFamily, tuple[object, ...]]


def look(host: str, address: str, port: int, *, clock: Clock, timeout_s: float) -> None:
    """Return when something accepts TCP connections at ``address:port`` within ``timeout_s``.

    ``host`` is the operator's name, for the sentence. Raises HostUnreachable: the name does not
    resolve, nobody listens, or nothing answers in time.
    """
    deadline_s = clock.monotonic_s() + timeout_s
    refused = False
    for family, target in _resolve(host, address, port, timeout_s):
        remaining_s = deadline_s - clock.monotonic_s()
        if remaining_s <= 0:
            break
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(remaining_s)
            try:
                probe.connect(target)
            except ConnectionRefusedError:
                refused = True
            except OSError:
                continue  # another address of the name may answer
            else:
                return
    if refused:
        raise HostUnreachable(
            f"nobody listens at {address} port {port}",
            host=host,
            remedy="Check the port, and that WinRM runs there (Enable-PSRemoting)",
        )
    raise HostUnreachable(
        f"no answer from {address} port {port} within {timeout_s:g} s",
        host=host,
        remedy="Check the address, the network and the firewall between here and there",
    )


def _resolve(host: str, address: str, port: int, timeout_s: float) -> list[_SockAddress]:
    """The addresses behind a name, in a thread of its own: getaddrinfo cannot be told to hurry."""
    found: list[_SockAddress] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend((family, target) for family, _, _, _, target in answers)

    asking = threading.Thread(target=ask, name=f"resolve-{host}", daemon=True)
    asking.start()
    asking.join(timeout_s)
    if not found:
        raise HostUnreachable(
            f"the name {address} does not resolve", host=host, remedy="Check its spelling and this machine's DNS"
        )
    return list(found)
