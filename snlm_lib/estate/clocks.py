"""How far the hosts' clocks are from ours, so that their events can be laid over our samples. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from snlm_lib.clock import Clock
from snlm_lib.errors import RemoteError
from snlm_lib.estate.hosts import offset_s
from snlm_lib.estate.reads import Session, ask
from snlm_lib.remote import commands
from snlm_lib.remote.clixml import PsObject

__all__ = ["ClockOffset", "clock_offsets", "timed"]

_LOOKS = 3  # the quickest answer says it best


@dataclass(frozen=True)
class ClockOffset:
    """``offset_s`` = host's clock minus ours, at most ``plus_minus_s`` wrong; both None when it could not be asked."""

    host: str
    offset_s: float | None
    plus_minus_s: float | None


def clock_offsets(sessions: Sequence[Session], clock: Clock) -> tuple[ClockOffset, ...]:
    """Each host's clock against ours, side by side. A host that does not answer has none; nothing is raised for it."""
    with ThreadPoolExecutor(max_workers=max(len(sessions), 1), thread_name_prefix="clock") as crew:
        return tuple(crew.map(lambda session: _offset(session, clock), sessions))


def _offset(session: Session, clock: Clock) -> ClockOffset:
    try:
        session.open()  # signing on is no part of the round trip
        looks = [look for look in (_look(session, clock) for _ in range(_LOOKS)) if look is not None]
    except RemoteError:
        looks = []
    plus_minus_s, offset_s = min(looks, default=(None, None))
    return ClockOffset(session.host, offset_s, plus_minus_s)


def _look(session: Session, clock: Clock) -> tuple[float, float] | None:
    """Half the round trip, and the offset against its middle."""
    answer, asked_utc, half_s = timed(session, clock)
    told_s = offset_s(answer[0], asked_utc) if answer else None
    return None if told_s is None else (half_s, told_s)


def timed(session: Session, clock: Clock) -> tuple[tuple[PsObject, ...] | None, datetime, float]:
    """The host's system with its clock, the middle of the round trip by ours, and half its length, s."""
    before_utc, before_s = clock.utc_now(), clock.monotonic_s()
    answer = ask(session, commands.get_operating_system())
    half_s = (clock.monotonic_s() - before_s) / 2
    return answer, before_utc + timedelta(seconds=half_s), half_s
