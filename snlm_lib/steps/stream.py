"""A second look from elsewhere: a Windows host pings the machine, one command a probe, and our clock brackets each.

What is honest: `INTERVAL_S` apart, and each probe left between the moment we asked (``due_s``) and the moment its
answer was here less what Windows says it took (``sent_s``). Commands overlap, so one that waits for its time-out
holds up no other. ``Test-Connection`` would be coarser: it waits in whole seconds after each answer, tells a
lost probe by an error in the host's language without a number, and one long pipeline tells no moment at all.
Round trips are whole milliseconds.

It may end at any time and nobody waits for it: threads of its own over a session of its own; what goes wrong
becomes one sentence.
"""

from __future__ import annotations

import csv
import io
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from snlm_lib.clock import Clock
from snlm_lib.errors import AuthenticationRefused, CommandFailed, RecordError, RemoteError, SnlmError
from snlm_lib.estate.echo import EchoFacts, echo_facts
from snlm_lib.estate.reads import Session
from snlm_lib.measure.ledger import ANSWERED, LOST, NOT_SENT, PING_COLUMNS, PingRow
from snlm_lib.measure.ping_file import BETWEEN, PingHeader, TargetFacts, read_header
from snlm_lib.process import append_bytes
from snlm_lib.remote import commands
from snlm_lib.units import iso_utc

__all__ = ["INTERVAL_S", "TIMEOUT_MS", "PingStream", "Seen", "Vantage", "first_look"]

INTERVAL_S = 0.5
TIMEOUT_MS = 1000
AT_ONCE = 4  # commands under way: more than the time-out holds only when the host is slow
PATIENCE = 20  # commands in a row without an answer, then it gives up
ENDING_S = 2.0  # for the probes that are under way when it is told to end
WINDOWS_TICK_S = 0.016  # a wait may end that much early there
KIND = "icmp"


@dataclass(frozen=True)
class Seen:
    """Whom it pings: the name in the samples, and where it answers from there."""

    name: str
    address: str


class Vantage(Session, Protocol):
    """What is needed of a session here."""

    def close(self) -> None: ...


def first_look(session: Session, seen: Seen) -> str:
    """One ping, for the sentence that says whether `PingStream` will see anything. Raises nothing of a host's."""
    try:
        told = echo_facts(session.invoke(commands.ping(seen.address, TIMEOUT_MS)).bags)
    except RemoteError as error:
        return _refusal(session.host, error)
    except ValueError as error:
        return f"No second look from {session.host}: {error}."
    if told.answered:
        return f"{session.host} pings {seen.name} too, every {INTERVAL_S * 1000:.0f} ms: a second look from elsewhere."
    return f"{session.host} gets no answer from {seen.name} ({told.error}): no second look from there."


def _refusal(host: str, error: RemoteError) -> str:
    if isinstance(error, CommandFailed):
        return (
            f"{host} does not ping for us, so there is no second look from there: {error.what}."
            " Its endpoint must allow Get-CimInstance of Win32_PingStatus, see snlm_lib/jea."
        )
    return f"No second look from {error}"  # which begins with the host


def _not_sent(why: str) -> EchoFacts:
    return EchoFacts(sent=False, answered=False, waited=False, rtt_ms=None, error=why)


class PingStream:
    """Pings from `start` to `stop`; a file that stands already is gone on with."""

    def __init__(
        self,
        session: Vantage,
        seen: Seen,
        path: Path,
        *,
        clock: Clock,
        offsets_s: Mapping[str, float | None] | None = None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._session = session
        self._seen = seen
        self._path = path
        self._clock = clock
        self._offsets_s = offsets_s or {}
        self._interval_s = interval_s
        self._zero_s = 0.0
        self._ending = threading.Event()
        self._lock = threading.Lock()  # guards what follows, and the file
        self._under_way = 0
        self._unheard = 0  # in a row
        self._heard = False
        self._closed = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=f"vantage-{session.host}", daemon=True)

    @property
    def trouble(self) -> str:
        """Why it ended by itself, in a sentence; empty while it did not."""
        return self._trouble

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """No further probe; what is under way has `ENDING_S` to be told, and is not written afterwards."""
        self._ending.set()
        self._thread.join(ENDING_S)
        with self._lock:
            self._closed = True

    def _run(self) -> None:
        try:
            self._session.open()  # signing on takes its time: not the first probe's
            self._zero_s = self._open()
            self._tick()
        except (SnlmError, OSError) as error:
            self._give_up(f"The second look from {self._session.host} ended: {error}")
        while self._under_way and not self._closed:
            self._clock.sleep(0.01)

    def _elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._zero_s

    def _open(self) -> float:
        """Second 0 of the file: of the one that stands there, else now."""
        if self._path.exists():
            with self._path.open(encoding="utf-8") as file:
                begun_s = read_header(file.readline()).started_monotonic_s
            if begun_s is None or begun_s > self._clock.monotonic_s():
                raise RecordError("was begun before this machine started anew", where=str(self._path))
            return begun_s
        now_s = self._clock.monotonic_s()
        header = PingHeader(
            vantage=self._session.host,
            started_utc=iso_utc(self._clock.utc_now()),
            started_monotonic_s=now_s,
            interval_ms=self._interval_s * 1000,
            timeout_ms=TIMEOUT_MS,
            late_window_s=0.0,
            targets=(TargetFacts(self._seen.name, address=self._seen.address, kinds=(KIND,)),),
            resolution_ms=self._interval_s * 1000,
            clock_offsets_s=self._offsets_s,
            moments=BETWEEN,
        )
        append_bytes(self._path, f"{header.line()}{','.join(PING_COLUMNS)}\n".encode())
        return now_s

    def _tick(self) -> None:
        seq = 0
        while True:
            # what was slept through is passed over
            seq = max(math.floor(self._elapsed_s() / self._interval_s), seq) + 1
            if self._ending.wait(seq * self._interval_s - self._elapsed_s()):
                return
            with self._lock:
                busy = self._under_way >= AT_ONCE
                self._under_way += not busy
            if busy:
                self._write(self._fate(seq, self._elapsed_s(), 0.0, _not_sent("busy")))
            else:
                threading.Thread(target=self._probe, args=(seq,), name=f"ping-{seq}", daemon=True).start()

    def _probe(self, seq: int) -> None:
        try:
            asked_s = self._elapsed_s()
            told = self._ask()
            self._write(self._fate(seq, asked_s, self._elapsed_s(), told))
        except Exception as error:  # nothing of this thread may reach the notebook, and the move goes on without it
            self._give_up(f"The second look from {self._session.host} ended: {error}")
        finally:
            with self._lock:
                self._under_way -= 1
            if self._closed:  # a read that lost its session opened a new one, which nobody needs any more
                self._session.close()

    def _ask(self) -> EchoFacts:
        """One answer; a host that is not heard costs the probe, and after `PATIENCE` of them the stream."""
        try:
            told = echo_facts(self._session.invoke(commands.ping(self._seen.address, TIMEOUT_MS)).bags)
        except RemoteError as error:
            self._unheard += 1
            refused = isinstance(error, CommandFailed) and not self._heard
            # a refused sign-on is never tried again: accounts are locked that way
            if refused or isinstance(error, AuthenticationRefused) or self._unheard >= PATIENCE:
                self._give_up(_refusal(self._session.host, error))
            return _not_sent("session")
        self._heard, self._unheard = True, 0
        return told

    def _fate(self, seq: int, asked_s: float, here_s: float, told: EchoFacts) -> PingRow:
        """The row: it left after ``asked_s``, and before its answer by as much as Windows says it took."""
        head = (str(seq), self._seen.name, KIND, f"{asked_s:.4f}")
        if not told.sent:
            return PingRow(*head, "", "", NOT_SENT, "", told.error)
        took_s = TIMEOUT_MS / 1000 - WINDOWS_TICK_S if told.waited else (told.rtt_ms or 0) / 1000
        left_s = max(here_s - took_s, asked_s)
        left_utc = self._clock.utc_now() - timedelta(seconds=self._elapsed_s() - left_s)
        rtt = "" if told.rtt_ms is None else str(told.rtt_ms)
        status = ANSWERED if told.answered else LOST
        return PingRow(*head, iso_utc(left_utc), f"{left_s:.4f}", status, rtt, told.error)

    def _write(self, row: PingRow) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        with self._lock:
            if not self._closed:
                append_bytes(self._path, text.getvalue().encode())

    def _give_up(self, sentence: str) -> None:
        with self._lock:
            self._trouble = self._trouble or sentence
        self._ending.set()
