"""ICMP by the rights there are: a datagram socket where the system gives one to anybody, a raw one for root, or a
sentence."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.ground import Ground, Planned, grounded, play
from benchmarks.probing import monitored, told_by_us
from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels.icmp import open_icmp
from snlm_lib.parameters import GuestTarget
from tests.netns.conftest import PACE
from tests.netns.told import assert_true

GROUPS = "net/ipv4/ping_group_range"
NOBODY, ANYBODY = "1 0", "0 2147483647"
families = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])


@pytest.fixture(scope="module")
def ground(possible: None) -> Iterator[Ground]:
    with grounded() as made:
        yield made


@contextmanager
def plain_user(ground: Ground) -> Iterator[None]:
    """Within the block this process has no more rights than anybody."""
    with ground.near.entered():
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)


@families
def test_root_has_a_raw_socket_where_nobody_may_have_another(ground: Ground, family: int) -> None:
    ground.near.configure(GROUPS, NOBODY)
    with ground.near.entered(), open_icmp(family) as opened:
        assert opened.type & socket.SOCK_RAW == socket.SOCK_RAW


@families
def test_a_plain_user_has_a_datagram_socket_where_the_system_allows_it(ground: Ground, family: int) -> None:
    ground.near.configure(GROUPS, ANYBODY)
    with plain_user(ground), open_icmp(family) as opened:
        assert opened.type & socket.SOCK_RAW == socket.SOCK_DGRAM


@families
def test_a_plain_user_without_either_is_told_how_to_get_one(ground: Ground, family: int) -> None:
    ground.near.configure(GROUPS, NOBODY)
    with plain_user(ground), pytest.raises(ParameterError, match="may not send ICMP") as caught:
        open_icmp(family)
    assert "ping_group_range" in str(caught.value)


def test_datagram_sockets_tell_an_outage_as_raw_ones_do(ground: Ground, tmp_path: Path) -> None:
    ground.near.configure(GROUPS, ANYBODY)
    targets = {
        "FOUR": GuestTarget(address=ground.addresses[0], icmp=True),
        "SIX": GuestTarget(address=ground.addresses6[0], icmp=True),
    }
    with monitored(ground, targets, tmp_path, PACE) as handle:
        cuts = play([Planned(0.5, 0.3, ground.drop(0))])
        time.sleep(PACE.timeout_ms / 1000)
    for target in targets:
        assert_true(cuts, told_by_us(handle, target, "icmp"), PACE.interval_s)
