"""A session that answers from a table, and the whole lab as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import CommandFailed, SnlmError
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.credentials import Credential, resolve
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.session import Endpoint, HostSession, Result

QUICK = Path(__file__).parents[2] / "parameters" / "scenarios" / "quick.yaml"
Answer = list[dict[str, object]] | SnlmError


class TableSession:
    """Answers by the beginning of a pipeline's text, the longest that fits; nothing listed, nothing found.

    ``heard`` lists what was asked; ``most_at_once`` is how many were under way together.
    """

    def __init__(self, host: str, table: Mapping[str, Answer] | None = None, *, takes_s: float = 0.0) -> None:
        self.host = host
        self.table = dict(table or {})
        self.heard: list[str] = []
        self.most_at_once = 0
        self.opened = 0
        self.gone: SnlmError | None = None
        self._takes_s = takes_s
        self._now = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        self.opened += 1
        if self.gone is not None:
            raise self.gone

    def invoke(self, pipeline: Pipeline, *, accept: tuple[str, ...] = ()) -> Result:
        with self._lock:
            self.heard.append(pipeline.text())
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        threading.Event().wait(self._takes_s)
        with self._lock:
            self._now -= 1
        return self._answer(pipeline.text(), accept)

    def _answer(self, text: str, accept: tuple[str, ...]) -> Result:
        keys = sorted((key for key in self.table if text.startswith(key)), key=len)
        answer: Answer = self.table[keys[-1]] if keys else []
        if isinstance(answer, CommandFailed) and accept and answer.fq_error_id.startswith(accept):
            return Result(())
        if isinstance(answer, SnlmError):
            raise answer
        return Result(tuple(PsObject(properties=bag) for bag in answer))


def refusal(fq_error_id: str = "AccessDenied,X") -> CommandFailed:
    return CommandFailed("no", host="HV01", command="x", fq_error_id=fq_error_id)


@pytest.fixture
def table() -> Callable[..., TableSession]:
    return TableSession


@pytest.fixture
def refused() -> Callable[..., CommandFailed]:
    return refusal


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a running lab says of itself."""
    state = tmp_path_factory.mktemp("lab")
    command = [sys.executable, "-m", "snlm_lib.lab", "--scenario", str(QUICK), "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield _descriptor(state / "descriptor.json", process)
        finally:
            (state / "stop").touch()


@pytest.fixture(scope="module")
def operator(descriptor: dict[str, Any]) -> Credential:
    return resolve(descriptor["user"], descriptor["secret"])


@pytest.fixture(scope="module")
def lab(descriptor: dict[str, Any], operator: Credential) -> Iterator[dict[str, HostSession]]:
    """Sessions on HV01, HV02 and DC01, by name."""
    with ExitStack() as stack:
        sessions = {}
        for name, place in descriptor["hosts"].items():
            endpoint = Endpoint(name, place["address"], place["port"], "http", "ntlm")
            sessions[name] = stack.enter_context(HostSession(endpoint, operator, clock=SystemClock()))
        yield sessions


def _descriptor(path: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline_s = time.monotonic() + 20
    while not path.exists():
        assert process.poll() is None, "the lab ended before it was ready"
        assert time.monotonic() < deadline_s, "the lab did not become ready"
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
