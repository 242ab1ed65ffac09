"""The lab as a process of ours: start it, wait for its descriptor, end it, bring its truth home.

Knows the lab only by its command line and its files; speaks no protocol.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from snlm_lib.clock import Clock
from snlm_lib.errors import LabError, ParameterError
from snlm_lib.parameters import project_root
from snlm_lib.process import ProcessIdentity, identity_of, spawn, terminate

__all__ = ["LabProcess", "Showing", "running_lab", "scenario_file", "scenario_name", "scenario_names"]

_TRUTH = ("world-before.json", "world-after.json", "truth.json")
_FAULTS = "faults"
_START_LIMIT_S = 180.0  # twenty at once on two cores need more than a minute
_STOP_LIMIT_S = 20.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Showing:
    """How a lab shows itself: ``descriptor``, where notebooks look for it, and the first of its hosts' ports."""

    descriptor: Path | None = None
    port_base: int | None = None

    @property
    def words(self) -> list[str]:
        """For the lab's command line."""
        announce = ["--announce", str(self.descriptor)] if self.descriptor else []
        return announce + (["--port-base", str(self.port_base)] if self.port_base is not None else [])


@dataclass
class LabProcess:
    """A lab we started: its process, its folder, its descriptor. ``stop`` may be called twice."""

    who: ProcessIdentity
    state: Path
    clock: Clock
    stopped: bool = field(default=False, init=False)

    @property
    def descriptor(self) -> Path:
        """What SNLM_LAB names."""
        return self.state / "descriptor.json"

    @property
    def ended_in_order(self) -> bool:
        """The last thing a lab writes is its truth."""
        return (self.state / "truth.json").exists()

    def last_words(self) -> str:
        """The last line that it wrote to its log."""
        return _last_line(self.state)

    def stop(self) -> None:
        """Ask by the stop file, wait, then end it; afterwards the truth files stand."""
        if self.stopped:
            return
        (self.state / "stop").touch()
        end = self.clock.monotonic_s() + _STOP_LIMIT_S
        while self.who.alive() and self.clock.monotonic_s() < end:
            self.clock.sleep(_POLL_S)
        terminate(self.who)
        self.stopped = True

    def bring_truth(self, folder: Path) -> None:
        """Stop the lab and copy its truth into ``folder``; raises LabError when it wrote none."""
        self.stop()
        folder.mkdir(exist_ok=True)
        for name in _TRUTH:
            try:
                shutil.copyfile(self.state / name, folder / name)
            except FileNotFoundError:
                raise LabError(f"the lab ended without writing {name}: {_last_line(self.state)}") from None


def scenario_names() -> list[str]:
    """What the lab can play, known failures aside."""
    return _names(_scenarios())


def _scenarios() -> Path:
    return project_root() / "parameters" / "scenarios"


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def scenario_file(wanted: str) -> Path:
    """The file of a scenario: a name of parameters/scenarios, ``faults/NAME``, or the path of one's own (.yaml).

    Raises ParameterError that lists the names, or names the path.
    """
    path = Path(wanted).expanduser()
    if path.suffix.lower() in (".yaml", ".yml"):
        if not path.is_file():
            raise ParameterError("there is no such scenario file", where=wanted, remedy="Check the path.")
        return path.resolve()
    folder, _, name = wanted.replace("\\", "/").rpartition("/")
    if folder == _FAULTS:
        return _listed(name, _scenarios() / _FAULTS, "fault", "")
    return _listed(wanted, _scenarios(), "scenario", f", {_FAULTS}/NAME, or name a file of your own (.yaml)")


def scenario_name(file: Path) -> str:
    """What a scenario's file is called: as it is asked for if it is one of ours, else the file's own name."""
    inside = file.is_relative_to(_scenarios())
    return file.relative_to(_scenarios()).with_suffix("").as_posix() if inside else file.stem


def _listed(name: str, folder: Path, kind: str, more: str) -> Path:
    names = _names(folder)
    if name not in names:
        where = folder.relative_to(project_root()).as_posix()
        remedy = f"Choose one of {', '.join(names)}{more}."
        raise ParameterError(f"there is no {kind} {name!r}", where=where, remedy=remedy)
    return folder / f"{name}.yaml"


@contextmanager
def running_lab(scenario: Path, *, clock: Clock, showing: Showing | None = None) -> Iterator[LabProcess]:
    """A lab of our own while the block runs; its folder is deleted afterwards.

    Raises LabError with the lab's last words when it does not come up within a minute.
    """
    state = Path(tempfile.mkdtemp(prefix="snlm-lab-"))
    lab: LabProcess | None = None
    try:
        lab = LabProcess(_start(scenario, state, showing or Showing()), state, clock)
        _wait_ready(lab)
        yield lab
    finally:
        if lab is not None:
            lab.stop()
        shutil.rmtree(state, ignore_errors=True)


def _start(scenario: Path, state: Path, showing: Showing) -> ProcessIdentity:
    words = ["--scenario", str(scenario), "--state", str(state), "--parent", str(os.getpid()), *showing.words]
    return identity_of(spawn([sys.executable, "-m", "snlm_lib.lab", *words], log=state / "lab.log"))


def _wait_ready(lab: LabProcess) -> None:
    end = lab.clock.monotonic_s() + _START_LIMIT_S
    while not lab.descriptor.exists():
        if not lab.who.alive():
            raise LabError(f"the lab did not start: {_last_line(lab.state)}")
        if lab.clock.monotonic_s() > end:
            raise LabError(f"the lab was not ready within {_START_LIMIT_S:.0f} s: {_last_line(lab.state)}")
        lab.clock.sleep(_POLL_S)


def _last_line(state: Path) -> str:
    try:
        lines = (state / "lab.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it said nothing"
