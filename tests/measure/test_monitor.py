"""The monitor as a process: started, found, stopped, limited, killed; it outlives its starter and never stays."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.errors import ParameterError, RecordError
from snlm_lib.measure.downtime import gaps
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, start_monitor, stop_monitor
from snlm_lib.measure.pings import read_pings
from snlm_lib.measure.prober import main
from snlm_lib.parameters import GuestTarget
from snlm_lib.process import ProcessIdentity, terminate
from tests.measure.fake_guest import Eventually, GuestProcess
from tests.measure.raw_rows import Row, raw_rows

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
PACE: dict[str, Any] = {"interval_ms": 20, "timeout_ms": 200, "limit_s": 60}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "record"
    folder.mkdir()
    yield folder
    handle = find_monitor(folder) if folder.exists() else None
    if handle:
        stop_monitor(handle, wait_s=0)


@pytest.fixture
def targets(guest_process: GuestProcess) -> dict[str, GuestTarget]:
    return {"VM01": target_of(guest_process)}


def target_of(guest: GuestProcess) -> GuestTarget:
    return GuestTarget(address="127.0.0.1", udp_port=guest.udp_port, tcp_port=guest.tcp_port)


def rows(handle: MonitorHandle) -> list[Row]:
    return raw_rows(handle.pings_csv)


def answered(handle: MonitorHandle) -> int:
    return [row["status"] for row in rows(handle)].count("answered")


def log_of(folder: Path) -> str:
    return (folder / "monitor" / "monitor.log").read_text(encoding="utf-8")


def test_it_runs_writes_rows_as_they_come_and_stops_by_its_file(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    assert handle.running()
    assert handle.identity.pid != os.getpid()
    assert find_monitor(record) == handle
    eventually(lambda: len(rows(handle)) >= 20)
    end = stop_monitor(handle, wait_s=10)
    assert (end.how, end.reason) == ("stop-file", "stop-file")
    assert not handle.running()
    assert len(rows(handle)) == end.rows
    assert answered(handle) >= 20
    assert "ended: stop-file" in log_of(record)
    assert stop_monitor(handle, wait_s=1).how == "already-ended"


def test_its_state_says_what_it_is(record: Path, targets: dict[str, GuestTarget]) -> None:
    handle = start_monitor(targets, record, **PACE)
    state = json.loads(handle.state_json.read_text(encoding="utf-8"))
    assert ProcessIdentity(state["pid"], state["started"]) == handle.identity
    assert (state["interval_ms"], state["timeout_ms"], state["limit_s"]) == (20, 200, 60)
    assert len(state["config_sha256"]) == 64
    assert state["started_utc"].endswith("Z")
    assert state["end"] is None
    assert time.perf_counter() - 60 < state["started_monotonic_s"] <= time.perf_counter()
    stop_monitor(handle, wait_s=10)


def test_a_name_its_output_cannot_encode_does_not_end_it(
    record: Path, guest_process: GuestProcess, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    handle = start_monitor({"BÜRO-日本": target_of(guest_process)}, record, **PACE)
    eventually(lambda: len(rows(handle)) >= 5)
    assert stop_monitor(handle, wait_s=10).reason == "stop-file"
    assert "BÜRO-日本" in log_of(record)


def test_its_own_limit_ends_it(record: Path, targets: dict[str, GuestTarget], eventually: Eventually) -> None:
    handle = start_monitor(targets, record, interval_ms=20, timeout_ms=100, limit_s=0.3)
    eventually(lambda: not handle.running())
    end = stop_monitor(handle, wait_s=1)
    assert (end.how, end.reason) == ("already-ended", "limit")


def test_a_second_one_for_the_same_record_is_refused_while_the_first_runs(
    record: Path, targets: dict[str, GuestTarget]
) -> None:
    handle = start_monitor(targets, record, **PACE)
    with pytest.raises(RecordError, match=f"process {handle.identity.pid}"):
        start_monitor(targets, record, **PACE)
    assert handle.running()
    stop_monitor(handle, wait_s=10)


def test_starting_again_keeps_the_earlier_samples(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    for _ in range(3):
        handle = start_monitor(targets, record, **PACE)
        eventually(lambda handle=handle: len(rows(handle)) > 0)
        assert stop_monitor(handle, wait_s=10).how == "stop-file"
    kept = sorted(path.name for path in (record / "samples").iterdir())
    assert kept == ["pings-1.csv", "pings-2.csv", "pings.csv"]
    assert all(raw_rows(record / "samples" / name) for name in kept)


def test_killed_it_leaves_what_it_wrote_and_no_reason(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    eventually(lambda: len(rows(handle)) >= 10)
    assert terminate(handle.identity, grace_s=0)
    end = stop_monitor(handle, wait_s=1)
    assert end.how == "already-ended"
    assert len(rows(handle)) >= 10
    assert find_monitor(record) == handle


@posix_only
def test_asked_by_a_signal_it_says_so(record: Path, targets: dict[str, GuestTarget], eventually: Eventually) -> None:
    handle = start_monitor(targets, record, **PACE)
    os.kill(handle.identity.pid, signal.SIGTERM)
    eventually(lambda: not handle.running())
    assert stop_monitor(handle, wait_s=1).reason == "terminated"


@posix_only
def test_one_that_hangs_is_ended_by_force(record: Path, targets: dict[str, GuestTarget]) -> None:
    handle = start_monitor(targets, record, **PACE)
    os.kill(handle.identity.pid, signal.SIGSTOP)
    end = stop_monitor(handle, wait_s=0.2)
    assert end.how == "terminated"
    assert not handle.running()


STARTER = """
import sys
from pathlib import Path
from snlm_lib.measure.monitor import start_monitor
from snlm_lib.parameters import GuestTarget
target = GuestTarget(address="127.0.0.1", udp_port=int(sys.argv[2]), tcp_port=int(sys.argv[3]))
start_monitor({"VM01": target}, Path(sys.argv[1]), interval_ms=20, timeout_ms=200, limit_s=60)
print("started", flush=True)
sys.stdin.read()
"""


@posix_only
def test_it_survives_the_death_of_its_starters_process_group(
    record: Path, guest_process: GuestProcess, eventually: Eventually
) -> None:
    ports = [str(guest_process.udp_port), str(guest_process.tcp_port)]
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(record), *ports],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"started\n"
    handle = find_monitor(record)
    assert handle is not None
    assert os.getsid(handle.identity.pid) != starter.pid
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate(timeout=10)
    before = len(rows(handle))
    eventually(lambda: len(rows(handle)) > before + 20)
    assert handle.running()
    assert stop_monitor(handle, wait_s=10).how == "stop-file"


@posix_only
def test_a_record_that_vanished_ends_it_with_a_line_in_its_log(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    moved = record.with_name("moved")
    record.rename(moved)
    eventually(lambda: not handle.running())
    assert "cannot write the samples any more" in log_of(moved)
    assert "ended: record-gone" in log_of(moved)
    assert not record.exists()
    assert stop_monitor(handle, wait_s=1).how == "already-ended"


FULL = """
import resource, sys
from snlm_lib.measure.pings import read_pings
from snlm_lib.measure.prober import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
sys.exit(main([sys.argv[1]]))
"""


@posix_only
def test_a_disk_that_takes_no_more_ends_it_with_a_line(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    stop_monitor(handle, wait_s=10)
    for path in (handle.stop_file, handle.pings_csv):
        path.unlink()
    config = record / "monitor" / "config.json"
    done = subprocess.run([sys.executable, "-c", FULL, str(config)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "ended: write-failed" in done.stdout
    assert done.stderr == ""
    assert 100 < len(rows(handle)) < 400
    assert json.loads(handle.state_json.read_text(encoding="utf-8"))["end"] == "write-failed"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (GuestTarget(address="127.0.0.1"), "nothing to probe"),
        (GuestTarget(address="no-such-name.invalid", udp_port=7), "no-such-name"),
    ],
)
def test_a_target_that_cannot_be_probed_is_refused_by_name(record: Path, target: GuestTarget, says: str) -> None:
    with pytest.raises(ParameterError, match=says) as raised:
        start_monitor({"VM01": target}, record, **PACE)
    assert "VM01" in str(raised.value)
    assert list(record.iterdir()) == []


def test_no_target_and_too_fast_a_pace_are_refused(record: Path, targets: dict[str, GuestTarget]) -> None:
    with pytest.raises(ParameterError, match="no guest"):
        start_monitor({}, record, **PACE)
    with pytest.raises(ParameterError, match="At least 10"):
        start_monitor(targets, record, interval_ms=5, timeout_ms=200, limit_s=60)


@posix_only
def test_one_that_cannot_begin_is_an_error_with_its_own_words(record: Path, targets: dict[str, GuestTarget]) -> None:
    (record / "samples").mkdir()
    (record / "samples" / "pings.csv").symlink_to(record / "nowhere")
    with pytest.raises(RecordError, match="did not start: the monitor cannot begin"):
        start_monitor(targets, record, **PACE)
    assert find_monitor(record) is None


def test_a_python_that_does_not_start_is_an_error(
    record: Path, targets: dict[str, GuestTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(record / "no-python-here"))
    with pytest.raises(RecordError, match="did not start"):
        start_monitor(targets, record, **PACE)


def test_nothing_to_find_and_a_damaged_state(record: Path) -> None:
    assert find_monitor(record) is None
    state = record / "monitor" / "state.json"
    state.parent.mkdir()
    whole = {"schema": "snlm.monitor/1", "pid": 7, "started": 1.0, "stop_file": "stop", "pings_csv": "pings.csv"}
    odd = ({"schema": "other/1"}, {"pid": "x"}, {"pid": 1e400}, {"pid": -1}, {"pid": True}, {"started": "x"})
    elsewhere = ({"stop_file": "../../stop"}, {"pings_csv": "/etc/passwd"}, {"stop_file": ""}, {"pings_csv": None})
    for damaged in ("{", "[]", *(json.dumps(whole | one) for one in (*odd, *elsewhere))):
        state.write_text(damaged, encoding="utf-8")
        with pytest.raises(RecordError, match="not a monitor state"):
            find_monitor(record)
    state.unlink()


def test_a_recycled_process_id_is_not_taken_for_it(tmp_path: Path) -> None:
    other = MonitorHandle(
        ProcessIdentity(os.getpid(), 1.0), tmp_path / "stop", tmp_path / "state.json", tmp_path / "pings.csv"
    )
    assert not other.running()
    assert stop_monitor(other, wait_s=1).how == "already-ended"


def test_as_a_program_it_names_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "config.json")]) == 1
    assert "config.json" in capsys.readouterr().out


BURN = "while True: pass"


def test_ten_of_ten_silences_are_told_within_their_bounds_on_a_loaded_machine(
    record: Path, guest_process: GuestProcess, eventually: Eventually
) -> None:
    rng = random.Random(1)
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(2)]
    try:
        handle = start_monitor({"VM01": target_of(guest_process)}, record, interval_ms=100, timeout_ms=500, limit_s=120)
        eventually(lambda: len(rows(handle)) >= 4)
        measured = []
        for _ in range(10):
            measured.append(guest_process.silence(rng.uniform(0.25, 0.65)))
            so_far = answered(handle)
            eventually(lambda so_far=so_far: answered(handle) >= so_far + 8)
        assert stop_monitor(handle, wait_s=10).how == "stop-file"
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    udp = [gap for gap in gaps(read_pings(handle.pings_csv)) if gap.kind == "udp"]
    assert len(udp) == 10
    for gap, truth in zip(udp, measured, strict=True):
        assert gap.upper_s is not None
        assert gap.lower_s - 0.02 <= truth <= gap.upper_s + 0.02
        # an undisturbed probe leaves 1 interval either way; what the load held up is told as wider bounds
        assert abs(gap.length_s - truth) <= max(0.1, gap.upper_s / 2 - gap.lower_s / 2) + 0.02
    within = sum(abs(gap.length_s - truth) <= 0.1 for gap, truth in zip(udp, measured, strict=True))
    assert within >= 8, [(round(gap.length_s, 3), round(truth, 3)) for gap, truth in zip(udp, measured, strict=True)]
