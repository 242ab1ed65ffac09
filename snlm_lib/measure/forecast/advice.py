"""What might shorten a move, as changed inputs; whether it does, the model says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from snlm_lib.measure.forecast.inputs import QUANTITIES, MoveInputs, Transport, complete

__all__ = ["changes"]

_FASTER = 10.0  # from 1 to 10 to 100 Gbit/s
_LIMIT_MBIT_S = 100_000
_STREAMS = 4


def changes(given: MoveInputs) -> Iterator[tuple[str, MoveInputs]]:
    """Words and the inputs as they would be; only what is not so already."""
    found, _ = complete(given)
    dirty, writes = found["dirty_mib_s"].value, found["disk_write_mib_s"].value
    if dirty > 0 or writes > 0:
        yield "a quieter hour, half the writes", replace(given, dirty_mib_s=dirty / 2, disk_write_mib_s=writes / 2)
    link = found["link_mbit_s"].value * _FASTER
    if link <= _LIMIT_MBIT_S:
        yield "a link ten times as fast", replace(given, link_mbit_s=link)
    if given.platform == "hyper-v" and given.transport is not Transport.SMB_DIRECT:
        yield "SMB Direct", replace(given, transport=Transport.SMB_DIRECT)
        if found["streams"].value < _STREAMS:
            yield f"{_STREAMS} streams at once", replace(given, streams=float(_STREAMS))
    if given.platform == "hyper-v" and given.transport is Transport.TCP:
        yield "compression", replace(given, transport=Transport.COMPRESSION)
    if found["simultaneous"].value > QUANTITIES["simultaneous"].prior[1]:
        yield "no other move at the same time", replace(given, simultaneous=1.0)
