"""What the monitor probes: the closed schema of a target, be it the machine that moves or a control beside it.

Opens no socket; `snlm_lib.measure.targets` makes probes of it.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from snlm_lib.closed import Closed, Literally

__all__ = ["Address", "GuestTarget", "Port", "is_loopback"]


def _address(value: str) -> str:
    if any(mark in value for mark in "/\\@ "):
        raise ValueError("it must be a name or an address alone, without scheme, port or path")
    return value


def is_loopback(address: str) -> bool:
    """Does it mean whichever machine asks?"""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.casefold() == "localhost"


Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[Literally, AfterValidator(_address)]


class GuestTarget(Closed):
    """An address and what is asked of it at every tick; each kind is optional, and at least one is needed to probe."""

    address: Address = Field(description="name or address, as reached from where the monitor runs")
    icmp: bool = Field(False, description="ICMP echo, what `ping` sends")
    udp_port: Port | None = Field(None, description="port of a UDP echo")
    connect_port: Port | None = Field(None, description="port that a NEW TCP connection is made to at every tick")
    connect_exchange: Literal["none", "banner", "echo", "http", "rdp"] = Field(
        "none",
        description="the bytes that must come back over it; `none` proves little: a kernel accepts for a dead service",
    )
    tcp_port: Port | None = Field(None, description="port of ONE long TCP connection, an exchange at every tick")
    tcp_exchange: Literal["echo", "http"] = Field("echo", description="what is exchanged over the long one")
    ips: list[str] = Field(default_factory=list, description="addresses the machine must still have afterwards")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> GuestTarget:
        for kind in ("connect", "tcp"):
            if f"{kind}_exchange" in self.model_fields_set and getattr(self, f"{kind}_port") is None:
                raise ValueError(f"'{kind}_exchange' means nothing without '{kind}_port'")
        return self
