"""``snlm``: the command line. Turns words into calls and errors into one sentence; decides nothing itself."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from snlm_lib import __version__
from snlm_lib.cli_explain import answer, catalogue_list, pasted_text
from snlm_lib.clock import SystemClock
from snlm_lib.closing import closing_lines, shown_path
from snlm_lib.errors import InputError, RecordError, Refused, SnlmError
from snlm_lib.parameters import connection_profile, load_parameters, outputs_root
from snlm_lib.process import on_terminate
from snlm_lib.progress import Watcher
from snlm_lib.record.folder import Record, read_change
from snlm_lib.record.seal import verify
from snlm_lib.rehearsal import rehearse
from snlm_lib.runbook import RunOutcome, Stage, close_record, run_change
from snlm_lib.units import folder_stamp

__all__ = ["app", "main"]

_EXIT = "Exit codes: 0 passed, 1 failed, 2 refused or wrong input, 3 unknown (look at the hosts first)."
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Hyper-V Shared Nothing Live Migration as a change that can be approved and proved.\n\n"
    "Try it without any Hyper-V:  snlm rehearse\n\n" + _EXIT,
)


@app.callback(invoke_without_command=True)
def _snlm(version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False) -> None:
    if version:
        typer.echo(f"snlm {__version__}")
        raise typer.Exit


@app.command("rehearse")
def _rehearse(
    scenario: Annotated[str, typer.Argument(help="A file in parameters/scenarios, without .yaml.")] = "rehearsal",
    outputs: Annotated[Path | None, typer.Option(help="Where records go; default: outputs/ of the project.")] = None,
) -> None:
    """Play a change against simulated hosts.

    Nothing outside this machine is touched.

    Example:  snlm rehearse missing-switch
    """

    def play(watcher: Watcher) -> int:
        clock = SystemClock()
        outcome = rehearse(scenario, clock=clock, progress=watcher, outputs=outputs)
        return _say_end(watcher, outcome, scenario)

    _guarded(play)


@app.command("run")
def _run(file: Annotated[Path, typer.Argument(help="The change's parameters, as parameters/rehearsal.yaml.")]) -> None:
    """Carry out the change that FILE describes.

    Runs the notebooks 01 to 07, stops at the first that does not pass, and leaves a sealed record.

    Example:  snlm run parameters/chg0012345.yaml
    """

    def play(watcher: Watcher) -> int:
        parameters = load_parameters(file)
        profile = connection_profile(parameters.connection)
        for host in (parameters.source, parameters.destination):
            profile.host(host)
        stage = Stage(facts={"rehearsal": profile.rehearsal})
        outcome = run_change(parameters, clock=SystemClock(), progress=watcher, stage=stage)
        return _say_end(watcher, outcome, "lab" if profile.rehearsal else None)

    _guarded(play)


@app.command("verify")
def _verify(
    record: Annotated[Path, typer.Argument(help="A record: outputs/CHANGE/START.")],
    anchor: Annotated[str | None, typer.Option(help="The hash that the ticket holds.")] = None,
) -> None:
    """Say whether a record is whole.

    Names what is altered, missing or added, and each break in the journal's chain.

    Example:  snlm verify outputs/REHEARSAL/20261123T210400Z

    Exit code 0: sealed and whole, or open with its chain intact; 1: damaged; 2: not a record.
    """

    def check(watcher: Watcher) -> int:
        report = verify(record, anchor=anchor)
        for sentence in report.sentences():
            watcher.say(sentence)
        return report.exit_code

    _guarded(check)


@app.command("report")
def _report(record: Annotated[Path, typer.Argument(help="An open record: outputs/CHANGE/START.")]) -> None:
    """Judge, report and seal a record that is still open.

    For a run that ended without closing its record. Asks no host; a sealed record stays as it is.

    Example:  snlm report outputs/CHG0012345/20261123T210400Z
    """

    def close(watcher: Watcher) -> int:
        found = _record(record)
        if found.sealed:
            watcher.say(f"Sealed already; its report: {shown_path(found.report_html, Path.cwd())}")
            return 0
        change = read_change(found)
        outcome = close_record(found, clock=SystemClock(), progress=watcher)
        return _say_end(watcher, outcome, change.get("scenario") or ("lab" if change.get("rehearsal") else None))

    _guarded(close)


@app.command("explain", context_settings={"ignore_unknown_options": True})  # an HRESULT may begin with a minus
def _explain(
    text: Annotated[list[str] | None, typer.Argument(help="Any text; without it, standard input is read.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from a file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    every: Annotated[bool, typer.Option("--list", help="List what the catalogue knows.")] = False,
) -> None:
    """Say what an error means, offline.

    TEXT: a message in any language, an HRESULT, an event id, a job state.

    Example:  snlm explain 0x8009030E

    Exit code 2: nothing in the catalogue fits.
    """

    def tell(watcher: Watcher) -> int:
        said, code = (catalogue_list(), 0) if every else answer(pasted_text(text or [], file), as_json=as_json)
        watcher.say(said)
        return code

    _guarded(tell)


def _record(path: Path) -> Record:
    record = Record(path)
    if not record.change_json.is_file():
        raise RecordError(
            "is no record", where=str(path), remedy="Name the folder that holds change.json: outputs/CHANGE/START."
        )
    return record


def _say_end(watcher: Watcher, outcome: RunOutcome, scenario: str | None) -> int:
    watcher.close()
    check = verify(outcome.record.path)
    watcher.say("")
    for line in closing_lines(outcome, scenario=scenario, check=check, cwd=Path.cwd()):
        watcher.say(line)
    return outcome.exit_code


def _guarded(action: Callable[[Watcher], int]) -> None:
    """Run a command: every error is one sentence and an exit code, never a traceback."""
    watcher = Watcher(Console(file=_safe(sys.stdout), highlight=False), SystemClock())
    on_terminate(_interrupt)
    try:
        code = action(watcher)
    except SnlmError as error:
        code = 2 if isinstance(error, InputError | Refused | RecordError) else 1
        _complain(str(error))
    except KeyboardInterrupt:
        code = 2
        _complain("interrupted before anything was changed.")
    except Exception as error:  # a fault of ours: the operator gets a sentence, we get the traceback
        code = 1
        _complain(f"this is a fault of snlm ({type(error).__name__}); what we need to mend it: {_keep_traceback()}")
    finally:
        watcher.close()
    raise typer.Exit(code)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _safe(stream: object) -> io.TextIOWrapper | None:
    """The stream, told to write '?' for what its code page lacks instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
        return stream
    return None


def _complain(sentence: str) -> None:
    _safe(sys.stderr)
    typer.echo(f"snlm: {sentence}", err=True)


def _keep_traceback() -> str:
    folder = Path(tempfile.gettempdir())
    with suppress(SnlmError):
        folder = outputs_root(os.environ)
    path = folder / f"fault-{folder_stamp(SystemClock().utc_now())}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return str(path)


def main() -> None:
    """The entry point of the command ``snlm``."""
    app(prog_name="snlm")
