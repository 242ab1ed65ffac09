"""The journal: append-only JSON lines, each carrying the digest of the one before; knows nothing of steps.

A line is on disk (fsync) before ``append`` returns. Several processes may append, one at a time, under the
record's lock. A line torn by a crash stays where it is: the next entry starts on a fresh line and follows the
last whole one. A chain shows an alteration inside; it cannot show that the whole tail was rewritten, which is
why its head belongs in the ticket.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from snlm_lib.clock import Clock
from snlm_lib.errors import RecordError
from snlm_lib.lock import FileLock
from snlm_lib.process import ProcessIdentity, append_bytes
from snlm_lib.record.names import LOCK, LOCKS, canonical, refuse_sealed
from snlm_lib.units import iso_utc

__all__ = [
    "ZERO",
    "ChainReport",
    "Entry",
    "Journal",
    "JournalWriter",
    "Kind",
    "open_intents",
    "read_entries",
    "runner_of",
    "verify_chain",
]

ZERO = "0" * 64
Kind = Literal[
    "record-opened",
    "run-started",
    "step-started",
    "command",
    "intent",
    "outcome",
    "verdict",
    "note",
    "run-ended",
    "sealed",
]
_FIELDS = {"seq", "utc", "kind", "step", "data", "previous", "digest"}


@dataclass(frozen=True)
class Entry:
    """One line: ``digest`` is the SHA-256 of the canonical line without it, ``previous`` the digest before."""

    seq: int
    utc: str
    kind: str
    step: str | None
    data: Mapping[str, Any]
    previous: str
    digest: str

    def true_digest(self) -> str:
        """What ``digest`` must be if nothing was altered."""
        return _digest(self.seq, self.utc, self.kind, self.step, self.data, self.previous)

    def line(self) -> bytes:
        return canonical({name: getattr(self, name) for name in _FIELDS}) + b"\n"


def _digest(seq: int, utc: str, kind: str, step: str | None, data: Mapping[str, Any], previous: str) -> str:
    body = {"seq": seq, "utc": utc, "kind": kind, "step": step, "data": dict(data), "previous": previous}
    return hashlib.sha256(canonical(body)).hexdigest()


@dataclass(frozen=True)
class ChainReport:
    """What walking the chain found. ``torn`` are line numbers, ``damage`` sentences that name the entry."""

    entries: int
    head: str
    torn: tuple[int, ...] = ()
    damage: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.damage


class JournalWriter:
    """What a holder of the record's lock may do: append one entry after the other."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._offset = 0
        self._seq = 0
        self._head = ZERO
        self._fresh_line = True

    @property
    def head(self) -> str:
        return self._head

    def catch_up(self) -> None:
        """Read what was appended since, by whomever; only whole lines move the head on."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            added = file.read()
        for line in added.split(b"\n"):
            entry = _parse(line)
            if entry is not None:
                self._seq, self._head = entry.seq, entry.digest
        self._offset += len(added)
        self._fresh_line = added.endswith(b"\n") if added else self._fresh_line

    def append(self, kind: Kind, step: str | None, data: Mapping[str, Any]) -> Entry:
        """Write one entry to disk and return it; raises RecordError for data that is not JSON."""
        seq, utc = self._seq + 1, iso_utc(self._clock.utc_now())
        try:
            plain = json.loads(canonical(data))
            entry = Entry(seq, utc, kind, step, plain, self._head, _digest(seq, utc, kind, step, plain, self._head))
        except (TypeError, ValueError) as error:
            raise RecordError(f"a {kind!r} entry cannot be written: {error}", where=str(self._path)) from error
        raw = entry.line() if self._fresh_line else b"\n" + entry.line()
        append_bytes(self._path, raw)
        self._offset += len(raw)
        self._seq, self._head, self._fresh_line = seq, entry.digest, True
        return entry


class Journal:
    """The journal at ``path``, whose folder is the record: its lock and its seal are respected."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._writer = JournalWriter(path, clock)

    def append(self, kind: Kind, step: str | None, data: Mapping[str, Any]) -> Entry:
        """Append one entry, on disk when this returns.

        Raises RecordError when the record is sealed, when another process holds the lock for more than five
        seconds, or when ``data`` is not JSON (NaN included).
        """
        with self.locked() as writer:
            return writer.append(kind, step, data)

    @contextmanager
    def locked(self) -> Iterator[JournalWriter]:
        """Hold the record's lock, with the writer up to date; nobody else appends meanwhile."""
        folder = self.path.parent
        refuse_sealed(folder)
        try:
            with FileLock(folder / LOCK):
                refuse_sealed(folder)
                self._writer.catch_up()
                yield self._writer
        finally:
            _drop_locks_of_sealed(folder)

    def entries(self) -> tuple[Entry, ...]:
        """Every whole entry, in the order of the file; a torn line is left out here and told by `verify_chain`."""
        return read_entries(self.path)


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The whole entries of the journal at ``path``, for who only reads; none when there is no file."""
    return tuple(entry for _, entry in _lines(path) if entry is not None)


def _drop_locks_of_sealed(folder: Path) -> None:
    """A sealed record keeps no lock files: they are in no manifest."""
    try:
        refuse_sealed(folder)
    except RecordError:
        for name in LOCKS:
            with suppress(OSError):  # Windows: somebody still waits on it, and will come by here
                (folder / name).unlink(missing_ok=True)


def _parse(line: bytes) -> Entry | None:
    try:
        raw = json.loads(line, object_pairs_hook=_once)
        if isinstance(raw, dict) and set(raw) == _FIELDS and _typed(raw):
            return Entry(**raw)
    except (ValueError, RecursionError):
        pass
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would show a reader one value and the digest another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _typed(raw: Mapping[str, Any]) -> bool:
    texts = all(isinstance(raw[name], str) for name in ("utc", "kind", "previous", "digest"))
    step = raw["step"] is None or isinstance(raw["step"], str)
    return texts and step and type(raw["seq"]) is int and isinstance(raw["data"], dict)


def _lines(path: Path) -> list[tuple[int, Entry | None]]:
    """Line number and entry, None for a line that is none; the empty rest after the last newline is no line."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    numbered = list(enumerate(raw.split(b"\n"), start=1))
    return [(number, _parse(line)) for number, line in numbered if line or number < len(numbered)]


def verify_chain(path: Path) -> ChainReport:
    """Walk the chain from the first entry and name each one that is altered, missing or out of place.

    A line that is no entry counts as torn (kept, no damage) when the chain goes on past it unharmed, or when it
    is the file's unfinished last line. Raises OSError when the file cannot be read.
    """
    lines = _lines(path)
    if not lines:
        return ChainReport(0, ZERO, damage=("the journal is missing or empty",))
    unfinished = not path.read_bytes().endswith(b"\n")
    torn: list[int] = []
    damage: list[str] = []
    seq, head, count = 0, ZERO, 0
    for number, entry in lines:
        if entry is None:
            torn.append(number)
            continue
        count += 1
        damage += _entry_damage(entry, seq, head)
        seq, head = entry.seq, entry.digest
    if lines[-1][1] is None and not unfinished:
        damage.append(f"line {lines[-1][0]}, the last one, is no journal entry any more")
    return ChainReport(count, head, tuple(torn), tuple(damage))


def _entry_damage(entry: Entry, seq: int, head: str) -> list[str]:
    """What is wrong with ``entry`` after entry ``seq`` whose digest is ``head``."""
    found = []
    try:
        true = entry.true_digest()
    except ValueError:
        true = ""  # NaN typed in by hand
    if entry.digest != true:
        found.append(f"entry {entry.seq} was altered: its digest does not match its content")
    if entry.seq > seq + 1:
        missing = f"entry {seq + 1} is" if entry.seq == seq + 2 else f"entries {seq + 1} to {entry.seq - 1} are"
        found.append(f"{missing} missing before entry {entry.seq}")
    elif entry.seq <= seq:
        found.append(f"entry {entry.seq} stands after entry {seq}: an entry was moved or repeated")
    elif entry.previous != head:
        found.append(f"entry {entry.seq} does not follow {f'entry {seq}' if seq else 'the beginning'}: replaced")
    return found


def runner_of(entries: Iterable[Entry]) -> ProcessIdentity | None:
    """Who was last started to run the change; None when nobody was, or what the journal says is no process."""
    told = [entry.data.get("runner") for entry in entries if entry.kind == "run-started"]
    try:
        return ProcessIdentity(int(told[-1]["pid"]), float(told[-1]["started"])) if told and told[-1] else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def open_intents(entries: Iterable[Entry], step: str | None = None) -> tuple[Entry, ...]:
    """The intents without an outcome, of ``step`` or of all: what became of them is unknown."""
    chosen = [entry for entry in entries if step is None or entry.step == step]
    closed = {entry.data.get("intent_id") for entry in chosen if entry.kind == "outcome"}
    return tuple(entry for entry in chosen if entry.kind == "intent" and entry.data.get("intent_id") not in closed)
