"""Sealing a record: hashes of every file, the journal's last entry, and how anybody can check them.

The monitor's state folder stays in the record as evidence of how long it ran and why it ended. Nothing is
signed yet: a seal shows that files are unchanged, not who made them, and VERIFY.txt says so. manifest.json is
written last and makes the record sealed; a crash before that leaves it open, to be sealed again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from snlm_lib.clock import Clock
from snlm_lib.errors import RecordError
from snlm_lib.process import write_atomic
from snlm_lib.record.folder import Record
from snlm_lib.record.manifest import UNLISTED, FileRow, Manifest, content_digest, digest_of, list_files, say_name
from snlm_lib.record.names import JOURNAL, MANIFEST, SUMS, VERIFY_TEXT
from snlm_lib.record.verify import VerifyReport, verify
from snlm_lib.units import iso_utc

__all__ = ["Seal", "VerifyReport", "seal", "verify"]


@dataclass(frozen=True)
class Seal:
    """What belongs in the ticket: the journal's last digest, and the manifest's hash, which covers every file."""

    chain_head: str
    manifest_sha256: str
    files: int
    bytes: int


def seal(record: Record, clock: Clock) -> Seal:
    """Close the record for good: a "sealed" entry, then VERIFY.txt, SHA256SUMS and manifest.json.

    Raises RecordError when it is sealed already, when another process holds its lock, when a file is a link or
    has a name that Windows does not allow, or when a file cannot be read.
    """
    with record.journal(clock).locked() as writer:
        try:
            names = _listed(record.path)
            rows = [_row(record.path, name) for name in names if name != JOURNAL]
            entry = writer.append("sealed", None, {"files": len(names), "content_sha256": content_digest(rows)})
            rows = sorted([*rows, _row(record.path, JOURNAL)], key=lambda row: row.path)
            manifest = _manifest(rows, iso_utc(clock.utc_now()), entry.digest, entry.seq)
            return _write(record.path, manifest)
        except OSError as error:
            name = say_name(str(error.filename or record.path))
            raise RecordError(f"{name} cannot be sealed: {error.strerror}", where=str(record.path)) from error


def _listed(folder: Path) -> list[str]:
    plain, odd = list_files(folder)
    if odd:
        raise RecordError(
            f"{say_name(odd[0])} is a link or no plain file, and a record holds only plain files",
            where=str(folder),
            remedy="Put the file itself there, or remove it, then seal again.",
        )
    return [name for name in plain if name not in UNLISTED]


def _row(folder: Path, name: str) -> FileRow:
    try:
        size, digest = digest_of(folder / name)
        return FileRow(path=name, size=size, sha256=digest)
    except ValueError:
        raise RecordError(
            f"the file name {say_name(name)} is not legal on Windows",
            where=str(folder),
            remedy="Rename the file, then seal again.",
        ) from None


def _manifest(rows: list[FileRow], sealed_utc: str, head: str, entries: int) -> Manifest:
    try:
        return Manifest(
            schema="snlm.manifest/1", sealed_utc=sealed_utc, chain_head=head, chain_entries=entries, files=rows
        )
    except ValueError as error:
        raise RecordError(f"two files differ only in upper and lower case: {error}", where=MANIFEST) from None


def _write(folder: Path, manifest: Manifest) -> Seal:
    raw = manifest.to_bytes()
    sealed = Seal(
        manifest.chain_head,
        hashlib.sha256(raw).hexdigest(),
        len(manifest.files),
        sum(row.size for row in manifest.files),
    )
    text = verify_text(folder, manifest, sealed).encode("utf-8")
    sums = {row.path: row.sha256 for row in manifest.files}
    sums |= {MANIFEST: sealed.manifest_sha256, VERIFY_TEXT: hashlib.sha256(text).hexdigest()}
    write_atomic(folder / VERIFY_TEXT, text)
    write_atomic(folder / SUMS, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))
    write_atomic(folder / MANIFEST, raw)
    return sealed


_TEXT = """\
How to check this record
========================

Change {change}, record {folder}, sealed {sealed_utc}.
{files} files, listed with their SHA-256 in manifest.json and SHA256SUMS.

Paste this into the change ticket:

  record seal (SHA-256 of manifest.json, which lists every file)
  {seal}
  chain head (journal.jsonl, {entries} entries; its last entry holds a hash over every other file)
  {head}

Open a command line in this folder, then:

  with snlm (also finds added files, walks the journal's chain, and compares with the ticket)
    snlm verify . --anchor {short}

  Linux
    sha256sum -c SHA256SUMS

  macOS
    shasum -a 256 -c SHA256SUMS

  Windows PowerShell 5.1 or later (one line; names each file that is altered or missing, then counts them)
    {powershell}

  the record seal alone, on Windows
    (Get-FileHash -LiteralPath manifest.json -Algorithm SHA256).Hash

What this proves, and what not
------------------------------

Every file is as it was when the record was sealed, provided that the hashes above are those that stand in the
ticket. Compare them: somebody who can write into this folder can also make new lists, and this text.
Nothing here is signed: these files do not prove who made them.
The system commands above do not notice added files; snlm verify does.
"""

POWERSHELL = (
    "$n = 0; $bad = 0; Get-Content -Encoding UTF8 -LiteralPath SHA256SUMS -ErrorAction Stop | ForEach-Object "
    "{ $n++; $hash, $file = $_ -split '  ', 2; "
    "if ((Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash -ne $hash) "
    '{ $bad++; "ALTERED OR MISSING: $file" } }; "$bad of $n files altered or missing"'
)


def verify_text(folder: Path, manifest: Manifest, sealed: Seal) -> str:
    """VERIFY.txt: plain words, and a command for each system."""
    return _TEXT.format(
        change=folder.parent.name,
        folder=folder.name,
        sealed_utc=manifest.sealed_utc,
        files=sealed.files,
        entries=manifest.chain_entries,
        head=manifest.chain_head,
        seal=sealed.manifest_sha256,
        short=sealed.manifest_sha256[:16],
        powershell=POWERSHELL,
    )
