"""What to do after a move that failed: the catalogue's remedy, or what the checks had warned of; and what was left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from snlm_lib.change.act import Act, Outcome
from snlm_lib.errors import RemoteError
from snlm_lib.estate.reads import Session
from snlm_lib.estate.survey import is_planned
from snlm_lib.explain.catalogue import load_catalogue
from snlm_lib.explain.explain import likely_failure
from snlm_lib.record.result import CheckRow

__all__ = ["advice", "advised", "leftovers"]

_NOT_AGAIN = "Nothing is retried by itself"


def advice(detail: str, checks: Iterable[CheckRow]) -> str:
    """The remedy for what a host said, in a sentence or two; never more than what is known of it."""
    known = likely_failure(detail, load_catalogue())
    if known is not None:
        return f"{_NOT_AGAIN}. {known.remedy} (snlm explain {known.id})"
    warned = [f"{row.title}: {row.evidence}; {row.remedy}" for row in checks if row.verdict == "WARN"]
    if warned:
        return f"{_NOT_AGAIN}. The checks had warned: {' '.join(warned)}"
    return f"{_NOT_AGAIN}; read the cause first."


def leftovers(destination: Session, vm_id: UUID) -> str:
    """What a failed move left at the destination, in a sentence; "" for nothing, or when nobody answers there."""
    try:
        left = is_planned(destination, vm_id)
    except RemoteError:
        return ""
    if not left:
        return ""
    return (
        f"A planned machine of it stays on {destination.host}, and copies of its disks may: remove both before the"
        " next try, after looking whether a registered machine uses them."
    )


def advised(act: Act, checks: Callable[[], Iterable[CheckRow]], left: Callable[[], str]) -> Act:
    """The same act; its failure says what to do. ``checks``: what was found by then; ``left``: what remains."""

    def told(outcome: Outcome) -> Outcome:
        if outcome.result != "failed":
            return outcome
        remedy = " ".join(part for part in (advice(outcome.detail, checks()), left()) if part)
        return replace(outcome, remedy=remedy)

    def settle(begun: datetime) -> Outcome:
        return told(looked(begun)) if looked is not None else Outcome("unknown")

    looked = act.settle
    return replace(act, do=lambda: told(act.do()), settle=None if looked is None else settle)
