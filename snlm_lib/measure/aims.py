"""From the targets of a connection, or of a command line, to what the monitor probes, and how that is said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from snlm_lib.errors import ParameterError
from snlm_lib.guests import GuestTarget
from snlm_lib.measure.channels.model import CONNECT, ICMP, KINDS, TCP, UDP
from snlm_lib.measure.targets import ProbeTarget

__all__ = ["KIND_WORDS", "left_out", "probe_target", "probe_targets", "ways"]

KIND_WORDS = {ICMP: "ICMP", UDP: "UDP", CONNECT: "TCP connect", TCP: "TCP flow"}
assert (*KIND_WORDS,) == KINDS


def probe_targets(
    guests: Mapping[str, GuestTarget], controls: Mapping[str, GuestTarget] | None = None
) -> tuple[ProbeTarget, ...]:
    """The machines, then the controls; raises ParameterError for one with nothing to probe, and for none at all."""
    if not guests:
        raise ParameterError("no guest to probe", remedy="Name the machine under guests in the connection profile.")
    machines = tuple(probe_target(name, guest) for name, guest in guests.items())
    return machines + tuple(probe_target(name, guest, role="control") for name, guest in (controls or {}).items())


def probe_target(name: str, guest: GuestTarget, *, role: Literal["machine", "control"] = "machine") -> ProbeTarget:
    """One target; raises ParameterError when it names no way to probe it."""
    found = ProbeTarget(name, role=role, **guest.model_dump(exclude={"ips"}))
    if not found.kinds():
        raise ParameterError(
            "nothing to probe it by",
            where=f"{'guest' if role == 'machine' else role} {name}",
            remedy="Say icmp: true, or give udp_port, connect_port or tcp_port.",
        )
    return found


def ways(target: ProbeTarget) -> tuple[str, ...]:
    """How it is probed, in words: ``ICMP``, ``TCP connect 3389 (rdp)``."""
    exchanges = target.exchanges()
    return tuple(
        " ".join(
            [
                KIND_WORDS[kind],
                *([str(target.port(kind))] if target.port(kind) else []),
                *([f"({_said(exchanges[kind])})"] if kind in exchanges else []),
            ]
        )
        for kind in target.kinds()
    )


def left_out(aims: Sequence[ProbeTarget], state_json: Path) -> tuple[str, ...]:
    """What the monitor of this state was not allowed to probe by, in its own sentences: ICMP, on some machines."""
    with suppress(OSError, ValueError, KeyError):
        kinds = json.loads(state_json.read_text(encoding="utf-8"))["kinds"]
        log = state_json.with_name("monitor.log").read_text(encoding="utf-8", errors="replace").splitlines()
        lacking = [aim.name for aim in aims if set(aim.kinds()) - set(kinds.get(aim.name, ()))]
        return tuple(line.partition(" ")[2] for line in log if any(f" {name}: " in line for name in lacking))
    return ()


def _said(exchange: str) -> str:
    return "the connection alone" if exchange == "none" else exchange
