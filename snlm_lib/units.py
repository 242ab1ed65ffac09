"""Numbers for people, and time stamps for files. Pure; knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = [
    "GIB",
    "MIB",
    "folder_stamp",
    "iso_utc",
    "parse_utc",
    "say_bytes",
    "say_duration_s",
    "thousandths",
    "unit_of",
]

MIB = 1024**2
GIB = 1024**3
_TIMES = ((7200.0, 3600.0, "h"), (240.0, 60.0, "min"), (float("-inf"), 1.0, "s"))  # from so many s on
_STEPS = ((1024**4, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (1024, "KiB"))


def say_bytes(count: int | None) -> str:
    """``42949672960`` -> ``"40.0 GiB"``; ``None`` -> ``"unknown"``."""
    if count is None:
        return "unknown"
    for size, name in _STEPS:
        if abs(count) >= size:
            return f"{count / size:.1f} {name}"
    return f"{count} B"


def say_duration_s(seconds: float | None) -> str:
    """``0.42`` -> ``"0.42 s"``, ``14.3`` -> ``"14 s"``, ``754`` -> ``"12 min 34 s"``."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def thousandths(value: float | None) -> float | None:
    """Probes leave to the millisecond at best: more digits would claim more."""
    return None if value is None else round(value, 3)


def unit_of(seconds: float) -> tuple[float, str]:
    """The unit in which ``seconds`` are told on their own: the seconds in one, and its name."""
    return next((size, name) for least, size, name in _TIMES if seconds >= least)


def iso_utc(moment: datetime) -> str:
    """An aware moment as ``2026-11-23T21:04:00.123Z`` (milliseconds, UTC); raises ValueError for one without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """The reverse of `iso_utc`; raises ValueError for text without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return moment.astimezone(UTC)


def folder_stamp(moment: datetime) -> str:
    """A moment as a folder name legal on Windows: ``20261123T210400Z``."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
