"""``snlm``: the command line. Holds the words of each command, and who does its work."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from snlm_lib import __version__

__all__ = ["app", "main"]

_EXIT = "Exit codes: 0 passed, 1 failed, 2 refused or wrong input, 3 unknown (look at the hosts first)."
_WORK = {  # who does it: imported when it is chosen, so that help and a wrong word cost nothing
    "guarded": "snlm_lib.cli_guard:guarded",
    "rehearse": "snlm_lib.cli_change:rehearse",
    "run": "snlm_lib.cli_change:run",
    "verify": "snlm_lib.cli_verify:verify",
    "report": "snlm_lib.cli_change:report",
    "monitor": "snlm_lib.cli_monitor:monitor",
    "downtime": "snlm_lib.cli_downtime:downtime",
    "forecast": "snlm_lib.cli_forecast:forecast",
    "explain": "snlm_lib.cli_explain:tell",
    "lab up": "snlm_lib.cli_lab:up",
}
_SCENARIO = "In parameters/scenarios, without .yaml, as quick or faults/disk-full; or the path of a file of your own."
_KINDS = "icmp, udp:PORT, connect:PORT[=EXCHANGE], tcp:PORT[=EXCHANGE]; in quotes, with commas. Default: icmp."
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
    scenario: Annotated[str, typer.Argument(help=_SCENARIO)] = "rehearsal",
    outputs: Annotated[Path | None, typer.Option(help="Where records go; default: outputs/ of the project.")] = None,
) -> None:
    """Play a change against simulated hosts.

    Nothing outside this machine is touched.

    Example:  snlm rehearse missing-switch
    """
    _do("rehearse", scenario, outputs)


@app.command("run")
def _run(file: Annotated[Path, typer.Argument(help="The change's parameters, as parameters/rehearsal.yaml.")]) -> None:
    """Carry out the change that FILE describes.

    Runs the notebooks 01 to 07, stops at the first that does not pass, and leaves a sealed record.

    Example:  snlm run parameters/chg0012345.yaml
    """
    _do("run", file)


@app.command("forecast")
def _forecast(
    file: Annotated[Path, typer.Argument(help="The change's parameters, as parameters/rehearsal.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what the change of FILE would take.

    Reads both hosts and changes nothing: ranges of time, bytes and pause, what dominates and what would shorten it.

    Example:  snlm forecast parameters/chg0012345.yaml
    """
    _do("forecast", file, as_json)


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
    _do("verify", record, anchor)


@app.command("report")
def _report(record: Annotated[Path, typer.Argument(help="An open record: outputs/CHANGE/START.")]) -> None:
    """Judge, report and seal a record that is still open.

    For a run that ended without closing its record. Asks no host; a sealed record stays as it is.

    Example:  snlm report outputs/CHG0012345/20261123T210400Z
    """
    _do("report", record)


@app.command("monitor")
def _monitor(
    targets: Annotated[list[str] | None, typer.Argument(help="Machines: a name, an address, or NAME=ADDRESS.")] = None,
    until: Annotated[str | None, typer.Option(help="End at 18:30, or 2026-11-24T06:00 (local time).")] = None,
    lasting: Annotated[str | None, typer.Option("--for", help="End after 90s, 30m, 8h, 2d.")] = None,
    kinds: Annotated[str | None, typer.Option(help=_KINDS)] = None,
    control: Annotated[list[str] | None, typer.Option(help="A neighbour to probe beside; may be repeated.")] = None,
    interval: Annotated[int | None, typer.Option(min=10, max=60000, help="Ms between probes; default 100.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for samples; default: outputs/monitor/START.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running; needs an end.")] = False,
    stop: Annotated[Path | None, typer.Option(help="End the monitor of this folder instead.")] = None,
) -> None:
    """Probe machines outside a change.

    Until the end that is given, or Ctrl-C; then says how long each was away. Every probe is kept.

    Example:  snlm monitor vm01 --for 8h --kinds "icmp,connect:3389=rdp" --control gw01

    Exit code 0: ended in order; 1: it broke off.
    """
    options = {"kinds": kinds, "control": tuple(control or ()), "until": until, "lasting": lasting}
    _do("monitor", targets or [], {**options, "interval_ms": interval, "out": out, "detach": detach, "stop": stop})


@app.command("downtime")
def _downtime(
    files: Annotated[list[Path], typer.Argument(help="pings.csv, a record, or a log of fping -D or any ping.")],
    begin: Annotated[str | None, typer.Option(help="Judge from here, in UTC: 2026-11-23T21:04:00.")] = None,
    end: Annotated[str | None, typer.Option(help="Judge to here.")] = None,
    paused: Annotated[
        float | None, typer.Option(min=0, max=86_400, help="The host's own figure, s, to compare with.")
    ] = None,
    timeout_ms: Annotated[int, typer.Option(min=1, help="For Windows' ping: what -w said; default 4000.")] = 4000,
    interval_ms: Annotated[int, typer.Option(min=1, help="For a log without time stamps; default 1000.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with the figures, too.")] = None,
) -> None:
    """Say how long machines were away.

    From samples of snlm, or logs of fping and ping in any language, each as finely as it honestly tells.
    A record brings the time of its move and its host's figure.

    Example:  snlm downtime outputs/CHG0012345/20261123T210400Z

    Exit code 3: the data support no figure; the sentence says why.
    """
    options = {"begin": begin, "end": end, "paused": paused, "timeout_ms": timeout_ms, "interval_ms": interval_ms}
    _do("downtime", files, {**options, "as_json": as_json, "html": html})


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
    _do("explain", text or [], file, as_json, every)


_lab = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Simulated hosts to try things on.")
app.add_typer(_lab, name="lab")


@_lab.command("up")
def _lab_up(
    scenario: Annotated[str, typer.Argument(help=_SCENARIO)] = "rehearsal",
    port_base: Annotated[int | None, typer.Option(min=1, max=65533, help="Port of the first host.")] = None,
) -> None:
    """Serve simulated hosts until Ctrl-C.

    For JupyterLab, papermill and snlm run. SNLM_LAB names another file to be found by, for a second lab.

    Example:  snlm lab up quick
    """
    _do("lab up", scenario, port_base)


def _do(command: str, *words: object) -> None:
    """Do ``command``'s work inside the frame that turns every error into a sentence and an exit code."""
    raise typer.Exit(_work("guarded")(lambda watcher: _work(command)(watcher, *words)))


def _work(name: str) -> Callable[..., int]:
    module, function = _WORK[name].split(":")
    found: Callable[..., int] = getattr(importlib.import_module(module), function)
    return found


def main() -> None:
    """The entry point of the command ``snlm``."""
    app(prog_name="snlm")
