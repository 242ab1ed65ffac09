"""Wrong turns that show only when a host is asked: credential, port, machine, record, a lab that goes away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from snlm_lib import cli
from snlm_lib.clock import SystemClock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, RecordError, Refused, RemoteError, SnlmError
from snlm_lib.lab_process import LabProcess, running_lab, scenario_file
from snlm_lib.record.folder import Record, open_records
from snlm_lib.record.result import Verdict, read_result
from snlm_lib.record.seal import verify
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import Endpoint, HostSession
from snlm_lib.step import Step, begin
from snlm_lib.steps import move
from tests.hurried import HurriedClock

FIRST = "01_enable_live_migration"
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """One quick lab for all who only look at it."""
    with running_lab(scenario_file("quick"), clock=SystemClock()) as found:
        yield found


@pytest.fixture
def bench(lab: LabProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Point SNLM_LAB at a copy of the lab's descriptor in which something is wrong."""
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    monkeypatch.setenv("SNLM_RECORD", "")

    def spoil(**changes: Any) -> None:
        good = json.loads(lab.descriptor.read_text(encoding="utf-8"))
        (tmp_path / "lab.json").write_text(json.dumps({**good, **changes}), encoding="utf-8")

    spoil()
    return spoil


@contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A TCP port at which something accepts; yields its number."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return
                answer(held[-1])

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


class _Shop(BaseHTTPRequestHandler):
    """A web server of another trade."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@contextmanager
def shop() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _session(port: int, address: str = "127.0.0.1") -> HostSession:
    endpoint = Endpoint("HV01", address, port, "http", "ntlm")
    return HostSession(endpoint, Credential("CORP\\op", "x"), clock=SystemClock(), connect_timeout_s=0.5)


def _said(error: SnlmError) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_a_web_server_that_is_no_host() -> None:
    with shop() as port, pytest.raises(HostUnreachable) as caught:
        _session(port).open()

    assert "not a WS-Management service" in _said(caught.value)


def test_a_port_that_accepts_and_says_nothing() -> None:
    with listening(lambda connection: None) as port, pytest.raises(HostUnreachable) as caught:
        _session(port).open()

    assert "HV01" in _said(caught.value)


def test_a_port_that_hangs_up() -> None:
    with listening(lambda connection: connection.close()) as port, pytest.raises(HostUnreachable) as caught:
        _session(port).open()

    assert "HV01" in _said(caught.value)


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(HostUnreachable) as caught:
        _session(port).open()

    assert f"nobody listens at 127.0.0.1 port {port}" in _said(caught.value)


def test_a_host_that_does_not_resolve() -> None:
    with pytest.raises(HostUnreachable) as caught:
        _session(5985, "hv01.invalid").open()

    assert "the name hv01.invalid does not resolve" in _said(caught.value)


def _left(step: Step) -> tuple[Verdict, list[str]]:
    """How the step ended, and what it began to change."""
    result = read_result(step.record, step.name)
    assert result is not None
    return result.verdict, [entry.kind for entry in step.journal.entries() if entry.kind == "intent"]


def _ends_with(step: Step, act: Callable[[], object], kind: type[SnlmError]) -> str:
    """``act`` raises ``kind``; what the notebook does with it leaves `refused` and no intent."""
    with pytest.raises(kind) as caught:
        act()
    step.ended_by(caught.value)

    assert _left(step) == (Verdict.REFUSED, [])
    return _said(caught.value)


def test_a_wrong_credential(bench: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not the password\n", encoding="utf-8")
    bench(secret=f"file:{tmp_path / 'secret'}")
    step = begin(FIRST)

    said = _ends_with(step, step.survey, AuthenticationRefused)
    assert "does not accept the credential" in said
    assert "not the password" not in said


def test_a_wrong_user(bench: Callable[..., None]) -> None:
    bench(user="CORP\\nobody")
    step = begin(FIRST)

    assert "does not accept the credential" in _ends_with(step, step.survey, AuthenticationRefused)


def test_a_host_behind_a_port_of_another_trade(bench: Callable[..., None], lab: LabProcess) -> None:
    hosts = json.loads(lab.descriptor.read_text(encoding="utf-8"))["hosts"]
    with shop() as port:
        bench(hosts={**hosts, "HV02": {**hosts["HV02"], "port": port}})
        step = begin(FIRST)

        assert "HV02" in _ends_with(step, step.survey, HostUnreachable)


@pytest.mark.parametrize("name", ["NOSUCH", "VM*", "{6f9d2b1c-0f1e-4f7a-9d5e}", "00000000-0000-0000-0000-000000000000"])
def test_a_machine_that_is_not_there(bench: Callable[..., None], name: str) -> None:
    step = begin("05_move_vm")
    wanted = step.parameters.model_copy(update={"vm": name})
    step.parameters = wanted
    facts = step.survey()

    assert "no machine called" in _ends_with(step, lambda: move.order(step, facts), Refused)
    assert facts.vm is None


@pytest.mark.parametrize("value", ["nowhere", "."])
def test_a_record_that_the_kernel_is_given_and_is_none(
    bench: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SNLM_RECORD", str(tmp_path / value))
    with pytest.raises(RecordError) as caught:
        begin(FIRST)

    assert "unset that variable" in _said(caught.value)
    assert not (tmp_path / "outputs").exists()


def test_a_lab_that_goes_away_between_two_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_RECORD", "")
    with running_lab(scenario_file("quick"), clock=SystemClock()) as own:
        monkeypatch.setenv("SNLM_LAB", str(own.descriptor))
        step = begin(FIRST)
        step.clock = HurriedClock()
        step.survey()
        own.stop()

        assert "HV0" in _ends_with(step, step.survey, RemoteError)


def test_a_port_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    with listening(lambda connection: None) as port:
        found = CliRunner().invoke(cli.app, ["lab", "up", "quick", "--port-base", str(port)])

    assert found.exit_code == 2, found.output
    assert f"{port}" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert not (tmp_path / "lab.json").exists()


def test_the_command_line_refuses_a_wrong_credential_and_leaves_a_whole_record(
    bench: Callable[..., None], lab: LabProcess, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("not the password\n", encoding="utf-8")
    bench(secret=f"file:{tmp_path / 'secret'}")
    command = [sys.executable, "-m", "snlm_lib", "run", str(ROOT / "parameters" / "rehearsal.yaml")]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, check=False, cwd=tmp_path, env=dict(os.environ)
    )
    record = next((tmp_path / "outputs" / "REHEARSAL").glob("*Z"))

    assert done.returncode == 2, done.stdout + done.stderr
    assert "does not accept the credential" in done.stdout
    assert "Nothing was changed." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert verify(record).state == "sealed"
    assert open_records(tmp_path / "outputs", "REHEARSAL") == []
    assert _no_intents(Record(record))


def _no_intents(record: Record) -> bool:
    return not [entry for entry in record.journal(SystemClock()).entries() if entry.kind == "intent"]
