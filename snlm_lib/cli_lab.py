"""`snlm lab up`: a scenario served in the foreground for notebooks, papermill and `snlm run`; decides nothing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from typing import Any

from snlm_lib.clock import SystemClock
from snlm_lib.errors import LabError
from snlm_lib.lab_process import Showing, running_lab, scenario_file
from snlm_lib.parameters import lab_descriptor_path, project_root, rehearsal_parameters
from snlm_lib.process import on_terminate
from snlm_lib.progress import Watcher

__all__ = ["how_to", "up"]

_POLL_S = 0.1
_DOMAINS = {"memory": "simulated too", "samba": "a real one: Samba's Active Directory and KDC, on this machine"}


def up(watcher: Watcher, scenario: str, port_base: int | None) -> int:
    """Serve ``scenario`` until Ctrl-C; 0 when it ended in order.

    Raises InputError for a scenario that is missing or wrong, LabError when the lab does not start or
    breaks down.
    """
    clock = SystemClock()
    file = scenario_file(scenario)
    rehearsal_parameters(project_root() / "parameters" / "rehearsal.yaml", file)  # wrong ones are told now
    showing = Showing(lab_descriptor_path().absolute(), port_base)
    with running_lab(file, clock=clock, showing=showing) as lab:
        ended = threading.Event()
        on_terminate(ended.set)  # a second Ctrl-C must not cut the end short
        descriptor = json.loads(lab.descriptor.read_text(encoding="utf-8"))
        for line in how_to(descriptor, named=str(showing.descriptor) if os.environ.get("SNLM_LAB") else None):
            watcher.say(line)
        while lab.who.alive() and not ended.is_set():
            clock.sleep(_POLL_S)
        lab.stop()
        if not lab.ended_in_order:
            raise LabError(f"the lab broke down: {lab.last_words()}", remedy="Start it again.")
    watcher.say("The lab has ended.")
    return 0


def how_to(descriptor: Mapping[str, Any], *, named: str | None) -> list[str]:
    """What a person sees: what runs, how it is reached, what to try, how it ends.

    ``named``: the value of SNLM_LAB if it is set, which the other window then needs too.
    """
    hosts: Mapping[str, Mapping[str, Any]] = descriptor["hosts"]
    wire = next(iter(hosts.values()))
    places = ", ".join(f"{name} {at['address']}:{at['port']}" for name, at in hosts.items())
    own: Mapping[str, Any] = descriptor.get("parameters") or {}
    given = "".join(f" -p {name} {value}" for name, value in own.items())
    return [
        f"Lab '{descriptor['scenario']}', process {descriptor['pid']}: simulated hosts, nothing outside this machine.",
        f"  {descriptor['about']}",
        f"  {places} ({wire['scheme']}, {wire['auth']})",
        f"  The domain is {_DOMAINS[descriptor.get('domain', {}).get('directory', 'memory')]}.",
        "Try, in another window:",
        *([f"  {_set_variable(named)}"] if named else []),
        "  jupyter lab notebooks/",
        f"  papermill notebooks/01_enable_live_migration.ipynb out.ipynb -f parameters/rehearsal.yaml{given}",
        "  snlm run parameters/rehearsal.yaml",
        *([f"It is meant to be played with {', '.join(f'{k}: {v}' for k, v in own.items())}."] if own else []),
        "Each start is a fresh world. Ctrl-C ends it.",
    ]


def _set_variable(value: str) -> str:
    return f"$env:SNLM_LAB = '{value}'" if os.name == "nt" else f"export SNLM_LAB='{value}'"
