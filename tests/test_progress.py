"""What is shown while a run goes on: plain lines in a pipe, a living line on a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from snlm_lib.clock import FakeClock
from snlm_lib.progress import Watcher, latest_percent
from snlm_lib.record.folder import Record
from snlm_lib.record.result import StepResult, Verdict
from snlm_lib.runbook import StepEvent

HEADER = "t_s,utc,job_state,percent,vm_state,operational_status,pass_number,bytes_sent\n"
NOW = "2026-11-23T21:04:00.000Z"


def _result(**more: object) -> StepResult:
    values = {"step": "05_move_vm", "verdict": Verdict.PASSED, "reason": "", "started_utc": NOW, "ended_utc": NOW}
    return StepResult.model_validate({**values, **more})


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        (HEADER, None),
        ("", None),
        (HEADER + "0.1,u,4,7,2,,,\n", 7),
        (HEADER + "0.1,u,4,7,2,,,\n0.2,u,4,43,2,,,\n", 43),
        (HEADER + "0.1,u,4,7,2,,,\n0.2,u,4,4", 7),
        (HEADER + "0.1,u,4,,2,,,\n", None),
        (HEADER + "0.1,u,4,7,2,,,\n" * 500 + "0.2,u,4,99,2,,,\n", 99),
    ],
)
def test_the_percentage_comes_from_the_last_whole_row(tmp_path: Path, text: str, percent: int | None) -> None:
    path = tmp_path / "progress.csv"
    path.write_text(text, encoding="utf-8", newline="\n")

    assert latest_percent(path) == percent


def test_no_file_yet_is_no_percentage(tmp_path: Path) -> None:
    assert latest_percent(tmp_path / "none.csv") is None


def _events(watcher: Watcher, clock: FakeClock, record: Record) -> None:
    watcher(StepEvent("opened", record))
    watcher(StepEvent("started", record, "05_move_vm"))
    clock.advance(14.2)
    watcher(StepEvent("ended", record, "05_move_vm", _result(highlights=["moved in 14 s"])))
    watcher.close()


def test_in_a_pipe_each_start_and_end_is_one_plain_line(tmp_path: Path) -> None:
    out = io.StringIO()
    clock = FakeClock()
    _events(Watcher(Console(file=out, highlight=False), clock), clock, Record(tmp_path))

    assert out.getvalue().splitlines() == [
        f"record {tmp_path}",
        "05_move_vm started",
        "05_move_vm passed after 14 s: moved in 14 s",
    ]


def test_any_words_can_be_followed_on_a_terminal_and_nowhere_else() -> None:
    shown, piped = io.StringIO(), io.StringIO()
    for out, terminal in ((shown, True), (piped, False)):
        watcher = Watcher(Console(file=out, force_terminal=terminal, highlight=False), FakeClock())
        watcher.follow(lambda: "7,400 probes, 3 lost")
        watcher.close()

    assert "7,400 probes, 3 lost" in shown.getvalue()
    assert piped.getvalue() == ""


def test_a_step_that_is_only_judged_has_no_duration(tmp_path: Path) -> None:
    out = io.StringIO()
    Watcher(Console(file=out, highlight=False), FakeClock())(StepEvent("ended", Record(tmp_path), "x", _result()))

    assert out.getvalue() == "05_move_vm passed\n"


def test_on_a_terminal_the_running_step_shows_its_percentage(tmp_path: Path) -> None:
    out = io.StringIO()
    clock = FakeClock()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "progress.csv").write_text(HEADER + "0.1,u,4,43,2,,,\n", encoding="utf-8")
    console = Console(file=out, force_terminal=True, width=200, highlight=False, legacy_windows=False)
    _events(Watcher(console, clock), clock, Record(tmp_path))

    assert "43 %" in out.getvalue()
    assert "passed after 14 s" in out.getvalue()


def test_what_a_code_page_lacks_does_not_end_the_run() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="cp1252", errors="replace")
    watcher = Watcher(Console(file=out, highlight=False), FakeClock())
    watcher.say("Away 0.6 s ± 0.1 · 日本")

    assert raw.getvalue().decode("cp1252").strip() == "Away 0.6 s ± 0.1 · ??"
