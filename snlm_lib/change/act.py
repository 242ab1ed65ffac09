"""One change of the world: what it is, how it is done, how it is undone, what was there before.

An act says nothing about when it may run; `snlm_lib.step` writes the intent, runs it, writes the
outcome.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from snlm_lib.errors import CommandFailed
from snlm_lib.estate.reads import Session
from snlm_lib.remote.commands import Pipeline

__all__ = ["Act", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """How an act ended: ``result`` is "done", "failed" or "unknown"; ``detail`` in a sentence.

    ``remedy``: what to do about a failure, if that is known.
    """

    result: str
    detail: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True)
class Act:
    """``do`` acts and reports; ``settle`` looks at the hosts when a try, of the given moment (UTC), left no
    outcome: its answer was lost, or whoever made it. Without one such a try stays unknown.

    ``look`` is asked right before the intent is written; what it returns is kept there, beside ``before``.

    ``key`` names the act within its record: the same act asked for twice has the same key, so that
    it is never begun twice.
    """

    key: str
    what: str
    host: str
    undo: str
    do: Callable[[], Outcome]
    settle: Callable[[datetime], Outcome] | None = None
    before: Mapping[str, object] = field(default_factory=dict)
    look: Callable[[], Mapping[str, object]] | None = None

    @classmethod
    def of(
        cls,
        session: Session,
        *,
        what: str,
        do: Pipeline,
        undo: Pipeline | None,
        before: Mapping[str, object],
        holds: Callable[[], bool],
    ) -> Act:
        """An act that is one pipeline sent to one host, and does no more the second time than the first.

        ``holds`` looks whether the host is as it would leave it: that settles a try without outcome.
        """

        def send() -> Outcome:
            session.invoke(do)
            return Outcome("done", do.text())

        def settle(_: datetime) -> Outcome:
            if holds():
                return Outcome("done", f"{do.text()}: its answer was lost, and the host shows that it was done")
            try:
                session.invoke(do)
            except CommandFailed as error:  # of the act itself: known. One of looking says nothing of it
                return Outcome("failed", error.what, remedy=error.remedy)
            return Outcome(
                "done", f"{do.text()}: its answer was lost, the host showed it undone, and it was sent again"
            )

        key = hashlib.sha256(f"{session.host}\n{do.text()}".encode()).hexdigest()[:16]
        back = f"{session.host}: {undo.text()}" if undo else f"{session.host}: what was there before could not be read"
        return cls(key=key, what=what, host=session.host, undo=back, do=send, settle=settle, before=before)
