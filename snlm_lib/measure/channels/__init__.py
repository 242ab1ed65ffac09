"""The ways to a target: ICMP echo, UDP echo, new TCP connections, one long one; none blocks, none writes a file."""

from snlm_lib.measure.channels.connect import ConnectChannel
from snlm_lib.measure.channels.exchange import EXCHANGES, FLOWING
from snlm_lib.measure.channels.icmp import IcmpChannel, IcmpPorts, open_icmp
from snlm_lib.measure.channels.model import (
    CONNECT,
    ICMP,
    KINDS,
    TCP,
    UDP,
    Channel,
    Endpoint,
    Log,
    Outside,
    Sink,
    Way,
    resolve,
)
from snlm_lib.measure.channels.tcp import TcpChannel
from snlm_lib.measure.channels.udp import UdpChannel

__all__ = [
    "CONNECT",
    "EXCHANGES",
    "FLOWING",
    "ICMP",
    "KINDS",
    "TCP",
    "UDP",
    "Channel",
    "ConnectChannel",
    "Endpoint",
    "IcmpChannel",
    "IcmpPorts",
    "Log",
    "Outside",
    "Sink",
    "TcpChannel",
    "UdpChannel",
    "Way",
    "open_icmp",
    "resolve",
]
