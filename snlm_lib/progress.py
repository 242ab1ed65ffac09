"""Shows a run while it goes: a living line on a terminal, plain lines elsewhere. Decides nothing.

Uses no character that a Windows console of code page 1252 lacks.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from snlm_lib.clock import Clock
from snlm_lib.units import say_duration_s

if TYPE_CHECKING:  # it is handed these; `snlm explain` shall not pay for the runner to print a line
    from snlm_lib.record.folder import Record
    from snlm_lib.record.result import StepResult
    from snlm_lib.runbook import StepEvent

__all__ = ["Watcher", "latest_percent"]

_TAIL_BYTES = 4096
_COLOURS = {"passed": "green", "refused": "yellow", "failed": "red", "unknown": "magenta"}


def latest_percent(progress_csv: Path) -> int | None:
    """The move's percentage in the last whole row of samples/progress.csv; None when there is none yet."""
    try:
        with progress_csv.open("rb") as file:
            header = file.readline().decode("utf-8").strip().split(",")
            file.seek(max(len(header), os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")[:-1]
    except OSError:
        return None
    if not lines or "percent" not in header:
        return None
    row = next(csv.reader([lines[-1]]), [])
    text = row[header.index("percent")] if len(row) == len(header) else ""
    try:
        return int(float(text))
    except ValueError:
        return None


class _Living:
    """A line whose words are asked for anew each time the terminal is painted."""

    def __init__(self, words: Callable[[], str]) -> None:
        self._words = words
        self._spinner = Spinner("line")

    def __rich__(self) -> Spinner:
        self._spinner.update(text=Text(self._words()))
        return self._spinner


def _step_words(event: StepEvent, seconds: float) -> str:
    words = [event.step, f"{seconds:.0f} s"]
    percent = latest_percent(event.record.samples / "progress.csv")
    if event.step.startswith("05") and percent is not None:
        words.append(f"{percent} %")
    return "  ".join(words)


class Watcher:
    """A listener for `run_change`: call it with each event; ``close`` when the run is over."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._started_s: float | None = None
        self._live: Live | None = None
        self.record: Record | None = None  # what is under way, once there is one

    def __call__(self, event: StepEvent) -> None:
        self.record = event.record
        if event.kind == "opened":
            self.say(f"record {event.record.path}")
        elif event.kind == "started":
            self._start(event)
        elif event.result is not None:
            self._end(event.result)

    def say(self, text: str, style: str = "") -> None:
        """One line, as it is: no markup, no wrapping, at once."""
        self._console.print(Text(text, style=style), soft_wrap=True)
        self._console.file.flush()

    def follow(self, words: Callable[[], str]) -> None:
        """A living line of these ``words`` until `close`; nothing where there is no terminal."""
        self.close()
        if self._console.is_terminal:
            self._live = Live(_Living(words), console=self._console, refresh_per_second=5, transient=True)
            self._live.start()

    def close(self) -> None:
        """Take the living line away; may be called twice."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _start(self, event: StepEvent) -> None:
        self._started_s = started_s = self._clock.monotonic_s()
        self.follow(lambda: _step_words(event, self._clock.monotonic_s() - started_s))
        if self._live is None:
            self.say(f"{event.step} started")

    def _end(self, result: StepResult) -> None:
        self.close()
        # a step that is only judged, from what an earlier run left, took no time that we know
        started_s, self._started_s = self._started_s, None
        took = f" after {say_duration_s(self._clock.monotonic_s() - started_s)}" if started_s is not None else ""
        passed = result.verdict == "passed"
        told = result.highlights[-1] if passed and result.highlights else "" if passed else result.reason
        more = f": {told.split('. ')[0]}" if told else ""
        self.say(f"{result.step} {result.verdict}{took}{more}", _COLOURS[result.verdict])
