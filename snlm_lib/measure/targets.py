"""Whom to probe and how: one frozen model, as it stands in the monitor's configuration. Knows no socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels.exchange import EXCHANGES, FLOWING
from snlm_lib.measure.channels.model import CONNECT, ICMP, TCP, UDP

__all__ = ["ProbeTarget"]


@dataclass(frozen=True)
class ProbeTarget:
    """A machine, or a control beside it, by name, its address, and what to probe; None leaves that kind out.

    Raises ParameterError for an exchange that does not exist, or that one long connection cannot repeat.
    """

    name: str
    address: str
    role: Literal["machine", "control"] = "machine"
    icmp: bool = False
    udp_port: int | None = None
    connect_port: int | None = None
    connect_exchange: str = "none"
    tcp_port: int | None = None
    tcp_exchange: str = "echo"

    def __post_init__(self) -> None:
        for key, allowed in (("connect_exchange", tuple(EXCHANGES)), ("tcp_exchange", FLOWING)):
            if getattr(self, key) not in allowed:
                raise ParameterError(
                    f"{key} is {getattr(self, key)!r}", where=self.name, remedy=f"One of: {', '.join(allowed)}."
                )

    def kinds(self) -> tuple[str, ...]:
        """The probe kinds this target is probed with."""
        wanted = {ICMP: self.icmp or None, UDP: self.udp_port, CONNECT: self.connect_port, TCP: self.tcp_port}
        return tuple(kind for kind, port in wanted.items() if port is not None)

    def port(self, kind: str) -> int:
        """The port of a kind; 0 for ICMP, which has none."""
        return {UDP: self.udp_port, CONNECT: self.connect_port, TCP: self.tcp_port}.get(kind) or 0

    def exchanges(self) -> dict[str, str]:
        """What is exchanged by those kinds that exchange bytes over a connection."""
        said = {CONNECT: self.connect_exchange, TCP: self.tcp_exchange}
        return {kind: said[kind] for kind in self.kinds() if kind in said}
