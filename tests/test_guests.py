"""What may be probed: the schema of a target, beside the engine that takes it."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from snlm_lib.closed import checked
from snlm_lib.connections_page import EXCHANGES
from snlm_lib.errors import ParameterError
from snlm_lib.guests import GuestTarget
from snlm_lib.parameters import ConnectionProfile

HOSTS = {"HV01": {"address": "hv01.corp.example"}}
BASE = {"name": "p", "hosts": HOSTS, "user": "CORP\\op", "secret": "env:X"}


def target(**values: Any) -> GuestTarget:
    return checked(GuestTarget, {"address": "vm01.corp.example", **values}, where="test")


def profile(**values: Any) -> ConnectionProfile:
    return checked(ConnectionProfile, {**BASE, **values}, where="test")


def test_every_kind_is_optional_and_nothing_is_probed_unasked() -> None:
    plain = target()
    assert (plain.icmp, plain.udp_port, plain.connect_port, plain.tcp_port) == (False, None, None, None)
    assert (plain.connect_exchange, plain.tcp_exchange) == ("none", "echo")


@pytest.mark.parametrize("kind", ["connect", "tcp"])
def test_an_exchange_without_its_port_is_refused(kind: str) -> None:
    with pytest.raises(ParameterError, match=f"'{kind}_exchange' means nothing without '{kind}_port'"):
        target(**{f"{kind}_exchange": "http"})


@pytest.mark.parametrize(
    "values", [{"connect_port": 22, "connect_exchange": "ssh"}, {"tcp_port": 22, "tcp_exchange": "rdp"}]
)
def test_an_exchange_of_another_kind_names_those_that_are(values: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=r"'echo'.*'http'"):
        target(**values)


def test_the_page_explains_every_exchange() -> None:
    fields = GuestTarget.model_fields
    assert set(EXCHANGES) == set(get_args(fields["connect_exchange"].annotation))
    assert set(get_args(fields["tcp_exchange"].annotation)) <= set(EXCHANGES)


def test_a_control_bears_a_name_of_its_own() -> None:
    both = {"guests": {"VM01": {"address": "a"}}, "controls": {"vm01": {"address": "b"}}}
    with pytest.raises(ParameterError, match="'vm01' bears the name of another target"):
        profile(**both)
    assert profile(guests=both["guests"], controls={"GW": {"address": "b", "icmp": True}}).controls["GW"].icmp


def test_a_vantage_is_one_of_the_hosts() -> None:
    assert profile(vantage="hv01").vantage == "hv01"
    with pytest.raises(ParameterError, match="'vantage' is 'HV09', which 'hosts' does not list"):
        profile(vantage="HV09")
