"""What does not sit in the machine: pings that are ignored, a path that fails for everybody, a cable pulled out."""

from __future__ import annotations

from snlm_lib.measure.downtime import Cause
from tests.netns.conftest import HOLD_S
from tests.netns.told import Run, assert_true


def test_ignored_pings_are_a_gap_of_icmp_alone(shared_path: Run) -> None:
    icmp, udp = shared_path.judged("deaf").kinds

    assert (icmp.kind, udp.kind) == ("icmp", "udp")
    assert_true(shared_path.cuts["deaf"], shared_path.near("deaf", "VM01", "icmp"), shared_path.pace.interval_s)
    assert (udp.gaps, udp.lost) == ((), 0)


def test_a_path_that_fails_shows_in_the_control_and_is_blamed(shared_path: Run) -> None:
    report = shared_path.judged("path")

    for target in ("VM01", "CONTROL"):
        for kind in ("icmp", "udp"):
            assert_true(shared_path.cuts["path"], shared_path.near("path", target, kind), shared_path.pace.interval_s)
    assert Cause.PROBER_OR_PATH in (report.residue.cause, *report.residue.also)
    assert report.doubtful


def test_a_second_in_which_everything_is_held_is_a_second_of_late_answers(shared_path: Run) -> None:
    report = shared_path.judged("hold", "BEYOND")
    (cut,), (icmp,) = shared_path.cuts["hold"], report.kinds

    assert (icmp.lost, icmp.gaps) == (0, ())
    assert icmp.late > 0
    assert icmp.latest is not None
    assert icmp.latest.most_s > HOLD_S - 3 * shared_path.pace.interval_s
    assert icmp.latest.end_s - icmp.latest.start_s >= cut.shortest_s - 3 * shared_path.pace.interval_s
    assert report.residue.cause is Cause.HELD_NOT_DROPPED


def test_a_second_without_the_cable_is_told_as_late_answers_and_never_as_shorter(shared_path: Run) -> None:
    """What is under way waits in the kernel till the neighbour is found again; what meets the falling link is lost."""
    (cut,) = shared_path.cuts["cable"]

    for one in shared_path.judged("cable").kinds:
        assert one.lost <= 2
        assert one.late > 0
        assert one.latest is not None
        assert one.latest.end_s - one.latest.start_s >= cut.shortest_s - 5 * shared_path.pace.interval_s
        assert one.gap is None or (one.gap.upper_s or 0.0) >= cut.shortest_s
