"""The two clocks on one axis: from the judgement to a figure, and through a step's figures back again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from snlm_lib.measure.downtime import DowntimeReport, HostBlackout, judge_downtime
from snlm_lib.measure.pings import read_pings
from snlm_lib.record.charts.clocks import Clocks, clocks_kept, clocks_told, placed
from snlm_lib.record.charts.tracks import Track
from tests import ping_synthesis as made
from tests.ping_synthesis import BEGAN

WINDOW = (BEGAN, BEGAN + timedelta(seconds=35))


def judged(path: Path, *tracks: Track, blackout: HostBlackout | None = None) -> DowntimeReport:
    pings = read_pings(made.write_csv(path / "pings.csv", tracks))
    return judge_downtime(pings, window=WINDOW, blackout=blackout or HostBlackout())


def test_the_gap_and_the_pause_stand_in_seconds_since_the_window_began(tmp_path: Path) -> None:
    counter = (BEGAN + timedelta(seconds=31), BEGAN + timedelta(seconds=32))
    report = judged(tmp_path, *made.a_move(), blackout=HostBlackout(0.4, 20415, counter_utc=counter))
    clocks = clocks_told(report)

    assert clocks.gap_at_s == pytest.approx((31.15, 31.85), abs=0.02)
    assert clocks.pause_at_s == pytest.approx((31.0, 32.0), abs=0.02)
    assert (clocks.pause_by, clocks.kind, clocks.host_blackout_s) == ("counter", "icmp", 0.4)


def test_late_answers_are_placed_where_no_probe_was_lost(tmp_path: Path) -> None:
    clocks = clocks_told(judged(tmp_path, made.track("icmp", late=[(30.0, 30.9)])))

    assert clocks.gap_at_s is None
    assert clocks.held_at_s == pytest.approx((30.0, 30.9), abs=0.11)


def test_what_a_step_keeps_gives_the_same_clocks_again(tmp_path: Path) -> None:
    report = judged(tmp_path, *made.a_move(), blackout=HostBlackout(0.4, 20415))
    told = clocks_told(report)
    lengths = {"gap_s": told.gap_s, "gap_lower_s": told.lower_s, "gap_upper_s": told.upper_s, "gap_kind": told.kind}
    kept = {**lengths, **placed(told)}
    again = clocks_kept(kept.get, host_blackout_s=0.4, truth_s=0.58)

    assert again.gap_at_s == pytest.approx(told.gap_at_s, abs=1e-4)
    assert again.pause_at_s == pytest.approx(told.pause_at_s, abs=1e-4)
    rest = {"gap_at_s": None, "pause_at_s": None, "truth_s": None}
    assert replace(again, **rest) == replace(told, **rest)


def test_an_older_record_has_no_moments() -> None:
    found = clocks_kept({"gap_s": 0.6, "gap_kind": "udp"}.get, host_blackout_s=None, truth_s=None)

    assert found == Clocks(gap_s=0.6, kind="udp")
