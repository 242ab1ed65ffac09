"""The second vantage, where the profile names one: a first look in 04, pings beside 05 and through the tail in 06.

What it cannot do it says in a sentence, and otherwise keeps out of the way: no step fails or waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from snlm_lib.errors import RecordError
from snlm_lib.guests import GuestTarget, is_loopback
from snlm_lib.measure.away import Window
from snlm_lib.measure.ping_file import read_header
from snlm_lib.measure.pings import read_pings
from snlm_lib.measure.vantages import seen_from
from snlm_lib.remote.session import HostSession
from snlm_lib.step import Step
from snlm_lib.steps.stream import PingStream, Seen, first_look
from snlm_lib.units import thousandths

__all__ = ["end", "go_on", "look", "seen", "seen_of", "tell", "watch"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def seen_of(name: str, target: GuestTarget | None) -> Seen | None:
    """Where a machine answers from elsewhere: at its address, or its first of ``ips`` where that is a loopback."""
    if target is None:
        return None
    address = next(iter(target.ips), "") if is_loopback(target.address) else target.address
    return Seen(name, address) if address else None


def look(step: Step, name: str, target: GuestTarget) -> None:
    """04: does the vantage see the machine at all? Said before anything moves, while there is time to put it right."""
    session, seen = _session(step), seen_of(name, target)
    if session is not None:
        unseen = f"{name} has no address that {session.host} could ping: list it under 'ips'."
        step.say(first_look(session, seen) if seen else unseen)


def watch(step: Step, seen: Seen | None, offsets_s: Mapping[str, float | None]) -> None:
    """05: ping beside the step from now on; the step's end is its end."""
    session = _session(step)
    if session is None or seen is None or step.alongside:
        return
    stream = PingStream(session, seen, _samples(step, session.host), clock=step.clock, offsets_s=offsets_s)
    step.alongside.append(stream)
    stream.start()


def go_on(step: Step) -> None:
    """06: through the tail, with what 05 began."""
    session = _session(step)
    if session is None or not _samples(step, session.host).is_file():
        return
    try:
        with _samples(step, session.host).open(encoding="utf-8") as file:
            (target,) = read_header(file.readline()).targets
    except (RecordError, OSError, ValueError) as error:
        step.say(f"The second look from {session.host} does not go on: {error}")
        return
    watch(step, Seen(target.name, target.address), {})


def tell(step: Step) -> None:
    """What it could not do, if there is something."""
    for each in step.alongside:
        if each.trouble:
            step.say(each.trouble)


def end(step: Step) -> None:
    """Its last probes have their fate after this."""
    tell(step)
    while step.alongside:
        step.alongside.pop().stop()


def seen(step: Step, window: Window) -> None:
    """06: one table of what each place saw, and what follows from it; nothing where only ours looked.

    An earlier run of our own monitor lies beside its samples (pings-1.csv) and is no other place.
    """
    files = sorted(step.record.samples.glob("pings-*.csv"))
    if not files:
        return
    try:
        ours, *others = [read_pings(path) for path in (step.record.samples / "pings.csv", *files)]
    except RecordError as error:
        step.say(f"What another place saw cannot be read: {error}")
        return
    elsewhere = [one for one in others if one.header.vantage != ours.header.vantage]
    if not elsewhere:
        return
    found = seen_from([ours, *elsewhere], window=window)
    if found is None:
        step.say("No other place was answered by the machine at all.")
        return
    step.table("seen from", [sight.row() for sight in found.sights], caption="Seen from, around the longest gap")
    step.keep({"vantages": len(found.sights), "machine_most_s": thousandths(found.machine_most_s)})
    step.say(found.sentence)


def _session(step: Step) -> HostSession | None:
    return step.connection.vantage if step.profile.vantage else None


def _samples(step: Step, host: str) -> Path:
    return step.record.samples / f"pings-{_UNSAFE.sub('_', host)}.csv"
