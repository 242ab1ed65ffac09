"""The whole monitor in simulated time, from socket to analysis: hours, stops, sleeps and a wall clock that is set."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.measure.gaps import Gap, gaps
from snlm_lib.measure.pings import Series, read_pings, series_of
from snlm_lib.measure.probes import Engine, Timing
from snlm_lib.measure.recorder import MonitorConfig, Recorder
from snlm_lib.measure.schedule import MOST_MISSED
from snlm_lib.measure.targets import ProbeTarget
from tests.measure.fake_network import Delay, FakeNetwork
from tests.measure.raw_rows import Row, last_words

VM01 = ProbeTarget("VM01", "127.0.0.1", udp_port=7)


class Bench:
    """A recorder in a simulated world: ``run`` probes for so many seconds and returns how many had which fate."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.clock = clock
        self.network = FakeNetwork(clock)
        self.log: list[str] = []
        self.pings_csv = folder / "pings.csv"
        self._folder = folder

    def run(self, seconds: float, *, interval_ms: int = 100) -> Counter[str]:
        config = MonitorConfig(
            targets=(VM01,),
            interval_ms=interval_ms,
            timeout_ms=1000,
            pings_csv=self.pings_csv,
            state_json=self._folder / "state.json",
            stop_file=self._folder / "stop",
            limit_s=seconds,
        )
        self.pings_csv.unlink(missing_ok=True)
        assert Recorder(config, self.clock, log=self.log.append, outside=self.network.outside()).run() == "limit"
        return Counter(row["status"] for row in self.rows().values())

    def rows(self) -> dict[int, Row]:
        return last_words(self.pings_csv, "udp")

    def series(self) -> Series:
        (series,) = series_of(read_pings(self.pings_csv))
        return series

    def gaps(self) -> tuple[Gap, ...]:
        return gaps(read_pings(self.pings_csv))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, FakeClock())


def away(begin_s: float, end_s: float) -> Delay:
    return lambda at_s: None if begin_s <= at_s < end_s else 0.001


def holds(gap: Gap, truth_s: float) -> bool:
    assert gap.upper_s is not None
    return gap.lower_s - 1e-6 <= truth_s <= gap.upper_s + 1e-6


def test_an_outage_of_known_length_is_told_within_its_bounds(bench: Bench) -> None:
    bench.network.delay_s = away(3.03, 5.07)
    assert bench.run(10) == {"answered": 81, "lost": 20}
    (gap,) = bench.gaps()
    assert holds(gap, 2.04)
    assert gap.length_s == pytest.approx(2.04, abs=0.1)


@pytest.mark.parametrize("by_s", [3600.0, -3600.0])
@pytest.mark.parametrize("when_s", [1.52, 4.02, 7.01])
def test_a_wall_clock_set_by_an_hour_moves_no_outage(bench: Bench, by_s: float, when_s: float) -> None:
    bench.network.delay_s = away(3.03, 5.07)
    bench.network.at(when_s, lambda: bench.clock.set_utc(by_s))
    started = bench.clock.utc_now()
    assert bench.run(10) == {"answered": 81, "lost": 20}
    (gap,) = bench.gaps()
    assert holds(gap, 2.04)
    assert (gap.start_s, gap.end_s) == pytest.approx((3.03, 5.07), abs=0.1)
    noted = [row for row in bench.rows().values() if "clock" in row["error"]]
    assert [row["error"].partition("clock ")[2] for row in noted] == [f"{by_s:+.1f}"]
    assert when_s <= float(noted[0]["due_s"]) <= when_s + 0.5
    assert any(f"the wall clock was set by {by_s:+.1f} s" in line for line in bench.log)
    (step,) = bench.series().wall.steps
    assert (step.at_s, step.by_s) == pytest.approx((when_s, by_s), abs=0.5)
    assert bench.series().wall.seconds(started + timedelta(seconds=1)) == pytest.approx(1.0, abs=0.01)


def test_five_seconds_without_us_are_told_as_that(bench: Bench) -> None:
    bench.network.stop(3.0005, 5.0)
    fates = bench.run(12)
    assert fates["lost"] == 0
    assert 49 <= fates["not_sent"] <= 51
    assert {row["error"] for row in bench.rows().values()} <= {"", "monitor-stalled"}
    assert bench.gaps() == ()
    assert any(re.search(r"this process did not run for (4\.9|5\.0) s", line) for line in bench.log)


def test_answers_that_waited_for_us_have_no_round_trip(bench: Bench) -> None:
    bench.network.delay_s = lambda _at_s: 0.25
    bench.network.stop(3.05, 0.6)
    assert bench.run(8)["lost"] == 0
    waited = [row for row in bench.rows().values() if row["error"] and row["status"] == "answered"]
    assert len(waited) == 3
    assert {(row["rtt_ms"], row["error"]) for row in waited} == {("", "monitor-stalled")}
    assert bench.gaps() == ()


@pytest.mark.parametrize(("at_s", "for_s"), [(2.0, 2.0), (3.5, 1.0), (4.5, 5.0), (2.0, 6.0)])
def test_a_stop_about_an_outage_widens_its_bounds_and_hides_no_second_of_it(
    bench: Bench, at_s: float, for_s: float
) -> None:
    bench.network.delay_s = away(3.03, 6.07)
    bench.network.stop(at_s, for_s)
    assert bench.run(15)["not_sent"] >= for_s * 10 - 1
    found = bench.gaps()
    assert len(found) == (0 if (at_s, for_s) == (2.0, 6.0) else 1)
    assert all(holds(gap, 3.04) for gap in found)


class Interrupted(FakeClock):
    """Five seconds pass at one look at the clock: this process was stopped just there."""

    def __init__(self, at_look: int) -> None:
        super().__init__()
        self.looks_left = at_look

    def monotonic_s(self) -> float:
        self.looks_left -= 1
        if self.looks_left == 0:
            self.advance(5)
        return super().monotonic_s()


def test_wherever_we_are_stopped_there_is_no_outage(tmp_path: Path) -> None:
    with_rows = 0
    for at_look in range(1, 400):
        clock = Interrupted(at_look)
        network = FakeNetwork(clock)
        engine = Engine([VM01], Timing(0.1, 1.0), clock=clock, outside=network.outside())
        rows = [row for _ in range(60) for row in engine.turn(0.1)]
        engine.close()
        assert [row for row in rows if row.status == "lost"] == [], at_look
        assert {row.status for row in rows} <= {"answered", "not_sent"}, at_look
        with_rows += clock.looks_left <= 0
    assert with_rows == 399, "each stop came to pass"


def test_a_night_without_us_is_told_in_portions(bench: Bench) -> None:
    night_s = 8 * 3600.0
    bench.network.stop(10.0, night_s)
    engine = Engine([VM01], Timing(0.5, 1.0), clock=bench.clock, outside=bench.network.outside())
    turns = []
    while engine.elapsed_s() < night_s + 20:
        turns.append(len(engine.turn(0.2)))
    engine.close()
    assert sum(turns) == pytest.approx(2 * (night_s + 20), abs=5)
    assert max(turns) <= MOST_MISSED + 10


def test_an_hour_takes_no_more_memory_than_ten_minutes(bench: Bench) -> None:
    bench.network.delay_s = lambda at_s: None if at_s % 60 < 5 else 0.001  # an outage a minute
    marks: list[int] = []
    for minutes in range(10, 61, 10):
        bench.network.at(minutes * 60.0, lambda: marks.append(tracemalloc.get_traced_memory()[0]))
    tracemalloc.start()
    fates = bench.run(3600.5)
    tracemalloc.stop()
    assert fates["answered"] == 33_000
    assert 3_000 < fates["lost"] <= 3_010
    assert len(marks) == 6
    assert max(marks) - marks[0] < 65536, marks
