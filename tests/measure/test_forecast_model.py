"""A forecast's content: what dominates, the verdict, what moves that ended teach, and what is kept of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from snlm_lib.measure.forecast import (
    Convergence,
    Forecaster,
    MoveInputs,
    Outcome,
    PassSeen,
    Past,
    Source,
    Transport,
    past_from,
)
from snlm_lib.measure.forecast.course import run
from snlm_lib.measure.forecast.inputs import complete
from snlm_lib.measure.forecast.learn import reading_of
from snlm_lib.measure.forecast.situation import situation
from snlm_lib.measure.forecast.traits import LIMITS, Traits

WEB = MoveInputs(
    platform="kvm",
    workload="web",
    ram_assigned_mib=4096,
    ram_demand_mib=2000,
    disk_used_mib=0,
    link_mbit_s=1000,
    dirty_mib_s=10,
)


def _truth(inputs: MoveInputs, traits: Traits) -> Outcome:
    course = run(situation(inputs, complete(inputs)[0], None).load, traits)
    return Outcome(float(course.time_s[0]), float(course.pause_s[0]), float(course.sent_mib[0]))


def _pasts(traits: Traits, count: int) -> list[Past]:
    asked = [replace(WEB, ram_demand_mib=1000 + 37.0 * at, dirty_mib_s=5 + 3.0 * (at % 20)) for at in range(count)]
    return [Past(inputs, _truth(inputs, traits), float(at)) for at, inputs in enumerate(asked)]


def test_memory_over_link_is_the_least_time_of_an_idle_guest() -> None:
    told = Forecaster().forecast(replace(WEB, dirty_mib_s=0))

    assert told.memory_s.mid == pytest.approx(2000 / (0.941 * 119.2), rel=0.05)
    assert told.storage_s is None
    assert told.verdict.word is Convergence.CONVERGES
    assert told.dominates.startswith("the first pass over the memory")


@pytest.mark.parametrize(
    ("dirty", "word"),
    [
        (5, Convergence.CONVERGES),
        (85, Convergence.SLOWLY),
        (400, Convergence.FORCED),
        (None, Convergence.NOT_KNOWN),
    ],
)
def test_the_verdict_follows_writes_over_rate(dirty: float | None, word: Convergence) -> None:
    hot_mib = 400 if dirty == 400 else 20
    told = Forecaster().forecast(replace(WEB, dirty_mib_s=dirty, hot_set_mib=hot_mib, max_passes=30))

    assert told.verdict.word is word
    assert told.verdict.reason.endswith((".", "expected."))


def test_what_will_not_converge_has_a_floor_of_the_pause() -> None:
    told = Forecaster().forecast(replace(WEB, dirty_mib_s=400, hot_set_mib=900))

    assert told.verdict.pause_floor_s == pytest.approx(900 / 112.2, rel=0.1)
    assert told.pause_s.mid >= told.verdict.pause_floor_s * 0.9


def test_moves_that_ended_draw_the_forecast_to_their_curve() -> None:
    guests = Traits(reach=0.6, rounds=14, share=0.85, setup_s=2.0)
    pasts = _pasts(guests, 60)
    blank, taught = Forecaster(), Forecaster.trained(pasts)
    asked = replace(WEB, ram_demand_mib=2111, dirty_mib_s=44)
    truth = _truth(asked, guests).memory_s
    assert truth
    misses = [abs(model.forecast(asked).memory_s.mid / truth - 1) for model in (blank, taught)]

    assert misses[1] < 0.05 < misses[0]
    assert taught.forecast(asked).learned_moves == 60
    spans = [model.forecast(asked).memory_s for model in (blank, taught)]
    assert spans[1].high / spans[1].low < spans[0].high / spans[0].low


def test_what_a_class_decides_is_not_learnt_from_another_class() -> None:
    model = Forecaster.trained(_pasts(Traits(reach=0.9, share=0.8), 40))
    known, stranger = (model.traits(replace(WEB, workload=name)) for name in ("web", "mail"))

    assert known.reach > 0.5
    assert (stranger.reach, stranger.rounds) == (Traits().reach, Traits().rounds)
    assert stranger.share == known.share != Traits().share


def test_one_move_more_is_used_by_the_next() -> None:
    model = Forecaster.trained(_pasts(Traits(), 20))
    asked = replace(WEB, workload="new", machine="VM9")
    before = model.forecast(asked).memory_s.mid
    for _ in range(3):
        model.learn(Past(asked, Outcome(before * 1.6), 99.0))

    assert model.forecast(asked).memory_s.mid == pytest.approx(before * 1.6, rel=0.15)


def test_a_stuck_move_shows_the_links_rate_and_is_kept_as_a_lower_bound() -> None:
    stuck = [PassSeen(2000, 20.0), PassSeen(1990, 19.9), PassSeen(1985, 19.8)]
    reading = reading_of(stuck, 2048)

    assert reading
    assert reading.censored
    assert reading.mib_s == pytest.approx(1990 / 20.0)
    model = Forecaster()
    model.learn(Past(replace(WEB, machine="VM1"), Outcome(60.0, passes=tuple(stuck))))
    told = model.forecast(replace(WEB, machine="VM1", dirty_mib_s=None))
    writes = next(one for one in told.inputs if one.name == "memory writes")
    assert writes.source is Source.HISTORY
    assert writes.high / writes.value > 3
    assert "stuck" in told.verdict.reason


def test_passes_give_the_points_of_the_curve() -> None:
    reading = reading_of([PassSeen(2000, 20.0), PassSeen(200, 2.0), PassSeen(50, 0.5), PassSeen(20, 0.2)])

    assert reading
    assert (reading.mib_s, reading.window_s, reading.censored) == (10.0, 20.0, False)
    assert reading.shape == ((0.025, 0.1), (0.1, 0.25))
    assert reading_of([PassSeen(2000, 20.0)]) is None


def _two_sets(seconds: float) -> float:
    """A hot set of 120 MiB and a slow one of 900: no single exponential fits both."""
    return 120 * -math.expm1(-seconds) + 900 * -math.expm1(-seconds / 40)


def _played(rate_mib_s: float) -> Outcome:
    """A move of a guest with that curve: five passes, then the pause."""
    passes, volume = [], 2000.0
    for _ in range(5):
        passes.append(PassSeen(volume, volume / rate_mib_s))
        volume = _two_sets(volume / rate_mib_s)
    pause_s = 0.9 + volume / rate_mib_s
    return Outcome(4.2 + sum(one.seconds for one in passes) + pause_s, pause_s, passes=tuple(passes))


def test_a_measured_curve_is_kept_as_it_is_and_beats_one_reading_of_it() -> None:
    """The machine moved over 1 Gbit/s before; now the wire has half of it, and each pass takes twice as long."""
    seen = reading_of(_played(112.0).passes)
    assert seen
    asked = replace(WEB, platform="hyper-v", dirty_mib_s=seen.mib_s, dirty_window_s=seen.window_s, max_passes=5)
    misses = []
    for shape in (seen.shape, ()):
        told = Forecaster().forecast(replace(asked, link_mbit_s=500.0, dirty_shape=shape))
        misses.append(abs(told.memory_s.mid / (_played(56.1).memory_s or 0) - 1))

    assert misses[0] < 0.06 < misses[1]


def test_points_that_do_not_rise_to_the_reading_are_left_out() -> None:
    odd = ((0.2, 0.5), (0.3, 0.4), (0.2, 0.6), (2.0, 0.9), (0.9, 4.0), (0.0, 0.1), (math.nan, math.nan))
    told, plain = (Forecaster().forecast(replace(WEB, dirty_window_s=10.0, dirty_shape=one)) for one in (odd, odd[:1]))

    assert told == plain != Forecaster().forecast(replace(WEB, dirty_window_s=10.0))


def test_a_past_move_survives_its_record() -> None:
    given = replace(WEB, transport=Transport.SMB, dirty_shape=((0.5, 0.6), (0.8, 0.9)))
    past = Past(given, Outcome(20.0, 0.4, passes=(PassSeen(10, 1),)), 5.0)

    assert past_from(json.loads(json.dumps(past.as_dict()))) == past
    inputs = past.as_dict()["inputs"]
    assert isinstance(inputs, dict)
    for damaged in ({}, {"schema": "other"}, {**past.as_dict(), "outcome": {"passes": [{"mib": "x"}]}}):
        assert past_from(damaged) is None
    for shape in (7, [[1]], [[1, "x"]], [[1, 1e99]]):
        assert past_from({**past.as_dict(), "inputs": {**inputs, "dirty_shape": shape}}) is None


def test_what_would_shorten_it_is_told_with_its_gain() -> None:
    given = MoveInputs(
        ram_assigned_mib=65_536, ram_demand_mib=60_000, disk_used_mib=0, link_mbit_s=1000, dirty_mib_s=60
    )
    advice = Forecaster().shorten(given)

    assert next(one.what for one in advice) == "a link ten times as fast"
    assert all(one.saved_s > 0 for one in advice)
    assert "SMB Direct" not in {one.what for one in advice}  # one gigabit is below what a stream carries


def test_storage_that_is_written_as_fast_as_it_is_copied_still_has_an_end() -> None:
    told = Forecaster().forecast(replace(WEB, disk_used_mib=50_000, disk_write_mib_s=900, storage_mib_s=100))

    assert told.storage_s
    assert told.storage_s.mid > 50_000 / 100
    assert told.total_s.mid > told.storage_s.mid
    assert told.dominates.startswith("the copy of the storage")


def test_earlier_copies_correct_the_storage_phase() -> None:
    model, given = Forecaster(), replace(WEB, disk_used_mib=20_000, storage_mib_s=200)
    before = model.forecast(given).storage_s
    assert before
    for _ in range(10):
        model.learn(Past(given, Outcome(None, storage_s=before.mid * 2)))
    after = model.forecast(given).storage_s

    assert after
    assert after.mid == pytest.approx(before.mid * 2, rel=0.2)


def test_a_trait_never_leaves_its_limits() -> None:
    assert all(Traits().moved(name, 1e9).as_dict()[name] == limit.high for name, limit in LIMITS.items())


def test_limits_of_the_change_are_compared_with_the_upper_end() -> None:
    told = Forecaster().forecast(replace(WEB, window_s=3600, pause_limit_s=0.001))

    assert (told.fits_window, told.fits_pause) == (True, False)
    assert Forecaster().forecast(WEB).fits_window is None


def test_memory_in_use_bounds_what_is_assigned_from_below() -> None:
    known = replace(WEB, ram_assigned_mib=65_536, ram_demand_mib=65_536)
    told, blind = (Forecaster().forecast(one).memory_s for one in (known, replace(known, ram_assigned_mib=None)))

    assert blind.mid == pytest.approx(told.mid, rel=0.02)


def test_what_cannot_matter_is_not_missing() -> None:
    assert Forecaster().forecast(WEB).missing == ()
    assert Forecaster().forecast(replace(WEB, disk_used_mib=10.0)).missing == ("disk writes",)


def test_a_link_that_nobody_told_leaves_both_a_slow_and_a_fast_one_possible() -> None:
    given = replace(
        WEB, platform="hyper-v", ram_demand_mib=15_000, transport=Transport.SMB_DIRECT, disk_used_mib=90_000
    )
    slow, fast, blind = (Forecaster().forecast(replace(given, link_mbit_s=one)).total_s for one in (1000, 10_000, None))

    assert blind.low < fast.mid < slow.mid < blind.high
    assert blind.high - blind.low > max(one.high - one.low for one in (slow, fast))


def test_a_move_whose_storage_alone_was_seen_counts_as_a_lesson() -> None:
    model = Forecaster()
    model.learn(Past(replace(WEB, disk_used_mib=20_000), Outcome(None, storage_s=300.0)))
    model.learn(Past(WEB, Outcome(None)))

    assert model.forecast(WEB).learned_moves == 1
