"""The list of a record's files with their hashes: its schema, its making, its reading; judges nothing."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from snlm_lib.errors import RecordError
from snlm_lib.record.names import JOURNAL, LOCKS, MANIFEST, SIGNATURE, SUMS, VERIFY_TEXT, canonical

__all__ = [
    "UNLISTED",
    "FileRow",
    "Manifest",
    "content_digest",
    "digest_of",
    "list_files",
    "parse_manifest",
    "parse_sums",
    "say_name",
]

UNLISTED = frozenset({MANIFEST, SUMS, VERIFY_TEXT, SIGNATURE})
_SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_BAD_CHARACTER = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _plain_path(path: str) -> str:
    """Refuse what could point out of the record, or cannot be a file's name on Windows."""
    for part in path.split("/"):
        if part in ("", ".", "..") or part.endswith((".", " ")) or _RESERVED.fullmatch(part):
            raise ValueError(f"{say_name(path)} is no plain relative path")
    if _BAD_CHARACTER.search(path):
        raise ValueError(f"{say_name(path)} is not legal on Windows")
    return path


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FileRow(_Closed):
    """One file: its path below the record with forward slashes, its size and its hash."""

    path: Annotated[str, AfterValidator(_plain_path)]
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Manifest(_Closed):
    """manifest.json: every file but itself, SHA256SUMS, VERIFY.txt and signature; and the journal's end."""

    schema_: Literal["snlm.manifest/1"] = Field("snlm.manifest/1", alias="schema")
    sealed_utc: str
    chain_head: Sha256
    chain_entries: Annotated[int, Field(ge=1)]
    files: list[FileRow]

    @model_validator(mode="after")
    def _each_once(self) -> Manifest:
        folded = [row.path.casefold() for row in self.files]
        twice = sorted({row.path for row in self.files if folded.count(row.path.casefold()) > 1})
        if twice:
            raise ValueError(f"{twice[0]} stands twice (Windows does not tell upper from lower case)")
        return self

    def to_bytes(self) -> bytes:
        return canonical(self.model_dump(mode="json", by_alias=True)) + b"\n"


def content_digest(rows: Iterable[FileRow]) -> str:
    """One hash over every listed file but the journal, which holds it: so the chain's head covers them all."""
    listed = sorted((row.path, row.size, row.sha256) for row in rows if row.path != JOURNAL)
    return hashlib.sha256(canonical(listed)).hexdigest()


def parse_manifest(raw: bytes) -> Manifest:
    """Raises RecordError with one sentence for what is no manifest."""
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecordError(f"{key}: {first['msg']}", where=MANIFEST) from None


def parse_sums(raw: bytes) -> dict[str, str]:
    """SHA256SUMS as path -> hash; raises RecordError naming the line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        match = _SUM_LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise RecordError(f"line {number} is {'a repetition' if match else 'no line of hashes'}", where=SUMS)
        found[match[2]] = match[1]
    return found


def digest_of(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file, read once, in pieces."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def list_files(folder: Path) -> tuple[list[str], list[str]]:
    """Below ``folder``, in order: paths of plain files, and of what is neither file nor folder (links, pipes).

    Links are never followed; empty folders and the lock's two files do not count.
    """
    plain: list[str] = []
    odd: list[str] = []
    for path, mode in _walk(folder):
        (plain if stat.S_ISREG(mode) else odd).append(path.relative_to(folder).as_posix())
    kept = [name for name in plain if name not in LOCKS]
    return sorted(kept), sorted(odd)


def _walk(folder: Path) -> Iterator[tuple[Path, int]]:
    for place, folders, files in os.walk(folder, followlinks=False):
        for name in [*folders, *files]:
            path = Path(place, name)
            mode = path.lstat().st_mode
            if not stat.S_ISDIR(mode):
                yield path, mode


def say_name(path: str) -> str:
    """A file's name for a sentence: as it is, unless it holds what a terminal or a reader would stumble over."""
    return path if path.isprintable() and path == path.strip() else ascii(path)
