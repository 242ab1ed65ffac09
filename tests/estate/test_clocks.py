"""How far a host's clock is from ours: the quickest of a few looks, side by side, and never an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from snlm_lib.clock import FakeClock, SystemClock
from snlm_lib.errors import CommandFailed, HostUnreachable
from snlm_lib.estate.clocks import clock_offsets
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.session import Result

SYSTEM = "Get-CimInstance -ClassName Win32_OperatingSystem"


class Ahead:
    """A host whose clock is ahead of ours, and whose answers take as long as said, one after the other."""

    def __init__(self, clock: FakeClock, ahead_s: float, takes_s: tuple[float, ...]) -> None:
        self.host = "HV01"
        self._clock, self._ahead_s, self._takes_s = clock, ahead_s, list(takes_s)

    def open(self) -> None:
        self._clock.sleep(5.0)

    def invoke(self, _pipeline: Any, *, accept: tuple[str, ...] = ()) -> Result:
        there_s = self._takes_s.pop(0)
        self._clock.sleep(there_s * 0.7)  # the way back is shorter: that is what plus_minus_s bounds
        told = self._clock.utc_now() + timedelta(seconds=self._ahead_s)
        self._clock.sleep(there_s * 0.3)
        return Result((PsObject(properties={"LocalDateTime": told}),))


def test_the_quickest_answer_says_it_best_and_signing_on_is_no_part_of_it() -> None:
    clock = FakeClock()
    (found,) = clock_offsets([Ahead(clock, 2.5, (0.4, 0.02, 0.9))], clock)
    assert found.plus_minus_s == pytest.approx(0.01)
    assert found.offset_s == pytest.approx(2.5, abs=0.01)


def test_a_host_that_does_not_answer_has_no_offset(table: Callable[..., Any]) -> None:
    gone, refusing, telling = table("HV01"), table("HV02"), table("HV03", {SYSTEM: [{"LocalDateTime": None}]})
    gone.gone = HostUnreachable("nobody answers", host="HV01")
    refusing.table[SYSTEM] = CommandFailed("no", host="HV02", command="x")
    found = clock_offsets([gone, refusing, telling], FakeClock())
    assert [(one.host, one.offset_s, one.plus_minus_s) for one in found] == [
        ("HV01", None, None),
        ("HV02", None, None),
        ("HV03", None, None),
    ]


def test_of_no_hosts_nothing_is_asked() -> None:
    assert clock_offsets([], FakeClock()) == ()


def test_the_labs_hosts_go_as_we_do(lab: dict[str, Any]) -> None:
    found = clock_offsets([lab["HV01"], lab["HV02"]], SystemClock())
    assert [one.host for one in found] == ["HV01", "HV02"]
    for one in found:
        assert one.offset_s is not None
        assert one.plus_minus_s is not None
        assert abs(one.offset_s) <= one.plus_minus_s + 0.005
