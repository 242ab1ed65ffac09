"""Numbers for people, stamps for files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from snlm_lib.units import GIB, MIB, folder_stamp, iso_utc, parse_utc, say_bytes, say_duration_s

MOMENT = datetime(2026, 11, 23, 21, 4, 0, 123_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (MIB, "1.0 MiB"),
        (40 * GIB, "40.0 GiB"),
        (3 * 1024 * GIB, "3.0 TiB"),
        (-5 * MIB, "-5.0 MiB"),
    ],
)
def test_bytes_are_said_in_the_unit_that_fits(count: int | None, said: str) -> None:
    assert say_bytes(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "unknown"),
        (0.0, "0.00 s"),
        (0.42, "0.42 s"),
        (1.44, "1.4 s"),
        (14.3, "14 s"),
        (119.4, "119 s"),
        (119.6, "2 min 0 s"),
        (754, "12 min 34 s"),
        (3599.6, "1 h 0 min"),
        (7380, "2 h 3 min"),
    ],
)
def test_durations_are_said_as_finely_as_they_matter(seconds: float | None, said: str) -> None:
    assert say_duration_s(seconds) == said


def test_a_moment_survives_being_written_and_read_to_the_millisecond() -> None:
    assert iso_utc(MOMENT) == "2026-11-23T21:04:00.123Z"
    assert parse_utc(iso_utc(MOMENT)) == MOMENT.replace(microsecond=123_000)


def test_a_moment_of_another_zone_is_the_same_moment() -> None:
    berlin = timezone(timedelta(hours=1))
    assert iso_utc(datetime(2026, 11, 23, 22, 4, tzinfo=berlin)) == "2026-11-23T21:04:00.000Z"
    assert parse_utc("2026-11-23T22:04:00+01:00") == datetime(2026, 11, 23, 21, 4, tzinfo=UTC)
    assert parse_utc("2026-11-23T22:04:00+01:00").tzinfo is UTC


def test_windows_seven_decimals_are_read() -> None:
    assert parse_utc("2026-11-23T21:04:00.1234567Z").microsecond == 123_456


def test_a_moment_without_a_zone_is_refused_both_ways() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse_utc("2026-11-23T21:04:00")
    with pytest.raises(ValueError, match="no time zone"):
        iso_utc(datetime(2026, 11, 23))


def test_a_folder_stamp_is_legal_on_windows_and_sorts_by_time() -> None:
    stamp = folder_stamp(MOMENT)
    assert stamp == "20261123T210400Z"
    assert not set(stamp) & set('<>:"/\\|?*.')
    assert folder_stamp(MOMENT + timedelta(seconds=1)) > stamp
