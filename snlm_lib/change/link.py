"""Which link between two hosts a move will take, and what it can carry. Pure; asks nobody.

Hyper-V takes a configured migration network, or, where any network will do, the way to the address that the
peer's name resolves to (hyperv.md, sections 3 and 5). A virtual adapter often tells no speed: then the slowest
hardware card that is up stands for it, which is said.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from snlm_lib.estate.model import HostFacts, LinkFacts

__all__ = ["PairLink", "pair_link"]


_NOT_TOLD = "not told by the hosts"


@dataclass(frozen=True)
class PairLink:
    """The narrower of both ends. ``inferred``: no card could be told to be the one; None is not known."""

    mbit_s: float | None
    mtu_bytes: int | None
    rdma: bool | None
    inferred: bool
    words: str  # "Ethernet on HV01, 10,000 Mbit/s"


def pair_link(source: HostFacts, destination: HostFacts) -> PairLink:
    """What the move's link can carry: the slower card, the smaller MTU, RDMA only where both have it."""
    ends = (_end(source, destination.peer_address), _end(destination, source.peer_address))
    known = [(end.mbit_s, end, host) for (end, _), host in zip(ends, (source, destination), strict=True) if end]
    speeds = [(speed, end, host) for speed, end, host in known if speed is not None]
    slowest = min(speeds, key=lambda each: each[0], default=None)
    sizes = [end.mtu_bytes for _, end, _ in known if end.mtu_bytes is not None]
    capable = [end.rdma for _, end, _ in known]
    both = len(known) == 2
    return PairLink(
        mbit_s=slowest[0] if slowest and len(speeds) == 2 else None,
        mtu_bytes=min(sizes) if len(sizes) == 2 else None,
        rdma=None if not both or None in capable else all(capable),
        inferred=any(inferred for _, inferred in ends),
        words=f"{slowest[1].name} on {slowest[2].name}, {slowest[0]:,.0f} Mbit/s"
        if slowest
        else "not told by the hosts",
    )


def _end(host: HostFacts, own_address: str | None) -> tuple[LinkFacts | None, bool]:
    """The card a host will use, and whether that is only inferred."""
    found = next(filter(None, (_on_networks(host), _bearing(host.links, own_address))), None)
    if found is not None and found.mbit_s is not None:
        return found, False
    cards = [link for link in host.links if link.hardware is not False and link.mbit_s is not None]
    return min(cards, key=lambda link: link.mbit_s or 0.0, default=None), True


def _on_networks(host: HostFacts) -> LinkFacts | None:
    if host.settings.use_any_network is not False:
        return None
    subnets = [subnet for subnet in map(_subnet, host.migration_networks) if subnet is not None]
    inside = (link for link in host.links if any(_within(address, subnets) for address in link.addresses))
    return next(inside, None)


def _bearing(links: Iterable[LinkFacts], address: str | None) -> LinkFacts | None:
    return next((link for link in links if address is not None and address in link.addresses), None)


_Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


def _subnet(text: str) -> _Subnet | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _within(address: str, subnets: Iterable[_Subnet]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(found in subnet for subnet in subnets)
