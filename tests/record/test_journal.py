"""The chain: what is written reads back, and what was tampered with is named by its number."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import RecordError
from snlm_lib.process import ProcessIdentity
from snlm_lib.record.journal import ZERO, Journal, open_intents, read_entries, runner_of, verify_chain


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl", FakeClock())


def fill(journal: Journal, count: int) -> list[bytes]:
    for number in range(count):
        journal.append("note", "05_move_vm", {"n": number, "vm": "Größe ß <script>"})
    return journal.path.read_bytes().splitlines(keepends=True)


def test_entries_read_back_and_chain_from_zeros(journal: Journal) -> None:
    fill(journal, 3)
    first, second, _ = journal.entries()
    assert (first.seq, first.previous, first.utc) == (1, ZERO, "2026-11-23T21:04:00.000Z")
    assert second.previous == first.digest == first.true_digest()
    assert second.data == {"n": 1, "vm": "Größe ß <script>"}
    report = verify_chain(journal.path)
    assert report.intact
    assert (report.entries, report.head) == (3, journal.entries()[-1].digest)


def test_a_line_is_canonical_and_unescaped(journal: Journal) -> None:
    line = fill(journal, 1)[0].decode()
    assert line.startswith('{"data":{"n":0,"vm":"Größe ß <script>"},"digest":"')
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "data", [{1: "a", 11: "b", 2: "c"}, {"name": "lone \ud800 surrogate"}, {"t": 0.1}, {"s": "\u2028"}]
)
def test_odd_data_keeps_its_digest(journal: Journal, data: dict[object, object]) -> None:
    journal.append("note", None, data)  # type: ignore[arg-type]
    assert verify_chain(journal.path).intact


@pytest.mark.parametrize("bad", [float("nan"), Path("x"), {1, 2}])
def test_data_that_is_not_json_is_refused_and_leaves_no_line(journal: Journal, bad: object) -> None:
    with pytest.raises(RecordError, match="'note' entry cannot be written"):
        journal.append("note", None, {"bad": bad})
    assert journal.entries() == ()


def test_an_altered_entry_is_named(journal: Journal) -> None:
    lines = fill(journal, 4)
    lines[1] = lines[1].replace(b'"n":1', b'"n":7')
    journal.path.write_bytes(b"".join(lines))
    assert verify_chain(journal.path).damage == ("entry 2 was altered: its digest does not match its content",)


def test_an_altered_entry_with_a_new_digest_is_named_by_its_successor(journal: Journal) -> None:
    lines = fill(journal, 3)
    forger = Journal(journal.path.with_name("forged.jsonl"), FakeClock())
    forger.append("note", "05_move_vm", {"n": 0, "vm": "another"})
    lines[0] = forger.path.read_bytes()
    journal.path.write_bytes(b"".join(lines))
    assert verify_chain(journal.path).damage == ("entry 2 does not follow entry 1: replaced",)


def test_missing_repeated_and_moved_entries_are_named(journal: Journal) -> None:
    lines = fill(journal, 5)
    journal.path.write_bytes(b"".join([lines[0], *lines[3:]]))
    assert verify_chain(journal.path).damage == ("entries 2 to 3 are missing before entry 4",)
    journal.path.write_bytes(b"".join(lines[1:]))
    assert verify_chain(journal.path).damage == ("entry 1 is missing before entry 2",)
    journal.path.write_bytes(b"".join([*lines, lines[2]]))
    assert "entry 3 stands after entry 5" in verify_chain(journal.path).damage[0]


def test_a_torn_last_line_is_kept_and_the_next_entry_follows_the_last_whole_one(journal: Journal) -> None:
    lines = fill(journal, 2)
    journal.path.write_bytes(b"".join(lines) + lines[1][:40])
    torn = verify_chain(journal.path)
    assert (torn.intact, torn.torn, torn.entries) == (True, (3,), 2)
    late = Journal(journal.path, FakeClock()).append("note", None, {})
    assert (late.seq, late.previous) == (3, json.loads(lines[1])["digest"])
    assert journal.path.read_bytes().splitlines()[2] == lines[1][:40]
    healed = verify_chain(journal.path)
    assert (healed.intact, healed.torn, healed.entries) == (True, (3,), 3)


def test_a_lost_newline_alone_loses_no_entry(journal: Journal) -> None:
    fill(journal, 2)
    journal.path.write_bytes(journal.path.read_bytes()[:-1])
    assert Journal(journal.path, FakeClock()).append("note", None, {}).seq == 3
    assert verify_chain(journal.path).torn == ()


def test_a_garbled_whole_line_is_damage(journal: Journal) -> None:
    lines = fill(journal, 3)
    journal.path.write_bytes(b"".join([*lines[:2], b"{garbled}\n"]))
    assert verify_chain(journal.path).damage == ("line 3, the last one, is no journal entry any more",)
    journal.path.write_bytes(b"".join([lines[0], b"\xff\xfe\n", lines[2]]))
    assert verify_chain(journal.path).damage == ("entry 2 is missing before entry 3",)


@pytest.mark.parametrize("content", [None, b""])
def test_no_journal_is_damage(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert verify_chain(path).damage == ("the journal is missing or empty",)
    assert read_entries(path) == ()


def test_two_writers_take_turns(journal: Journal) -> None:
    other = Journal(journal.path, FakeClock())
    seqs = [who.append("note", None, {}).seq for who in (journal, other, journal, journal, other)]
    assert seqs == [1, 2, 3, 4, 5]
    assert verify_chain(journal.path).intact


_APPENDER = """
import sys, pathlib
from snlm_lib.clock import SystemClock
from snlm_lib.record.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]), SystemClock())
for number in range(25):
    journal.append("command", sys.argv[2], {"n": number})
"""


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    running = [subprocess.Popen([sys.executable, "-c", _APPENDER, str(path), name]) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert verify_chain(path).intact
    found = read_entries(path)
    assert len(found) == 75
    assert [entry.data["n"] for entry in found if entry.step == "b"] == list(range(25))


def test_a_sealed_record_takes_no_entry_and_gets_no_lock_file(journal: Journal) -> None:
    fill(journal, 1)
    (journal.path.parent / "manifest.json").write_text("{}", encoding="utf-8")
    (journal.path.parent / ".lock").unlink()
    with pytest.raises(RecordError, match="sealed"):
        journal.append("note", None, {})
    assert not (journal.path.parent / ".lock").exists()
    assert len(journal.entries()) == 1


def test_an_intent_stays_open_until_its_outcome(journal: Journal) -> None:
    journal.append("intent", "01", {"intent_id": "a", "what": "x", "undo": "y", "before": {}})
    journal.append("intent", "05", {"intent_id": "b", "what": "x", "undo": "y", "before": {}})
    journal.append("outcome", "01", {"intent_id": "a", "result": "done", "detail": ""})
    assert [entry.data["intent_id"] for entry in open_intents(journal.entries())] == ["b"]
    assert open_intents(journal.entries(), "01") == ()


def test_a_key_that_stands_twice_hides_nothing(journal: Journal) -> None:
    journal.append("outcome", "05", {"intent_id": "a", "result": "failed"})
    line = journal.path.read_bytes()
    journal.path.write_bytes(line.replace(b'{"data":', b'{"data":{"intent_id":"a","result":"done"},"data":', 1))
    assert not verify_chain(journal.path).intact


@pytest.mark.parametrize("runner", [None, [1], {"pid": "x"}, {"pid": 1}, {"pid": 1, "started": "soon"}])
def test_a_runner_that_is_no_process_is_nobody(journal: Journal, runner: object) -> None:
    journal.append("run-started", None, {"runner": runner})
    assert runner_of(journal.entries()) is None


def test_the_last_runner_counts(journal: Journal) -> None:
    for pid in (7, 8):
        journal.append("run-started", None, {"runner": {"pid": pid, "started": 1.5}})
    assert runner_of(journal.entries()) == ProcessIdentity(8, 1.5)
