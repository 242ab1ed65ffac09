"""The channels of all targets: opened, moved when a name changes its address, closed. Knows no schedule and no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snlm_lib.errors import ParameterError
from snlm_lib.measure.channels import (
    CONNECT,
    ICMP,
    TCP,
    UDP,
    Channel,
    ConnectChannel,
    Endpoint,
    IcmpChannel,
    IcmpPorts,
    Outside,
    TcpChannel,
    UdpChannel,
    Way,
    resolve,
)
from snlm_lib.measure.channels.names import Names
from snlm_lib.measure.targets import ProbeTarget

__all__ = ["Fleet"]


@dataclass
class _Berth:
    target: ProbeTarget
    channel: Channel
    at: Endpoint


class Fleet:
    """Every channel that can be had, in the order of targets and kinds.

    Raises OSError when an address is not known, and ParameterError when ICMP is not allowed here and a target has
    nothing else; where it has, ICMP is left out with one sentence in the log that names the best kind left.
    """

    def __init__(self, targets: Sequence[ProbeTarget], way: Way, outside: Outside) -> None:
        self._way = way
        self._outside = outside
        self._ports = IcmpPorts(way)
        self._berths: list[_Berth] = []
        self._names = Names((target.address for target in targets), outside.lookup, every_s=outside.names_every_s)
        try:
            for target in targets:
                self._open(target)
        except BaseException:
            self.close()
            raise
        self._names.start()

    @property
    def channels(self) -> list[Channel]:
        """All of them."""
        return [berth.channel for berth in self._berths]

    @property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """Target -> the kinds it is really probed with."""
        kinds: dict[str, tuple[str, ...]] = {berth.target.name: () for berth in self._berths}
        for berth in self._berths:
            kinds[berth.target.name] += (berth.channel.kind,)
        return kinds

    def follow(self) -> dict[int, str]:
        """Move to the new addresses of names that changed; the number of each channel moved and where it goes now."""
        if not self._names.changed.is_set():
            return {}
        self._names.changed.clear()
        moved: dict[int, str] = {}
        for number, berth in enumerate(self._berths):
            host = self._names.stands_for(berth.target.address, berth.at.host)
            if host != berth.at.host and self._move(berth, host):
                moved[number] = host
        return moved

    def close(self) -> None:
        """Close every socket; twice is fine."""
        self._names.close()
        while self._berths:
            self._berths.pop().channel.close()
        self._ports.close()

    def _open(self, target: ProbeTarget) -> None:
        refused: ParameterError | None = None
        left: list[str] = []
        for kind in target.kinds():
            at = self._resolve(target, kind, target.address)
            try:
                self._berths.append(_Berth(target, self._make(target, kind, at), at))
                left.append(kind)
            except ParameterError as error:
                refused = error
        if refused is not None and not left:
            refused.where = target.name
            raise refused
        if refused is not None:
            self._way.log(f"{target.name}: {refused} The best kind left is {left[0]}.")

    def _resolve(self, target: ProbeTarget, kind: str, address: str) -> Endpoint:
        return resolve(target.name, address, target.port(kind), kind=kind, lookup=self._outside.lookup)

    def _make(self, target: ProbeTarget, kind: str, at: Endpoint) -> Channel:
        if kind == ICMP:
            return IcmpChannel(at, self._ports)
        if kind == UDP:
            return UdpChannel(at, self._way)
        if kind == CONNECT:
            return ConnectChannel(at, self._way, exchange=target.connect_exchange)
        return TcpChannel(at, self._way, exchange=target.tcp_exchange)

    def _move(self, berth: _Berth, host: str) -> bool:
        try:
            at = self._resolve(berth.target, berth.channel.kind, host)
            berth.channel.move(at)
        except (OSError, ParameterError) as error:
            self._way.log(f"{berth.target.name}: cannot go on at {host}: {error}")
            return False
        self._way.log(f"{berth.target.name}: {berth.target.address} is now {host} ({berth.channel.kind})")
        berth.at = at
        return berth.channel.kind != TCP
