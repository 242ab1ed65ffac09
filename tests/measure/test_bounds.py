"""Whatever the schedule, the delays, our own stalls and the outages: the bounds contain the truth.

What nobody can know is left out of the world made here: a lost probe was not longer on its way than the slowest
ordinary answer around it, and between two outages one probe at least was answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from snlm_lib.measure.away import downtime_of
from snlm_lib.measure.gaps import Gap, gaps_of
from snlm_lib.measure.ledger import PingRow
from snlm_lib.measure.pings import Series, series_of
from snlm_lib.units import iso_utc
from tests.measure.patterns import at, header_of, pings_of_rows

ROUNDED_S = 1e-5  # samples are written to the microsecond
EVERY = 8  # so often a probe is as quick, and another as slow, as any
STEADY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Span = tuple[float, float]


@dataclass(frozen=True)
class World:
    """Half-open spans in which packets die (``outages``) and our process does not run (``stalls``)."""

    interval_s: float
    ticks: int
    way_s: float  # there, and as long back
    unsteady_s: float
    late_s: float  # a tick leaves at most so late
    outages: Sequence[Span]
    stalls: Sequence[Span]
    held: float  # so many of the packets in an outage wait for its end instead
    dice: Random

    def series(self) -> Series:
        rows = [self._row(seq) for seq in range(self.ticks)]
        header = header_of(interval_ms=self.interval_s * 1000, timeout_ms=60_000)
        (series,) = series_of(pings_of_rows(rows, header))
        return series

    def _row(self, seq: int) -> PingRow:
        due_s = seq * self.interval_s
        sent_s = round(due_s + self.dice.random() * self.late_s, 6)
        head = (str(seq), "VM01", "icmp", f"{due_s:.6f}")
        if within(sent_s, self.stalls):
            return PingRow(*head, "", "", "not_sent", "", "")
        sent = (iso_utc(at(sent_s)), f"{sent_s:.6f}")
        there_s, back_s = self._jitter_s(seq), self._jitter_s(seq + EVERY // 2)
        touch_s = sent_s + self.way_s + there_s
        outage = within(touch_s, self.outages)
        if outage and self.dice.random() >= self.held:
            return PingRow(*head, *sent, "lost", "", "no-answer")
        touch_s = outage[1] if outage else touch_s
        came_s = touch_s + self.way_s + back_s
        if within(came_s, self.stalls):
            return PingRow(*head, *sent, "answered", "", "monitor-stalled")
        return PingRow(*head, *sent, "answered", f"{(came_s - sent_s) * 1000:.3f}", "")

    def _jitter_s(self, seq: int) -> float:
        part = {0: 0.0, EVERY // 2: 0.0, 1: 1.0}.get(seq % EVERY, self.dice.random())
        return part * self.unsteady_s


def within(moment_s: float, spans: Sequence[Span]) -> Span | None:
    return next((span for span in spans if span[0] <= moment_s < span[1]), None)


def laid_out(steps: Sequence[tuple[float, float]], first_s: float) -> list[Span]:
    """Spans one after the other: (apart, length) each."""
    spans, end_s = [], first_s
    for apart_s, length_s in steps:
        spans.append((end_s + apart_s, end_s + apart_s + length_s))
        end_s = spans[-1][1]
    return spans


@st.composite
def worlds(draw: st.DrawFn, *, disturbed: bool = True, held: bool = False) -> World:
    interval_s = draw(st.sampled_from([0.01, 0.1, 1.0]))
    unsteady_s = draw(st.floats(0, 0.045)) if disturbed else 0.0
    way_s = draw(st.floats(0.0001, 0.05))
    room_s = EVERY * 2 * interval_s + 4 * unsteady_s + 2 * way_s  # for an answer that proves something
    apart, length = st.floats(room_s, 2 * room_s), st.floats(0, 30 * interval_s)
    outages = laid_out(draw(st.lists(st.tuples(apart, length), min_size=1, max_size=3)), room_s)
    stall = st.tuples(st.floats(0, 20 * interval_s), st.floats(0, 10 * interval_s))
    stalls = laid_out(draw(st.lists(stall, max_size=4)), room_s) if disturbed else []
    return World(
        interval_s,
        int((outages[-1][1] + room_s) / interval_s) + 2 * EVERY,
        way_s,
        unsteady_s,
        late_s=draw(st.floats(0, 0.9)) * interval_s if disturbed else 0.0,
        outages=outages,
        stalls=stalls,
        held=draw(st.floats(0, 1)) if held else 0.0,
        dice=draw(st.randoms(use_true_random=False)),
    )


def lost_in(series: Series, world: World, outage: Span) -> list[int]:
    """The lost probes that left for this outage."""
    slack_s = world.way_s + world.unsteady_s
    near = (series.at_s >= outage[0] - slack_s - ROUNDED_S) & (series.at_s < outage[1] - world.way_s + ROUNDED_S)
    return [int(seq) for seq in series.seq[near & series.lost]]


def gap_over(found: Sequence[Gap], seqs: Sequence[int]) -> list[Gap]:
    return [gap for gap in found if any(gap.first_seq <= seq <= gap.last_seq for seq in seqs)]


def apart(series: Series, world: World) -> bool:
    """Between any two outages an ordinary answer came, so that they can be told apart."""
    answered = series.at_s[series.answered & ~series.stalled]
    edges = [(before[1], after[0]) for before, after in zip(world.outages, world.outages[1:], strict=False)]
    slack_s = world.way_s + 2 * world.unsteady_s
    return all(((answered > start_s) & (answered + slack_s < end_s)).any() for start_s, end_s in edges)


JUMPED_OVER = World(  # packets overtake each other by more than the pace: of all in the outage one alone was lost
    interval_s=0.01,
    ticks=146,
    way_s=0.046875,
    unsteady_s=0.03336963040441882,
    late_s=0.0,
    outages=[(0.8872285216176753, 0.9184785216176753)],
    stalls=[(0.3872285216176753, 0.4497285216176753)],
    held=0.0,
    dice=Random(26),
)


@STEADY
@example(JUMPED_OVER)
@given(worlds())
def test_the_bounds_contain_the_outage(world: World) -> None:
    series = world.series()
    found = gaps_of(series)
    if not apart(series, world):
        return
    for outage in world.outages:
        truth_s = outage[1] - outage[0]
        seen = gap_over(found, lost_in(series, world, outage))
        for gap in seen:
            assert gap.lower_s <= truth_s + ROUNDED_S
            assert gap.lower_s <= gap.length_s + ROUNDED_S
            assert gap.upper_s is None or gap.length_s <= gap.upper_s + ROUNDED_S
        # where the way is less steady than the pace, a straggler lost alone may stand before the rest
        assert not seen or any(gap.upper_s is None or gap.upper_s >= truth_s - ROUNDED_S for gap in seen)


@STEADY
@given(worlds(disturbed=False))
def test_undisturbed_the_error_is_at_most_one_interval_and_the_bounds_two_wide(world: World) -> None:
    series = world.series()
    found = gaps_of(series)
    for outage in world.outages:
        truth_s = outage[1] - outage[0]
        seen = gap_over(found, lost_in(series, world, outage))
        assert len(seen) == (truth_s >= world.interval_s) or truth_s < world.interval_s + ROUNDED_S
        for gap in seen:
            assert abs(gap.length_s - truth_s) <= world.interval_s + ROUNDED_S
            assert gap.upper_s is not None
            assert gap.upper_s - gap.lower_s == pytest.approx(2 * world.interval_s, abs=ROUNDED_S)


SLOW_TO_WAKE = World(  # what was held comes after one stall and within the next, longer after it was sent than usual
    interval_s=1.0,
    ticks=78,
    way_s=0.03125,
    unsteady_s=0.0,
    late_s=0.0,
    outages=[(33.0625, 46.0625)],
    stalls=[(16.0625, 22.0625), (42.0625, 47.0625)],
    held=1.0,
    dice=Random(0),
)


NO_TICK_MISSED = World(  # between two ticks the monitor did not run for a moment, and what was held came just then
    interval_s=0.1,
    ticks=82,
    way_s=0.03125,
    unsteady_s=0.0,
    late_s=0.0,
    outages=[(3.7875, 5.00625)],
    stalls=[(3.35, 4.1), (4.725, 4.725), (5.0375, 5.1)],
    held=1.0,
    dice=Random(0),
)


@STEADY
@example(SLOW_TO_WAKE)
@example(NO_TICK_MISSED)
@given(worlds(held=True))
def test_what_was_held_instead_of_lost_never_narrows_the_bounds_too_far(world: World) -> None:
    series = world.series()
    if not apart(series, world):
        return
    told = downtime_of(series, None)
    for outage in world.outages:
        truth_s = outage[1] - outage[0]
        seen = gap_over(told.gaps, lost_in(series, world, outage))
        for gap in seen:
            assert gap.lower_s <= truth_s + ROUNDED_S
        uppers = [gap.upper_s for gap in seen if gap.upper_s is not None]
        assert max([*uppers, told.unseen_s or float("inf")]) >= truth_s - ROUNDED_S


@STEADY
@given(worlds(disturbed=False))
def test_an_outage_in_which_everything_was_held_is_told_as_late_answers(world: World) -> None:
    patient = World(**{**vars(world), "held": 1.0})
    told = downtime_of(patient.series(), None)
    assert told.gap is None
    for outage in world.outages:
        truth_s = outage[1] - outage[0]
        if truth_s > max(0.06, 11 * world.way_s) + world.interval_s:
            spells = [held for held in told.held if held.start_s < outage[1] and held.end_s > outage[0]]
            assert spells, "an answer that waited so long is late"
            assert truth_s - world.interval_s - ROUNDED_S <= max(held.most_s for held in spells) <= truth_s + ROUNDED_S
