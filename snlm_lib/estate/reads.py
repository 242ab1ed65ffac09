"""Many questions to one host at once, each answer on its own; knows no model.

A question the host refuses has no answer (None); a host that cannot be reached or will not let us
in has none to any question, and that is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from snlm_lib.errors import CommandFailed
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.session import Result

__all__ = ["AT_ONCE", "Session", "ask", "ask_all"]

AT_ONCE = 16
"""Questions side by side on one session: a host's whole survey costs two round trips. Windows' own limits are far
above; the host runs eight at a time, and to a near host there are no more connections than that."""


class Session(Protocol):
    """What a survey needs of a session: `snlm_lib.remote.session.HostSession` has it."""

    @property
    def host(self) -> str: ...

    def open(self) -> None: ...

    def invoke(self, pipeline: Pipeline, *, accept: tuple[str, ...] = ()) -> Result: ...


def ask(session: Session, pipeline: Pipeline, *, accept: tuple[str, ...] = ()) -> tuple[PsObject, ...] | None:
    """The answer's objects; None when the host reported an error. Raises what `HostSession.invoke`
    does, CommandFailed apart."""
    try:
        return session.invoke(pipeline, accept=accept).bags
    except CommandFailed:
        return None


def ask_all(session: Session, questions: Mapping[str, Pipeline]) -> dict[str, tuple[PsObject, ...] | None]:
    """Every question at once, at most `AT_ONCE` under way; the first host error is raised."""
    session.open()
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix=f"ask-{session.host}") as crew:
        asked = {key: crew.submit(ask, session, pipeline) for key, pipeline in questions.items()}
        return {key: answer.result() for key, answer in asked.items()}
