"""A recorded run beside its truth, and the one question every test asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.ground import Cut
from benchmarks.probing import Pace, started_s, told_by_us
from benchmarks.truth import Told, compare, false_ones
from benchmarks.weather import Carried
from snlm_lib.measure.downtime import DowntimeReport, judge_downtime
from snlm_lib.measure.monitor import MonitorHandle
from snlm_lib.measure.pings import Pings, read_pings

__all__ = ["Run", "assert_true"]

_NEAR_S, _AROUND_S = 0.5, 0.2


@dataclass(frozen=True)
class Run:
    """A monitor that has ended, and what was really done to each target meanwhile."""

    handle: MonitorHandle
    pace: Pace
    cuts: dict[str, list[Cut]]
    dropped: int = 0  # by the kernel, at random
    carried: Carried = field(default_factory=Carried)

    def told(self, target: str, kind: str = "icmp") -> list[Told]:
        """The gaps told for one kind of one target."""
        return told_by_us(self.handle, target, kind)

    def near(self, cut: str, target: str, kind: str) -> list[Told]:
        """Those of them that begin within half a second of a cut."""
        (one,) = self.cuts[cut]
        return [gap for gap in self.told(target, kind) if abs(gap.start_s - one.on.at_s) < _NEAR_S]

    def samples(self) -> Pings:
        """Every row."""
        return read_pings(self.handle.pings_csv)

    def judged(self, cut: str, target: str = "VM01") -> DowntimeReport:
        """The judgement over one cut and a little around it, as over the window of a move."""
        (one,) = self.cuts[cut]
        zero_s = started_s(self.handle)
        wall = self.samples().wall
        begin, end = wall.utc(one.on.before_s - _AROUND_S - zero_s), wall.utc(one.off.after_s + _AROUND_S - zero_s)
        assert begin is not None
        assert end is not None
        return judge_downtime(self.samples(), window=(begin, end), target=target)

    def count(self, target: str, status: str) -> int:
        """How many rows of a target's have this status."""
        samples = self.samples()
        return int((samples.target.equals(target) & samples.status.equals(status)).sum())


def assert_true(cuts: Sequence[Cut], told: Sequence[Told], interval_s: float) -> None:
    """Every cut is told once, with bounds that the truth lies in, and nothing else is told.

    A cut of less than two intervals may hide between two probes.
    """
    assert false_ones(cuts, told, interval_s) == []
    for cut, row in zip(cuts, compare(cuts, told, interval_s), strict=True):
        assert row.pieces == 1 or (row.pieces == 0 and cut.longest_s < 2 * interval_s), f"{cut}: {row}"
        assert row.within_bounds is not False, f"{cut}: {row}, {[one for one in told if one.touches(cut, interval_s)]}"
