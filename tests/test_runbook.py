"""The runner with tiny notebooks: what each mishap ends in, and that closing always happens."""

from __future__ import annotations

import _thread
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import InputError, ParameterError, RecordError, RecordLost
from snlm_lib.lock import FileLock
from snlm_lib.parameters import Parameters
from snlm_lib.process import end_signals
from snlm_lib.record.folder import Record, create_record, open_records, read_change
from snlm_lib.record.names import CHANGING
from snlm_lib.record.result import Verdict, read_result
from snlm_lib.record.seal import verify
from snlm_lib.runbook import Book, RunOutcome, Stage, StepEvent, close_record, run_change
from tests.tiny_book import PASS, REFUSE, write

STEPS = ("01_first", "02_second")
GATHER = "07_gather"
HELD = f"""try:
    with FileLock(record.path / {CHANGING!r}, wait_s=0):
        raise SystemExit("nobody holds it while the record is closed")
except Exception as error:
    assert "held by" in str(error)"""
Run = Callable[..., RunOutcome]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Two steps that pass, and one that gathers."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for step in (*STEPS, GATHER):
        write(folder, step, PASS)
    return Book(folder, STEPS, GATHER)


@pytest.fixture
def run(tmp_path: Path, book: Book) -> Run:
    """Runs the book; ``progress`` and ``before_seal`` as the test wants them."""

    def go(
        progress: Callable[[StepEvent], None] = lambda event: None, *, fetch: Callable[[Record], None] | None = None
    ) -> RunOutcome:
        stage = Stage({"SNLM_OUTPUTS": str(tmp_path / "outputs"), "SNLM_X": "x"}, before_seal=fetch)
        values = Parameters(change_id="CHG1", vm="DB[1]")
        return run_change(values, clock=SystemClock(), progress=progress, stage=stage, book=book)

    return go


def _folder(book: Book) -> Path:
    assert book.folder is not None
    return book.folder


def _steps_run(outcome: RunOutcome) -> list[str]:
    return [result.step for result in outcome.results]


def _kinds(outcome: RunOutcome) -> list[str]:
    return [entry.kind for entry in outcome.record.journal(SystemClock()).entries()]


def test_a_run_that_passes_leaves_a_sealed_record(run: Run, book: Book) -> None:
    write(_folder(book), STEPS[0], "assert (vm, os.environ['SNLM_X']) == ('DB[1]', 'x')", PASS)
    events: list[tuple[str, str]] = []
    fetched: list[bool] = []
    outcome = run(lambda event: events.append((event.kind, event.step)), fetch=lambda record: fetched.append(True))

    assert (outcome.verdict, outcome.exit_code) == (Verdict.PASSED, 0)
    assert _steps_run(outcome) == [*STEPS, GATHER]
    assert verify(outcome.record.path).state == "sealed"
    assert outcome.record.report_html.exists()
    assert fetched == [True]
    assert events[:3] == [("opened", ""), ("started", STEPS[0]), ("ended", STEPS[0])]
    assert (outcome.record.step_dir(STEPS[1]) / "notebook.ipynb").exists()
    assert not list(outcome.record.steps_dir.rglob("running.ipynb"))
    assert _kinds(outcome)[:2] == ["record-opened", "run-started"]
    assert _kinds(outcome)[-2:] == ["run-ended", "sealed"]


def test_the_record_says_who_what_and_which_code(run: Run) -> None:
    change = read_change(run().record)

    assert change["parameters"]["vm"] == "DB[1]"
    assert change["rehearsal"] is False
    assert set(change["operator"]) == {"user", "machine", "system"}
    assert len(change["code"]["lock_sha256"]) == 64


def test_a_refusal_ends_the_run_and_is_not_called_a_failure(run: Run, book: Book) -> None:
    write(_folder(book), STEPS[0], REFUSE, "raise RuntimeError('the gate')", "print('never')")
    outcome = run()

    assert (outcome.verdict, outcome.exit_code) == (Verdict.REFUSED, 2)
    assert outcome.results[0].reason == "switch LAN is missing on HV02"
    assert _steps_run(outcome) == [STEPS[0], GATHER]
    assert verify(outcome.record.path).state == "sealed"


def test_a_dead_kernel_is_unknown_whatever_its_result_says(run: Run, book: Book) -> None:
    write(_folder(book), STEPS[0], PASS, "os._exit(0)", "print('never')")
    outcome = run()

    assert (outcome.verdict, outcome.exit_code) == (Verdict.UNKNOWN, 3)
    assert "its kernel died" in outcome.results[0].reason
    assert "never ran" in outcome.results[0].reason
    assert _steps_run(outcome) == [STEPS[0], GATHER]
    assert verify(outcome.record.path).state == "sealed"


def test_sys_exit_is_no_way_to_pass(run: Run, book: Book) -> None:
    write(_folder(book), STEPS[0], PASS, "import sys; sys.exit(0)", "print('never')")
    outcome = run()

    assert outcome.verdict is Verdict.UNKNOWN
    assert "SystemExit" in outcome.results[0].reason


def test_an_intent_without_outcome_is_unknown(run: Run, book: Book) -> None:
    write(_folder(book), STEPS[0], "journal.append('intent', STEP, intent)", PASS)
    outcome = run()

    assert outcome.verdict is Verdict.UNKNOWN
    assert "move VM01" in outcome.results[0].reason


def test_a_closed_intent_passes(run: Run, book: Book) -> None:
    closed = "journal.append('outcome', STEP, {'intent_id': 'i1', 'result': 'done', 'detail': ''})"
    write(_folder(book), STEPS[0], "journal.append('intent', STEP, intent)", closed, PASS)

    assert run().verdict is Verdict.PASSED


def test_a_misspelt_parameter_is_refused_before_anything_exists(run: Run, book: Book, tmp_path: Path) -> None:
    write(_folder(book), STEPS[1], PASS, parameters="vmm: str = 'VM01'")

    with pytest.raises(ParameterError, match="'vmm'"):
        run()
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("line", ["vm = 'VM01'", "vm: str = input()", "import os"])
def test_a_parameters_cell_holds_declarations_only(run: Run, book: Book, line: str) -> None:
    write(_folder(book), STEPS[1], PASS, parameters=line)

    with pytest.raises(InputError, match="02_second"):
        run()


def test_an_open_record_of_the_change_stands_in_the_way(run: Run, tmp_path: Path) -> None:
    left = create_record(tmp_path / "outputs", "CHG1", clock=SystemClock(), facts={})

    with pytest.raises(RecordError, match="snlm report") as caught:
        run()
    assert str(left.path) in str(caught.value)
    assert [record.path for record in open_records(tmp_path / "outputs", "CHG1")] == [left.path]


def test_of_two_runs_started_at_once_one_is_refused(run: Run) -> None:
    started = threading.Barrier(2)
    ends: list[str] = []

    def go() -> None:
        started.wait(10)
        try:
            ends.append(run().verdict.value)
        except RecordError as error:
            ends.append("still open" if "still open" in str(error) else str(error))

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(ends) == ["passed", "still open"]


def test_what_cannot_be_fetched_or_built_does_not_keep_the_record_open(run: Run) -> None:
    def fail(record: Record) -> None:
        raise OSError("disk full")

    outcome = run(fetch=fail)
    notes = [entry.data for entry in outcome.record.journal(SystemClock()).entries() if entry.kind == "note"]

    assert outcome.verdict is Verdict.PASSED
    assert verify(outcome.record.path).state == "sealed"
    assert "disk full" in notes[0]["error"]


def _interrupt_when(appears: Callable[[Record], bool]) -> Callable[[StepEvent], None]:
    """A listener that presses Ctrl-C as soon as the record shows something."""

    def press(record: Record) -> None:
        tick = threading.Event()
        for _ in range(600):
            if appears(record):
                _thread.interrupt_main()
                return
            tick.wait(0.05)

    def listen(event: StepEvent) -> None:
        if event.kind == "opened":
            threading.Thread(target=press, args=(event.record,), daemon=True).start()

    return listen


def test_ctrl_c_while_something_is_under_way_is_unknown_and_still_seals(
    run: Run, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    wait = "(record.path / 'samples' / 'now').touch(); import threading; threading.Event().wait(60)"
    write(_folder(book), STEPS[0], "journal.append('intent', STEP, intent)", wait, PASS)
    outcome = run(_interrupt_when(lambda record: (record.samples / "now").exists()))

    assert (outcome.verdict, outcome.exit_code) == (Verdict.UNKNOWN, 3)
    assert _steps_run(outcome) == [STEPS[0], GATHER]
    assert verify(outcome.record.path).state == "sealed"
    assert [entry for entry in caplog.records if entry.name == "asyncio"] == []


def test_ctrl_c_before_anything_was_begun_is_a_refusal(run: Run, book: Book) -> None:
    wait = "(record.path / 'samples' / 'now').touch(); import threading; threading.Event().wait(60)"
    write(_folder(book), STEPS[1], wait, PASS)
    outcome = run(_interrupt_when(lambda record: (record.samples / "now").exists()))

    assert (outcome.verdict, outcome.exit_code) == (Verdict.REFUSED, 2)
    assert "interrupted" in outcome.results[1].reason
    assert verify(outcome.record.path).state == "sealed"


def _close(record: Record, book: Book) -> RunOutcome:
    return close_record(record, clock=SystemClock(), progress=lambda event: None, book=book)


def test_a_record_left_open_is_judged_and_sealed_later(tmp_path: Path, book: Book) -> None:
    record = create_record(tmp_path, "CHG2", clock=SystemClock(), facts={"parameters": {"vm": "VM07"}})
    record.step_dir(STEPS[0]).mkdir()
    undo = {"intent_id": "i1", "what": "enable", "undo": "disable", "before": {}}
    record.journal(SystemClock()).append("intent", STEPS[0], undo)
    outcome = _close(record, book)

    assert [(result.step, result.verdict) for result in outcome.results] == [
        (STEPS[0], Verdict.UNKNOWN),
        (GATHER, Verdict.PASSED),
    ]
    assert outcome.verdict is Verdict.UNKNOWN
    assert verify(record.path).state == "sealed"
    with pytest.raises(RecordError, match="sealed"):
        _close(record, book)


def test_a_record_in_which_nothing_ever_ran_is_no_pass(tmp_path: Path, book: Book) -> None:
    record = create_record(tmp_path, "CHG3", clock=SystemClock(), facts={})
    outcome = _close(record, book)
    first = read_result(record, STEPS[0])

    assert outcome.verdict is Verdict.REFUSED
    assert first is not None
    assert first.reason == "it never began"


def test_a_record_somebody_is_running_is_left_alone(run: Run, book: Book) -> None:
    errors: list[str] = []

    def try_to_close(event: StepEvent) -> None:
        if event.kind == "opened":
            with pytest.raises(RecordError) as caught:
                _close(event.record, book)
            errors.append(str(caught.value))

    assert run(try_to_close).verdict is Verdict.PASSED
    assert len(errors) == 1
    assert "is running this change" in errors[0]


def test_a_record_in_which_a_kernel_changes_something_is_left_alone(tmp_path: Path, book: Book) -> None:
    record = create_record(tmp_path, "CHG4", clock=SystemClock(), facts={})
    with FileLock(record.path / CHANGING), pytest.raises(RecordError, match=f"held by process {os.getpid()} on "):
        _close(record, book)
    assert verify(record.path).state == "open"

    write(_folder(book), GATHER, "from snlm_lib.lock import FileLock", HELD, PASS)
    assert _close(record, book).results[-1].verdict is Verdict.PASSED
    assert verify(record.path).state == "sealed"
    assert not list(record.path.glob(f"{CHANGING}*"))


def test_who_watched_and_is_gone_changes_nothing(run: Run, book: Book, tmp_path: Path) -> None:
    told: list[str] = []

    def gone(event: StepEvent) -> None:
        told.append(event.kind)
        raise BrokenPipeError

    write(_folder(book), STEPS[1], REFUSE)
    outcome = run(gone)
    left = create_record(tmp_path, "CHG5", clock=SystemClock(), facts={})
    closed = close_record(left, clock=SystemClock(), progress=gone, book=book)

    assert told == ["opened", "started"]
    assert (outcome.verdict, outcome.exit_code) == (Verdict.REFUSED, 2)
    assert [verify(one.record.path).state for one in (outcome, closed)] == ["sealed", "sealed"]


def _known(lost: RecordLost) -> dict[str, Any]:
    """known.json of the scratch folder that the sentence names; the folder is cleared away."""
    place = Path(str(lost).split("What is known is kept in ")[1].rstrip("."))
    try:
        return dict(json.loads((place / "known.json").read_text(encoding="utf-8")))
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("where", ["", "elsewhere"])
def test_a_record_deleted_or_moved_in_mid_run_is_told_and_not_begun_anew(run: Run, tmp_path: Path, where: str) -> None:
    def lose(event: StepEvent) -> None:
        if event.kind == "ended" and event.step == STEPS[0]:
            event.record.path.rename(tmp_path / (where or "aside"))
            if not where:
                shutil.rmtree(tmp_path / "aside")

    with pytest.raises(RecordLost, match="moved or deleted") as caught:
        run(lose)
    known = _known(caught.value)

    assert [result["verdict"] for result in known["results"]] == ["passed"]
    assert not Path(known["record"]).exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of two megabytes; full after `fill`."""
    place = tmp_path / "outputs"
    place.mkdir()
    mounted = shutil.which("mount") and hasattr(os, "geteuid") and os.geteuid() == 0
    if not mounted or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]).returncode:
        pytest.skip("only on systems where a small file system may be mounted")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_is_told_and_what_was_written_is_kept(run: Run, small_disk: Path) -> None:
    def fill(event: StepEvent) -> None:
        if event.kind == "started" and event.step == STEPS[1]:
            _fill(small_disk / "filler")

    with pytest.raises(RecordLost, match="No space left") as caught:
        run(fill)

    assert [result["step"] for result in _known(caught.value)["results"]] == [STEPS[0]]


def test_a_file_system_that_turns_read_only_is_told(run: Run, small_disk: Path) -> None:
    def forbid(event: StepEvent) -> None:
        if event.kind == "started" and event.step == STEPS[1]:
            subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(RecordLost, match="Look at the hosts first") as caught:
        run(forbid)

    assert [result["step"] for result in _known(caught.value)["results"]] == [STEPS[0]]


@pytest.mark.parametrize("number", end_signals())
def test_a_second_ctrl_c_while_closing_still_seals(run: Run, number: signal.Signals) -> None:
    def again(event: StepEvent) -> None:
        if event.kind == "ended" or event.step == GATHER:
            signal.raise_signal(number)

    outcome = run(again)

    assert outcome.verdict is Verdict.REFUSED
    assert _steps_run(outcome) == [*STEPS, GATHER]
    assert "before it began" in outcome.results[1].reason
    assert verify(outcome.record.path).state == "sealed"
