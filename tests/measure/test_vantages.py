"""Several places, one machine: whatever the schedules, brackets and clocks, no claim goes beyond the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snlm_lib.measure.ledger import ANSWERED, LOST, PingRow
from snlm_lib.measure.ping_file import AT_SENT, BETWEEN, PingHeader, TargetFacts
from snlm_lib.measure.pings import Pings
from snlm_lib.measure.vantages import SeenFrom, Sight, View, seen_from
from snlm_lib.units import iso_utc
from tests.measure.patterns import ZERO, pings_of_rows

SPAN_S = 30.0
NEVER = (0.0, 0.0)
ROUNDED_S = 0.002  # moments are written in tenths of a millisecond, stamps in milliseconds
RTT_S = 0.001


@dataclass(frozen=True)
class Place:
    """A place that probes all the time. ``cut``: when its way is cut, true seconds. ``ahead_s``: its clock minus the
    truth. ``early_s`` and ``late_s``: how far the row's two moments lie round the real one; none: it is known."""

    name: str
    interval_s: float = 0.1
    phase_s: float = 0.0
    cut: tuple[float, float] = NEVER
    ahead_s: float = 0.0
    early_s: float = 0.0
    late_s: float = 0.0
    begins_s: float = 0.0
    ends_s: float = SPAN_S
    booted_s: float | None = None  # its monotonic clock at true second 0; None: not told
    offsets: bool = True  # does it know how far HV01's clock is from its own?
    target: str = "VM01"

    def file(self, away: tuple[float, float]) -> Pings:
        """What it writes about a machine that is away from ``away[0]`` to ``away[1]``."""
        count = round((self.ends_s - self.begins_s) / self.interval_s)
        left = self.begins_s + self.phase_s + self.interval_s * np.arange(count)
        rows = [self._row(seq, float(at_s), away) for seq, at_s in enumerate(left)]
        return pings_of_rows(rows, self._header())

    def _row(self, seq: int, left_s: float, away: tuple[float, float]) -> PingRow:
        there_s = left_s + RTT_S / 2
        heard = not (self.cut[0] <= left_s < self.cut[1] or away[0] <= there_s < away[1])
        due_s, sent_s = (left_s - self.begins_s + by for by in (-self.early_s, self.late_s))
        stamp = iso_utc(self._clock(self.begins_s + sent_s))
        fate = (ANSWERED, "1.000", "") if heard else (LOST, "", "no-answer")
        return PingRow(str(seq), self.target, "icmp", f"{due_s:.4f}", stamp, f"{sent_s:.4f}", *fate)

    def _clock(self, true_s: float) -> datetime:
        return ZERO + timedelta(seconds=true_s + self.ahead_s)

    def _header(self) -> PingHeader:
        return PingHeader(
            vantage=self.name,
            started_utc=iso_utc(self._clock(self.begins_s)),
            started_monotonic_s=None if self.booted_s is None else self.booted_s + self.begins_s,
            interval_ms=self.interval_s * 1000,
            timeout_ms=1000,
            targets=(TargetFacts(self.target, kinds=("icmp",)),),
            resolution_ms=self.interval_s * 1000,
            clock_offsets_s={"HV01": -self.ahead_s} if self.offsets else {},
            moments=BETWEEN if self.early_s or self.late_s else AT_SENT,
        )


def seen(*places: Place, away: tuple[float, float] = NEVER) -> SeenFrom:
    found = seen_from([place.file(away) for place in places])
    assert found is not None
    return found


def by_name(found: SeenFrom) -> Mapping[str, Sight]:
    return {sight.vantage: sight for sight in found.sights}


OURS = Place("OPS", booted_s=500.0)
COARSE = Place("DC01", interval_s=0.5, phase_s=0.03, early_s=0.02, late_s=0.03, booted_s=500.0, begins_s=0.4)


def test_both_miss_it_and_the_shorter_upper_bound_is_the_machines() -> None:
    found = seen(OURS, COARSE, away=(10.0, 11.2))
    assert {sight.view for sight in found.sights} == {View.AWAY}
    ours = by_name(found)["OPS"].gap
    assert ours is not None
    assert found.machine_most_s == ours.upper_s
    assert found.sentence == (
        "Seen from OPS 1.20 s (1.10 to 1.30), from DC01 1.02 s (0.45 to 1.55). Nobody was answered meanwhile;"
        " VM01 itself was away 1.30 s at most."
    )


def test_one_that_was_answered_meanwhile_clears_the_machine() -> None:
    found = seen(replace(OURS, cut=(10.0, 13.0)), COARSE)
    assert by_name(found)["DC01"].view is View.REACHED
    assert found.machine_most_s is not None
    assert found.machine_most_s < 0.7
    assert found.reached_from == ("DC01",)
    assert "from DC01 without a loss. DC01 got answers while OPS got none: the way from OPS had its" in found.sentence


def test_an_answer_while_the_other_place_did_not_look_blames_no_way() -> None:
    away, again = (10.0, 10.5), (13.5, 14.0)  # of the machine: no place is answered
    ours = replace(OURS, cut=again).file(away)
    looked = (ours.sent_s < away[1]) | (ours.sent_s >= again[0])
    columns = ("seq", "target", "kind", "due_s", "sent_s", "utc_s", "status", "rtt_ms", "error")
    stood_still = replace(ours, **{name: getattr(ours, name)[looked] for name in columns})
    there = replace(OURS, name="DC01", phase_s=0.05, cut=again).file(away)
    found = seen_from([stood_still, there])
    assert found is not None
    assert by_name(found)["DC01"].view is View.AWAY
    assert found.reached_from == ()


def test_a_way_that_learns_late_is_told_beside_the_machines_own_absence() -> None:
    found = seen(replace(OURS, cut=(10.0, 14.0)), COARSE, away=(10.0, 10.9))
    there = by_name(found)["DC01"]
    assert there.view is View.REACHED
    assert there.gap is not None
    assert found.machine_most_s is not None
    assert 0.9 <= found.machine_most_s < 1.7


def test_a_short_absence_is_between_two_coarse_probes_and_they_say_nothing() -> None:
    found = seen(OURS, replace(COARSE, phase_s=0.0), away=(10.05, 10.25))
    assert by_name(found)["DC01"].view is View.TOO_COARSE
    assert "No other place can tell the machine's part from the way's; VM01 itself was away 0.30 s" in found.sentence


def test_who_did_not_look_then_bounds_nothing() -> None:
    found = seen(OURS, replace(COARSE, begins_s=20.0), away=(10.0, 11.0))
    assert by_name(found)["DC01"].view is View.NOT_LOOKING
    ours = by_name(found)["OPS"].gap
    assert ours is not None
    assert found.machine_most_s == ours.upper_s
    assert "from DC01 nothing then" in found.sentence


def test_an_absence_that_one_did_not_see_the_end_of_is_bounded_by_the_other() -> None:
    found = seen(replace(OURS, ends_s=11.0), COARSE, away=(10.0, 12.0))
    assert found.longest is not None
    assert found.longest.vantage == "DC01"
    assert by_name(found)["OPS"].view is View.AWAY
    assert found.machine_most_s is not None
    assert 2.0 <= found.machine_most_s < 3.2


def test_without_a_lost_probe_there_is_no_absence_to_speak_of() -> None:
    found = seen(OURS, COARSE)
    assert found.longest is None
    assert {sight.view for sight in found.sights} == {View.NOTHING}
    assert found.sentence == "Seen from OPS and DC01 no probe was lost."
    window = (ZERO + timedelta(seconds=5), ZERO + timedelta(seconds=20))
    within = seen_from([OURS.file(NEVER), COARSE.file(NEVER)], window=window)
    assert within is not None
    assert within.machine_most_s == pytest.approx(0.1, abs=ROUNDED_S)
    assert within.sentence == "Seen from OPS and DC01 no probe was lost: away for less than 0.10 s."


def test_only_what_reaches_into_the_window_counts() -> None:
    files = [replace(OURS, cut=(2.0, 6.0)).file((10.0, 11.0)), COARSE.file((10.0, 11.0))]
    found = seen_from(files, window=(ZERO + timedelta(seconds=8), ZERO + timedelta(seconds=14)))
    assert found is not None
    assert found.machine_most_s is not None
    assert 1.0 <= found.machine_most_s < 1.2


@pytest.mark.parametrize("ahead_s", [-40.0, 0.0, 3600.0])
def test_another_machines_clock_is_corrected_by_a_host_that_both_know(ahead_s: float) -> None:
    elsewhere = Place("LAPTOP", interval_s=0.2, phase_s=0.05, ahead_s=ahead_s)
    found = seen(replace(OURS, cut=(10.0, 13.0)), elsewhere)
    assert by_name(found)["LAPTOP"].view is View.REACHED
    assert found.machine_most_s == pytest.approx(0.2, abs=ROUNDED_S)


def test_clocks_that_nobody_compared_are_trusted_less() -> None:
    blind = Place("LAPTOP", interval_s=0.2, phase_s=0.05, offsets=False)
    assert by_name(seen(replace(OURS, cut=(10.0, 11.9)), blind))["LAPTOP"].view is View.TOO_COARSE
    assert by_name(seen(replace(OURS, cut=(10.0, 14.0)), blind))["LAPTOP"].view is View.REACHED


def test_a_file_that_knows_the_machine_by_its_address_is_the_same_machine() -> None:
    assert len(seen(OURS, replace(COARSE, target="10.20.0.51"), away=(10.0, 11.0)).sights) == 2


def test_one_file_is_no_second_look() -> None:
    assert seen_from([OURS.file(NEVER)]) is None
    silent = replace(COARSE, cut=(-1.0, SPAN_S + 1))
    assert seen_from([OURS.file(NEVER), silent.file(NEVER)]) is None


def places(name: str) -> st.SearchStrategy[Place]:
    seconds = st.floats(0, 1, allow_nan=False)
    bracketed = st.booleans()

    def build(interval_s: float, phase: float, ahead: float, brackets: tuple[bool, float, float], own: bool) -> Place:
        wide, early, late = brackets
        return Place(
            name,
            interval_s=interval_s,
            phase_s=phase * interval_s,
            ahead_s=0.0 if own else (ahead - 0.5) * 60,
            early_s=0.2 * early if wide else 0.0,
            late_s=0.2 * late if wide else 0.0,
            booted_s=500.0 if own else None,
        )

    brackets = st.tuples(bracketed, seconds, seconds)
    return st.builds(build, st.sampled_from([0.1, 0.25, 0.5, 1.0]), seconds, seconds, brackets, st.booleans())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ours=places("OPS"),
    theirs=places("DC01"),
    begins_s=st.floats(8, 12),
    length_s=st.one_of(st.just(0.0), st.floats(0.02, 8)),
    more_s=st.tuples(st.floats(0, 4), st.floats(0, 4)),
)
def test_no_claim_goes_beyond_the_truth(
    ours: Place, theirs: Place, begins_s: float, length_s: float, more_s: tuple[float, float]
) -> None:
    """The machine is away for a while; the way to us comes back later than it, the way to them at once or later."""
    away = (begins_s, begins_s + length_s)
    ours, theirs = (replace(one, cut=(away[0], away[1] + by)) for one, by in zip((ours, theirs), more_s, strict=True))
    found = seen(ours, theirs, away=away)
    if found.machine_most_s is not None:
        assert found.machine_most_s >= length_s - ROUNDED_S
    for sight, place, by in zip(found.sights, (ours, theirs), more_s, strict=True):
        if sight.gap is not None:
            assert sight.gap.lower_s <= length_s + by + ROUNDED_S
            assert sight.gap.upper_s is None or sight.gap.upper_s >= length_s + by - ROUNDED_S
        if sight.view is View.REACHED:
            assert found.longest is not None
            other = more_s[0] if found.longest.vantage == "OPS" else more_s[1]
            assert other > 0, f"{place.name} blamed a way that was never cut"
