"""The proving ground: a handful of failures through whole rehearsals, and its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.lab.faults import FAULTS
from tools.proving_ground import Met, main, meet, page

FINE = Met("disk-full", "storage", "refused", "refused", "01", "disk-space FAIL", "sealed", False, 6.2)
HANDFUL = {
    "connection-reset": ("05", ""),
    "network-lost-after-move": ("06", "(switch-network)"),
    "dynamic-memory-hang": ("05", "(memory-registry)"),
}


@pytest.mark.parametrize("name", HANDFUL)
def test_a_failure_ends_a_whole_rehearsal_as_the_table_says(name: str, tmp_path: Path) -> None:
    met = meet(FAULTS[name], tmp_path, clock=SystemClock())

    assert met.good, met
    assert (met.step, met.check) == HANDFUL[name]


def test_what_did_not_end_as_it_should_is_said() -> None:
    told = page([FINE, replace(FINE, ended="passed"), replace(FINE, record="damaged"), replace(FINE, traceback=True)])

    assert "1 of 4 ended as they should" in told
    assert "| passed (wanted refused) |" in told
    assert "| `disk-full` | storage | refused | 01 | disk-space FAIL | sealed | 6 |" in told


def test_an_unknown_failure_is_named_with_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nosuch"])
    assert "no such failure: nosuch; known are access-denied-on-files" in capsys.readouterr().err
