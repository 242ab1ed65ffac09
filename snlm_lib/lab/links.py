"""A host's network cards, from what a scenario says of them. Knows no world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snlm_lib.lab.scenario import LinkSpec

__all__ = ["NetworkLink", "links_of"]


@dataclass
class NetworkLink:
    """One network card; ``address`` None: it bears none."""

    name: str
    bits_s: int
    mtu_bytes: int
    rdma: bool
    up: bool
    address: str | None = None


def links_of(specs: Sequence[LinkSpec], address: str) -> list[NetworkLink]:
    """The first card bears the host's address."""
    return [
        NetworkLink(each.name, round(each.mbit_s * 1e6), each.mtu_bytes, each.rdma, each.up, None if place else address)
        for place, each in enumerate(specs)
    ]
