"""The monitor's benchmark: its arithmetic, how it reads fping and ping, and that an unknown figure keeps no limit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.costs import punctuality
from benchmarks.ground import Cut, Moment
from benchmarks.large import a_day
from benchmarks.monitor import LIMITS, kept
from benchmarks.probing import OTHERS, by_count, by_stamps, read_answers
from benchmarks.truth import Told, compare, false_ones, summary
from snlm_lib.measure.downtime import judge_downtime
from snlm_lib.measure.ledger import PING_COLUMNS
from snlm_lib.measure.ping_file import PingHeader
from snlm_lib.measure.pings import parse_pings, read_pings

FPING = """\
[1795426083.64000] 192.0.2.10 : [29], 64 bytes, 0.032 ms (0.058 avg, 0% loss)
[1795426083.79000] 192.0.2.10 : [44], 64 bytes, 0.070 ms (0.059 avg, 0% loss)
[1795426084.90000] 192.0.2.10 : [30], timed out (0.059 avg, 11% loss)
"""
PING = """\
PING 192.0.2.10 (192.0.2.10) 56(84) bytes of data.
[1795426083.640000] 64 bytes from 192.0.2.10: icmp_seq=20 ttl=64 time=0.055 ms
[1795426083.810000] 64 bytes from 192.0.2.10: icmp_seq=30 ttl=64 time=0.052 ms
"""


def _cut(on_s: float, off_s: float, took_s: float = 0.0) -> Cut:
    return Cut(Moment(on_s, on_s + took_s), Moment(off_s, off_s + took_s))


def test_a_cut_is_no_better_known_than_what_its_calls_took() -> None:
    cut = _cut(1.0, 1.5, 0.002)
    assert cut.length_s == pytest.approx(0.5)
    assert (cut.shortest_s, cut.longest_s, cut.doubt_s) == pytest.approx((0.498, 0.502, 0.002))


def test_the_error_is_told_in_intervals_and_the_longest_piece_counts() -> None:
    told = [Told(0.45, 1.0, 1.45, 0.3, 0.6), Told(0.02, 1.46, 1.48, 0.0, 0.1)]
    (row,) = compare([_cut(1.0, 1.5)], told, 0.1)

    assert row.error_intervals == pytest.approx(0.5)
    assert (row.pieces, row.within_bounds) == (2, True)
    assert (row.begins_off_s, row.ends_off_s) == pytest.approx((0.0, -0.05))


@pytest.mark.parametrize(
    ("lower_s", "upper_s", "within"), [(0.4, 0.6, True), (0.51, 0.6, False), (0.3, 0.49, False), (0.4, None, None)]
)
def test_bounds_that_leave_the_truth_out_are_found(lower_s: float, upper_s: float | None, within: bool | None) -> None:
    assert Told(0.5, 1.0, 1.5, lower_s, upper_s).allows(_cut(1.0, 1.5)) is within


def test_an_outage_nobody_told_counts_with_its_whole_length_and_one_that_never_was_is_false() -> None:
    cuts, told = [_cut(1.0, 1.05)], [Told(0.1, 5.0, 5.1)]
    figures = summary(cuts, told, 0.1)

    assert figures["error_intervals_max"] == pytest.approx(0.5)
    assert (figures["unseen"], figures["false"]) == (1, 1)
    assert false_ones(cuts, told, 0.1) == told


def test_no_outage_at_all_has_no_error() -> None:
    assert summary([], [], 0.1)["error_intervals_max"] is None


@pytest.mark.parametrize(("tool", "text", "lost"), [(0, FPING, 14), (1, PING, 9)])
def test_the_lines_of_fping_and_ping_are_read(tool: int, text: str, lost: int) -> None:
    answers = read_answers(OTHERS[tool].answer, text, 1795426083.0)
    (counted,), (stamped,) = by_count(answers, 0.01), by_stamps(answers, 0.01)

    assert len(answers) == 2
    assert counted.length_s == pytest.approx(lost * 0.01)
    assert stamped.length_s == pytest.approx(answers[1][0] - answers[0][0] - 0.01, abs=1e-6)
    assert stamped.start_s == pytest.approx(0.645, abs=1e-6)


def test_a_probe_is_punctual_once_and_one_not_sent_never() -> None:
    rows = [
        "0,VM01,icmp,0.0000,2026-11-23T09:26:50.000Z,0.000200,lost,,no-answer",
        "0,VM01,icmp,0.0000,2026-11-23T09:26:50.000Z,0.000200,late,900.0,",
        "1,VM01,icmp,0.0100,2026-11-23T09:26:50.010Z,0.014000,answered,0.1,",
        "2,VM01,icmp,0.0200,,,not_sent,,",
        "3,VM01,icmp,0.0300,2026-11-23T09:26:50.030Z,0.030200,answered,0.1,",
    ]
    header = PingHeader("here", "2026-11-23T09:26:50.000Z", 10.0, 1000.0, (), 10.0).line()
    text = header + "\n".join([",".join(PING_COLUMNS), *rows, ""])
    told = punctuality(parse_pings(text.encode(), where="here"))

    assert (told["probes"], told["not_sent"], told["within_1ms_percent"]) == (4, 1, 50.0)
    assert told["off_max_ms"] == pytest.approx(4.0)


@pytest.mark.parametrize("part", LIMITS)
def test_every_limit_of_a_part_must_be_known_and_kept(part: str) -> None:
    least = {figure: limit.least for figure, limit in LIMITS[part].items()}
    good: dict[str, Any] = {
        f: limit.most if math.isfinite(limit.most) else least[f] for f, limit in LIMITS[part].items()
    }

    assert kept(good, [part])
    for figure, limit in LIMITS[part].items():
        bad = limit.most + 1 if math.isfinite(limit.most) else limit.least - 1
        assert not kept(good | {figure: bad}, [part])
        assert not kept(good | {figure: None}, [part])


def test_a_day_of_samples_is_what_the_reader_expects(tmp_path: Path) -> None:
    a_day(tmp_path / "pings.csv", rows=5000)
    (icmp,) = judge_downtime(read_pings(tmp_path / "pings.csv"), window=None).kinds

    assert icmp.probes == 5000
    assert min(icmp.lost, icmp.late, icmp.duplicated) > 0
