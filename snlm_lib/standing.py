"""What `snlm monitor` was asked, from words to targets, pace and end. Pure: opens no socket and writes no file.

A time without an offset is this machine's own; what it means is said back with its zone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from snlm_lib.closed import checked
from snlm_lib.errors import ParameterError
from snlm_lib.guests import GuestTarget

__all__ = ["LONGEST", "Asked", "Watch", "kinds_of", "local", "named", "understood", "when_for", "when_until"]

LONGEST = timedelta(days=31)
_KINDS = "icmp, udp:PORT, connect:PORT, connect:PORT=EXCHANGE, tcp:PORT or tcp:PORT=EXCHANGE"
_KIND = re.compile(r"(?P<kind>icmp|udp|connect|tcp)(?::(?P<port>[0-9]{1,9}))?(?:=(?P<exchange>[a-z]+))?")
_DURATION = re.compile(
    r"(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,5})h)?(?:(?P<minutes>\d{1,6})m)?(?:(?P<seconds>\d{1,8})s)?"
)
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_QUOTES = "A list with commas needs quotes in PowerShell: --kinds 'icmp,connect:3389=rdp'."


@dataclass(frozen=True)
class Asked:
    """The words of the command line, as they were given."""

    targets: Sequence[str]
    kinds: str = "icmp"
    controls: Sequence[str] = ()
    until: str | None = None
    lasting: str | None = None


@dataclass(frozen=True)
class Watch:
    """What they mean; ``until`` None: until somebody ends it."""

    targets: dict[str, GuestTarget]
    controls: dict[str, GuestTarget]
    until: datetime | None


def understood(asked: Asked, now: datetime) -> Watch:
    """``asked``, checked; raises ParameterError for the first thing wrong."""
    kinds = kinds_of(asked.kinds)
    # a neighbour seldom offers the machine's services: where ICMP is asked of both, it is enough for the path
    of_control = {"icmp": True} if kinds.get("icmp") else kinds
    if not asked.targets:
        raise ParameterError("nothing to probe", remedy="Name one or more machines: snlm monitor vm01.corp.example")
    targets = [named(word, kinds, what="TARGET") for word in asked.targets]
    controls = [named(word, of_control, what="--control") for word in asked.controls]
    _refuse_doubles([name for name, _ in (*targets, *controls)])
    if asked.until is not None and asked.lasting is not None:
        raise ParameterError("--until and --for say two ends", remedy="Give one of them.")
    until = when_until(asked.until, now) if asked.until is not None else None
    until = when_for(asked.lasting, now) if asked.lasting is not None else until
    return Watch(dict(targets), dict(controls), until)


def _refuse_doubles(names: list[str]) -> None:
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise ParameterError(
                f"{name!r} is named twice", remedy="Samples tell targets by name: say NAME=ADDRESS for one of them."
            )


def kinds_of(text: str) -> dict[str, Any]:
    """``icmp,connect:3389=rdp`` -> the fields of a `GuestTarget`; raises ParameterError."""
    fields: dict[str, Any] = {}
    for word in text.replace(" ", ",").split(","):
        if word:
            _add_kind(fields, word)
    if not fields:
        raise ParameterError("--kinds is empty", remedy=f"Say one or more of {_KINDS}.")
    return fields


def _add_kind(fields: dict[str, Any], word: str) -> None:
    where, found = f"--kinds {word[:60]}", _KIND.fullmatch(word.lower())
    if found is None:
        raise ParameterError("no such kind of probe", where=where, remedy=f"Say one or more of {_KINDS}.")
    kind, port, exchange = found["kind"], found["port"], found["exchange"]
    key = "icmp" if kind == "icmp" else f"{kind}_port"
    if key in fields:
        raise ParameterError(f"{kind} is asked for twice", where=where, remedy="One of a kind; run a second monitor.")
    if (kind == "icmp") != (port is None):
        remedy = "Say icmp alone." if kind == "icmp" else f"Say {kind}:PORT."
        raise ParameterError("ICMP has no ports" if kind == "icmp" else "needs a port", where=where, remedy=remedy)
    if port is not None and not 1 <= int(port) <= 65535:
        raise ParameterError("a port is a number from 1 to 65535", where=where, remedy="Correct it.")
    fields[key] = True if port is None else int(port)
    if exchange is not None:
        known = _exchanges(kind)
        if exchange not in known:
            remedy = f"Say one of {', '.join(known)}." if known else f"{kind} has none: leave '={exchange}' out."
            raise ParameterError(f"no exchange called {exchange!r}", where=where, remedy=remedy)
        fields[f"{kind}_exchange"] = exchange


def _exchanges(kind: str) -> tuple[str, ...]:
    field = GuestTarget.model_fields.get(f"{kind}_exchange")
    return get_args(field.annotation) if field else ()


def named(word: str, kinds: dict[str, Any], *, what: str) -> tuple[str, GuestTarget]:
    """``vm01.corp.example`` or ``VM01=10.20.0.51`` -> its name in the samples and how it is probed."""
    name, _, address = word.partition("=")
    address = (address if "=" in word else name).strip("[]")
    where = f"{what} {word[:60]!r}"
    if _KIND.fullmatch(word.lower()) and word.lower() not in ("udp", "connect", "tcp"):
        raise ParameterError("is a kind of probe, not a machine", where=where, remedy=_QUOTES)
    if ":" in address and not _is_ip(address):
        raise ParameterError(
            "a port stands in --kinds", where=where, remedy="Name the machine alone, and its port in --kinds."
        )
    if not name.strip("[]") or not address:
        raise ParameterError("names nothing", where=where, remedy="Say a name, an address, or NAME=ADDRESS.")
    if len(name) > 255 or not name.isprintable() or "," in name or '"' in name:
        raise ParameterError("is no name", where=where, remedy="Say NAME=ADDRESS with a plain name.")
    try:
        return name.strip("[]"), checked(GuestTarget, {"address": address, **kinds}, where=where)
    except ParameterError as error:
        raise ParameterError(error.what, where=where, remedy="Say a name or an address alone.") from None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def when_for(text: str, now: datetime) -> datetime:
    """The end of ``90s``, ``30m``, ``8h``, ``1d12h`` from ``now``; raises ParameterError."""
    found = _DURATION.fullmatch(text.strip().lower())
    parts = {unit: int(count) for unit, count in (found.groupdict() if found else {}).items() if count}
    if not any(parts.values()):
        raise ParameterError(f"--for {text[:60]!r} is no duration", remedy="Say 90s, 30m, 8h, 2d, or 1h30m.")
    return _bounded(now + timedelta(**parts), now, said=f"--for {text}")


def when_until(text: str, now: datetime) -> datetime:
    """``18:30`` (the next one), ``2026-11-24T06:00`` (both local) or a time with its offset; raises ParameterError."""
    said = f"--until {text[:60]}"
    try:
        of_day = _TIME_OF_DAY.fullmatch(text.strip())
        moment = _next(now, *(int(part or 0) for part in of_day.groups())) if of_day else _moment(text.strip())
    except (ValueError, OverflowError, OSError):
        raise ParameterError(
            "is no time", where=said, remedy="Say 18:30, 2026-11-24T06:00, or with its offset 2026-11-24T06:00+01:00."
        ) from None
    if moment is None:
        raise ParameterError(
            "happens twice here, or not at all: clocks change in that night",
            where=said,
            remedy="Write its offset, as in 2026-10-25T02:30+02:00.",
        )
    return _bounded(moment, now, said=said)


def _moment(text: str) -> datetime | None:
    written = datetime.fromisoformat(text)
    return written.astimezone(UTC) if written.tzinfo is not None else _here(written)


def _here(written: datetime) -> datetime | None:
    """A local time in UTC; None when two moments bear it, or none."""
    first, second = (written.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return first if first == second else None


def _next(now: datetime, hour: int, minute: int, second: int) -> datetime | None:
    today = now.astimezone().replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
    moment = _here(today)
    return moment if moment is None or moment > now else _here(today + timedelta(days=1))


def _bounded(moment: datetime, now: datetime, *, said: str) -> datetime:
    if moment <= now:
        raise ParameterError("is past", where=said, remedy=f"It is {local(now)} now; say a time to come.")
    if moment - now > LONGEST:
        raise ParameterError(
            f"is more than {LONGEST.days} days away", where=said, remedy="Say less, and start it again then."
        )
    return moment


def local(moment: datetime) -> str:
    """A moment as this machine's people read it, with its offset: ``2026-11-23 18:30:00 (UTC+01:00)``."""
    here = moment.astimezone()
    zone = here.strftime("%z")
    return f"{here:%Y-%m-%d %H:%M:%S} (UTC{zone[:3]}:{zone[3:5]})"
