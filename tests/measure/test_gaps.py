"""The gap against the truth: a simulated guest over many phases, disturbed schedules, open ends."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.measure.gaps import Gap, gaps
from snlm_lib.measure.ledger import Ledger, Probe
from snlm_lib.measure.pings import read_pings
from snlm_lib.measure.schedule import Schedule
from tests.measure.patterns import INTERVAL_S, header_of, pings_of, pings_of_rows


def simulate(rng: random.Random, *, away_s: float, jitter_s: float = 0.0, stalls: int = 0) -> tuple[Gap, ...]:
    """The monitor's own schedule and ledger against a guest that drops all that arrives for ``away_s``."""
    clock, schedule = FakeClock(), Schedule(INTERVAL_S)
    ledger = Ledger(timeout_s=1.0, late_s=0.0)
    gone_s = 1.0 + rng.random()
    stall_at_s = sorted(rng.uniform(gone_s - 0.2, gone_s + away_s + 0.2) for _ in range(stalls))
    while (now_s := clock.monotonic_s()) < gone_s + away_s + 2.0:
        due = schedule.advance(now_s)
        for seq in due.missed:
            ledger.not_sent(seq, schedule.due_s(seq), target="VM01", kind="udp")
        if due.tick is not None:
            ledger.sent(Probe(due.tick, "VM01", "udp", schedule.due_s(due.tick), now_s, clock.utc_now()))
            arrives_s = now_s + 0.0005
            if not gone_s <= arrives_s < gone_s + away_s:
                ledger.answered(("VM01", "udp", due.tick), arrives_s + 0.0005)
        clock.advance(max(schedule.next_s - clock.monotonic_s(), 0.0) + rng.random() * jitter_s)
        if stall_at_s and clock.monotonic_s() >= stall_at_s[0]:
            clock.advance(rng.uniform(0.1, 0.4))
            stall_at_s.pop(0)
    ledger.expire(now_s + 10)
    return gaps(pings_of_rows(ledger.drain(), header_of()))


def upper_s(gap: Gap) -> float:
    assert gap.upper_s is not None
    return gap.upper_s


@pytest.mark.parametrize("jitter_s", [0.0, 0.03])
def test_the_gap_is_within_one_interval_of_the_truth_whatever_the_phase(jitter_s: float) -> None:
    rng = random.Random(20261123)
    errors = []
    for _ in range(200):
        away_s = rng.uniform(0.25, 1.5)
        (gap,) = simulate(rng, away_s=away_s, jitter_s=jitter_s)
        assert gap.lower_s <= away_s <= upper_s(gap)
        assert abs(gap.length_s - away_s) <= (upper_s(gap) - gap.lower_s) / 2 + 1e-9
        if not jitter_s:
            assert gap.length_s == pytest.approx(gap.lost * INTERVAL_S, abs=1e-4), "undisturbed: count x interval"
        errors.append(abs(gap.length_s - away_s) / INTERVAL_S)
    assert max(errors) <= 1.0 + jitter_s / INTERVAL_S / 2
    assert sum(errors) / len(errors) < 0.5


def test_an_absence_of_whole_intervals_is_a_tie_and_still_within_one() -> None:
    rng = random.Random(5)
    for _ in range(50):
        (gap,) = simulate(rng, away_s=0.5)
        assert abs(gap.length_s - 0.5) <= INTERVAL_S + 1e-9


def test_stalls_of_our_own_within_the_silence_do_not_shrink_the_gap() -> None:
    rng = random.Random(99)
    shrunk = 0
    for _ in range(100):
        found = simulate(rng, away_s=1.2, stalls=2)
        longest = max(found, key=lambda gap: gap.length_s)
        assert longest.lower_s <= 1.2 + 1e-6 <= upper_s(longest) + 2e-6
        assert abs(longest.length_s - 1.2) <= (upper_s(longest) - longest.lower_s) / 2 + 1e-6
        shrunk += longest.lost * INTERVAL_S < 1.05
    assert shrunk > 20, "the simulation does disturb what a mere count would say"


def test_a_silence_between_two_probes_is_no_gap() -> None:
    rng = random.Random(3)
    counts = [len(simulate(rng, away_s=0.05)) for _ in range(60)]
    assert set(counts) == {0, 1}


def test_five_lost_probes_are_half_a_second(data: Path) -> None:
    found = gaps(read_pings(data / "pings-five-lost.csv"))
    assert [(gap.kind, gap.lost, gap.first_seq, gap.last_seq) for gap in found] == [
        ("udp", 5, 10, 14),
        ("tcp", 5, 10, 14),
    ]
    udp = found[0]
    assert udp.length_s == pytest.approx(0.5)
    assert udp.lower_s == pytest.approx(0.4)
    assert udp.upper_s == pytest.approx(0.6)
    assert udp.plus_minus_s == pytest.approx(0.1)
    assert (udp.start_s, udp.end_s) == pytest.approx((0.95, 1.45))
    assert udp.started_utc is not None
    assert udp.ended_utc is not None
    assert (udp.ended_utc - udp.started_utc).total_seconds() == pytest.approx(0.5)


def test_ticks_not_sent_are_no_loss_but_widen_the_bounds(data: Path) -> None:
    (gap,) = gaps(read_pings(data / "pings-not-sent-within.csv"))
    assert (gap.lost, gap.not_sent) == (4, 3)
    assert gap.lower_s == pytest.approx(0.3), "nobody looked for three ticks: it may have been there meanwhile"
    assert gap.upper_s == pytest.approx(1.0)
    assert gap.length_s == pytest.approx(0.8), "not 0.4, the lost ones alone"


def test_a_single_tick_that_was_not_sent_leaves_no_doubt() -> None:
    (gap,) = gaps_in("AAxx-xxAA")
    assert gap.lower_s == pytest.approx(0.4)


def gaps_in(pattern: str, rtt_ms: dict[int, float] | None = None) -> tuple[Gap, ...]:
    return gaps(pings_of({("VM01", "udp"): pattern}, rtt_ms))


@pytest.mark.parametrize(
    ("pattern", "lost"),
    [
        ("AAAA", []),
        ("AA-A", []),
        ("A--A", []),
        ("AxxA", [2]),
        ("AxLxA", [2]),
        ("Ax-xA", [2]),
        ("A-xx-A", [2]),
        ("Axx xA", [3]),
        ("A   A", []),
        ("xxA", [2]),
        ("Axx", [2]),
        ("xxx", [3]),
        ("---", []),
    ],
)
def test_what_is_one_gap_and_what_ends_it(pattern: str, lost: list[int]) -> None:
    assert [gap.lost for gap in gaps_in(pattern)] == lost


def test_a_long_time_that_nobody_looked_is_no_certain_absence() -> None:
    (gap,) = gaps_in("AAxx" + "-" * 25 + "xxAA")
    assert gap.lower_s == pytest.approx(0.3), "it may have been there meanwhile"
    assert upper_s(gap) == pytest.approx(3.0)


def test_an_answer_that_was_held_counts_when_it_was_let_go() -> None:
    (gap,) = gaps_in("AAAxxAAA", {5: 81.0})
    assert upper_s(gap) == pytest.approx(0.3 + 0.08), "the guest may have come back only then"
    assert gap.lower_s == pytest.approx(0.1)
    assert gap.length_s == pytest.approx(0.24)


def test_a_held_answer_counts_no_later_than_a_sooner_one_after_it() -> None:
    (gap,) = gaps_in("AAAxxLAA", {5: 1200.0})
    assert upper_s(gap) == pytest.approx(0.4)
    (usual,) = gaps_in("AAAxxAAA", dict.fromkeys((0, 1, 2, 5, 6, 7), 50.0))
    assert upper_s(usual) == pytest.approx(0.3), "a long way alone does not lengthen the gap"


def test_a_gap_open_at_an_end_has_no_upper_bound_and_no_moment_there() -> None:
    (at_start,) = gaps_in("xxA")
    assert (at_start.upper_s, at_start.started_utc, at_start.plus_minus_s) == (None, None, None)
    assert at_start.ended_utc is not None
    assert at_start.length_s == pytest.approx(0.2)
    (at_end,) = gaps_in("A-xxx")
    assert (at_end.upper_s, at_end.ended_utc) == (None, None)
    assert at_end.started_utc is not None
    assert at_end.lower_s == pytest.approx(0.2)
