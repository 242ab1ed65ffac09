"""What the wire costs: decoding a long answer, a host's survey over a slow link, many sealed sessions at once.

Usage: python benchmarks/wire.py [--json]
Exit code 0 when our decoder is at least four times as fast as pypsrp's own, and opening a session and reading a
host takes at most one and a half times what signing on, opening and one pipeline take by themselves; else 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from pypsrp.serializer import Serializer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # called as a file, its folder is not a package

from benchmarks.crowd import WANTED, by_pypsrp, crowded
from benchmarks.delaying import delayed
from snlm_lib.clock import SystemClock
from snlm_lib.estate import facts
from snlm_lib.estate.hosts import host_questions
from snlm_lib.estate.reads import AT_ONCE
from snlm_lib.estate.survey import survey_host
from snlm_lib.lab_process import running_lab, scenario_file
from snlm_lib.remote import commands
from snlm_lib.remote.clixml import PlainSerializer
from snlm_lib.remote.credentials import Credential, resolve
from snlm_lib.remote.pipeline import Command, Pipeline
from snlm_lib.remote.session import Endpoint, HostSession

__all__ = ["LEAST_SPEEDUP", "MOST_OVER_MINIMUM", "ROUND_TRIPS", "main", "summary"]

LEAST_SPEEDUP = 4.0
MOST_OVER_MINIMUM = 1.5
MACHINES = 1000
ROUND_TRIP_S = 0.05
# What cannot be had for less, in this order: NTLM's three legs, the shell with its two answers, and one pipeline;
# the others travel beside it.
ROUND_TRIPS = {"sign on": 3, "Create": 1, "Receive, till the pool is open": 2, "Command": 1, "Receive": 1}
SESSIONS = 64
_TURNS = 5
_QUESTION = Pipeline((Command("Get-VM"), Command("Select-Object", {"Property": list(WANTED)})))
_clock = SystemClock()


def main(arguments: list[str]) -> int:
    """Run, print, return the exit code."""
    parser = argparse.ArgumentParser(description="What do decoding, a slow link and many sessions cost?")
    parser.add_argument("--json", action="store_true", help="one object instead of the tables")
    as_json = parser.parse_args(arguments).json
    told: dict[str, Any] = {}
    for part in (_decoding, _survey, _many):
        figures = part()
        told |= figures
        if not as_json:
            print(*(f"{key:34} {_shown(value)}" for key, value in figures.items()), "", sep="\n", flush=True)
    if as_json:
        print(json.dumps(told, indent=2))
    return 0 if summary(told) else 1


def summary(told: dict[str, Any]) -> bool:
    """Are both limits kept? An unknown figure keeps none."""
    speedup, over = told.get("decode_speedup_over_pypsrp"), told.get("survey_over_minimum")
    return bool(speedup and speedup >= LEAST_SPEEDUP and over and over <= MOST_OVER_MINIMUM)


def _shown(value: object) -> str:
    return f"{value:10.3f}" if isinstance(value, float) else f"{value!s:>10}"


def _took_s(work: Callable[[], object]) -> float:
    began_s = _clock.monotonic_s()
    work()
    return _clock.monotonic_s() - began_s


# --- decoding ------------------------------------------------------------------------------------


def _decoding() -> dict[str, Any]:
    """A thousand machines from the lab, over the wire by us and by pypsrp alone; then the decoders, on what came."""
    with tempfile.TemporaryDirectory(prefix="snlm-bench-") as name:
        scenario = crowded(Path(name), MACHINES)
        with running_lab(scenario, clock=_clock) as lab:
            place, credential = _descriptor(lab)["hosts"]["HV01"], _credential(lab)
            by_pypsrp_s, messages = by_pypsrp(place["port"], credential)
            by_us_s = min(_fetched_s(place["port"], credential) for _ in range(2))
    assert len(messages) == MACHINES
    turns = [(_decoded_s(PlainSerializer(), messages), _decoded_s(Serializer(), messages)) for _ in range(_TURNS)]
    ours_s, theirs_s = (statistics.median(side) for side in zip(*turns, strict=True))
    return {
        "decode_objects": MACHINES,
        "decode_properties": len(WANTED),
        "lab_to_models_s": by_us_s,
        "lab_to_pypsrp_objects_s": by_pypsrp_s,
        "decode_s": ours_s,
        "decode_pypsrp_s": theirs_s,
        "decode_speedup_over_pypsrp": theirs_s / ours_s,
    }


def _decoded_s(serializer: Serializer, messages: list[str]) -> float:
    """Messages to models with our decoder, to pypsrp's objects with its own."""
    if isinstance(serializer, PlainSerializer):
        return _took_s(lambda: [facts.vm(serializer.deserialize(each), host="HV01", parts={}) for each in messages])
    return _took_s(lambda: [serializer.deserialize(each) for each in messages])


def _fetched_s(port: int, credential: Credential) -> float:
    with HostSession(_endpoint(port), credential, clock=_clock) as session:
        session.open()
        return _took_s(lambda: [facts.vm(bag, host="HV01", parts={}) for bag in session.invoke(_QUESTION).bags])


# --- a slow link ---------------------------------------------------------------------------------


def _survey() -> dict[str, Any]:
    """Opening a session and reading a host's full facts, each time anew."""
    with (
        running_lab(scenario_file("quick"), clock=_clock) as lab,
        delayed([_descriptor(lab)["hosts"]["HV01"]["port"]], round_trip_s=ROUND_TRIP_S) as (port,),
    ):
        credential = _credential(lab)
        turns = [(_opened_and_asked_s(port, credential), _surveyed_s(port, credential)) for _ in range(_TURNS)]
        in_turn_s = _one_after_another_s(port, credential)
    minimum_s, survey_s = (statistics.median(side) for side in zip(*turns, strict=True))
    round_trips_s = sum(ROUND_TRIPS.values()) * ROUND_TRIP_S
    return {
        "round_trip_added_ms": ROUND_TRIP_S * 1000,
        "minimum_round_trips": sum(ROUND_TRIPS.values()),
        "minimum_s": minimum_s,
        "survey_s": survey_s,
        "survey_over_minimum": survey_s / minimum_s,
        "survey_over_bare_round_trips": survey_s / round_trips_s,
        "one_after_another_s": in_turn_s,
        "one_after_another_over_minimum": in_turn_s / minimum_s,
    }


def _surveyed_s(port: int, credential: Credential) -> float:
    with HostSession(_endpoint(port), credential, clock=_clock, at_once=AT_ONCE) as session:
        return _took_s(lambda: survey_host(session, "HV02", _clock))


def _opened_and_asked_s(port: int, credential: Credential) -> float:
    """The least there is: sign on, open, and one question; the others could at best travel beside it."""
    with HostSession(_endpoint(port), credential, clock=_clock) as session:
        return _took_s(lambda: session.invoke(commands.get_vm_host()))


def _one_after_another_s(port: int, credential: Credential) -> float:
    """The same questions as the survey's, each when the one before is answered."""
    questions = [*host_questions("HV02").values(), commands.get_vms(), commands.get_operating_system()]
    with HostSession(_endpoint(port), credential, clock=_clock) as session:
        return _took_s(lambda: [session.invoke(question) for question in questions])


# --- many sessions -------------------------------------------------------------------------------


def _many() -> dict[str, Any]:
    """Sealed sessions on one host of a lab process, opened and used at once."""
    with running_lab(scenario_file("quick"), clock=_clock) as lab, ThreadPoolExecutor(SESSIONS) as crew:
        place, credential = _descriptor(lab)["hosts"]["HV01"], _credential(lab)
        server = psutil.Process(_descriptor(lab)["pid"])
        before = _mib(server.memory_info().rss)
        sessions = [HostSession(_endpoint(place["port"]), credential, clock=_clock) for _ in range(SESSIONS)]
        gate = threading.Barrier(SESSIONS)
        opened_s = _took_s(lambda: list(crew.map(lambda session: _together(gate, session.open), sessions)))
        used: list[float] = []
        used_s = _took_s(
            lambda: used.extend(crew.map(lambda session: _together(gate, lambda: _use(session)), sessions))
        )
        figures = {
            "sessions": SESSIONS,
            "sessions_opened_s": opened_s,
            "sessions_used_s": used_s,
            "sessions_use_median_s": statistics.median(used),
            "sessions_use_p95_s": _p95(used),
            "lab_threads": server.num_threads(),
            "lab_memory_before_mib": before,
            "lab_memory_mib": _mib(server.memory_info().rss),
            "client_threads": threading.active_count(),
            "client_memory_mib": _mib(psutil.Process().memory_info().rss),
        }
        list(crew.map(HostSession.close, sessions))
    return figures


def _together(gate: threading.Barrier, work: Callable[[], object]) -> float:
    gate.wait()
    return _took_s(work)


def _use(session: HostSession) -> None:
    assert session.invoke(commands.get_vm_host()).objects


def _p95(values: Iterable[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _mib(size: int) -> float:
    return size / (1 << 20)


def _descriptor(lab: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.descriptor.read_text(encoding="utf-8"))
    return found


def _credential(lab: Any) -> Credential:
    told = _descriptor(lab)
    return resolve(told["user"], told["secret"])


def _endpoint(port: int) -> Endpoint:
    return Endpoint("HV01", "127.0.0.1", port, "http", "ntlm")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
