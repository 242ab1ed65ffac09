"""Each way to damage a record is named in a sentence, and none raises."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.seal import Seal, seal, verify


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = create_record(tmp_path, "CHG-1", clock=FakeClock(), facts={})
    for number in range(3):
        made.journal(FakeClock()).append("note", None, {"n": number})
    (made.samples / "pings.csv").write_text("seq\n1\n", encoding="utf-8")
    return made


@pytest.fixture
def sealed(record: Record) -> Path:
    seal(record, FakeClock())
    return record.path


def told(path: Path) -> str:
    return "\n".join(verify(path).sentences())


def test_a_whole_record(sealed: Path) -> None:
    report = verify(sealed)
    assert (report.state, report.exit_code) == ("sealed", 0)
    assert report.sentences() == ("whole: 3 files and 5 journal entries are as they were sealed",)


def test_an_open_record(record: Record) -> None:
    report = verify(record.path)
    assert (report.state, report.exit_code) == ("open", 0)
    assert report.sentences() == ("open, chain intact: 4 journal entries; not sealed yet",)


def test_an_open_record_whose_journal_is_a_folder(record: Record) -> None:
    record.journal_path.unlink()
    record.journal_path.mkdir()
    report = verify(record.path)
    assert report.state == "damaged"
    assert any("cannot be read" in line for line in report.sentences())


def test_an_open_record_with_a_broken_chain(record: Record) -> None:
    raw = record.journal_path.read_bytes()
    record.journal_path.write_bytes(raw.replace(b'"n":1', b'"n":9'))
    report = verify(record.path)
    assert (report.state, report.exit_code) == ("damaged", 1)
    assert "entry 3 was altered" in report.sentences()[1]


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_no_record(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "thing")
    report = verify(tmp_path / "thing")
    assert (report.state, report.exit_code) == ("not-a-record", 2)
    assert "not a record" in report.sentences()[0]


def alter(path: Path) -> None:
    (path / "samples" / "pings.csv").write_text("seq\n2\n", encoding="utf-8")


def remove(path: Path) -> None:
    (path / "samples" / "pings.csv").unlink()


def add(path: Path) -> None:
    (path / "samples" / "evil\x1b[31m\n.csv").touch()


def link_instead(path: Path) -> None:
    (path / "samples" / "pings.csv").rename(path.parent / "same.csv")
    (path / "samples" / "pings.csv").symlink_to(path.parent / "same.csv")


def add_link(path: Path) -> None:
    (path / "more").symlink_to("/")


def add_pipe(path: Path) -> None:
    os.mkfifo(path / "pipe")


def folder_instead(path: Path) -> None:
    remove(path)
    (path / "samples" / "pings.csv").mkdir()


def rewrite_manifest(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    alter(path)
    raw = (path / "samples" / "pings.csv").read_bytes()
    for row in manifest["files"]:
        if row["path"] == "samples/pings.csv":
            row["sha256"] = hashlib.sha256(raw).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def escape_manifest(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"][0]["path"] = "../../etc/passwd"
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def cut_manifest(path: Path) -> None:
    (path / "manifest.json").write_bytes(b'{"schema"')


def edit_sums(path: Path) -> None:
    text = (path / "SHA256SUMS").read_text(encoding="utf-8")
    (path / "SHA256SUMS").write_text("".join(text.splitlines(keepends=True)[:2]), encoding="utf-8")


def garble_sums(path: Path) -> None:
    (path / "SHA256SUMS").write_bytes(b"\xff\xfe nonsense\n")


def drop_sums(path: Path) -> None:
    (path / "SHA256SUMS").unlink()


def edit_text(path: Path) -> None:
    (path / "VERIFY.txt").write_text("run this instead", encoding="utf-8")


def drop_text(path: Path) -> None:
    (path / "VERIFY.txt").unlink()


def cut_journal(path: Path) -> None:
    raw = (path / "journal.jsonl").read_bytes()
    (path / "journal.jsonl").write_bytes(b"".join(raw.splitlines(keepends=True)[:-1]))


def manifest_folder(path: Path) -> None:
    (path / "manifest.json").unlink()
    (path / "manifest.json").mkdir()


def link_manifest(path: Path) -> None:
    (path / "manifest.json").rename(path.parent / "kept.json")
    (path / "manifest.json").symlink_to(path.parent / "kept.json")


def hide_in_a_lock(path: Path) -> None:
    (path / ".changing").write_text("more evidence", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (alter, "altered: samples/pings.csv"),
        (remove, "missing: samples/pings.csv"),
        (add, r"added after sealing: 'samples/evil\x1b[31m\n.csv'"),
        (link_instead, "altered: samples/pings.csv"),
        (add_link, "added after sealing: more"),
        (add_pipe, "added after sealing: pipe"),
        (folder_instead, "missing: samples/pings.csv"),
        (rewrite_manifest, "manifest.json is not the one that SHA256SUMS lists"),
        (escape_manifest, "is no plain relative path"),
        (cut_manifest, "manifest.json: the file: Invalid JSON"),
        (edit_sums, "SHA256SUMS and manifest.json disagree about"),
        (garble_sums, "SHA256SUMS: line 1 is no line of hashes"),
        (drop_sums, "SHA256SUMS cannot be read"),
        (edit_text, "VERIFY.txt is not the one that SHA256SUMS lists"),
        (drop_text, "VERIFY.txt cannot be read"),
        (cut_journal, "it was sealed at entry 5"),
        (manifest_folder, "manifest.json cannot be read"),
        (link_manifest, "added after sealing: manifest.json"),
        (hide_in_a_lock, "added after sealing: .changing"),
    ],
)
def test_damage_is_named(sealed: Path, damage: Callable[[Path], None], sentence: str) -> None:
    damage(sealed)
    report = verify(sealed)
    assert (report.state, report.exit_code) == ("damaged", 1)
    assert report.sentences()[0].startswith("DAMAGED")
    assert sentence in told(sealed)


def test_a_readers_lock_is_no_damage(sealed: Path) -> None:
    (sealed / ".changing").touch()
    (sealed / ".changing-holder").write_text("process 12 on HV01", encoding="utf-8")
    assert verify(sealed).state == "sealed"


def test_an_empty_folder_is_no_evidence_and_no_damage(sealed: Path) -> None:
    (sealed / "empty").mkdir()
    assert verify(sealed).state == "sealed"


def test_a_signature_is_mentioned_and_not_believed(sealed: Path) -> None:
    (sealed / "signature").write_text("x", encoding="utf-8")
    assert verify(sealed).notes == ("a signature is there; this version of snlm cannot check signatures",)


def test_a_torn_line_is_told_and_is_no_damage(record: Record) -> None:
    with record.journal_path.open("ab") as file:
        file.write(b'{"seq":5,"da')
    seal(record, FakeClock())
    assert verify(record.path).state == "sealed"
    assert "line 5 was torn by a crash and kept" in told(record.path)


def test_the_ticket_s_hash_shows_a_record_made_anew(record: Record) -> None:
    done: Seal = seal(record, FakeClock())
    for anchor in (done.chain_head, done.manifest_sha256[:12].upper()):
        assert verify(record.path, anchor=anchor).notes == ("the hash from the ticket fits",)
    other = verify(record.path, anchor="0" * 64)
    assert (other.state, other.exit_code, other.sentences()[0].split(":")[0]) == ("damaged", 1, "NOT THE TICKET'S")
    assert verify(record.path, anchor="").state == "damaged"


def forge(path: Path) -> None:
    """Alter a sample and make every list fit it again, as somebody with time would."""
    (path / "samples" / "pings.csv").write_text("seq\n9\n", encoding="utf-8")
    digest = hashlib.sha256((path / "samples" / "pings.csv").read_bytes()).hexdigest()
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    (row,) = (row for row in manifest["files"] if row["path"] == "samples/pings.csv")
    old, row["sha256"] = row["sha256"], digest
    raw = json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n"
    before = hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()
    (path / "manifest.json").write_text(raw, encoding="utf-8", newline="\n")
    sums = (path / "SHA256SUMS").read_text(encoding="utf-8").replace(old, digest)
    sums = sums.replace(before, hashlib.sha256(raw.encode()).hexdigest())
    (path / "SHA256SUMS").write_text(sums, encoding="utf-8", newline="\n")


def test_a_forged_list_does_not_fit_the_journals_last_entry(sealed: Path) -> None:
    head = verify(sealed).chain
    assert head is not None
    forge(sealed)
    report = verify(sealed, anchor=head.head)
    assert report.state == "damaged"
    assert "other files or hashes than the journal's sealing entry covers" in "".join(report.sentences())


@pytest.mark.parametrize("gone", [("manifest.json",), ("manifest.json", "SHA256SUMS", "VERIFY.txt")])
def test_a_seal_that_was_taken_away_is_damage_not_an_open_record(sealed: Path, gone: tuple[str, ...]) -> None:
    for name in gone:
        (sealed / name).unlink()
    report = verify(sealed)
    assert (report.state, report.exit_code) == ("damaged", 1)
    assert "manifest.json is missing although the record was sealed" in "".join(report.sentences())
