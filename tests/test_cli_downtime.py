"""`snlm downtime` as typed: files of ours, folders, other tools' logs; a sentence, an object, a page."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import pytest
from typer.testing import CliRunner, Result

from snlm_lib import cli
from snlm_lib.record.folder import Record
from snlm_lib.record.moved import MOVE_STEP
from snlm_lib.record.result import StepResult, write_result

DATA = Path(__file__).parent / "measure" / "data"
SAMPLES = DATA / "pings-five-lost.csv"


def _downtime(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["downtime", *map(str, words)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    lines = [
        f"[{1795426963 + seq / 5:.6f}] 64 bytes from 192.0.2.7: icmp_seq={seq} ttl=64 time=0.5 ms" for seq in range(60)
    ]
    path = tmp_path / "ping.log"
    path.write_text("\n".join(line for seq, line in enumerate(lines) if not 20 <= seq < 25) + "\n", encoding="utf-8")
    return path


def test_the_sentence_and_a_line_for_each_kind() -> None:
    found = _downtime(SAMPLES)
    assert found.exit_code == 0
    first, udp, tcp = found.stdout.splitlines()
    assert first.startswith("VM01 was away 0.50 s ± 0.10 s (by UDP every 100 ms); 10 of ")
    assert udp.split(":")[0].strip() != tcp.split(":")[0].strip()
    assert "5 lost" in udp


def test_the_hosts_figure_and_a_span_of_time_are_laid_beside() -> None:
    found = _downtime(SAMPLES, "--paused", 0.4, "--begin", "2026-11-23T21:04:00.5", "--end", "2026-11-23T21:04:02")
    assert "the host paused it 0.4 s" in found.stdout


def test_a_log_of_another_tool_is_told_with_its_own_bounds(log: Path) -> None:
    found = _downtime(log, "--json")
    (machine,) = json.loads(found.stdout)["machines"]
    assert (machine["written_by"], machine["machine"], machine["supported"]) == ("ping", "192.0.2.7", True)
    assert machine["gap_lower_s"] <= 0.8 < 1.0 < 1.2 <= machine["gap_upper_s"] + 1e-3
    assert machine["kinds"][0]["gaps"][0]["started_utc"].endswith("Z")


def test_a_folder_stands_for_its_samples(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    copy(SAMPLES, tmp_path / "samples" / "pings.csv")
    assert _downtime(tmp_path).stdout == _downtime(SAMPLES).stdout


def test_several_files_are_named(log: Path) -> None:
    told = _downtime(SAMPLES, log).stdout
    assert f"{SAMPLES}: VM01 was away" in told
    assert f"{log}: 192.0.2.7 was away" in told


def test_a_file_given_twice_is_one(log: Path) -> None:
    assert _downtime(log, log).stdout == _downtime(log).stdout


def test_a_log_of_windows_has_its_pace_its_whole_milliseconds_and_its_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "w.txt"
    reply = "Reply from 192.0.2.7: bytes=32 time=2ms TTL=128\n"
    title = "Pinging 192.0.2.7 with 32 bytes of data:\n"
    path.write_text(title + reply * 3 + "Request timed out.\n" * 2 + reply * 3, encoding="utf-8")
    found = _downtime(path, "--interval-ms", 500, "--timeout-ms", 2000)
    assert found.stdout.startswith(
        "If one probe went each 500 ms (and a lost one waited up to 2 s): 192.0.2.7 was away"
    )
    assert "p50 2, p95 2, p99 2 ms" in found.stdout
    path.write_text(title + "Request timed out.\n" * 4, encoding="utf-8")
    silent = _downtime(path)
    assert (silent.exit_code, "none of 4 probes was ever answered" in silent.stdout) == (3, True)


def test_a_page_with_the_figures(tmp_path: Path, log: Path) -> None:
    page = tmp_path / "away.html"
    assert _downtime(log, "--html", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "192.0.2.7 was away" in text
    assert text.count('class="figure"') == 2


def test_data_that_support_no_figure_end_with_3(tmp_path: Path) -> None:
    lines = [f"[{1795426963 + seq:.6f}] 64 bytes from 192.0.2.7: icmp_seq={seq} ttl=64 time=0.5 ms" for seq in range(5)]
    lines += [f"[{1795426970 + seq:.6f}] no answer yet for icmp_seq={5 + seq}" for seq in range(3)]
    path = tmp_path / "ping.log"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = _downtime(path)
    assert (found.exit_code, "it had not come back" in found.stdout) == (3, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["no-such.csv"], "no samples to read"),
        ([DATA.parent / "patterns.py"], "no samples and no ping log"),
        ([Path(__file__).parents[1] / "README.md"], "no samples and no ping log"),
        ([DATA.parent], "no samples in this folder"),
        ([SAMPLES, "--begin", "2026-11-23T21:04:00"], "only one end"),
        ([SAMPLES, "--begin", "noon", "--end", "2026-11-23T21:04:00"], "'noon' is no moment"),
        ([SAMPLES, "--begin", "2026-11-23T21:04:01", "--end", "2026-11-23T21:04:00"], "ends before it begins"),
        ([SAMPLES, "--html", "no-such-folder/a.html"], "cannot write the page"),
    ],
)
def test_what_is_wrong_is_one_sentence(words: list[object], says: str) -> None:
    found = _downtime(*words)
    assert found.exit_code == 2
    assert says in found.stderr


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """The move took from 0.5 s to 2 s of the samples."""
    found = Record(tmp_path / "record")
    found.samples.mkdir(parents=True)
    copy(SAMPLES, found.samples / "pings.csv")
    found.change_json.write_text("{}", encoding="utf-8")
    return found


def _moved(record: Record, **figures: object) -> None:
    stamp = "2026-11-23T21:04:00.500Z"
    result = {
        "step": MOVE_STEP,
        "verdict": "passed",
        "reason": "",
        "started_utc": stamp,
        "ended_utc": stamp,
        "figures": figures,
    }
    write_result(record, StepResult.model_validate({"schema": "snlm.result/1", **result}))


def test_a_record_brings_the_time_of_its_move_and_its_hosts_figure(record: Record) -> None:
    begin, end = "2026-11-23T21:04:00.500Z", "2026-11-23T21:04:02.000Z"
    _moved(record, requested_utc=begin, ended_utc=end, host_blackout_s=0.4, blackout_event_id=20415)
    found = _downtime(record.path)
    by_hand = _downtime(SAMPLES, "--paused", 0.4, "--begin", begin, "--end", end)
    assert found.stdout.replace(" (event 20415)", "") == by_hand.stdout
    assert "the host paused it 0.4 s (event 20415)" in found.stdout
    assert "\n  from 2026-11-23 21:04:00 to 21:04:02 UTC\n" in found.stdout
    assert "the host paused it 0.3 s;" in _downtime(record.path, "--paused", 0.3).stdout, "who asks is heard first"


def test_a_record_without_a_whole_move_is_judged_by_its_samples(record: Record) -> None:
    assert _downtime(record.path).stdout == _downtime(SAMPLES).stdout
    _moved(record, requested_utc="2026-11-23T21:04:00.500Z", ended_utc=None)
    assert _downtime(record.path).stdout == _downtime(SAMPLES).stdout


def test_a_damaged_result_is_named(record: Record) -> None:
    _moved(record)
    (record.step_dir(MOVE_STEP) / "result.json").write_text("{", encoding="utf-8")
    found = _downtime(record.path)
    assert (found.exit_code, "result.json" in found.stderr) == (2, True)
