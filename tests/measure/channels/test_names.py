"""Names whose address changes, are not known for a while, have several addresses; without any name server."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from snlm_lib.measure.channels.names import Names, is_name
from tests.measure.fake_guest import Eventually


class FakeNames:
    """What a name server would say; the order of its answers turns with each question."""

    def __init__(self, **known: list[str]) -> None:
        self.known = known
        self.asked: list[str] = []

    def __call__(self, host: str, port: int | None, *, type: int) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        addresses = self.known[host]
        self.known[host] = addresses[1:] + addresses[:1]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, type, 0, "", (one, port or 0)) for one in addresses]


@pytest.mark.parametrize("number", ["192.0.2.1", "::1", "fe80::1%eth0"])
def test_numbers_are_no_names_and_never_asked_for(number: str) -> None:
    server = FakeNames()
    names = Names([number], server, every_s=10)
    names.start()
    names.look()
    assert not is_name(number)
    assert server.asked == []
    assert threading.active_count() == len([one for one in threading.enumerate() if one.name != "names"])


def test_a_new_address_is_told_once() -> None:
    server = FakeNames(vm01=["192.0.2.1"])
    names = Names(["vm01", "vm01"], server, every_s=10)
    names.look()
    assert server.asked == ["vm01"]
    assert names.stands_for("vm01", "192.0.2.1") == "192.0.2.1"
    names.changed.clear()
    names.look()
    assert not names.changed.is_set()
    server.known["vm01"] = ["192.0.2.7"]
    names.look()
    assert names.changed.is_set()
    assert names.stands_for("vm01", "192.0.2.1") == "192.0.2.7"


def test_of_several_addresses_the_one_in_use_is_kept() -> None:
    server = FakeNames(vm01=["192.0.2.1", "2001:db8::1"])
    names = Names(["vm01"], server, every_s=10)
    names.look()
    names.changed.clear()
    names.look()
    assert not names.changed.is_set(), "only their order turned"
    assert names.stands_for("vm01", "2001:db8::1") == "2001:db8::1"


def test_a_name_nobody_knows_for_a_while_keeps_its_address() -> None:
    server = FakeNames(vm01=["192.0.2.1"])
    names = Names(["vm01"], server, every_s=10)
    names.look()
    del server.known["vm01"]
    names.changed.clear()
    names.look()
    assert not names.changed.is_set()
    assert names.stands_for("vm01", "192.0.2.1") == "192.0.2.1"
    assert names.stands_for("never asked", "192.0.2.9") == "192.0.2.9"


def test_it_asks_beside_the_probing_until_it_is_closed(eventually: Eventually) -> None:
    server = FakeNames(vm01=["192.0.2.1"])
    names = Names(["vm01"], server, every_s=0.005)
    names.start()
    eventually(lambda: len(server.asked) >= 3)
    names.close()
    eventually(lambda: not [one for one in threading.enumerate() if one.name == "names"])
