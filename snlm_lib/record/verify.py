"""Checking a record, open or sealed: names each altered, missing and added file and each break of the chain.

Reads only, follows no link, trusts no path that a file names, and answers every damage in a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from snlm_lib.errors import RecordError
from snlm_lib.record.journal import ChainReport, Entry, read_entries, verify_chain
from snlm_lib.record.manifest import (
    UNLISTED,
    Manifest,
    content_digest,
    digest_of,
    list_files,
    parse_manifest,
    parse_sums,
    say_name,
)
from snlm_lib.record.names import CHANGE, JOURNAL, LOCKS, MANIFEST, SIGNATURE, SUMS, VERIFY_TEXT

__all__ = ["State", "VerifyReport", "verify"]

State = Literal["sealed", "open", "damaged", "not-a-record"]
_EXIT = {"sealed": 0, "open": 0, "damaged": 1, "not-a-record": 2}
_LOCK_BYTES = 400
_LOCK_TEXT = re.compile(rb"(process \d+ on [^\x00-\x1f]{0,255})?")
_ANCHOR = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class VerifyReport:
    """What `verify` found. Paths are below the record, with forward slashes; ``problems`` are sentences.

    ``foreign``: nothing is wrong but that the ticket's hash does not fit.
    """

    path: Path
    state: State
    files: int = 0
    altered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    chain: ChainReport | None = None
    manifest_sha256: str | None = None
    foreign: bool = False

    @property
    def exit_code(self) -> int:
        """0 whole, or open with its chain intact; 1 damaged; 2 not a record."""
        return _EXIT[self.state]

    def sentences(self) -> tuple[str, ...]:
        """The findings for a person: the answer first, then each damage, then what else is worth knowing."""
        found = [f"altered: {say_name(name)}" for name in self.altered]
        found += [f"missing: {say_name(name)}" for name in self.missing]
        found += [f"added after sealing: {say_name(name)}" for name in self.added]
        if self.chain:
            found += [f"journal: {text}" for text in self.chain.damage]
            found += [f"journal: line {line} was torn by a crash and kept" for line in self.chain.torn]
        return (self._headline(), *found, *self.problems, *self.notes)

    def _headline(self) -> str:
        entries = f"{self.chain.entries} journal entries" if self.chain else "no journal"
        if self.state == "sealed":
            return f"whole: {self.files} files and {entries} are as they were sealed"
        if self.state == "open":
            return f"open, chain intact: {entries}; not sealed yet"
        if self.state == "not-a-record":
            return f"not a record: {self.path} holds neither {MANIFEST} nor {CHANGE}"
        if self.foreign:
            return "NOT THE TICKET'S: this record is whole, and the hash in the ticket is another's, or mistyped"
        return "DAMAGED: this record is not as it was written"


def verify(path: Path, *, anchor: str | None = None) -> VerifyReport:
    """Check the record at ``path`` and never raise for what is found in it.

    ``anchor`` is what the ticket holds: the chain head or the record seal, or at least the first eight
    characters of one; a record that fits neither is damaged.
    """
    if not path.is_dir() or not any((path / name).is_file() for name in (MANIFEST, CHANGE, JOURNAL)):
        return VerifyReport(path, "not-a-record")
    report = _sealed(path) if (path / MANIFEST).exists() else _open(path)
    whole = not _broken(report)
    if anchor is not None:
        report = _anchored(report, anchor.strip().lower())
    return replace(report, state="damaged", foreign=whole) if _broken(report) else report


def _broken(report: VerifyReport) -> bool:
    found = report.altered or report.missing or report.added or report.problems
    return bool(found) or (report.chain is not None and not report.chain.intact)


def _open(path: Path) -> VerifyReport:
    """A record without manifest.json; one that was sealed once is damaged, not open."""
    entries = _entries(path)
    left = [name for name in (SUMS, VERIFY_TEXT) if (path / name).exists()]
    problems: tuple[str, ...] = ()
    if left or any(entry.kind == "sealed" for entry in entries):
        sign = f"{left[0]} is there" if left else "the journal says so"
        problems = (f"{MANIFEST} is missing although the record was sealed ({sign}): removed, or sealing was cut off",)
    return VerifyReport(path, "open", problems=problems, chain=_chain(path))


def _entries(path: Path) -> tuple[Entry, ...]:
    """None when the journal cannot be read: `_chain` says so."""
    try:
        return read_entries(path / JOURNAL)
    except OSError:
        return ()


def _chain(path: Path) -> ChainReport:
    try:
        return verify_chain(path / JOURNAL)
    except OSError as error:
        return ChainReport(0, "", damage=(f"{JOURNAL} cannot be read: {error.strerror}",))


def _anchored(report: VerifyReport, anchor: str) -> VerifyReport:
    known = [text for text in (report.manifest_sha256, report.chain.head if report.chain else None) if text]
    if _ANCHOR.fullmatch(anchor) and any(text.startswith(anchor) for text in known):
        return replace(report, notes=(*report.notes, "the hash from the ticket fits"))
    sentence = f"the hash from the ticket ({say_name(anchor[:64])}) is neither this record's chain head nor its seal"
    return replace(report, problems=(*report.problems, sentence))


def _sealed(path: Path) -> VerifyReport:
    try:
        raw = (path / MANIFEST).read_bytes()
        digest = digest_of(path / MANIFEST)[1]
        manifest = parse_manifest(raw)
    except OSError as error:
        return VerifyReport(path, "damaged", problems=(f"{MANIFEST} cannot be read: {error.strerror}",))
    except RecordError as error:
        sentence = f"{error}: edited by hand or damaged, so the files cannot be compared with it"
        return VerifyReport(path, "damaged", problems=(sentence,), chain=_chain(path))
    altered, missing, problems = _compare(path, manifest)
    chain = _chain(path)
    return VerifyReport(
        path,
        "sealed",
        files=len(manifest.files),
        altered=altered,
        missing=missing,
        added=_added(path, manifest),
        problems=(*problems, *_sums_problems(path, manifest, digest), *_end_problems(path, manifest, chain)),
        notes=_notes(path),
        chain=chain,
        manifest_sha256=digest,
    )


def _compare(path: Path, manifest: Manifest) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Altered, missing, and sentences about what cannot be read."""
    altered: list[str] = []
    missing: list[str] = []
    unreadable: list[str] = []
    plain, odd = map(set, list_files(path))
    for row in manifest.files:
        if row.path not in plain:
            (altered if row.path in odd else missing).append(row.path)
            continue
        try:
            if digest_of(path / row.path) != (row.size, row.sha256):
                altered.append(row.path)
        except OSError as error:
            unreadable.append(f"{row.path} cannot be read: {error.strerror}")
    return tuple(altered), tuple(missing), tuple(unreadable)


def _added(path: Path, manifest: Manifest) -> tuple[str, ...]:
    plain, odd = list_files(path)
    listed = {row.path for row in manifest.files}
    added = [name for name in plain if name not in listed | UNLISTED]
    links = [name for name in odd if name not in listed]  # a link is no seal, even under the seal's name
    return (*added, *links, *(name for name in LOCKS if _holds_more(path / name)))


def _holds_more(lock: Path) -> bool:
    """A lock's file that a reader on Windows left is empty, or names a process; anything else hides there."""
    try:
        return lock.is_file() and not _LOCK_TEXT.fullmatch(lock.read_bytes()[:_LOCK_BYTES])
    except OSError:
        return False  # held by somebody just now


def _sums_problems(path: Path, manifest: Manifest, manifest_digest: str) -> list[str]:
    """SHA256SUMS must say the same as the manifest, and also cover manifest.json and VERIFY.txt."""
    try:
        sums = parse_sums((path / SUMS).read_bytes())
    except OSError as error:
        return [f"{SUMS} cannot be read: {error.strerror}"]
    except RecordError as error:
        return [f"{error}: edited by hand or damaged"]
    wanted = {row.path: row.sha256 for row in manifest.files} | {MANIFEST: manifest_digest}
    try:
        wanted[VERIFY_TEXT] = digest_of(path / VERIFY_TEXT)[1]
    except OSError as error:
        return [f"{VERIFY_TEXT} cannot be read: {error.strerror}"]
    names = sorted(set(sums) | set(wanted))
    return [_disagreement(name) for name in names if sums.get(name) != wanted.get(name)]


def _disagreement(name: str) -> str:
    if name in (MANIFEST, VERIFY_TEXT):
        return f"{name} is not the one that {SUMS} lists: one of the two was altered"
    return f"{SUMS} and {MANIFEST} disagree about {say_name(name)}: one of the two was altered"


def _end_problems(path: Path, manifest: Manifest, chain: ChainReport) -> list[str]:
    found = []
    if (chain.head, chain.entries) != (manifest.chain_head, manifest.chain_entries):
        found.append(
            f"the journal ends at entry {chain.entries} with {chain.head[:12]}; "
            f"it was sealed at entry {manifest.chain_entries} with {manifest.chain_head[:12]}"
        )
    elif entries := _entries(path):
        if entries[-1].kind != "sealed":
            found.append("the journal's last entry is not the one that seals it")
        elif entries[-1].data.get("content_sha256") != content_digest(manifest.files):
            found.append(f"{MANIFEST} lists other files or hashes than the journal's sealing entry covers")
    return found


def _notes(path: Path) -> tuple[str, ...]:
    if (path / SIGNATURE).exists():
        return ("a signature is there; this version of snlm cannot check signatures",)
    return ()
