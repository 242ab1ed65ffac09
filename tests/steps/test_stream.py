"""Pings that a host sends for us: what each row claims, that it always contains the truth, and how it ends."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import AuthenticationRefused, CommandFailed, HostUnreachable, RemoteError, SessionLost
from snlm_lib.measure.ledger import PING_COLUMNS
from snlm_lib.measure.ping_file import BETWEEN, PingHeader, read_header
from snlm_lib.remote.clixml import PsObject
from snlm_lib.remote.pipeline import Pipeline
from snlm_lib.remote.session import Result
from snlm_lib.steps.stream import AT_ONCE, KIND, PATIENCE, PingStream, Seen, first_look

VM = Seen("VM01", "10.20.0.51")
QUICK_S = 0.02
DENIED = CommandFailed("The term 'Get-CimInstance' is not recognized", host="DC01", command="Get-CimInstance")


def bag(**properties: object) -> PsObject:
    return PsObject(("Selected.CimInstance",), "", properties)


ANSWER = bag(StatusCode=0, ResponseTime=0)
SILENCE = bag(StatusCode=11010, ResponseTime=None)


class Host:
    """A host that takes ``way_s`` there and back and answers what it is told to; remembers when each probe left."""

    host = "DC01"

    def __init__(self, answer: Callable[[int], PsObject | RemoteError], *, way_s: float = 0.004) -> None:
        self._answer = answer
        self._way_s = way_s
        self._lock = threading.Lock()
        self.left_s: list[float] = []
        self.texts: list[str] = []
        self.opened = self.closed = 0
        self.trouble: RemoteError | None = None
        self.waiting = threading.Event()
        self.waiting.set()

    def open(self) -> None:
        self.opened += 1
        if self.trouble is not None:
            raise self.trouble

    def close(self) -> None:
        self.closed += 1

    def invoke(self, pipeline: Pipeline, *, accept: tuple[str, ...] = ()) -> Result:
        threading.Event().wait(self._way_s / 2)  # the way there
        with self._lock:
            number = len(self.left_s)
            self.left_s.append(SystemClock().monotonic_s())
            self.texts.append(pipeline.text())
        self.waiting.wait(10.0)
        threading.Event().wait(self._way_s / 2)  # and back
        answer = self._answer(number)
        if isinstance(answer, RemoteError):
            raise answer
        return Result((answer,))


def header_of(path: Path) -> PingHeader:
    with path.open(encoding="utf-8") as file:
        return read_header(file.readline())


def rows_of(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        file.readline()
        return list(csv.DictReader(file))


def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        threading.Event().wait(0.005)


@contextmanager
def streaming(host: Host, path: Path) -> Iterator[PingStream]:
    stream = PingStream(host, VM, path, clock=SystemClock(), offsets_s={"DC01": 0.2}, interval_s=QUICK_S)
    stream.start()
    try:
        yield stream
    finally:
        host.waiting.set()
        stream.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pings-DC01.csv"


def test_its_header_says_what_is_honest(path: Path) -> None:
    with streaming(Host(lambda _: ANSWER), path):
        until(lambda: len(rows_of(path)) > 2)
    header = header_of(path)
    assert (header.vantage, header.resolution_ms, header.moments) == ("DC01", QUICK_S * 1000, BETWEEN)
    assert header.clock_offsets_s == {"DC01": 0.2}
    assert header.targets[0].address == VM.address
    assert tuple(rows_of(path)[0]) == PING_COLUMNS
    assert {row["kind"] for row in rows_of(path)} == {KIND}


def test_each_probe_left_between_the_two_moments_of_its_row(path: Path) -> None:
    host = Host(lambda _: ANSWER, way_s=0.01)
    with streaming(host, path):
        until(lambda: len(rows_of(path)) >= 10)
    zero_s = header_of(path).started_monotonic_s
    assert zero_s is not None
    rows = sorted(rows_of(path), key=lambda row: int(row["seq"]))
    assert {row["status"] for row in rows} == {"answered"}
    for row, left_s in zip(rows, sorted(host.left_s), strict=False):
        assert float(row["due_s"]) <= left_s - zero_s + 0.0001
        assert left_s - zero_s <= float(row["sent_s"]) + 0.0001
    assert len({row["seq"] for row in rows}) == len(rows)


def test_an_unanswered_one_is_lost_with_the_wait_taken_off(path: Path) -> None:
    host = Host(lambda _: SILENCE)
    host.waiting.clear()
    with streaming(host, path):
        until(lambda: len(host.left_s) == AT_ONCE)
        threading.Timer(0.05, host.waiting.set).start()
        until(lambda: any(row["status"] == "lost" for row in rows_of(path)))
    lost = next(row for row in rows_of(path) if row["status"] == "lost")
    assert (lost["error"], lost["rtt_ms"]) == ("no-answer", "")
    assert float(lost["sent_s"]) == float(
        lost["due_s"]
    )  # the answer came sooner than its time-out: no later than asked


def test_when_too_many_wait_a_tick_is_not_sent_and_never_lost(path: Path) -> None:
    host = Host(lambda _: ANSWER)
    host.waiting.clear()
    with streaming(host, path):
        until(lambda: any(row["error"] == "busy" for row in rows_of(path)))
        assert len(host.left_s) == AT_ONCE
    assert {row["status"] for row in rows_of(path)} <= {"not_sent", "answered"}


def test_a_second_stream_goes_on_in_the_same_file(path: Path) -> None:
    for wanted in (3, 6):
        with streaming(Host(lambda _: ANSWER), path):
            until(partial(lambda count: len(rows_of(path)) >= count, wanted))
    text = path.read_text(encoding="utf-8")
    assert text.count("# snlm.pings/2") == 1
    sent = [float(row["sent_s"]) for row in rows_of(path)]
    assert sent == sorted(sent)


def test_a_file_of_another_life_of_this_machine_is_left_alone(path: Path) -> None:
    later = SystemClock().monotonic_s() + 1000
    with streaming(Host(lambda _: ANSWER), path):
        until(lambda: len(rows_of(path)) > 1)
    text = path.read_text(encoding="utf-8")
    began = header_of(path).started_monotonic_s
    path.write_text(text.replace(str(began), str(later)), encoding="utf-8")
    before = path.read_bytes()
    with streaming(Host(lambda _: ANSWER), path) as stream:
        until(lambda: bool(stream.trouble))
    assert "started anew" in stream.trouble
    assert path.read_bytes() == before


def test_an_endpoint_that_hides_the_command_ends_it_with_one_sentence(path: Path) -> None:
    host = Host(lambda _: DENIED)
    with streaming(host, path) as stream:
        until(lambda: bool(stream.trouble))
    assert stream.trouble.startswith("DC01 does not ping for us, so there is no second look from there: The term")
    assert "snlm_lib/jea" in stream.trouble
    assert {row["status"] for row in rows_of(path)} <= {"not_sent"}


def test_a_refused_sign_on_is_not_tried_twice(path: Path) -> None:
    host = Host(lambda _: ANSWER)
    host.trouble = AuthenticationRefused("wrong password", host="DC01")
    with streaming(host, path) as stream:
        until(lambda: bool(stream.trouble))
    assert (host.opened, host.left_s) == (1, [])
    assert "wrong password" in stream.trouble


def test_a_session_that_is_lost_for_a_moment_costs_its_probes_only(path: Path) -> None:
    lost = SessionLost("the line broke", host="DC01")
    host = Host(lambda number: lost if number in (2, 3) else ANSWER)
    with streaming(host, path) as stream:
        until(lambda: len(rows_of(path)) >= 8)
    assert stream.trouble == ""
    assert [row["error"] for row in rows_of(path) if row["status"] == "not_sent"] == ["session", "session"]


def test_a_host_that_is_gone_is_given_up_after_a_while(path: Path) -> None:
    gone = HostUnreachable("no answer from dc01 port 5985 within 5 s", host="DC01")
    host = Host(lambda _: gone, way_s=0.0)
    with streaming(host, path) as stream:
        until(lambda: bool(stream.trouble))
    assert stream.trouble.startswith("No second look from DC01: no answer")
    assert PATIENCE <= len(host.left_s) < PATIENCE + AT_ONCE


def test_a_record_that_cannot_be_written_is_a_sentence_and_no_traceback(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(lambda _: ANSWER)
    with streaming(host, path / "no" / "folder.csv") as stream:
        until(lambda: bool(stream.trouble))
    assert stream.trouble.startswith("The second look from DC01 ended: ")
    assert "Traceback" not in capsys.readouterr().err


def test_when_told_to_end_it_ends_although_the_host_does_not_answer(path: Path) -> None:
    host = Host(lambda _: ANSWER)
    host.waiting.clear()
    with streaming(host, path) as stream:
        until(lambda: len(host.left_s) == AT_ONCE)
        began_s = time.monotonic()
        stream.stop()
        assert time.monotonic() - began_s < 4.0
        before = path.read_bytes()
    until(lambda: not any(thread.name.startswith("ping-") for thread in threading.enumerate()))
    assert path.read_bytes() == before
    assert host.closed == AT_ONCE  # whatever they opened meanwhile


def test_a_first_look_says_what_will_be_seen() -> None:
    assert "pings VM01 too, every 500 ms" in first_look(Host(lambda _: ANSWER), VM)
    assert "gets no answer from VM01 (no-answer)" in first_look(Host(lambda _: SILENCE), VM)
    assert first_look(Host(lambda _: DENIED), VM).startswith("DC01 does not ping for us")
    odd = first_look(Host(lambda _: ANSWER), Seen("VM01", "fe80::51%eth0"))
    assert odd == "No second look from DC01: 'fe80::51%eth0' is no name or address that a filter may hold."
