"""The host's pause on the axis of the samples: by the counter, by the event's moment, or in the gap's middle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from snlm_lib.measure.blackout import HostBlackout, contradicts, counted, place
from snlm_lib.measure.downtime import Cause, DowntimeReport, judge_downtime
from snlm_lib.measure.gaps import gaps
from snlm_lib.measure.wall import WallClock
from snlm_lib.units import iso_utc
from tests.measure.patterns import ZERO, at, header_of, pings_of

WALL = WallClock.starting(ZERO)
(GAP,) = gaps(pings_of({("VM01", "icmp"): "A" * 10 + "x" * 6 + "A" * 10}))
LOGGED = HostBlackout(0.6, 20415, "HV01", at(12.0))


def test_a_hosts_stamp_is_corrected_by_its_clock() -> None:
    pause = place(LOGGED, None, WALL, {"HV01": 10.0})
    assert pause is not None
    assert [pause.start_s, pause.end_s, pause.over_by_s] == pytest.approx([1.4, 2.0, 2.0], abs=1e-3)
    assert pause.by == "event"


def test_an_unknown_clock_places_nothing_by_the_event() -> None:
    assert place(LOGGED, None, WALL, {"HV01": None}) is None
    pause = place(LOGGED, GAP, WALL, {})
    assert pause is not None
    assert (pause.by, pause.over_by_s) == ("gap", None)
    assert pause.end_s - pause.start_s == pytest.approx(0.6)
    assert pause.start_s + pause.end_s == pytest.approx(GAP.start_s + GAP.end_s)


def test_the_counter_says_between_which_looks_it_lay() -> None:
    passes = {"utc": [iso_utc(at(moment)) for moment in (0, 1, 2, 3)], "is_blackout": ["False", "", "True", "0"]}
    seen = counted(passes)
    assert seen == (at(1), at(3))
    pause = place(HostBlackout(0.6, counter_utc=seen), GAP, WALL, {})
    assert pause is not None
    assert (pause.by, round(pause.start_s, 3), round(pause.end_s, 3)) == ("counter", 1.0, 3.0)
    assert counted({"utc": passes["utc"], "is_blackout": ["False"] * 4}) is None


def test_a_pause_that_was_over_before_the_gap_began_is_another() -> None:
    early = place(HostBlackout(0.6, 20415, "HV01", at(-5.0)), GAP, WALL, {"HV01": 0.0})
    assert contradicts(early, GAP, interval_s=0.1)
    assert not contradicts(place(LOGGED, GAP, WALL, {"HV01": 10.0}), GAP, interval_s=0.1)
    assert not contradicts(None, GAP, interval_s=0.1)


def judged(logged_s: float, ahead_s: float | None) -> DowntimeReport:
    plain = pings_of({("VM01", "icmp"): "A" * 10 + "x" * 6 + "A" * 10, ("VM01", "tcp"): "A" * 10 + "x" * 6 + "A" * 10})
    header = header_of(*plain.header.targets, clock_offsets_s={"HV01": ahead_s})
    moved = replace(plain, header=header)
    blackout = HostBlackout(0.6, 20415, "HV01", ZERO + timedelta(seconds=logged_s))
    return judge_downtime(moved, window=None, blackout=blackout)


def test_two_clocks_an_hour_apart_meet_when_the_offset_is_applied() -> None:
    assert judged(3602.0, 3600.0).residue.cause is Cause.QUANTISATION
    assert judged(2.0, 3600.0).residue.cause is Cause.OTHER_MOMENT
    assert not judged(2.0, 3600.0).usable
    assert judged(2.0, None).residue.cause is Cause.QUANTISATION, "what is not known proves nothing"
