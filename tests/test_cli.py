"""`snlm`: words in, one sentence and an exit code out; never a traceback, never a half-made record."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from snlm_lib import cli
from snlm_lib.cli_guard import guarded
from snlm_lib.clock import SystemClock
from snlm_lib.errors import HostUnreachable, ParameterError, RecordError, Refused
from snlm_lib.lab_process import scenario_names
from snlm_lib.progress import Watcher
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.seal import seal
from snlm_lib.runbook import StepEvent

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "no-lab.json"))
    return tmp_path / "outputs"


def _snlm(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def _change(folder: Path, text: str) -> Path:
    path = folder / "change.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _sealed(outputs: Path) -> Record:
    record = create_record(outputs, "CHG1", clock=SystemClock(), facts={})
    seal(record, SystemClock())
    return record


def test_help_names_every_command_and_an_example() -> None:
    told = _snlm("--help").stdout

    assert [word for word in ("rehearse", "run", "verify", "report", "Exit codes") if word not in told] == []
    assert not [line for line in told.splitlines() if line.startswith("  ") and line.endswith("...")]
    for command in ("rehearse", "run", "verify", "report"):
        assert f"Example:  snlm {command}" in _snlm(command, "--help").stdout


def test_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert _snlm("--version").stdout.strip() == f"snlm {project['project']['version']}"


def test_a_scenario_that_is_not_there_lists_those_that_are(outputs: Path) -> None:
    found = _snlm("rehearse", "nosuch")

    assert found.exit_code == 2
    assert "'nosuch'" in found.stderr
    assert len(scenario_names()) >= 3
    assert all(name in found.stderr for name in scenario_names())
    assert not outputs.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vmm: VM01\n", "unknown parameter 'vmm'"),
        ("baseline_s: fast\n", "'baseline_s'"),
        ("password: hunter2\n", "secret in clear"),
        ("connection: nosuch\n", "nosuch.yaml"),
        ("connection: lab\n", "no lab is running"),
        ("change_id: ../../etc\n", "'change_id'"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(outputs: Path, tmp_path: Path, text: str, words: str) -> None:
    found = _snlm("run", _change(tmp_path, text))

    assert found.exit_code == 2
    assert words in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
    assert "hunter2" not in found.output
    assert not outputs.exists()


def test_a_host_the_lab_does_not_know_is_refused_before_anything_exists(outputs: Path, tmp_path: Path) -> None:
    descriptor = {
        "hosts": {"HV01": {"address": "127.0.0.1", "port": 40001}},
        "directory": "HV01",
        "user": "u",
        "secret": "file:x",
        "guests": {},
        "truth_dir": "t",
    }
    (tmp_path / "no-lab.json").write_text(json.dumps(descriptor), encoding="utf-8")
    found = _snlm("run", _change(tmp_path, "destination: HV09\n"))

    assert found.exit_code == 2
    assert "'HV09'" in found.stderr
    assert not outputs.exists()


def test_a_missing_file_and_a_missing_record_are_named(outputs: Path, tmp_path: Path) -> None:
    for words in (("run", tmp_path / "none.yaml"), ("report", tmp_path / "none")):
        found = _snlm(*words)
        assert found.exit_code == 2
        assert "none" in found.stderr


def test_verify_tells_whole_open_damaged_and_nothing_apart(outputs: Path) -> None:
    record = _sealed(outputs)
    opened = create_record(outputs, "CHG2", clock=SystemClock(), facts={})

    assert (_snlm("verify", record.path).exit_code, _snlm("verify", opened.path).exit_code) == (0, 0)
    record.change_json.write_text("{}", encoding="utf-8")
    damaged = _snlm("verify", record.path)
    assert damaged.exit_code == 1
    assert "altered: change.json" in damaged.stdout
    assert _snlm("verify", outputs).exit_code == 2


def test_verify_compares_with_the_tickets_hash(outputs: Path) -> None:
    record = _sealed(outputs)

    assert _snlm("verify", record.path, "--anchor", "0123456789abcdef").exit_code == 1


def test_report_leaves_a_sealed_record_as_it_is(outputs: Path) -> None:
    record = _sealed(outputs)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in record.path.rglob("*"))
    found = _snlm("report", record.path)

    assert found.exit_code == 0
    assert "Sealed already" in found.stdout
    assert sorted((path.name, path.stat().st_mtime_ns) for path in record.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ParameterError("is wrong", where="change.yaml"), 2, "snlm: change.yaml: is wrong"),
        (Refused("the gate is shut"), 2, "the gate is shut"),
        (RecordError("is held"), 2, "is held"),
        (HostUnreachable("nobody answers", host="HV01"), 1, "HV01: nobody answers"),
        (
            OSError(28, "No space left on device", "journal.jsonl"),
            1,
            "journal.jsonl: No space left on device; details:",
        ),
        (OSError("the network name is no longer there"), 1, "this machine: the network name"),
        (KeyboardInterrupt(), 2, "interrupted before anything was changed"),
    ],
)
def test_every_error_is_one_sentence_and_a_code(
    outputs: Path, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, says: str
) -> None:
    def broken(watcher: Watcher) -> int:
        raise error

    assert guarded(broken) == code
    told = capsys.readouterr().err
    assert says in told
    assert len(told.splitlines()) == 1
    assert "Traceback" not in told


def test_an_interruption_with_a_record_never_says_that_nothing_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told_too_late(watcher: Watcher) -> int:
        watcher(StepEvent("opened", Record(tmp_path / "CHG1")))
        raise KeyboardInterrupt

    assert guarded(told_too_late) == 3
    told = capsys.readouterr().err
    assert "before anything" not in told
    assert f"'snlm report {tmp_path / 'CHG1'}'" in told


def test_a_fault_is_kept_elsewhere_when_the_records_folder_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "taken"))

    def broken(watcher: Watcher) -> int:
        raise ZeroDivisionError("division by zero")

    assert guarded(broken) == 1
    kept = Path(capsys.readouterr().err.strip().rsplit(" ", 1)[1])
    assert "ZeroDivisionError" in kept.read_text(encoding="utf-8")
    kept.unlink()


def test_a_fault_of_ours_is_one_sentence_and_a_file_for_us(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(watcher: Watcher) -> int:
        raise ZeroDivisionError("division by zero")

    assert guarded(broken) == 1
    told = capsys.readouterr().err

    assert "fault of snlm (ZeroDivisionError)" in told
    assert "Traceback" not in told
    assert "ZeroDivisionError" in next(outputs.glob("fault-*.log")).read_text(encoding="utf-8")
