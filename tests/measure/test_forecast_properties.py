"""What any forecast must keep, whatever a survey hands in: direction, order of ranges, no impossible number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snlm_lib.measure.forecast import Forecast, Forecaster, MoveInputs, Outcome, Past, Source, Span, Transport
from snlm_lib.measure.forecast.experience import Recall

SMALL = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

rates = st.floats(0.01, 5000)
known = st.builds(
    MoveInputs,
    platform=st.sampled_from(["hyper-v", "kvm"]),
    ram_assigned_mib=st.floats(64, 500_000),
    ram_demand_mib=st.floats(32, 500_000),
    disk_used_mib=st.one_of(st.just(0.0), st.floats(1, 5e6)),
    disk_write_mib_s=st.floats(0, 500),
    link_mbit_s=st.floats(10, 400_000),
    mtu=st.sampled_from([None, 1500, 9000]),
    transport=st.sampled_from(list(Transport)),
    host_cpu_percent=st.floats(0, 100),
    streams=st.integers(1, 8),
    simultaneous=st.integers(1, 20),
    storage_mib_s=st.floats(1, 20_000),
    dirty_mib_s=st.one_of(st.just(0.0), rates),
    dirty_window_s=st.floats(0.1, 60),
    dirty_shape=st.lists(st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)), max_size=4).map(tuple),
)
odd = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5))
ODD_NAMES = (
    *("ram_assigned_mib", "ram_demand_mib", "disk_used_mib", "disk_write_mib_s", "link_mbit_s", "mtu"),
    *("rate_cap_mib_s", "storage_mib_s", "compression", "host_cpu_percent", "streams", "simultaneous"),
    *("dirty_mib_s", "dirty_window_s", "hot_set_mib", "allowed_pause_s", "max_passes"),
)
anything = st.builds(
    MoveInputs,
    platform=st.sampled_from(["hyper-v", "kvm", "another"]),
    dirty_shape=st.lists(st.tuples(st.floats(), st.floats()), max_size=3).map(tuple),
    **dict.fromkeys(ODD_NAMES, odd),
)


def _taught() -> Forecaster:
    """A model that has seen some moves, each a little slower than the arithmetic."""
    pasts = []
    for number in range(30):
        inputs = MoveInputs(
            workload="web",
            machine=f"VM{number % 5}",
            ram_assigned_mib=4096,
            ram_demand_mib=2000 + 40.0 * number,
            disk_used_mib=10_000,
            link_mbit_s=10_000,
            dirty_mib_s=5.0 + number,
        )
        outcome = Outcome(12.0 + number / 5, 0.8 + number / 100, 2600 + 50.0 * number, 40.0 + number)
        pasts.append(Past(inputs, outcome, float(number)))
    return Forecaster.trained(pasts)


BLANK, TAUGHT = Forecaster(), _taught()


def _spans(told: Forecast) -> list[Span]:
    spans = [told.total_s, told.memory_s, told.pause_s, told.sent_mib, told.memory_mib]
    return [*spans, told.storage_s] if told.storage_s else spans


def _slower(before: Span, after: Span) -> bool:
    pairs = zip((before.low, before.mid, before.high), (after.low, after.mid, after.high), strict=True)
    return all(then >= now * (1 - 1e-9) for now, then in pairs)


def _width(span: Span | None) -> float:
    assert span
    return math.log(span.high / span.low)


@SMALL
@given(known, st.floats(1.0, 20.0))
def test_more_memory_never_takes_less_time(inputs: MoveInputs, factor: float) -> None:
    assert inputs.ram_assigned_mib
    assert inputs.ram_demand_mib
    more = replace(
        inputs,
        ram_assigned_mib=inputs.ram_assigned_mib * factor,
        ram_demand_mib=inputs.ram_demand_mib * factor,
    )
    for model in (BLANK, TAUGHT):
        recall = model.recall(inputs)
        before, after = model.forecast(inputs, recall), model.forecast(more, recall)

        assert _slower(before.total_s, after.total_s)
        assert _slower(before.memory_mib, after.memory_mib)


@SMALL
@given(known, st.floats(1.0, 50.0))
def test_a_faster_link_never_takes_more_time(inputs: MoveInputs, factor: float) -> None:
    assert inputs.link_mbit_s
    faster = replace(inputs, link_mbit_s=inputs.link_mbit_s * factor)
    for model in (BLANK, TAUGHT):
        recall = model.recall(inputs)

        assert _slower(model.forecast(faster, recall).total_s, model.forecast(inputs, recall).total_s)


@SMALL
@given(known, st.floats(1.0, 30.0))
def test_a_higher_dirty_rate_never_shortens_time_or_the_floor_of_the_pause(inputs: MoveInputs, factor: float) -> None:
    assert inputs.dirty_mib_s is not None
    busier = replace(inputs, dirty_mib_s=(inputs.dirty_mib_s + 0.01) * factor)
    for model in (BLANK, TAUGHT):
        recall = model.recall(inputs)
        before, after = model.forecast(inputs, recall), model.forecast(busier, recall)

        assert after.verdict.pause_floor_s >= before.verdict.pause_floor_s
        assert _slower(before.total_s, after.total_s)


@SMALL
@given(st.one_of(known, anything), st.booleans())
def test_ranges_never_cross_and_no_number_is_impossible(inputs: MoveInputs, taught: bool) -> None:
    told = (TAUGHT if taught else BLANK).forecast(inputs)

    for span in _spans(told):
        assert 0 < span.low <= span.mid <= span.high < math.inf
    assert told.total_s.mid >= told.memory_s.mid >= 0
    assert 0 < told.verdict.pause_floor_s < math.inf
    assert all(one.mib > 0 and one.seconds > 0 for one in told.passes)
    assert told.passes


MEASURED = MoveInputs(
    ram_assigned_mib=8192,
    ram_demand_mib=6000,
    disk_used_mib=60_000,
    disk_write_mib_s=0.5,
    link_mbit_s=1000,
    storage_mib_s=180,
    dirty_mib_s=40,
)
TITLES = {
    "ram_demand_mib": "memory in use",
    "disk_used_mib": "disk in use",
    "disk_write_mib_s": "disk writes",
    "link_mbit_s": "link",
    "dirty_mib_s": "memory writes",
}


@pytest.mark.parametrize("name", TITLES)
def test_a_missing_figure_widens_the_range_and_is_named(name: str) -> None:
    known = {one: value for one, value in vars(MEASURED).items() if one != name}
    full, less = BLANK.forecast(MEASURED), BLANK.forecast(MoveInputs(**known))

    assert less.missing == (TITLES[name],)
    assert full.missing == ()
    assert less.total_s.high - less.total_s.low > full.total_s.high - full.total_s.low
    phases = [(one.storage_s, one.memory_s) for one in (full, less)]
    assert max(_width(after) - _width(before) for before, after in zip(*phases, strict=True)) > 0
    assert {one.name: one.source for one in less.inputs}[TITLES[name]] is Source.PRIOR


def test_without_history_the_range_is_never_narrow() -> None:
    told = BLANK.forecast(MEASURED)

    assert told.memory_s.high / told.memory_s.low > 1.4
    assert Recall.nothing().support == 0
    assert told.learned_moves == 0
