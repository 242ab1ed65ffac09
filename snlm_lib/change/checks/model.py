"""What a check is: a title, a pure judgement over facts, and who can remove the obstacle it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from snlm_lib.estate.model import PairFacts
from snlm_lib.parameters import Parameters

__all__ = ["Check", "CheckResult", "Finding", "Judge", "Level", "fail", "passed", "warn"]


class Level(StrEnum):
    """PASS go on; WARN go on, shown and recorded; FAIL blocked. What could not be read is never PASS."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """What one check found. ``remedy`` is empty for PASS; ``removed_by`` overrides the
    check's own: "" says that no step of ours can remove this one."""

    level: Level
    evidence: str
    remedy: str = ""
    host: str = ""
    removed_by: str | None = None


Judge = Callable[[PairFacts, Parameters], Finding]


@dataclass(frozen=True)
class Check:
    """One prerequisite. ``removed_by``: the step that itself removes this obstacle ("01", "02").

    ``of_vm``: there is nothing to judge when the machine was not found.
    """

    check_id: str
    title: str
    judge: Judge
    removed_by: str | None = None
    of_vm: bool = False


@dataclass(frozen=True)
class CheckResult:
    """A check with what it found; the row of the preflight table."""

    check_id: str
    title: str
    level: Level
    evidence: str
    remedy: str
    host: str
    removed_by: str | None


def passed(evidence: str, *, host: str = "") -> Finding:
    """The prerequisite holds; ``evidence`` is what was read."""
    return Finding(Level.PASS, evidence, host=host)


def warn(evidence: str, remedy: str, *, host: str = "") -> Finding:
    """Not as it should be, but the move can go on."""
    return Finding(Level.WARN, evidence, remedy, host)


def fail(evidence: str, remedy: str, *, host: str = "", removed_by: str | None = None) -> Finding:
    """The move must not start."""
    return Finding(Level.FAIL, evidence, remedy, host, removed_by)
