"""How far the hosts' clocks are from ours, so that their events can be laid over our samples. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from snlm_lib.clock import Clock
from snlm_lib.errors import RemoteError
from snlm_lib.estate import values
from snlm_lib.estate.reads import Session, ask
from snlm_lib.remote import commands

__all__ = ["ClockOffset", "clock_offsets"]

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
    before_utc, before_s = clock.utc_now(), clock.monotonic_s()
    answer = ask(session, commands.get_operating_system())
    half_s = (clock.monotonic_s() - before_s) / 2
    told = values.moment(answer[0], "LocalDateTime") if answer else None
    return None if told is None else (half_s, (told - before_utc - timedelta(seconds=half_s)).total_seconds())
