"""Whom to probe and how: kinds in their order, ports, exchanges; what cannot be is refused with its name."""

from __future__ import annotations

import pytest

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels import EXCHANGES, FLOWING, KINDS
from snlm_lib.measure.targets import ProbeTarget

EVERYTHING = ProbeTarget("VM01", "192.0.2.1", icmp=True, udp_port=7, connect_port=3389, tcp_port=9, tcp_exchange="http")


def test_kinds_stand_in_the_order_in_which_figures_are_told() -> None:
    assert EVERYTHING.kinds() == KINDS
    assert ProbeTarget("VM01", "192.0.2.1", tcp_port=7, udp_port=7).kinds() == ("udp", "tcp")
    assert ProbeTarget("VM01", "192.0.2.1").kinds() == ()


def test_each_kind_has_its_port_and_icmp_none() -> None:
    assert [EVERYTHING.port(kind) for kind in EVERYTHING.kinds()] == [0, 7, 3389, 9]
    assert ProbeTarget("VM01", "192.0.2.1").port("udp") == 0


def test_exchanges_are_told_of_connections_alone() -> None:
    assert EVERYTHING.exchanges() == {"connect": "none", "tcp": "http"}
    assert ProbeTarget("VM01", "192.0.2.1", icmp=True, udp_port=7).exchanges() == {}


@pytest.mark.parametrize("exchange", sorted(EXCHANGES))
def test_every_exchange_may_follow_a_new_connection(exchange: str) -> None:
    target = ProbeTarget("VM01", "192.0.2.1", connect_port=22, connect_exchange=exchange)
    assert target.exchanges() == {"connect": exchange}


@pytest.mark.parametrize("exchange", sorted({*EXCHANGES, "smtp"} - {*FLOWING}))
def test_what_one_long_connection_cannot_repeat_is_refused(exchange: str) -> None:
    with pytest.raises(ParameterError, match=f"tcp_exchange is '{exchange}'") as refused:
        ProbeTarget("VM01", "192.0.2.1", tcp_port=7, tcp_exchange=exchange)
    assert refused.value.where == "VM01"
    assert refused.value.remedy == "One of: echo, http."


def test_an_exchange_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ParameterError, match="connect_exchange is 'smtp'") as refused:
        ProbeTarget("VM01", "192.0.2.1", connect_port=25, connect_exchange="smtp")
    assert all(name in str(refused.value.remedy) for name in EXCHANGES)
