"""Hosts that answer from a script: a fake session for what needs `invoke`, and a scripted move.

A `ScriptedHost` speaks `PsObject` as the real session does, so the code under test reads it through
the same door (estate.facts). It has tests of its own in test_fake_estate.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from snlm_lib.errors import CommandFailed, RemoteError
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.session import Result

Answer = Sequence[PsObject] | RemoteError


def bag(**properties: object) -> PsObject:
    """One object with these properties."""
    return PsObject(("Fake",), "fake", properties)


@dataclass
class ScriptedHost:
    """Answers each pipeline by the name of its last cmdlet; an unscripted one fails as Windows would.

    ``script`` maps "Get-VM" or "Get-CimInstance Msvm_MigrationJob" to an answer, an error, or a
    function of how often it was asked.
    """

    host: str
    script: dict[str, Answer | Callable[[int], Answer]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def open(self) -> None:
        """Always open."""

    def invoke(self, pipeline: Pipeline, *, accept: tuple[str, ...] = ()) -> Result:
        self.sent.append(pipeline.text())
        key = self._key(pipeline)
        self.asked[key] = self.asked.get(key, 0) + 1
        answer = self.script.get(key)
        if callable(answer):
            answer = answer(self.asked[key])
        if answer is None:
            answer = CommandFailed(
                f"{key} is not in the script", host=self.host, command=pipeline.text(), fq_error_id="CommandNotFound"
            )
        if isinstance(answer, RemoteError):
            if isinstance(answer, CommandFailed) and answer.fq_error_id.startswith(accept or ("\0",)):
                return Result((), (), (), (), False)
            raise answer
        return Result(tuple(answer), (), (), (), False)

    @staticmethod
    def _key(pipeline: Pipeline) -> str:
        last = pipeline.commands[-1] if pipeline.name != "Select-Object" else pipeline.commands[0]
        of_class = last.parameters.get("ClassName")
        return f"{last.name} {of_class}" if of_class else last.name
