"""A forecast kept in its record, and lessons read from sealed records alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from snlm_lib.errors import RecordError
from snlm_lib.measure.forecast import Forecaster, MoveInputs, Outcome, Past
from snlm_lib.measure.forecast.score import Fact
from snlm_lib.record.manifest import FileRow, Manifest
from snlm_lib.record.outlook import given_to, keep_forecast, keep_past, kept_forecast, past_moves, spans_of

GIVEN = MoveInputs(machine="m", ram_assigned_mib=4096, link_mbit_s=1000)
FACT = Fact(50.0, None, 50.0, 1.0, 4300.0)


def kept(outputs: Path, start: str, *, lab: str | None, ended_s: float, sealed: bool = True) -> Path:
    record = outputs / "CHG1" / start
    keep_forecast(record, Forecaster().forecast(GIVEN), GIVEN, time_factor=7)
    keep_past(record, Past(GIVEN, Outcome(50.0, 1.0), ended_s), FACT, "too slow.", lab=lab)
    if sealed:
        seal(record)
    return record


def seal(record: Path) -> None:
    """The manifest alone: what a lesson is compared with."""
    raw = lesson(record).read_bytes()
    row = FileRow(path="samples/past_move.json", size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    utc, head = "2026-11-23T09:00:00.000Z", "0" * 64
    manifest = Manifest(schema="snlm.manifest/1", sealed_utc=utc, chain_head=head, chain_entries=1, files=[row])
    (record / "manifest.json").write_bytes(manifest.to_bytes())


def lesson(record: Path) -> Path:
    return record / "samples" / "past_move.json"


def reseal_as(record: Path, text: str) -> None:
    lesson(record).write_text(text, encoding="utf-8")
    seal(record)


def test_what_is_kept_is_read_back_with_facts_and_reason(tmp_path: Path) -> None:
    told = kept_forecast(kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1))
    assert told is not None
    assert (told["fact"]["memory_s"], told["miss"], told["time_factor"]) == (50.0, "too slow.", 7)
    spans = spans_of(told)
    assert spans["total_s"].low < spans["total_s"].mid < spans["total_s"].high
    assert given_to(told) == GIVEN


def test_only_sealed_records_of_the_same_hosts_teach_and_the_oldest_end_comes_first(tmp_path: Path) -> None:
    kept(tmp_path, "20261123T090000Z", lab=None, ended_s=20)
    kept(tmp_path, "20261123T090100Z", lab=None, ended_s=10)
    kept(tmp_path, "20261123T090200Z", lab="quick", ended_s=5)
    kept(tmp_path, "20261123T090300Z", lab=None, ended_s=1, sealed=False)
    assert [past.ended_unix_s for past in past_moves(tmp_path, lab=None)] == [10, 20]
    assert len(past_moves(tmp_path, lab="quick")) == 1
    assert past_moves(tmp_path, lab="rehearsal") == []
    assert past_moves(tmp_path / "nowhere", lab=None) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{",
        '{"schema": "other/9"}',
        '{"schema": "snlm.past-move/1", "inputs": 3}',
        '{"schema": "snlm.past-move/1", "inputs": {"ram_assigned_mib": "x"}, "outcome": {"memory_s": 5}}',
        '{"schema": "snlm.past-move/1", "inputs": {}, "outcome": {"memory_s": NaN}}',
        '{"schema": "snlm.past-move/1", "inputs": {}, "outcome": {"memory_s": 1e300}}',
        '{"schema": "snlm.past-move/1", "inputs": {}, "outcome": {"passes": [{"mib": -1, "seconds": 1}]}}',
        "[" * 100_000,
        '{"schema": "snlm.past-move/1", "lab": null, "inputs": {"ram_assigned_mib": ' + "9" * 5000 + "}}",
    ],
)
def test_a_damaged_lesson_teaches_nothing_and_stops_nothing(tmp_path: Path, text: str) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    (record / "samples" / "forecast.json").write_text(text, encoding="utf-8")
    reseal_as(record, text)
    assert past_moves(tmp_path, lab=None) == []
    assert kept_forecast(record) is None


def test_a_lesson_that_was_changed_since_the_seal_teaches_nothing(tmp_path: Path) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    assert len(past_moves(tmp_path, lab=None)) == 1
    text = lesson(record).read_text(encoding="utf-8")
    lesson(record).write_text(text.replace("50.0", "51.0"), encoding="utf-8")
    assert past_moves(tmp_path, lab=None) == []


@pytest.mark.parametrize("manifest", ["", "{}", "[]", "\0"])
def test_a_seal_that_is_none_vouches_for_nothing(tmp_path: Path, manifest: str) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    (record / "manifest.json").write_text(manifest, encoding="utf-8")
    assert past_moves(tmp_path, lab=None) == []


def test_a_lesson_that_does_not_say_whose_hosts_it_was_is_nobodys(tmp_path: Path) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    found = json.loads(lesson(record).read_text(encoding="utf-8"))
    del found["lab"]
    reseal_as(record, json.dumps(found))
    assert past_moves(tmp_path, lab=None) == []


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    text = lesson(record).read_text(encoding="utf-8")
    (record / "samples" / "forecast.json").write_text(" " * 2**20 + "{}", encoding="utf-8")
    reseal_as(record, text + " " * 2**20)
    assert past_moves(tmp_path, lab=None) == []
    assert kept_forecast(record) is None


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    lesson(record).unlink()
    lesson(record).mkdir()
    assert past_moves(tmp_path, lab=None) == []


def test_rehearsals_do_not_crowd_out_what_real_hosts_taught(tmp_path: Path) -> None:
    kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    rehearsal = kept(tmp_path, "20261124T000000Z", lab="quick", ended_s=1)
    for number in range(1, 401):
        shutil.copytree(rehearsal, rehearsal.with_name(f"20261124T{number:06}Z"))
    assert len(past_moves(tmp_path, lab=None)) == 1


@pytest.mark.parametrize(
    ("name", "span"),
    [("total_s", None), ("memory_s", None), ("pause_s", [3, 2, 1]), ("memory_s", [0, 1, 2]), ("total_s", [1, 2])],
)
def test_a_forecast_with_a_range_that_cannot_be_is_none(tmp_path: Path, name: str, span: list[int] | None) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    told = kept_forecast(record)
    assert told is not None
    told["spans"][name] = span
    (record / "samples" / "forecast.json").write_text(json.dumps(told), encoding="utf-8")
    assert kept_forecast(record) is None


def test_a_sealed_record_takes_no_forecast_any_more(tmp_path: Path) -> None:
    record = kept(tmp_path, "20261123T090000Z", lab=None, ended_s=1)
    before = (record / "samples" / "forecast.json").read_text(encoding="utf-8")
    with pytest.raises(RecordError, match="sealed"):
        keep_forecast(record, Forecaster().forecast(GIVEN), GIVEN)
    assert (record / "samples" / "forecast.json").read_text(encoding="utf-8") == before
    assert json.loads(before)["schema"] == "snlm.forecast/1"
