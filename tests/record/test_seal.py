"""What sealing writes, and what it refuses to seal."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import RecordError
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.journal import read_entries
from snlm_lib.record.manifest import content_digest, parse_manifest
from snlm_lib.record.seal import POWERSHELL, seal, verify


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = create_record(tmp_path, "CHG-1", clock=FakeClock(), facts={})
    (made.samples / "pings.csv").write_text("seq\n1\n", encoding="utf-8")
    (made.path / "Übersicht ß.txt").write_text("ä", encoding="utf-8")
    return made


def test_the_manifest_lists_every_file_but_the_seal_s_own(record: Record) -> None:
    done = seal(record, FakeClock())
    manifest = json.loads((record.path / "manifest.json").read_bytes())
    assert [row["path"] for row in manifest["files"]] == sorted(
        ["change.json", "journal.jsonl", "samples/pings.csv", "Übersicht ß.txt"]
    )
    assert (done.files, done.chain_head) == (4, manifest["chain_head"])
    assert done.manifest_sha256 == hashlib.sha256((record.path / "manifest.json").read_bytes()).hexdigest()
    last = read_entries(record.journal_path)[-1]
    content = content_digest(parse_manifest((record.path / "manifest.json").read_bytes()).files)
    assert (last.kind, last.digest, last.data) == ("sealed", done.chain_head, {"files": 4, "content_sha256": content})


def test_no_lock_file_is_left_and_nothing_can_be_written_any_more(record: Record) -> None:
    seal(record, FakeClock())
    assert sorted(path.name for path in record.path.glob(".*")) == []
    for write in (lambda: seal(record, FakeClock()), lambda: record.journal(FakeClock()).append("note", None, {})):
        with pytest.raises(RecordError, match="sealed"):
            write()
    assert verify(record.path).state == "sealed"


def test_the_system_s_own_tool_agrees(record: Record) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("no sha256sum on this machine")
    seal(record, FakeClock())
    good = subprocess.run([tool, "-c", "SHA256SUMS"], cwd=record.path, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert "manifest.json: OK" in good.stdout
    (record.samples / "pings.csv").write_text("seq\n2\n", encoding="utf-8")
    bad = subprocess.run([tool, "-c", "SHA256SUMS"], cwd=record.path, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "samples/pings.csv: FAILED" in bad.stdout


def test_the_text_says_what_to_paste_and_what_is_not_proved(record: Record) -> None:
    done = seal(record, FakeClock())
    text = (record.path / "VERIFY.txt").read_text(encoding="utf-8")
    for part in (done.chain_head, done.manifest_sha256, "sha256sum -c SHA256SUMS", "snlm verify .", POWERSHELL):
        assert part in text
    assert "do not prove who made them" in text
    assert not (record.path / "signature").exists()


def test_a_seal_cut_short_can_be_repeated(record: Record) -> None:
    seal(record, FakeClock())
    for name in ("manifest.json", "SHA256SUMS", "VERIFY.txt"):  # as if the machine had stopped before the first
        (record.path / name).unlink()
    assert "sealing was cut off" in "".join(verify(record.path).sentences())
    seal(record, FakeClock())
    assert verify(record.path).state == "sealed"
    assert [entry.kind for entry in read_entries(record.journal_path)] == ["record-opened", "sealed", "sealed"]


@pytest.mark.parametrize("name", ["a:b.txt", "trailing.", "back\\slash", "NUL.txt", "new\nline"])
def test_a_name_that_windows_cannot_hold_is_refused(record: Record, name: str) -> None:
    (record.path / name).touch()
    with pytest.raises(RecordError, match="not legal on Windows"):
        seal(record, FakeClock())
    assert record.open


def test_names_that_differ_only_in_case_are_refused(record: Record) -> None:
    (record.path / "Change.JSON").touch()
    if len({path.name.casefold() for path in record.path.iterdir()}) == len(list(record.path.iterdir())):
        pytest.skip("this file system does not tell upper from lower case")
    with pytest.raises(RecordError, match="upper and lower case"):
        seal(record, FakeClock())
    assert record.open


def test_a_link_is_refused_by_name(record: Record, tmp_path: Path) -> None:
    (record.path / "link.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match=r"link\.csv is a link"):
        seal(record, FakeClock())
    assert [entry.kind for entry in read_entries(record.journal_path)] == ["record-opened"]


def test_a_seal_whose_manifest_was_taken_away_is_not_closed_a_second_time(record: Record) -> None:
    seal(record, FakeClock())
    (record.path / "manifest.json").unlink()
    with pytest.raises(RecordError, match=r"manifest\.json is missing"):
        seal(record, FakeClock())
    assert verify(record.path).state == "damaged"
