"""From the words of `snlm monitor` to targets, kinds and an end; each wrong word has its own sentence."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from snlm_lib.errors import ParameterError
from snlm_lib.standing import LONGEST, Asked, kinds_of, local, named, understood, when_for, when_until

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ON_POSIX = pytest.mark.skipif(not hasattr(time, "tzset"), reason="only on POSIX can a test choose its time zone")


@contextmanager
def zone(name: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("icmp", {"icmp": True}),
        ("udp:7", {"udp_port": 7}),
        ("ICMP,connect:3389=rdp", {"icmp": True, "connect_port": 3389, "connect_exchange": "rdp"}),
        ("icmp tcp:443=http", {"icmp": True, "tcp_port": 443, "tcp_exchange": "http"}),  # PowerShell joined an array
        ("connect:25=banner,tcp:7", {"connect_port": 25, "connect_exchange": "banner", "tcp_port": 7}),
    ],
)
def test_kinds_are_read_as_the_fields_of_a_target(text: str, fields: dict[str, Any]) -> None:
    assert kinds_of(text) == fields


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "--kinds is empty"),
        (" , ", "--kinds is empty"),
        ("ping", "no such kind of probe"),
        ("icmp;udp:7", "no such kind of probe"),
        ("connect", "needs a port"),
        ("icmp:7", "ICMP has no ports"),
        ("udp:0", "from 1 to 65535"),
        ("tcp:65536", "from 1 to 65535"),
        ("udp:7=echo", "udp has none"),
        ("icmp=echo", "icmp has none"),
        ("connect:22=ssh", "one of none, banner, echo, http, rdp"),
        ("tcp:3389=rdp", "one of echo, http"),
        ("icmp,connect:1,connect:2", "connect is asked for twice"),
    ],
)
def test_kinds_that_are_none_are_refused(text: str, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        kinds_of(text)


@pytest.mark.parametrize(
    ("word", "name", "address"),
    [
        ("vm01.corp.example", "vm01.corp.example", "vm01.corp.example"),
        ("VM01=10.20.0.51", "VM01", "10.20.0.51"),
        ("[fe80::1]", "fe80::1", "fe80::1"),
        ("VM01=2001:db8::5", "VM01", "2001:db8::5"),
    ],
)
def test_a_target_is_a_name_or_an_address_or_both(word: str, name: str, address: str) -> None:
    found, target = named(word, {"icmp": True}, what="TARGET")
    assert (found, target.address) == (name, address)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("", "names nothing"),
        ("VM01=", "names nothing"),
        ("=10.0.0.1", "names nothing"),
        ("vm01:3389", "a port stands in --kinds"),
        ("http://vm01", "a port stands in --kinds"),
        ("\\\\vm01\\c$", "name or an address alone"),
        ("a b", "name or an address alone"),
        ("vm01,vm02", "is no name"),
        ("connect:3389=rdp", "in PowerShell"),
        ("icmp", "in PowerShell"),
    ],
)
def test_a_target_that_is_none_is_refused(word: str, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        named(word, {"icmp": True}, what="TARGET")


def test_a_control_is_probed_by_icmp_alone_where_icmp_is_asked_for() -> None:
    both = understood(Asked(["vm01"], "icmp,connect:3389=rdp", ["gw01"]), NOW)
    assert (both.targets["vm01"].connect_port, both.controls["gw01"].connect_port) == (3389, None)
    assert both.controls["gw01"].icmp
    assert understood(Asked(["vm01"], "udp:7", ["gw01"]), NOW).controls["gw01"].udp_port == 7


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked([]), "nothing to probe"),
        (Asked(["vm01", "VM01"]), "'vm01' is named twice"),
        (Asked(["vm01"], controls=["vm01"]), "named twice"),
        (Asked(["vm01"], until="18:30", lasting="8h"), "two ends"),
    ],
)
def test_words_that_do_not_go_together_are_refused(asked: Asked, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        understood(asked, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("8h", 28800), ("2D", 172800), ("1d2h3m4s", 93784)]
)
def test_a_duration_says_its_units(text: str, seconds: int) -> None:
    assert when_for(text, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "90", "0s", "-5m", "1w", "1.5h", "8 h", "h", "99999d9"])
def test_a_duration_without_units_or_length_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="is no duration"):
        when_for(text, NOW)


def test_too_long_is_refused() -> None:
    assert when_for("31d", NOW) - NOW == LONGEST
    with pytest.raises(ParameterError, match="more than 31 days"):
        when_for("31d1s", NOW)


@ON_POSIX
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("18:30", "2026-11-23T17:30"),
        ("10:29:59", "2026-11-24T09:29:59"),  # it is 10:30 there: the next one is tomorrow's
        ("2026-11-24T06:00", "2026-11-24T05:00"),
        ("2026-11-24 06:00", "2026-11-24T05:00"),
        ("2026-11-23T12:00Z", "2026-11-23T12:00"),
        ("2026-11-23T12:00+05:30", "2026-11-23T06:30"),
    ],
)
def test_a_time_is_local_unless_it_says_its_offset(text: str, utc: str) -> None:
    wanted = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    now = NOW if wanted > NOW else wanted - timedelta(hours=1)
    with zone("Europe/Berlin"):
        assert when_until(text, now) == wanted


@pytest.mark.parametrize("text", ["2026-11-23T09:30Z", "2020-01-01T00:00Z", "2026-11-23T11:30+05:00"])
def test_a_time_that_is_past_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match=r"is past.*say a time to come"):
        when_until(text, NOW)


@pytest.mark.parametrize("text", ["", "25:00", "24.11.2026", "11/24/2026 6:00", "tomorrow", "18:30:99", "T06:00"])
def test_a_time_that_is_none_shows_one_that_is(text: str) -> None:
    with pytest.raises(ParameterError, match=r"is no time.*2026-11-24T06:00"):
        when_until(text, NOW)


@ON_POSIX
@pytest.mark.parametrize("text", ["2026-10-25T02:30", "2027-03-28T02:30", "02:30"])
def test_a_time_that_happens_twice_or_never_asks_for_its_offset(text: str) -> None:
    now = datetime(2027, 3, 27, 20, 0, tzinfo=UTC) if "2027" in text else datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    with zone("Europe/Berlin"):
        with pytest.raises(ParameterError, match="twice here, or not at all"):
            when_until(text, now)
        assert when_until("2026-10-25T02:30+02:00", datetime(2026, 10, 24, 20, 0, tzinfo=UTC)).hour == 0


@ON_POSIX
def test_a_moment_is_said_with_its_zone() -> None:
    with zone("Asia/Kolkata"):
        assert local(NOW) == "2026-11-23 15:00:00 (UTC+05:30)"
