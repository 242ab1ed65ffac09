"""`snlm forecast`: ranges beside limits, the verdict, what would shorten it, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from snlm_lib import cli
from snlm_lib.cli_forecast import as_lines, as_object
from snlm_lib.clock import SystemClock
from snlm_lib.errors import InputError, ParameterError, RemoteError
from snlm_lib.estate.model import LinkFacts, PairFacts
from snlm_lib.foresight import told_of
from snlm_lib.lab_process import LabProcess, running_lab, scenario_file
from snlm_lib.measure.forecast import NO_CLAIM, Span
from snlm_lib.measure.forecast.told import limit_held, supposed_words
from snlm_lib.parameters import ConnectionProfile, HostAddress, Parameters
from tests.builders import host, machine, pair

SLOW = LinkFacts("Ethernet", 1000.0, 1500, False, True, ("10.20.0.11",))
LAB = ConnectionProfile(
    name="lab",
    hosts={name: HostAddress(address="127.0.0.1", port=1) for name in ("HV01", "HV02")},
    user="CORP\\operator",
    secret="keyring:snlm",
    rehearsal=True,
    time_factor=20.0,
)


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    return tmp_path / "outputs"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running_lab(scenario_file("quick"), clock=SystemClock()) as found:
        yield found


def surveyed(**changes: object) -> PairFacts:
    ends = {
        side: host(name, "x", links=(SLOW,), peer_address="10.20.0.11")
        for side, name in (("source", "HV01"), ("destination", "HV02"))
    }
    return pair(**{**ends, **changes})


def told(wanted: Parameters, *, width: int = 400, **changes: object) -> str:
    return "\n".join(as_lines(told_of(surveyed(**changes), wanted, LAB), width=width))


def _change(folder: Path, text: str) -> Path:
    path = folder / "change.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _snlm(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["forecast", *(str(word) for word in words)])


def test_it_tells_ranges_limits_reasons_and_the_honest_sentence() -> None:
    found = told(Parameters(window_min=1.0, pause_limit_s=600.0))
    assert found.startswith("VM01 from HV01 to HV02, simulated hosts, read 2026-11-23 21:04:00 UTC")
    titles = [line[2:19].strip() for line in found.splitlines()[3:8]]
    assert titles == ["in all", "storage", "memory and pause", "the pause alone", "bytes sent"]
    assert "The window is 60 s: NOT SAFE" in found
    assert "The limit of the host's pause is 10 min 0 s: nine of ten such moves stay within it." in found
    assert "Does the memory copy catch up with the machine (converge)? Not known. Nobody measured how fast" in found
    assert "The largest part is the copy of the storage" in found
    assert "a link ten times as fast:" in found
    assert "  link 1,000 Mbit/s (measured)" in found
    assert "so supposed: memory in use, disk writes, memory writes." in found
    assert found.endswith(NO_CLAIM)


def test_a_tiny_limit_is_not_told_as_nothing_and_a_floor_is_called_what_it_is() -> None:
    seen = told_of(surveyed(), Parameters(pause_limit_s=0.002), LAB)
    busy = replace(seen.given, dirty_mib_s=4000.0, max_passes=5)
    seen = replace(seen, told=seen.model.forecast(busy))
    found = "\n".join(as_lines(seen, width=400))
    assert "The limit of the host's pause is 0.002 s: NOT SAFE" in found
    assert "With the middle figures no number of passes makes the pause shorter than about " in found


@pytest.mark.parametrize(
    ("limit_s", "says"),
    [
        (5.0, "nearly all take"),
        (15.0, "more than half take"),
        (25.0, "more than one in ten take"),
        (30.0, "nine of ten"),
    ],
)
def test_how_unsafe_a_limit_is_is_told(limit_s: float, says: str) -> None:
    assert says in limit_held(Span(10.0, 20.0, 30.0), limit_s)


def test_what_is_least_known_is_told_by_the_ranges() -> None:
    disks = told_of(surveyed(), Parameters(), LAB).told
    assert supposed_words(disks).endswith("the copy of the storage, for the speed of its disks.")
    assert supposed_words(replace(disks, storage_s=None)).endswith("the memory, for its writes.")
    assert supposed_words(replace(disks, missing=())) == ""


def test_a_lab_says_how_much_faster_its_clock_is_and_real_hosts_have_none() -> None:
    assert "20 times as fast" in told(Parameters())
    seen = told_of(surveyed(), Parameters(), LAB.model_copy(update={"rehearsal": False, "time_factor": 1.0}))
    real = "\n".join(as_lines(seen, width=100))
    assert "times as fast," not in real
    assert "REAL hosts" in real


def test_lines_keep_to_the_width_and_to_what_any_console_can_show() -> None:
    found = told(Parameters(window_min=60.0), width=80)
    assert max(len(line) for line in found.splitlines()) <= 80
    assert found.encode("cp1252")


def test_the_object_has_the_schema_of_a_records_and_what_would_shorten_it() -> None:
    seen = told_of(surveyed(), Parameters(window_min=1.0), LAB)
    found = json.loads(json.dumps(as_object(seen), allow_nan=False))
    assert (found["schema"], found["vm"], found["rehearsal"]) == ("snlm.forecast/1", "VM01", True)
    low, mid, high = found["spans"]["total_s"]
    assert low <= mid <= high
    assert (found["window_s"], found["fits_window"], found["fits_pause"]) == (60.0, False, None)
    assert all(one["total_s"] < mid and one["saved_s"] > 0 for one in found["shorter"])
    assert {one["source"] for one in found["figures"]} <= {"measured", "history", "prior"}
    assert found["statement"] == NO_CLAIM


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"vm": None, "same_name_source": 0}, InputError, "HV01: 'VM01' cannot be forecast: no machine is called so"),
        ({"vm": None, "same_name_source": 2}, ParameterError, "2 machines are called 'VM01'"),
        ({"vm": None, "same_name_source": None}, RemoteError, "HV01: does not list its machines"),
        ({"vm": None, "same_name_source": 0, "same_name_destination": 1}, InputError, "it is on HV02 already"),
    ],
)
def test_without_a_machine_it_is_a_sentence(changes: dict[str, object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        told_of(surveyed(**changes), Parameters(), LAB)


def test_a_machine_of_which_little_is_known_is_forecast_all_the_same() -> None:
    bare = machine(disks=None, memory_assigned_bytes=None, memory_demand_bytes=None)
    found = told_of(replace(surveyed(), vm=bare), Parameters(), LAB)
    assert {"memory assigned", "disk in use"} <= set(found.told.missing)


@pytest.mark.parametrize(
    ("text", "words"),
    [("vmm: VM01\n", "unknown parameter 'vmm'"), ("connection: nosuch\n", "nosuch.yaml"), ("", "no lab is running")],
)
def test_a_wrong_file_and_a_missing_lab_are_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    found = _snlm(_change(tmp_path, text or "vm: VM01\n"))
    assert (found.exit_code, found.stdout) == (2, "")
    assert words in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_it_reads_a_running_lab_and_leaves_no_record(
    lab: LabProcess, outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNLM_LAB", str(lab.descriptor))
    found = _snlm(_change(tmp_path, "vm: VM01\nwindow_min: 30\n"), "--json")
    assert found.exit_code == 0, found.stderr
    kept = json.loads(found.stdout)
    assert kept["time_factor"] > 1
    assert kept["given"]["inputs"]["ram_assigned_mib"] > 0
    assert not outputs.exists()


def test_a_host_that_does_not_answer_and_a_machine_that_is_not_there_are_one_sentence(
    lab: LabProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = json.loads(lab.descriptor.read_text(encoding="utf-8"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "other.json"))
    (tmp_path / "other.json").write_text(json.dumps(known), encoding="utf-8")
    absent = _snlm(_change(tmp_path, "vm: NOSUCH\n"))
    assert absent.exit_code == 2
    assert "'NOSUCH' cannot be forecast" in absent.stderr
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        known["hosts"]["HV02"]["port"] = closed.getsockname()[1]
        (tmp_path / "other.json").write_text(json.dumps(known), encoding="utf-8")
        silent = _snlm(_change(tmp_path, "vm: VM01\n"))
    assert silent.exit_code == 1
    assert silent.stderr.startswith("snlm: HV02: ")
    assert len(silent.stderr.strip().splitlines()) == 1
