"""A bounded look at an address."""

from __future__ import annotations

import socket
import time

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import HostUnreachable
from snlm_lib.remote.reach import look


def look_at(address: str, port: int, timeout_s: float = 5) -> None:
    look("HV01", address, port, clock=SystemClock(), timeout_s=timeout_s)


def test_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        look_at("localhost", listener.getsockname()[1])
        listener.settimeout(2)
        connection, peer = listener.accept()
        connection.close()
    assert peer[0] == "127.0.0.1"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HostUnreachable, match=f"HV01: nobody listens at 127.0.0.1 port {port}"):
        look_at("127.0.0.1", port)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 300, "bad..name"])
def test_a_name_that_does_not_resolve(name: str) -> None:
    with pytest.raises(HostUnreachable, match="does not resolve"):
        look_at(name, 5985)


def test_an_address_that_never_answers_takes_no_longer_than_allowed() -> None:
    """A listener whose queue is full drops what comes next, like a firewall."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        begun_s = time.monotonic()
        try:
            with pytest.raises(HostUnreachable, match=r"no answer from .* within 0.3 s"):
                look_at("127.0.0.1", full.getsockname()[1], timeout_s=0.3)
        finally:
            for each in waiting:
                each.close()
        assert time.monotonic() - begun_s < 2
