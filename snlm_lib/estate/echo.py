"""What became of one ping that a host sent: Win32_PingStatus as a model; pure.

StatusCode is the number of the IP helper API as Win32_PingStatus documents it; the texts beside it are translated
and are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snlm_lib.estate import values
from snlm_lib.remote.clixml import PsObject

__all__ = ["EchoFacts", "echo_facts"]

_TIMED_OUT = 11010
_UNREACHABLE = (11002, 11003, 11004, 11005)  # net, host, protocol, port: somebody on the way says so
_EXPIRED = (11013, 11014)
_NOTHING = PsObject()


@dataclass(frozen=True)
class EchoFacts:
    """``sent`` False: the host could not send it, which says nothing about who was asked for.

    ``waited``: unanswered for as long as the time-out. ``rtt_ms``: whole milliseconds, what Windows tells.
    """

    sent: bool
    answered: bool
    waited: bool
    rtt_ms: int | None
    error: str


def echo_facts(bags: Sequence[PsObject]) -> EchoFacts:
    """The answer to `commands.ping`."""
    bag = bags[0] if bags else _NOTHING
    code = values.number(bag, "StatusCode")
    if code == 0:
        return EchoFacts(True, True, False, values.number(bag, "ResponseTime"), "")
    if code == _TIMED_OUT:
        return EchoFacts(True, False, True, None, "no-answer")
    if code in _UNREACHABLE or code in _EXPIRED:
        return EchoFacts(True, False, False, None, "unreachable" if code in _UNREACHABLE else "expired")
    unknown = values.number(bag, "PrimaryAddressResolutionStatus")
    why = "unresolved" if code is None and unknown else "no-status" if code is None else f"status-{code}"
    return EchoFacts(False, False, False, None, why)
