"""A check's finding as a row of the record and of the table in the notebook. Decides nothing."""

from __future__ import annotations

from snlm_lib.change.checks.model import CheckResult, Level
from snlm_lib.record.result import CheckRow

__all__ = ["APPLIES", "LATER", "check_row", "shown"]

LATER = "Removed later by "
APPLIES = {"01": "apply_settings", "02": "apply_delegation"}  # what a step needs to remove an obstacle


def check_row(item: CheckResult, removing: tuple[str, ...], *, later: bool = True) -> CheckRow:
    """A failure that a step of this run removes itself is shown as a warning that says so; ``later``: it may."""
    level, remedy = item.level, item.remedy
    if level is Level.FAIL and item.removed_by in removing:
        level, remedy = Level.WARN, f"{LATER}{item.removed_by}." if later else remedy
    return CheckRow(
        id=item.check_id,
        title=item.title,
        verdict=level.value,
        evidence=item.evidence,
        remedy=remedy,
        host=item.host,
    )


def shown(row: CheckRow, with_remedy: bool) -> dict[str, str | None]:
    """A row of the table in the notebook; the column of remedies is there only when one has something to say."""
    told = {"verdict": row.verdict, "check": row.title, "host": row.host or None, "found": row.evidence}
    return {**told, "what to do": row.remedy or None} if with_remedy else told
