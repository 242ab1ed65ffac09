"""ICMP through a fake iphlpapi: answers, errors, silence, refusal; for pointers of 32 and of 64 bits."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels import Endpoint, IcmpChannel, IcmpPorts
from snlm_lib.measure.channels.icmp_windows import WindowsPort, windows_library
from tests.measure.channels.conftest import Bench
from tests.measure.channels.fake_iphlpapi import TIMED_OUT, FakeWindows, Fate

FOUR, SIX = "192.0.2.1", "2001:db8::1"
PortsFor = Callable[[FakeWindows], IcmpPorts]


@pytest.fixture
def ports_for(bench: Bench) -> Iterator[PortsFor]:
    made: list[IcmpPorts] = []

    def make(windows: FakeWindows) -> IcmpPorts:
        made.append(IcmpPorts(bench.way, lambda family, way: WindowsPort(family, way, windows.library())))
        return made[-1]

    yield make
    for ports in made:
        ports.close()
        ports.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("icmp")]


def to(host: str, name: str = "VM01", scope: int = 0) -> Endpoint:
    if ":" in host:
        return Endpoint(name, socket.AF_INET6, (host, 0, 0, scope))
    return Endpoint(name, socket.AF_INET, (host, 0))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("host", [FOUR, SIX])
def test_every_request_is_answered_for_itself(host: str, bits: int, bench: Bench, ports_for: PortsFor) -> None:
    windows = FakeWindows(bits=bits)
    ports = ports_for(windows)
    one, two = IcmpChannel(to(host), ports), IcmpChannel(to(host, "DC01"), ports)
    assert [one.send(0, 0.0), two.send(0, 0.0), one.send(10**12, 0.1)] == ["", "", ""]
    assert sorted(bench.answers(3)) == [0, 0, 10**12]
    assert sorted(bench.sink.targets) == ["DC01", "VM01", "VM01"]
    assert windows.asked[0] == (host, b"snlm 0", 5500), "an answer is waited for until it is no longer late"


@pytest.mark.parametrize("host", [FOUR, SIX])
@pytest.mark.parametrize(
    ("status", "word"),
    [(11002, "unreachable"), (11003, "unreachable"), (11013, "unreachable"), (11006, "busy"), (11099, "error-11099")],
)
def test_what_cannot_be_answered_says_why(host: str, status: int, word: str, bench: Bench, ports_for: PortsFor) -> None:
    channel = IcmpChannel(to(host), ports_for(FakeWindows({host: Fate(status)})))
    assert channel.send(7, 0.0) == ""
    assert bench.failures(1) == [(7, word)]
    assert bench.sink.answers == []


def test_answers_that_overtake_each_other_keep_their_numbers(bench: Bench, ports_for: PortsFor) -> None:
    ports = ports_for(FakeWindows({FOUR: Fate(after_s=0.1), "192.0.2.2": Fate()}))
    slow, quick = IcmpChannel(to(FOUR), ports), IcmpChannel(to("192.0.2.2"), ports)
    slow.send(1, 0.0)
    quick.send(2, 0.01)
    assert bench.answers(2) == [2, 1]


def test_a_request_that_windows_gives_up_is_left_to_the_ledger(bench: Bench, ports_for: PortsFor) -> None:
    ports = ports_for(FakeWindows({FOUR: Fate(TIMED_OUT), "192.0.2.2": Fate(after_s=0.05)}))
    IcmpChannel(to(FOUR), ports).send(1, 0.0)
    IcmpChannel(to("192.0.2.2"), ports).send(2, 0.0)
    assert bench.answers(1) == [2]
    assert bench.sink.failures == []


@pytest.mark.parametrize(("error", "word"), [(1231, "unreachable"), (5, "forbidden"), (87, "error-87")])
def test_what_windows_refuses_to_send_never_left(error: int, word: str, bench: Bench, ports_for: PortsFor) -> None:
    windows = FakeWindows({FOUR: Fate(refused=error)})
    channel = IcmpChannel(to(FOUR), ports_for(windows))
    assert channel.send(1, 0.0) == word
    windows.fates.clear()
    assert channel.send(2, 0.1) == ""
    assert bench.answers(1) == [2]


def test_a_zone_is_kept_and_an_address_may_change_its_family(bench: Bench, ports_for: PortsFor) -> None:
    windows = FakeWindows()
    channel = IcmpChannel(to("fe80::1%12", scope=12), ports_for(windows))
    channel.send(1, 0.0)
    bench.answers(1)
    assert windows.asked[0][0] == "fe80::1%12"


def test_what_is_unanswered_at_the_end_is_let_go(bench: Bench, ports_for: PortsFor) -> None:
    windows = FakeWindows({FOUR: Fate(None)})
    ports = ports_for(windows)
    IcmpChannel(to(FOUR), ports).send(1, 0.0)
    ports.close()
    assert windows.closed == [100, 101], "its way to the network, then its bell"
    assert len(bench.way.watch) == 0


def test_without_icmp_one_sentence_says_so(bench: Bench) -> None:
    with pytest.raises(ParameterError, match=r"no ICMP over IPv4 here \(error 5\)") as refused:
        WindowsPort(socket.AF_INET, bench.way, FakeWindows(no_icmp=True).library())
    assert refused.value.remedy


@pytest.mark.skipif("sys.platform == 'win32'")
def test_elsewhere_there_is_none() -> None:
    with pytest.raises(ParameterError, match="Windows' alone"):
        windows_library()
