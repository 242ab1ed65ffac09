"""A connection's targets become probes, field by field; one without a way to be probed is refused by name."""

from __future__ import annotations

import dataclasses

import pytest

from snlm_lib.errors import ParameterError
from snlm_lib.guests import GuestTarget
from snlm_lib.measure.aims import probe_target, probe_targets, ways
from snlm_lib.measure.targets import ProbeTarget

FULL = GuestTarget(
    address="vm01.corp.example",
    icmp=True,
    udp_port=7,
    connect_port=3389,
    connect_exchange="rdp",
    tcp_port=443,
    tcp_exchange="http",
    ips=["10.20.0.51"],
)


def test_every_field_of_a_target_reaches_the_engine() -> None:
    found = probe_target("VM01", FULL)
    told = {key: getattr(found, key) for key in FULL.model_dump(exclude={"ips"})}
    assert told == FULL.model_dump(exclude={"ips"})
    assert {one.name for one in dataclasses.fields(ProbeTarget)} == {*told, "name", "role"}
    assert found.kinds() == ("icmp", "udp", "connect", "tcp")


def test_machines_come_first_and_controls_say_so() -> None:
    control = GuestTarget(address="gw01", icmp=True)
    found = probe_targets({"VM01": FULL}, {"GW01": control})
    assert [(one.name, one.role) for one in found] == [("VM01", "machine"), ("GW01", "control")]


@pytest.mark.parametrize(
    ("guests", "controls", "says"),
    [
        ({}, {}, "no guest to probe"),
        ({"VM01": GuestTarget(address="a")}, {}, "guest VM01: nothing to probe it by"),
        ({"VM01": FULL}, {"GW01": GuestTarget(address="a")}, "control GW01: nothing to probe it by"),
    ],
)
def test_what_cannot_be_probed_is_refused_by_name(
    guests: dict[str, GuestTarget], controls: dict[str, GuestTarget], says: str
) -> None:
    with pytest.raises(ParameterError, match=says):
        probe_targets(guests, controls)


def test_the_way_says_port_and_exchange() -> None:
    assert ways(probe_target("VM01", FULL)) == ("ICMP", "UDP 7", "TCP connect 3389 (rdp)", "TCP flow 443 (http)")
    bare = GuestTarget(address="a", connect_port=22)
    assert ways(probe_target("VM01", bare)) == ("TCP connect 22 (the connection alone)",)
