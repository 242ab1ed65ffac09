"""Which link a move takes: configured networks, the peer's way, or the slowest card; unknown stays unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from snlm_lib.change.link import pair_link
from snlm_lib.estate.model import HostFacts, LinkFacts
from tests.builders import host

LAN = LinkFacts("Ethernet", 1000.0, 1500, False, True, ("10.0.0.1", "fe80::1%4"))
FAST = LinkFacts("Migration", 25_000.0, 9000, True, True, ("10.9.0.1",))
VIRTUAL = LinkFacts("vEthernet (LAN)", None, 1500, None, False, ("10.0.0.1",))


def end(name: str, *links: LinkFacts, networks: tuple[str, ...] = (), **changes: Any) -> HostFacts:
    found = host(name, "HV02", links=links, migration_networks=networks, **changes)
    return replace(found, settings=replace(found.settings, use_any_network=not networks))


def at(link: LinkFacts, address: str) -> LinkFacts:
    return replace(link, addresses=(address,))


def test_a_configured_network_wins_over_the_way_to_the_peers_name() -> None:
    source = end("HV01", LAN, FAST, networks=("10.9.0.0/24",), peer_address="10.0.0.2")
    destination = end("HV02", at(LAN, "10.0.0.2"), at(FAST, "10.9.0.2"), networks=("10.9.0.0/24",))
    found = pair_link(source, destination)
    assert (found.mbit_s, found.mtu_bytes, found.rdma, found.inferred) == (25_000.0, 9000, True, False)


def test_on_any_network_it_is_the_way_to_the_peers_address_and_the_slower_end_counts() -> None:
    source = end("HV01", LAN, FAST, peer_address="10.9.0.2")
    destination = end("HV02", at(LAN, "10.0.0.2"), at(FAST, "10.9.0.2"), peer_address="10.0.0.1")
    found = pair_link(source, destination)
    assert (found.mbit_s, found.mtu_bytes, found.rdma) == (1000.0, 1500, False)
    assert found.words == "Ethernet on HV01, 1,000 Mbit/s"


def test_a_virtual_adapter_without_a_speed_is_replaced_by_the_slowest_card_and_said_to_be() -> None:
    source = end("HV01", VIRTUAL, FAST, replace(LAN, addresses=()), peer_address="10.0.0.2")
    destination = end("HV02", at(LAN, "10.0.0.2"), peer_address="10.0.0.1")
    found = pair_link(source, destination)
    assert (found.mbit_s, found.inferred) == (1000.0, True)


def test_one_end_that_tells_nothing_leaves_the_pair_unknown() -> None:
    found = pair_link(end("HV01"), end("HV02", LAN))
    assert (found.mbit_s, found.mtu_bytes, found.rdma) == (None, None, None)
    assert pair_link(end("HV01"), end("HV02")).words == "not told by the hosts"


def test_a_network_that_is_none_is_no_reason_to_fail() -> None:
    source = end("HV01", LAN, networks=("not a network",), peer_address="10.0.0.2")
    assert pair_link(source, end("HV02", at(LAN, "10.0.0.2"), peer_address="10.0.0.1")).mbit_s == 1000.0
