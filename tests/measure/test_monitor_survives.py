"""What happens to a monitor and its record: killed, stopped, moved, filled up, doubled. Never a false outage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.gaps import gaps
from snlm_lib.measure.monitor import MonitorHandle, find_monitor, start_monitor, stop_monitor
from snlm_lib.measure.ping_file import read_header
from snlm_lib.measure.pings import read_pings
from snlm_lib.parameters import GuestTarget
from snlm_lib.process import identity_of, terminate
from tests.measure.fake_guest import Eventually, FakeGuest, GuestProcess
from tests.measure.raw_rows import last_words, raw_rows

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
linux_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux to mount a tiny file system"
)
PACE: dict[str, Any] = {"interval_ms": 20, "timeout_ms": 300, "limit_s": 60}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "record"
    folder.mkdir()
    yield folder
    for place in (folder, folder.with_name("moved")):
        handle = find_monitor(place)
        if handle:
            stop_monitor(handle, wait_s=0)


@pytest.fixture
def targets(guest_process: GuestProcess) -> dict[str, GuestTarget]:
    guest = guest_process
    return {"VM01": GuestTarget(address="127.0.0.1", udp_port=guest.udp_port, tcp_port=guest.tcp_port)}


def log_of(folder: Path) -> str:
    return (folder / "monitor" / "monitor.log").read_text(encoding="utf-8")


def fates(path: Path) -> Counter[str]:
    return Counter(row["status"] for kind in ("udp", "tcp") for row in last_words(path, kind).values())


def seconds_told(handle: MonitorHandle, at_s: float) -> float:
    """A moment of this process' clock on the samples' axis."""
    with handle.pings_csv.open(encoding="utf-8") as file:
        started_s = read_header(file.readline()).started_monotonic_s
    assert started_s is not None
    return at_s - started_s


@posix_only
def test_killed_it_has_told_all_but_the_last_second(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    eventually(lambda: len(raw_rows(handle.pings_csv)) >= 120)
    killed_s = seconds_told(handle, time.perf_counter())
    os.kill(handle.identity.pid, signal.SIGKILL)
    eventually(lambda: not handle.running())
    told = last_words(handle.pings_csv, "udp")
    assert killed_s - float(told[max(told)]["sent_s"]) < 1.0
    assert list(told) == list(range(len(told)))
    assert gaps(read_pings(handle.pings_csv)) == ()
    assert stop_monitor(handle, wait_s=1).reason is None


@posix_only
def test_stopped_for_five_seconds_it_tells_its_own_stall_and_no_outage(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    eventually(lambda: len(raw_rows(handle.pings_csv)) >= 50)
    os.kill(handle.identity.pid, signal.SIGSTOP)
    time.sleep(5)  # what is tested is the length of this pause
    os.kill(handle.identity.pid, signal.SIGCONT)
    before = fates(handle.pings_csv)["answered"]
    eventually(lambda: fates(handle.pings_csv)["answered"] >= before + 50)
    assert stop_monitor(handle, wait_s=10).reason == "stop-file"
    told = last_words(handle.pings_csv, "udp")
    stalled = [row for row in told.values() if row["status"] == "not_sent"]
    assert fates(handle.pings_csv)["lost"] == 0
    assert gaps(read_pings(handle.pings_csv)) == ()
    assert 4.5 <= len(stalled) * 0.02 <= 6
    assert {row["error"] for row in stalled} == {"monitor-stalled"}
    assert "this process did not run for 5." in log_of(record)


@posix_only
def test_a_terminal_that_is_closed_does_not_end_it(record: Path, targets: dict[str, GuestTarget]) -> None:
    handle = start_monitor(targets, record, **PACE)
    os.kill(handle.identity.pid, signal.SIGHUP)
    assert stop_monitor(handle, wait_s=10).reason == "stop-file"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)], check=True)
    yield place
    handle = find_monitor(place)
    if handle:
        stop_monitor(handle, wait_s=0)
    subprocess.run(["umount", str(place)], check=True)


@linux_root
def test_a_full_disk_ends_it_and_its_record_says_so(
    tiny: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, tiny, interval_ms=10, timeout_ms=300, limit_s=60)
    with pytest.raises(OSError, match="No space"):
        (tiny / "something-else").write_bytes(bytes(131_072))
    eventually(lambda: not handle.running(), within_s=30)
    end = stop_monitor(handle, wait_s=1)
    rows = raw_rows(handle.pings_csv)
    assert (end.how, end.reason) == ("already-ended", "write-failed")
    assert "cannot write the samples any more" in log_of(tiny)
    assert "No space left" in log_of(tiny)
    assert {row["status"] for row in rows} == {"answered"}
    assert end.rows == len(rows)
    assert gaps(read_pings(handle.pings_csv)) == ()
    assert not (tiny / "monitor" / "ballast").exists()


@posix_only
def test_a_record_that_is_moved_keeps_its_rows_and_why_they_end(
    record: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handle = start_monitor(targets, record, **PACE)
    eventually(lambda: len(raw_rows(handle.pings_csv)) >= 50)
    moved = record.rename(record.with_name("moved"))
    eventually(lambda: not handle.running())
    found = find_monitor(moved)
    assert found is not None
    end = stop_monitor(found, wait_s=1)
    assert (end.how, end.reason) == ("already-ended", "record-gone")
    assert set(fates(found.pings_csv)) == {"answered"}
    assert gaps(read_pings(found.pings_csv)) == ()
    assert not record.exists()


def test_of_two_starts_at_once_one_is_refused(record: Path, targets: dict[str, GuestTarget]) -> None:
    results: list[MonitorHandle | RecordError] = []

    def start() -> None:
        try:
            results.append(start_monitor(targets, record, **PACE))
        except RecordError as error:
            results.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handle = next(result for result in results if isinstance(result, MonitorHandle))
    refusal = next(result for result in results if isinstance(result, RecordError))
    assert f"process {handle.identity.pid}" in str(refusal) or "held by" in str(refusal)
    assert stop_monitor(handle, wait_s=10).reason == "stop-file"
    assert [path.name for path in (record / "samples").iterdir()] == ["pings.csv"]


def test_two_monitors_of_two_records_do_not_hear_each_others_answers(
    tmp_path: Path, targets: dict[str, GuestTarget], eventually: Eventually
) -> None:
    handles = [start_monitor(targets, tmp_path / name, **PACE) for name in ("one", "two")]
    try:
        eventually(lambda: all(len(raw_rows(handle.pings_csv)) >= 60 for handle in handles))
    finally:
        ends = [stop_monitor(handle, wait_s=10) for handle in handles]
    assert [end.reason for end in ends] == ["stop-file", "stop-file"]
    for handle in handles:
        assert set(fates(handle.pings_csv)) <= {"answered", "not_sent"}
        assert {row["status"] for row in raw_rows(handle.pings_csv)} <= {"answered", "not_sent"}, "no duplicate"


def test_a_stale_state_whose_process_id_is_another_process_now_is_no_monitor(
    record: Path, targets: dict[str, GuestTarget]
) -> None:
    first = start_monitor(targets, record, **PACE)
    assert terminate(first.identity, grace_s=0)
    me = identity_of()
    text = first.state_json.read_text(encoding="utf-8").replace(f'"pid": {first.identity.pid}', f'"pid": {me.pid}')
    first.state_json.write_text(text, encoding="utf-8")
    stale = find_monitor(record)
    assert stale is not None
    assert stale.identity.pid == me.pid
    assert not stale.running()
    second = start_monitor(targets, record, **PACE)
    assert stop_monitor(stale, wait_s=1).how == "already-ended"
    assert stop_monitor(second, wait_s=10).reason is not None
    assert sorted(path.name for path in (record / "samples").iterdir()) == ["pings-1.csv", "pings.csv"]


def test_a_target_that_never_answered_has_no_beginning_and_no_end_of_its_outage(
    record: Path, guest: FakeGuest, eventually: Eventually
) -> None:
    guest.be_silent(60)
    target = GuestTarget(address="127.0.0.1", udp_port=guest.udp_port)
    handle = start_monitor({"VM01": target}, record, interval_ms=20, timeout_ms=100, limit_s=60)
    eventually(lambda: fates(handle.pings_csv)["lost"] >= 30)
    assert stop_monitor(handle, wait_s=10).reason == "stop-file"
    (gap,) = gaps(read_pings(handle.pings_csv))
    assert (gap.upper_s, gap.started_utc, gap.ended_utc) == (None, None, None)
    assert {row["error"] for row in raw_rows(handle.pings_csv) if row["status"] == "lost"} == {"no-answer"}
