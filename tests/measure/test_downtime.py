"""The judgement: two clocks beside each other, what is told, what is not usable, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from snlm_lib.measure.downtime import Cause, Downtime, DowntimeReport, HostBlackout, RttBand, judge_downtime, read_pings
from tests.measure.patterns import at, pings_of


def judge(
    udp: str | None = None,
    tcp: str | None = None,
    *,
    control: str | None = None,
    blackout: float | None = None,
    window: tuple[float, float] | None = None,
) -> DowntimeReport:
    patterns = {("VM01", "udp"): udp, ("VM01", "tcp"): tcp, ("control", "udp"): control}
    pings = pings_of({key: pattern for key, pattern in patterns.items() if pattern is not None})
    span = (at(window[0]), at(window[1])) if window else None
    return judge_downtime(pings, window=span, blackout=HostBlackout(blackout), target="VM01")


def told(report: DowntimeReport) -> Downtime:
    assert report.told is not None
    return report.told


def known(band: RttBand | None) -> RttBand:
    assert band is not None
    return band


GAP6 = "A" * 10 + "x" * 6 + "A" * 10


def test_the_figures_of_a_file(data: Path) -> None:
    pings = read_pings(data / "pings-five-lost.csv")
    report = judge_downtime(pings, window=(at(0.5), at(2.0)), blackout=HostBlackout(0.4))
    assert (report.target, report.gap_kind, told(report).lost, told(report).probes) == ("VM01", "udp", 5, 16)
    assert report.gap_s == pytest.approx(0.5)
    assert [report.gap_lower_s, report.gap_upper_s] == pytest.approx([0.4, 0.6])
    assert report.residue_s == pytest.approx(0.1)
    assert report.residue.cause is Cause.QUANTISATION
    assert (report.baseline_clean, report.tail_clean, report.doubtful, report.usable) == (True, True, False, True)
    udp = told(report)
    assert (udp.answered, udp.late, udp.not_sent, udp.unrecorded) == (10, 1, 0, 0)
    assert known(udp.rtt_before).p50_ms == 1.5
    assert known(udp.rtt_after).most_ms == 1.5
    assert known(udp.rtt).most_ms == 1100.0


def test_no_lost_probe_is_shorter_than_one_interval_and_never_zero() -> None:
    report = judge("A" * 30, "A" * 30, blackout=0.1)
    assert report.gap_s is None
    assert [report.gap_lower_s, report.gap_upper_s] == pytest.approx([0.0, 0.1])
    assert report.residue_s is None
    assert report.residue.cause is Cause.NO_GAP
    assert report.longest is None
    assert report.usable


def test_what_could_not_be_sent_widens_what_no_gap_means() -> None:
    report = judge("AAAA---AAAA")
    assert report.gap_s is None
    assert report.gap_upper_s == pytest.approx(0.4)
    assert told(report).not_sent == 3


@pytest.mark.parametrize(
    ("blackout", "cause", "usable"),
    [
        (0.6, Cause.QUANTISATION, True),
        (0.7, Cause.QUANTISATION, True),
        (0.74, Cause.QUANTISATION, True),
        (0.8, Cause.NOT_USABLE, False),
        (0.3, Cause.NETWORK_RELEARN, True),
        (None, Cause.NO_BLACKOUT_FIGURE, True),
    ],
)
def test_the_residue_and_its_likely_cause(blackout: float | None, cause: Cause, usable: bool) -> None:
    report = judge(GAP6, GAP6, blackout=blackout)
    assert (report.residue.cause, report.usable) == (cause, usable)
    if blackout is not None:
        assert report.residue_s == pytest.approx(0.6 - blackout)


def test_datagrams_stop_while_the_long_connection_goes_on_is_quarantine(data: Path) -> None:
    pings = read_pings(data / "pings-quarantine.csv")
    report = judge_downtime(pings, window=None, blackout=HostBlackout(0.5), target="VM01")
    assert report.gap_s == pytest.approx(7.1)
    assert report.residue.cause is Cause.INTERFACE_QUARANTINE
    assert [one.target for one in report.control] == ["control"]
    assert not report.doubtful


def test_a_connection_that_stalls_longer_is_retransmission_and_not_what_is_told() -> None:
    report = judge(GAP6, "A" * 10 + "x" * 12 + "A" * 4, blackout=0.5)
    assert report.gap_s == pytest.approx(0.6)
    assert report.longest is not None
    assert report.longest.kind == "tcp"
    assert report.residue.also == (Cause.TCP_BACK_OFF,)


def test_lines_held_and_answered_in_the_end_show_as_a_stall() -> None:
    report = judge("A" * 10 + "x" * 6 + "A" * 20, "A" * 10 + "L" + "L" * 8 + "A" * 17, blackout=0.5)
    tcp = report.kinds[1]
    assert (tcp.kind, tcp.gap, tcp.late) == ("tcp", None, 9)
    assert tcp.stall_s == pytest.approx(0.9 + 0.1 + 0.0, abs=0.21)


def test_one_kind_alone_cannot_tell_the_cause() -> None:
    assert judge(GAP6, blackout=0.2).residue.cause is Cause.ONE_KIND_ONLY
    assert judge(GAP6, "x" * 26, blackout=0.2).residue.cause is Cause.ONE_KIND_ONLY


def test_a_control_target_with_a_gap_at_the_same_time_blames_the_prober() -> None:
    report = judge(GAP6, GAP6, control=GAP6, blackout=0.2)
    assert report.residue.cause is Cause.PROBER_OR_PATH
    assert report.doubtful
    elsewhere = judge(GAP6, GAP6, control="AxAA" + "A" * 22, blackout=0.2)
    assert elsewhere.residue.cause is Cause.NETWORK_RELEARN
    assert elsewhere.doubtful, "a control target that is not clean casts doubt all the same"


def test_probes_held_through_the_blackout_are_not_called_unusable() -> None:
    held = judge("A" * 10 + "HHHHHHH" + "A" * 10, blackout=0.8)
    assert (held.gap_s, held.residue.cause) == (None, Cause.HELD_NOT_DROPPED)
    assert held.usable
    assert told(held).stall_s == pytest.approx(0.8, abs=0.11)
    odd = judge("A" * 30, blackout=0.8)
    assert (odd.residue.cause, odd.usable) == (Cause.NOT_USABLE, False)


def test_the_window_chooses_the_gap_and_what_is_baseline_and_tail() -> None:
    udp = "AAxxxxAA" + "A" * 10 + "xx" + "A" * 10 + "xA"
    report = judge(udp, blackout=0.2, window=(1.5, 2.5))
    assert report.gap_s == pytest.approx(0.2)
    assert (told(report).lost_before, told(report).lost_after) == (4, 1)
    assert (report.baseline_clean, report.tail_clean, report.doubtful) == (False, False, True)
    whole = judge(udp, blackout=0.2)
    assert [whole.gap_s, told(whole).gap_count] == pytest.approx([0.4, 3])
    assert told(whole).sum_s == pytest.approx(0.7)
    assert (whole.baseline_clean, whole.tail_clean) == (None, None)


def test_a_gap_that_reaches_beyond_the_window_is_told_whole() -> None:
    report = judge(GAP6, blackout=0.3, window=(0.5, 1.25))
    assert report.gap_s == pytest.approx(0.6)
    assert told(report).lost == 6
    assert report.tail_clean
    within = judge(GAP6, blackout=0.3, window=(1.1, 1.3))
    assert within.gap_s == pytest.approx(0.6), "answers outside the window still bound the gap"
    assert within.usable


def test_of_gaps_of_one_length_the_first_is_told() -> None:
    report = judge("AAAxxAAAAxxAAA")
    assert report.gap is not None
    assert report.gap.first_seq == 3


def test_a_guest_that_never_came_back_has_no_length_to_rely_on() -> None:
    report = judge("A" * 10 + "x" * 10, blackout=0.4)
    assert (report.residue.cause, report.usable, report.gap_upper_s) == (Cause.OPEN_ENDED, False, None)
    assert report.gap_lower_s == pytest.approx(0.9)
    assert report.residue_s is None


@pytest.mark.parametrize(
    ("pattern", "window"),
    [
        ("A" * 15, (0.5, 3.0)),
        (" " * 10 + "A" * 30, (0.5, 3.0)),
        (GAP6, (0.5, 4.0)),  # a gap was seen, but a longer one may have followed
    ],
    ids=["ends within", "begins within", "ends after a gap"],
)
def test_samples_that_do_not_reach_over_the_move_have_no_upper_bound(pattern: str, window: tuple[float, float]) -> None:
    report = judge(pattern, blackout=0.6, window=window)
    assert (report.residue.cause, report.usable, report.gap_upper_s) == (Cause.OPEN_ENDED, False, None)


def test_probes_after_the_move_are_counted_whatever_became_of_them() -> None:
    assert told(judge("A" * 10 + "x" * 10, window=(0.5, 1.45))).probes_after == 5
    assert told(judge("A" * 10 + "x" * 4 + "-" * 6, window=(0.5, 1.45))).probes_after == 0
    assert told(judge("A" * 10)).probes_after is None


def test_datagrams_never_answered_leave_the_figure_to_the_connection() -> None:
    report = judge("x" * 26, GAP6, blackout=0.5)
    assert report.gap_kind == "tcp"
    assert report.gap_s == pytest.approx(0.6)
    assert judge("x" * 26).residue.cause is Cause.NO_PROBES


def test_no_samples_at_all() -> None:
    report = judge()
    assert (report.told, report.gap_s, report.gap_lower_s, report.gap_upper_s) == (None, None, None, None)
    assert (report.residue.cause, report.usable, report.gap_kind) == (Cause.NO_PROBES, False, None)


def test_rows_still_missing_are_counted_and_widen_the_bound() -> None:
    report = judge("AAAA   AAAA")
    assert told(report).unrecorded == 3
    assert report.gap_upper_s == pytest.approx(0.4)


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_has_its_sentence(cause: Cause) -> None:
    assert cause.words.endswith(".")
    assert len(cause.words) > 20


def test_new_connections_that_stop_with_datagrams_while_the_flow_goes_on_are_quarantine() -> None:
    long = "A" * 10 + "x" * 40 + "A" * 10
    kinds = {("VM01", "icmp"): long, ("VM01", "connect"): long, ("VM01", "tcp"): "A" * 10 + "x" * 6 + "A" * 44}
    assert cause_of(kinds) is Cause.INTERFACE_QUARANTINE
    kinds["VM01", "connect"] = kinds["VM01", "tcp"]
    assert cause_of(kinds) is Cause.NOT_EXPLAINED, "a quarantine drops new connections too"
    del kinds["VM01", "tcp"]
    kinds["VM01", "connect"] = long
    assert cause_of(kinds) is Cause.RELEARN_OR_QUARANTINE, "without a long connection nobody can tell"


def cause_of(kinds: dict[tuple[str, str], str]) -> Cause:
    return judge_downtime(pings_of(kinds), window=None, blackout=HostBlackout(0.5)).residue.cause


def test_new_connections_that_come_back_later_are_a_sign_of_their_own() -> None:
    kinds = {("VM01", "icmp"): GAP6 + "A" * 20, ("VM01", "connect"): "A" * 10 + "x" * 20 + "A" * 16}
    report = judge_downtime(pings_of(kinds), window=None, blackout=HostBlackout(0.6))
    assert (report.residue.cause, report.residue.also) == (Cause.QUANTISATION, (Cause.CONNECT_LATER,))


def test_a_monitor_that_stood_still_in_the_gap_is_named() -> None:
    stalled = judge("A" * 10 + "-" * 20 + "xx" + "A" * 10, blackout=0.9)
    assert stalled.residue.cause is Cause.MONITOR_STALLED
    assert stalled.usable


def test_what_another_kind_loses_within_the_gap_told_is_a_part_of_it() -> None:
    kinds = {
        ("VM01", "icmp"): "A" * 10 + "x" * 40 + "A" * 20,
        ("VM01", "connect"): "A" * 10 + "x" * 6 + "AA" + "x" * 32 + "A" + "x" * 2 + "A" * 17,
        ("VM01", "tcp"): "A" * 10 + "x" * 6 + "A" * 54,
    }
    report = judge_downtime(pings_of(kinds), window=(at(0.5), at(2.0)), blackout=HostBlackout(0.5))
    connect = next(one for one in report.kinds if one.kind == "connect")
    assert (connect.lost, connect.lost_after, connect.gap_count) == (40, 0, 3)
    assert (report.baseline_clean, report.tail_clean, report.doubtful) == (True, True, False)
    later = {**kinds, ("VM01", "connect"): kinds["VM01", "connect"][:-3] + "xAA"}
    assert judge_downtime(pings_of(later), window=(at(0.5), at(2.0))).tail_clean is False


def test_second_answers_and_overtaken_ones_are_counted() -> None:
    pings = pings_of({("VM01", "icmp"): "A" * 10}, {3: 250.0})
    assert told(judge_downtime(pings, window=None)).reordered == 1
    assert told(judge_downtime(pings, window=None)).duplicated == 0
