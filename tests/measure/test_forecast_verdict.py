"""The verdict's sentence says what the forecast beside it says: passes, rates and lengths with their units."""

from __future__ import annotations

import pytest

from snlm_lib.measure.forecast import Forecaster, MoveInputs


@pytest.mark.parametrize("dirty", [0, 5, 40, 85, 110, 1000])
def test_the_passes_it_tells_are_those_of_the_middle_forecast(dirty: float) -> None:
    told = Forecaster().forecast(
        MoveInputs(ram_assigned_mib=8192, ram_demand_mib=6000, link_mbit_s=1000, dirty_mib_s=dirty)
    )
    count = f"{len(told.passes)} passes" if len(told.passes) > 1 else "1 pass"
    assert f" {count}" in told.verdict.reason
    assert " MiB/s written, " in told.verdict.reason
    assert told.verdict.reason.endswith(".")


def test_what_takes_hours_is_not_told_in_seconds() -> None:
    told = Forecaster().forecast(MoveInputs(ram_assigned_mib=8192, disk_used_mib=4e6, link_mbit_s=1000))
    assert told.dominates.startswith("the copy of the storage: 9 h ")
