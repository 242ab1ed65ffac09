"""What a check's finding looks like in the record and on the page."""

from __future__ import annotations

import pytest

from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.rows import check_row, shown

FAILED = CheckResult("enabled", "Live migration is enabled", Level.FAIL, "not enabled", "Enable it.", "HV01", "01")


@pytest.mark.parametrize(
    ("removing", "later", "verdict", "remedy"),
    [
        ((), True, "FAIL", "Enable it."),
        (("01",), True, "WARN", "Removed later by 01."),
        (("01",), False, "WARN", "Enable it."),
        (("02",), True, "FAIL", "Enable it."),
    ],
)
def test_what_a_later_step_removes_is_a_warning(
    removing: tuple[str, ...], later: bool, verdict: str, remedy: str
) -> None:
    row = check_row(FAILED, removing, later=later)
    assert (row.verdict, row.remedy, row.host) == (verdict, remedy, "HV01")


def test_the_column_of_remedies_is_there_only_when_wanted() -> None:
    row = check_row(FAILED, ())
    assert shown(row, True)["what to do"] == "Enable it."
    assert "what to do" not in shown(row, False)
