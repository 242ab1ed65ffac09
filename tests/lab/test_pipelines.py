"""One run of a pipeline, with an outlet that only remembers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from snlm_lib.lab.pipeline import Caller, Invocation
from snlm_lib.lab.pipelines import PipelineRun
from snlm_lib.lab.psrp import Asked, PsrpSession, Statement
from tests.lab.toy_host import OPERATOR, ToyHost, until


class Remembering:
    """An `Outlet` and, in what it lends out, a PSRP session that only writes down its calls."""

    def __init__(self, *, full: bool = False) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self.inside = 0
        self.finished = False
        self._full = full

    def emit(self, pipeline_id: UUID, write: Callable[[PsrpSession], None], *, last: bool = False) -> None:
        session: Any = self
        write(session)
        self.finished = self.finished or last

    def enter(self, run: PipelineRun) -> bool:
        if self._full:
            run.stop.wait(5)
            return False
        self.inside += 1
        return True

    def leave(self, run: PipelineRun) -> None:
        self.inside -= 1

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda pipeline_id, *values, **named: self.calls.append((name, values))

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def start(outlet: Remembering, host: ToyHost, *names: str, metadata: tuple[str, ...] = ()) -> PipelineRun:
    statements = tuple(Statement((Invocation(name, {"Value": 1}),)) for name in names)
    asked = Asked(uuid4(), statements, metadata)
    run = PipelineRun(outlet, asked, host=host, caller=Caller(OPERATOR, "ntlm"))
    run.start()
    return run


def test_a_run_begins_writes_and_completes(toy: ToyHost) -> None:
    outlet = Remembering()
    start(outlet, toy, "Write-Echo", "Write-Streams").join(5)
    assert outlet.names() == ["begin", "output", "warning", "verbose", "error", "output", "complete"]
    assert outlet.calls[1] == ("output", (b"<I32>1</I32>",))
    assert outlet.finished
    assert outlet.inside == 0


def test_a_failure_ends_the_remaining_statements(toy: ToyHost) -> None:
    outlet = Remembering()
    start(outlet, toy, "Fail-Toy", "Write-Echo").join(5)
    assert outlet.names() == ["begin", "output", "fail"]
    assert [asked.name for asked in toy.asked] == ["Fail-Toy"]


def test_a_bug_fails_the_pipeline_and_is_logged(toy: ToyHost, caplog: pytest.LogCaptureFixture) -> None:
    outlet = Remembering()
    with caplog.at_level(logging.ERROR):
        start(outlet, toy, "Break-Toy").join(5)
    assert outlet.names() == ["begin", "fail"]
    assert "ZeroDivisionError" in caplog.text


def test_a_value_without_a_form_is_the_labs_bug(toy: ToyHost) -> None:
    outlet = Remembering()
    toy.do_write_nothing = lambda invocation, sink, stop: sink.output(object())  # type: ignore[method-assign]
    start(outlet, toy, "Write-Nothing").join(5)
    assert outlet.names() == ["begin", "fail"]


def test_script_is_refused_before_the_host_hears_of_it(toy: ToyHost) -> None:
    outlet = Remembering()
    asked = Asked(uuid4(), (Statement((), script="Get-Toy"),))
    run = PipelineRun(outlet, asked, host=toy, caller=Caller(OPERATOR, "ntlm"))
    run.start()
    run.join(5)
    assert outlet.names() == ["begin", "fail"]
    assert toy.callers == []


def test_what_the_lab_does_not_offer_is_refused(toy: ToyHost) -> None:
    outlet = Remembering()
    start(outlet, toy, "Write-Echo", metadata=("*",)).join(5)
    assert outlet.names() == ["begin", "fail"]
    assert toy.asked == []


def test_a_stopped_run_says_stopped_and_nothing_else(toy: ToyHost) -> None:
    outlet = Remembering()
    run = start(outlet, toy, "Wait-Gate", "Write-Echo")
    until(lambda: toy.at_gate == 1)
    run.stop.set()
    run.join(5)
    assert outlet.names() == ["begin", "stopped"]
    assert [asked.name for asked in toy.asked] == ["Wait-Gate"]


def test_a_run_stopped_before_its_turn_never_reaches_the_host(toy: ToyHost) -> None:
    outlet = Remembering(full=True)
    run = start(outlet, toy, "Write-Echo")
    run.stop.set()
    run.join(5)
    assert outlet.names() == ["begin", "stopped"]
    assert toy.asked == []
