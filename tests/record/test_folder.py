"""The record's folder: its name, its twins, which are open."""

from __future__ import annotations

from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import RecordError
from snlm_lib.record.folder import Record, create_record, find_open_record, open_records, read_change
from snlm_lib.record.journal import read_entries


def test_a_new_record_is_named_by_its_utc_second_and_is_open(tmp_path: Path) -> None:
    record = create_record(tmp_path, "CHG-1", clock=FakeClock(), facts={"rehearsal": True})
    assert record.path == tmp_path / "CHG-1" / "20261123T210400Z"
    assert record.open
    assert not record.sealed
    assert record.samples.is_dir()
    known = {"change_id": "CHG-1", "opened_utc": "2026-11-23T21:04:00.000Z", "schema": "snlm.change/1"}
    assert read_change(record) == {"rehearsal": True, **known}
    (entry,) = read_entries(record.journal_path)
    assert (entry.kind, entry.data["folder"]) == ("record-opened", "20261123T210400Z")


def test_a_second_one_in_the_same_second_gets_a_suffix_and_the_tenth_stands_last(tmp_path: Path) -> None:
    made = [create_record(tmp_path, "C", clock=FakeClock(), facts={}).path.name for _ in range(10)]
    assert made[1] == "20261123T210400Z-2"
    assert [record.path.name for record in open_records(tmp_path, "C")] == made


def test_the_open_record_is_found_and_two_are_named(tmp_path: Path) -> None:
    assert find_open_record(tmp_path, "C") is None
    first = create_record(tmp_path, "C", clock=FakeClock(), facts={})
    assert find_open_record(tmp_path, "C") == first
    create_record(tmp_path, "C", clock=FakeClock(), facts={})
    with pytest.raises(RecordError, match="2 records are open: 20261123T210400Z, 20261123T210400Z-2"):
        find_open_record(tmp_path, "C")


def test_sealed_records_and_strange_folders_are_not_open(tmp_path: Path) -> None:
    record = create_record(tmp_path, "C", clock=FakeClock(), facts={})
    (record.path / "manifest.json").touch()
    for name in ("notes", "20261123T210500Z"):
        (tmp_path / "C" / name).mkdir()
    assert open_records(tmp_path, "C") == []
    with pytest.raises(RecordError, match="sealed"):
        record.refuse_sealed()


@pytest.mark.parametrize("name", ["", "..", "a/b", "CON", "com1", "-x", "x" * 41, "a b", "x\n"])
def test_a_change_id_that_names_no_folder_on_windows_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match="cannot name a folder"):
        create_record(tmp_path, name, clock=FakeClock(), facts={})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "C").write_text("a file is in the way", encoding="utf-8")
    with pytest.raises(RecordError, match="SNLM_OUTPUTS"):
        create_record(tmp_path, "C", clock=FakeClock(), facts={})


def test_a_step_name_cannot_leave_the_record(tmp_path: Path) -> None:
    record = Record(tmp_path)
    assert record.step_dir("05_move_vm") == tmp_path / "steps" / "05_move_vm"
    with pytest.raises(RecordError, match="cannot name a step"):
        record.step_dir("../05")


@pytest.mark.parametrize("text", [None, "{", "[1]"])
def test_a_broken_change_file_is_one_sentence(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "change.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"change\.json"):
        read_change(Record(tmp_path))
