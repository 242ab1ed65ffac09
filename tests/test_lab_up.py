"""`snlm lab up`: a lab in the foreground, found by its descriptor, several side by side, and every way it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from snlm_lib.cli_lab import how_to
from snlm_lib.clock import SystemClock
from snlm_lib.errors import LabError, ParameterError
from snlm_lib.lab_process import scenario_file
from snlm_lib.parameters import connection_profile, project_root, rehearsal_parameters
from snlm_lib.process import still_runs

REHEARSAL = project_root() / "parameters" / "rehearsal.yaml"
ASK = signal.SIGINT if os.name == "posix" else signal.SIGTERM
Up = Callable[..., subprocess.Popen[str]]


def until(seen: Callable[[], bool], *, limit_s: float = 30) -> None:
    clock = SystemClock()
    end = clock.monotonic_s() + limit_s
    while not seen():
        assert clock.monotonic_s() < end, "not seen in time"
        clock.sleep(0.02)


@pytest.fixture
def up() -> Iterator[Up]:
    """Start ``snlm lab up`` with a descriptor; ended with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(descriptor: Path, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "snlm_lib", "lab", "up", *words],
            env={**os.environ, "SNLM_LAB": str(descriptor), "TMPDIR": str(descriptor.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.skipif(os.name != "posix", reason="only on POSIX can a test press Ctrl-C for another process")
def test_it_serves_is_found_and_leaves_nothing_after_ctrl_c_pressed_twice(up: Up, tmp_path: Path) -> None:
    place = tmp_path / "state" / "lab.json"
    lab = up(place, "quick")
    until(place.exists)
    profile = connection_profile("lab", {"SNLM_LAB": str(place)}, alive=still_runs)
    assert profile.rehearsal
    assert lab.stdout is not None
    told = [lab.stdout.readline()]
    assert told[0].startswith(f"Lab 'quick', process {read(place)['pid']}")
    while told[-1] and "Ctrl-C" not in told[-1]:
        told.append(lab.stdout.readline())
    assert "  snlm run parameters/rehearsal.yaml\n" in told
    assert f"  export SNLM_LAB='{place}'\n" in told
    lab.send_signal(ASK)
    lab.send_signal(ASK)
    out, err = lab.communicate(timeout=30)

    assert (lab.returncode, out, err) == (0, "The lab has ended.\n", "")
    assert not place.exists()
    assert list(tmp_path.rglob("operator.secret")) == []


def test_a_second_one_is_refused_at_the_same_place_and_runs_at_another(up: Up, tmp_path: Path) -> None:
    first, second = tmp_path / "lab.json", tmp_path / "lab-2.json"
    up(first, "quick")
    until(first.exists)
    refused = up(first, "quick")
    out, err = refused.communicate(timeout=30)
    assert (refused.returncode, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert f"the lab 'quick' of process {read(first)['pid']} already answers" in err
    assert "lab-2.json" in err
    assert still_runs(read(first)["pid"], read(first)["process_started"])

    up(second, "quick")
    until(second.exists)
    ports = [{host["port"] for host in read(path)["hosts"].values()} for path in (first, second)]
    assert ports[0].isdisjoint(ports[1])


def test_the_lab_ends_with_a_killed_command_and_takes_its_descriptor_away(up: Up, tmp_path: Path) -> None:
    place = tmp_path / "lab.json"
    lab = up(place, "quick")
    until(place.exists)
    serving = read(place)
    lab.kill()
    until(lambda: not still_runs(serving["pid"], serving["process_started"]))

    assert not place.exists()


def test_a_lab_that_is_killed_is_told_and_its_descriptor_is_called_stale(up: Up, tmp_path: Path) -> None:
    place = tmp_path / "lab.json"
    lab = up(place, "quick")
    until(place.exists)
    serving = read(place)
    psutil.Process(serving["pid"]).kill()
    _, err = lab.communicate(timeout=30)

    assert lab.returncode == 2
    assert "the lab broke down" in err
    assert "Traceback" not in err
    with pytest.raises(LabError, match=rf"no longer runs \(process {serving['pid']}\). Start one with 'snlm lab up'"):
        connection_profile("lab", {"SNLM_LAB": str(place)}, alive=still_runs)
    up(place, "quick")
    until(lambda: read(place)["pid"] != serving["pid"])


def test_ports_can_be_chosen_and_one_that_is_taken_is_named(up: Up, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lab = up(tmp_path / "lab.json", "quick", "--port-base", str(port))
        _, err = lab.communicate(timeout=30)
    assert lab.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be used for HV01" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "lab.json").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("based_on: quick\nhosts: {HV01: {memroy_gib: 3}}\n", "unknown key 'memroy_gib'"),
        ("based_on: nosuch\n", "no scenario 'nosuch' to be based on"),
        ("based_on: ../quick\n", "'based_on' must be the name"),
        ("based_on: own\n", "based on itself"),
        ("based_on: quick\nparameters: {vmm: VM01}\n", "unknown parameter 'vmm'"),
        ("based_on: quick\nparameters: {password: hunter2}\n", "secret in clear"),
        ("based_on: quick\nwire: {auth: basic}\n", "in clear over plain HTTP"),
        ("based_on: quick\nwire: {scheme: gopher}\n", "nobody speaks gopher"),
    ],
)
def test_a_wrong_scenario_of_ones_own_is_one_sentence(up: Up, tmp_path: Path, text: str, words: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text, encoding="utf-8")
    lab = up(tmp_path / "lab.json", str(own))
    out, err = lab.communicate(timeout=30)

    assert (lab.returncode, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert "hunter2" not in err


def test_a_scenario_is_a_name_or_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("based_on: quick\n", encoding="utf-8")
    assert scenario_file(str(own)) == own.resolve()
    assert scenario_file("quick").name == "quick.yaml"
    with pytest.raises(ParameterError, match="no such scenario file"):
        scenario_file(str(tmp_path / "none.yaml"))


def test_a_scenarios_parameters_are_laid_over_the_rehearsals(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("based_on: quick\nparameters: {vm: DB01, tail_s: 1.5}\n", encoding="utf-8")
    wanted = rehearsal_parameters(REHEARSAL, own)

    assert (wanted.vm, wanted.tail_s, wanted.apply_settings) == ("DB01", 1.5, "lab")
    own.write_text("based_on: quick\nparameters: 7\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="'parameters' must be"):
        rehearsal_parameters(REHEARSAL, own)


def test_what_is_said_names_hosts_parameters_and_how_to_be_found() -> None:
    hosts = {"HV01": {"address": "127.0.0.1", "port": 40001, "scheme": "https", "auth": "basic"}}
    descriptor = {"scenario": "x", "pid": 7, "about": "y", "hosts": hosts, "parameters": {"apply_delegation": "never"}}

    told = "\n".join(how_to(descriptor, named=None))
    assert "HV01 127.0.0.1:40001 (https, basic)" in told
    assert "-p apply_delegation never" in told
    assert "SNLM_LAB" not in told
    assert "SNLM_LAB" in "\n".join(how_to(descriptor, named="l.json"))
    assert "The domain is simulated too." in told
    real = how_to({**descriptor, "domain": {"directory": "samba"}}, named=None)
    assert any(line.strip().startswith("The domain is a real one: Samba's") for line in real)
    told.encode("cp1252")


@pytest.mark.parametrize("module", ["snlm_lib.lab.__main__", "snlm_lib.measure.monitor", "snlm_lib.lab.guest"])
def test_lab_guest_and_monitor_start_without_what_only_analysis_needs(module: str) -> None:
    program = f"import sys, {module}; print(sorted({{'pandas', 'IPython', 'numpy', 'plotly'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
