"""The lab as a process: descriptor, secret, truth, and every way it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.__main__ import Lab, canonical, main, truth
from snlm_lib.lab.scenario_file import load_scenario
from tests.lab.world.conftest import SCENARIOS, until
from tests.lab.world.conftest import Lab as Asked

QUICK = SCENARIOS / "quick.yaml"


@contextmanager
def started(state: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "snlm_lib.lab", "--scenario", str(QUICK), "--state", str(state), *more]
    with (state.parent / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        assert until(lambda: (state / "descriptor.json").exists(), within_s=20)
        yield process
    finally:
        process.kill()
        process.wait()


def descriptor(state: Path) -> dict[str, Any]:
    text = (state / "descriptor.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def test_a_lab_tells_where_it_is_and_leaves_nothing_but_the_truth(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with started(state) as process:
        told = descriptor(state)
        assert (told["schema"], told["scenario"], told["pid"]) == ("snlm.lab/1", "quick", process.pid)
        assert told["process_started"] == psutil.Process(process.pid).create_time()
        assert sorted(told["hosts"]) == ["DC01", "HV01", "HV02"]
        assert (told["directory"], told["user"]) == ("DC01", "CORP\\operator")
        assert told["domain"] == {"directory": "memory"}
        secret = Path(told["secret"].removeprefix("file:"))
        assert len(secret.read_text(encoding="utf-8")) >= 20
        if os.name == "posix":
            assert secret.stat().st_mode & 0o077 == 0
        for host in told["hosts"].values():
            socket.create_connection((host["address"], host["port"]), timeout=2).close()
        guest = told["guests"]["VM01"]
        assert guest["ips"] == ["10.20.0.51"]
        assert sorted(told["controls"]) == ["DC01"]
        for port in (guest["tcp_port"], guest["connect_port"], told["controls"]["DC01"]["connect_port"]):
            with socket.create_connection((guest["address"], port), timeout=2) as line:
                line.sendall(b"1\n")
                assert line.recv(16) == b"1\n"
        children = psutil.Process(process.pid).children()
        (state / "stop").touch()
        assert process.wait(10) == 0
    assert not [child for child in children if child.is_running()]
    assert not secret.exists()
    assert (state / "world-before.json").read_bytes() == (state / "world-after.json").read_bytes()
    assert json.loads((state / "truth.json").read_text(encoding="utf-8"))["moves"] == []


@pytest.mark.skipif(os.name != "posix", reason="only on POSIX can a process be asked to end by a signal")
def test_a_signal_ends_it_in_order(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with started(state) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (state / "truth.json").exists()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    state = tmp_path / "state"
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with started(state, "--parent", str(parent.pid)) as process:
        assert process.poll() is None
        parent.kill()
        parent.wait()
        assert process.wait(10) == 0
    assert (state / "world-after.json").exists()
    assert parent.stdin is not None
    parent.stdin.close()


def test_a_wrong_scenario_is_one_sentence_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(QUICK.read_text(encoding="utf-8").replace("about:", "abuot:"), encoding="utf-8")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert main(["--scenario", str(wrong), "--state", str(tmp_path / "state")]) == 2
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    said = capsys.readouterr().err
    assert "wrong.yaml: unknown key 'abuot'" in said
    assert "Traceback" not in said
    assert not (tmp_path / "state").exists()


def test_the_truth_is_canonical_and_without_clocks(ready: Asked) -> None:
    ready.move()
    told = truth(ready.world)
    move = told["moves"][0]
    assert told["directory"] == "memory"
    assert sorted(move) == [
        "blackout_s",
        "destination",
        "duration_s",
        "error",
        "memory_bytes",
        "outcome",
        "passes",
        "quarantine_s",
        "silence_s",
        "source",
        "storage_bytes",
        "transport",
        "vm",
        "vm_id",
    ]
    assert (move["outcome"], move["source"], move["destination"]) == ("completed", "HV01", "HV02")
    text = canonical(told)
    assert text == canonical(json.loads(text))
    assert text.endswith("}\n")


def test_the_passwords_file_is_gone_even_when_the_lab_breaks(tmp_path: Path) -> None:
    state = tmp_path / "state"

    class Broken(RuntimeError):
        """The test's own."""

    def play() -> None:
        with Lab(load_scenario(QUICK), state, clock=FakeClock()):
            assert (state / "operator.secret").exists()
            raise Broken

    with pytest.raises(Broken):
        play()
    assert not (state / "operator.secret").exists()
    assert (state / "truth.json").exists()
