"""The hosts' clocks as 04 and 06 tell them: from two looks at a fake host, and from an earlier step's table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import CredentialError, HostUnreachable
from snlm_lib.record.result import StepResult, Verdict
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.session import Result
from snlm_lib.steps.clocks import drifted, host_clocks


@dataclass
class Host:
    """Answers with its time, ``ahead_s`` of ours, or not at all."""

    host: str
    ahead_s: float | None
    clock: FakeClock

    def open(self) -> None:
        if self.ahead_s is None:
            raise HostUnreachable("nobody answers", host=self.host)

    def invoke(self, _pipeline: Any, *, accept: tuple[str, ...] = ()) -> Result:
        told = self.clock.utc_now() + timedelta(seconds=self.ahead_s or 0.0)
        return Result((PsObject(properties={"LocalDateTime": told}),))


@dataclass
class Pair:
    source: Host
    destination: Host


@dataclass
class FakeStep:
    """As much of a step as is asked here."""

    pair: Pair | None
    clock: FakeClock
    earlier: StepResult | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def connection(self) -> Pair:
        if self.pair is None:
            raise CredentialError("SNLM_PASSWORD is not set")
        return self.pair

    def result_of(self, _step: str) -> StepResult | None:
        return self.earlier

    def say(self, words: str) -> None:
        self.said.append(words)

    def table(self, name: str, rows: list[dict[str, Any]], *, caption: str = "") -> None:
        self.tables[name] = rows

    def keep(self, values: dict[str, Any]) -> None:
        self.figures.update(values)


def step_with(source_s: float | None, destination_s: float | None) -> Any:
    clock = FakeClock()
    return FakeStep(Pair(Host("HV01", source_s, clock), Host("HV02", destination_s, clock)), clock)


def result(rows: list[dict[str, Any]]) -> StepResult:
    now = "2026-11-23T21:04:00Z"
    words = {"step": "04_start_ping_monitor", "verdict": Verdict.PASSED, "reason": "", "started_utc": now}
    return StepResult.model_validate({**words, "ended_utc": now, "tables": {"clocks": rows}})


def test_each_hosts_clock_is_kept_by_side_and_told_by_name() -> None:
    step = step_with(0.25, -1.5)
    assert host_clocks(step) == {"HV01": pytest.approx(0.25), "HV02": pytest.approx(-1.5)}
    assert step.figures == {"source_clock_offset_s": 0.25, "destination_clock_offset_s": -1.5}
    assert [row["host"] for row in step.tables["clocks"]] == ["HV01", "HV02"]


def test_a_host_that_does_not_answer_is_unknown_and_stops_nothing() -> None:
    step = step_with(None, 0.0)
    assert host_clocks(step) == {"HV01": None, "HV02": pytest.approx(0.0)}
    assert step.figures["source_clock_offset_s"] is None


def test_without_a_secret_no_clock_is_asked_and_it_is_said() -> None:
    step: Any = FakeStep(None, FakeClock())
    assert host_clocks(step) == {}
    assert step.said == ["The hosts' clocks were not asked: SNLM_PASSWORD is not set"]


def drifts() -> Iterator[tuple[list[dict[str, Any]], dict[str, float | None], list[str]]]:
    before: list[dict[str, Any]] = [
        {"host": "HV01", "ahead of this machine, s": 0.02},
        {"host": "HV02", "ahead of this machine, s": None},
    ]
    yield before, {"HV01": 0.05, "HV02": 3.0}, []
    yield before, {"HV01": None, "HV02": None}, []
    yield before, {"HV01": 3602.02, "HV03": 1.0}, ["HV01 moved by +3602.0 s"]
    yield [], {"HV01": 7.0}, []


@pytest.mark.parametrize(("before", "now", "says"), [*drifts()])
def test_a_clock_that_moved_meanwhile_is_told(
    before: list[dict[str, Any]], now: dict[str, float | None], says: list[str]
) -> None:
    step = step_with(0.0, 0.0)
    step.earlier = result(before)
    told = drifted(step, now)
    assert len(told) == len(says)
    assert all(words in sentence for words, sentence in zip(says, told, strict=True))


def test_without_an_earlier_look_nothing_is_told() -> None:
    assert drifted(step_with(0.0, 0.0), {"HV01": 5.0}) == []
