"""Outages of known length, from 20 ms to 30 s, alone and again and again: what is told contains what was."""

from __future__ import annotations

import numpy as np
import pytest

from snlm_lib.measure.ledger import ANSWERED, DUPLICATE, LATE, LOST
from tests.netns.conftest import LONG_S, WEATHER
from tests.netns.told import Run, assert_true


@pytest.mark.parametrize(
    ("fate", "kind"), [("LONG", "icmp"), ("SHORT", "icmp"), ("SHORT", "udp"), ("SIX", "icmp"), ("QUARANTINED", "icmp")]
)
def test_every_outage_is_told_and_its_bounds_contain_the_truth(fates: Run, fate: str, kind: str) -> None:
    assert fates.cuts[fate]
    assert_true(fates.cuts[fate], fates.told(fate, kind), fates.pace.interval_s)


def test_half_a_minute_is_one_gap(fates: Run) -> None:
    (gap,) = fates.told("LONG")
    assert gap.length_s == pytest.approx(LONG_S, abs=0.5)


def test_who_was_never_away_has_no_gap(fates: Run) -> None:
    assert fates.told("CONTROL") == []
    assert fates.count("CONTROL", ANSWERED) > LONG_S / fates.pace.interval_s / 2


def test_what_the_kernel_dropped_at_random_is_just_what_is_told_lost(fates: Run) -> None:
    assert fates.dropped > 0
    assert fates.count("LOSSY", LOST) - fates.count("LOSSY", LATE) == fates.dropped


def test_a_firewall_that_quarantines_stops_new_connections_and_spares_the_old_one(fates: Run) -> None:
    cuts, interval_s = fates.cuts["QUARANTINED"], fates.pace.interval_s
    assert_true(cuts, fates.told("QUARANTINED", "connect"), interval_s)
    assert fates.told("QUARANTINED", "tcp") == []


def test_delay_loss_and_duplicates_of_the_path_are_told_as_they_were(fates: Run) -> None:
    lost = fates.count("BEYOND", LOST) - fates.count("BEYOND", LATE)
    assert (lost, fates.count("BEYOND", DUPLICATE)) == (fates.carried.dropped, fates.carried.duplicated)
    assert 0 < lost < fates.carried.passed / 2


def test_probes_that_overtook_each_other_are_no_outage(fates: Run) -> None:
    samples = fates.samples()
    beyond = samples.target.equals("BEYOND") & samples.status.equals(ANSWERED)
    received_s = samples.sent_s[beyond] + samples.rtt_ms[beyond] / 1000
    by_seq = received_s[np.argsort(samples.seq[beyond])]

    assert fates.carried.overtaken > 0
    assert (np.diff(by_seq) < 0).any()
    assert np.nanmin(samples.rtt_ms[beyond]) >= WEATHER.delay_ms
    longest_s = max((gap.lower_s or 0.0 for gap in fates.told("BEYOND")), default=0.0)
    assert longest_s < 10 * fates.pace.interval_s
