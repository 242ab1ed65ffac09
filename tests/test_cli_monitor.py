"""`snlm monitor`: probing outside a change, ended by its time, by Ctrl-C, by another window; and every wrong word."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from snlm_lib import cli
from snlm_lib.lab.guests import GuestProcess
from snlm_lib.measure.monitor import find_monitor, stop_monitor
from snlm_lib.measure.pings import read_pings

HERE = "127.0.0.1"
_LIMIT_S = 30


@pytest.fixture(scope="module")
def guest() -> Iterator[GuestProcess]:
    process = GuestProcess("VM01")
    yield process
    process.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "watch"
    yield place
    if (handle := find_monitor(place)) is not None:
        stop_monitor(handle)


def _snlm(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["monitor", *(str(word) for word in words)])


def _kinds(guest: GuestProcess) -> str:
    return f"udp:{guest.udp_port},connect:{guest.tcp_port}=echo,tcp:{guest.tcp_port}"


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to be"
        time.sleep(0.02)


def _started(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snlm_lib", "monitor", *words, "--out", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    _until(lambda: find_monitor(folder) is not None or child.poll() is not None)
    return child


def test_until_its_time_is_over_then_the_sentence_and_where_it_stands(guest: GuestProcess, folder: Path) -> None:
    done = _snlm(f"VM01={HERE}", "--kinds", _kinds(guest), "--for", "1s", "--interval", "20", "--out", folder)

    assert (done.exit_code, done.stderr) == (0, "")
    assert f"VM01 at {HERE}: UDP {guest.udp_port}, TCP connect {guest.tcp_port} (echo)" in done.stdout
    assert re.search(r"every 20 ms until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(UTC[+-]\d\d:\d\d\)", done.stdout)
    assert "its time is over" in done.stdout
    assert "probe to VM01 was lost" in done.stdout
    assert str(folder / "samples" / "pings.csv") in done.stdout
    assert len(read_pings(folder / "samples" / "pings.csv")) >= 3 * 40
    assert str(folder / "downtime.html") in done.stdout
    assert "probe to VM01 was lost" in (folder / "downtime.html").read_text(encoding="utf-8")
    assert "earlier" not in done.stdout

    again = _snlm(f"VM02={HERE}", "--kinds", _kinds(guest), "--for", "1s", "--out", folder)
    assert "Samples of an earlier monitor are kept as pings-1.csv, their pictures as downtime-1.html\n" in again.stdout
    assert "VM01" in (folder / "downtime-1.html").read_text(encoding="utf-8")
    assert "VM01" not in (folder / "downtime.html").read_text(encoding="utf-8")
    both = CliRunner().invoke(cli.app, ["downtime", str(folder)])
    assert "pings-1.csv: No UDP probe to VM01 was lost" in both.stdout
    assert "Seen from" not in both.stdout, "two runs at one place are no two places"


def test_an_outage_is_told_and_another_window_ends_it(guest: GuestProcess, folder: Path) -> None:
    words = (f"VM01={HERE}", "--kinds", f"udp:{guest.udp_port}", "--for", "20s", "--interval", "20")
    child = _started(folder, *words)
    try:
        _until(lambda: len(read_pings(folder / "samples" / "pings.csv")) > 20)
        guest.silence()
        time_to_go = len(read_pings(folder / "samples" / "pings.csv"))
        _until(lambda: "lost" in (folder / "samples" / "pings.csv").read_text(encoding="utf-8"))
        guest.answer()
        _until(lambda: len(read_pings(folder / "samples" / "pings.csv")) > time_to_go + 80)
        assert _snlm("--stop", folder).exit_code == 0
        out, err = child.communicate(timeout=_LIMIT_S)
    finally:
        child.kill()
        guest.answer()
    assert (child.returncode, err) == (0, "")
    assert "it was told to end" in out
    assert re.search(r"VM01 was away 1\.\d+ s ± 0\.0\d+ s \(by UDP every 20 ms\)", out)


@pytest.mark.skipif(os.name != "posix", reason="only on POSIX can a test send Ctrl-C to one process")
def test_ctrl_c_ends_it_in_order_and_a_second_one_cuts_nothing_short(guest: GuestProcess, folder: Path) -> None:
    child = _started(folder, f"VM01={HERE}", "--kinds", _kinds(guest))
    try:
        _until(lambda: len(read_pings(folder / "samples" / "pings.csv")) > 10)
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=_LIMIT_S)
    finally:
        child.kill()
    assert (child.returncode, err) == (0, "")
    assert "until Ctrl-C" in out
    assert "probe to VM01 was lost" in out
    handle = find_monitor(folder)
    assert handle is not None
    assert not handle.running()


def test_detached_it_goes_on_until_it_is_stopped(guest: GuestProcess, folder: Path) -> None:
    begun = _snlm(f"VM01={HERE}", "--kinds", _kinds(guest), "--for", "1h", "--detach", "--out", folder)
    handle = find_monitor(folder)

    assert begun.exit_code == 0
    assert f"snlm monitor --stop {folder}" in begun.stdout
    assert handle is not None
    assert handle.running()
    again = _snlm(HERE, "--for", "1h", "--detach", "--out", folder)
    assert (again.exit_code, "already probes" in again.stderr) == (2, True)
    _until(lambda: len(read_pings(folder / "samples" / "pings.csv")) > 3)
    ended = _snlm("--stop", folder)
    assert (ended.exit_code, handle.running()) == (0, False)
    assert "it was told to end" in ended.stdout


def test_whoever_started_it_may_be_killed(guest: GuestProcess, folder: Path) -> None:
    child = _started(folder, f"VM01={HERE}", "--kinds", _kinds(guest), "--for", "1h")
    child.kill()
    child.communicate()
    handle = find_monitor(folder)
    assert handle is not None
    assert handle.running()
    assert _snlm("--stop", folder).exit_code == 0


def test_a_monitor_that_was_killed_is_told_as_that(guest: GuestProcess, folder: Path) -> None:
    assert _snlm(f"VM01={HERE}", "--kinds", _kinds(guest), "--for", "1h", "--detach", "--out", folder).exit_code == 0
    handle = find_monitor(folder)
    assert handle is not None
    _until(lambda: len(read_pings(folder / "samples" / "pings.csv")) > 3)
    psutil.Process(handle.identity.pid).kill()
    _until(lambda: not handle.running())
    told = _snlm("--stop", folder)
    assert (told.exit_code, told.stderr) == (1, "")
    assert "it was killed, or this machine went down" in told.stdout


@pytest.mark.skipif(os.name != "posix", reason="Windows does not delete a file that is written")
def test_a_folder_that_is_taken_away_is_told_as_that(guest: GuestProcess, folder: Path) -> None:
    child = _started(folder, f"VM01={HERE}", "--kinds", f"udp:{guest.udp_port}", "--for", "1h")
    try:
        _until(lambda: len(read_pings(folder / "samples" / "pings.csv")) > 3)
        shutil.rmtree(folder)
        out, err = child.communicate(timeout=_LIMIT_S)
    finally:
        child.kill()
    assert (child.returncode, err) == (1, "")
    assert "The monitor has ended: its folder was moved or deleted." in out
    assert "Its samples went with its folder" in out


def test_a_damaged_first_line_ends_the_monitor_all_the_same(guest: GuestProcess, folder: Path) -> None:
    assert _snlm(f"VM01={HERE}", "--kinds", _kinds(guest), "--for", "1h", "--detach", "--out", folder).exit_code == 0
    samples = folder / "samples" / "pings.csv"
    _until(lambda: len(read_pings(samples)) > 3)
    with samples.open("r+b") as file:
        file.write(b"# snlm.pings/2 {{")
    told = _snlm("--stop", folder)
    assert (told.exit_code, told.stderr) == (1, "")
    assert "it was told to end" in told.stdout
    assert "its first line is damaged" in told.stdout


def test_who_never_answered_is_said_while_it_runs_and_at_the_end(folder: Path) -> None:
    done = _snlm(f"VM09={HERE}", "--kinds", "connect:1=echo", "--for", "4s", "--out", folder)
    assert done.exit_code == 0
    assert "VM09 has not answered by TCP connect so far" in done.stdout
    assert "Nothing can be said of VM09" in done.stdout


WRONG = {
    "no target": ((), "nothing to probe"),
    "a kind for a target": ((HERE, "connect:3389=rdp"), "in PowerShell"),
    "a port in the target": (("vm01:3389",), "a port stands in --kinds"),
    "a kind that is none": ((HERE, "--kinds", "ping"), "no such kind of probe"),
    "a port that is none": ((HERE, "--kinds", "tcp:0"), "from 1 to 65535"),
    "two ends": ((HERE, "--until", "18:30", "--for", "1h"), "two ends"),
    "a past end": ((HERE, "--until", "2020-01-01T00:00Z"), "is past"),
    "an end in another form": ((HERE, "--until", "24.11.2026"), "is no time"),
    "a duration without unit": ((HERE, "--for", "90"), "is no duration"),
    "detached for ever": ((HERE, "--detach"), "--detach needs an end"),
    "one name twice": ((HERE, "--control", HERE), "named twice"),
    "an unknown name": (("no-such-host.invalid", "--for", "1h"), "is not known"),
    "an unknown control": ((HERE, "--control", "no-such-host.invalid", "--for", "1h"), "control no-such-host"),
    "stop and more": ((HERE, "--stop", "somewhere"), "--stop takes a folder and nothing else"),
    "stop where none ran": (("--stop", "somewhere"), "no monitor ever ran here"),
    "an interval below ten": ((HERE, "--interval", "5"), "greater than or equal to 10"),
    "an interval in words": ((HERE, "--interval", "fast"), "a valid integer"),
}


@pytest.mark.parametrize(("words", "says"), [*WRONG.values()], ids=[*WRONG])
def test_a_wrong_word_is_one_sentence_and_nothing_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    told = _snlm(*words)

    assert told.exit_code == 2
    assert says in re.sub(r"\s+", " ", told.stderr.replace("│", " "))
    assert "Traceback" not in told.stderr
    assert [*tmp_path.iterdir()] == []


def test_the_record_of_a_change_is_neither_probed_into_nor_stopped(tmp_path: Path) -> None:
    (tmp_path / "change.json").write_text(json.dumps({}), encoding="utf-8")
    for words in ((HERE, "--for", "1h", "--out", str(tmp_path / "samples")), ("--stop", str(tmp_path))):
        told = _snlm(*words)
        assert (told.exit_code, "is the record of a change" in told.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["change.json"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = _snlm(HERE, "--for", "1h", "--out", tmp_path / "file" / "below")
    assert (told.exit_code, "cannot be written" in told.stderr) == (2, True)


def test_help_shows_the_quotes_that_a_list_needs() -> None:
    told = re.sub(r"\s+", " ", _snlm("--help").stdout)
    assert 'Example: snlm monitor vm01 --for 8h --kinds "icmp,connect:3389=rdp"' in told
