"""Win32_PingStatus: asking for it with an address sends an ICMP echo, and the one instance tells its fate.

As documented: without an address there is no instance; a name that does not resolve leaves StatusCode null. Who has
the address is looked up in the world; what a living machine says is what its guest really says at that moment.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from snlm_lib.lab.world import LabHost, World

__all__ = ["pinged"]

Echo = Callable[[float], float | None]
_ANSWERED, _TIMED_OUT, _HOST_NOT_FOUND = 0, 11010, 11001
_DEFAULT_MS = "1000"


def pinged(world: World, host: LabHost, terms: Mapping[str, str]) -> tuple[dict[str, object], ...]:
    """The instance for a filter's ``terms``, after as long as its echo took; none without an address.

    Waits: the world must not be held meanwhile.
    """
    address = terms.get("address")
    if address is None:
        return ()
    timeout_ms = int(terms.get("timeout", _DEFAULT_MS))
    asked: dict[str, object] = {"Address": address, "BufferSize": 32, "Timeout": timeout_ms, "TimeToLive": 80}
    echo = _reached(world, host, address)
    if echo is None:
        return ({**asked, "PrimaryAddressResolutionStatus": _HOST_NOT_FOUND},)
    took_s = echo(timeout_ms / 1000)
    if took_s is None:
        return ({**asked, "PrimaryAddressResolutionStatus": 0, "StatusCode": _TIMED_OUT},)
    told: dict[str, object] = {"ProtocolAddress": address, "ReplySize": 32, "ResponseTime": int(took_s * 1000)}
    return ({**asked, "PrimaryAddressResolutionStatus": 0, "StatusCode": _ANSWERED, **told},)


def _reached(world: World, host: LabHost, address: str) -> Echo | None:
    """Who answers there, as this computer finds it; None for a name that it cannot resolve."""

    def nobody(timeout_s: float) -> None:
        world.clock.sleep(timeout_s)

    with world.lock:
        if world.seen_from(host, address) is not None:
            return _at_once
        machines = [vm for each in world.hyperv_hosts() for vm in each.vms.values()]
        for vm in machines:
            addresses = [ip for adapter in vm.adapters for ip in adapter.ip_addresses]
            if address in addresses or address.casefold() == vm.name.casefold():
                guest = world.guests.get(vm.vm_id)
                return nobody if not vm.running else _at_once if guest is None else guest.echo
    return nobody if _is_number(address) else None


def _at_once(timeout_s: float) -> float:
    return 0.0


def _is_number(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
