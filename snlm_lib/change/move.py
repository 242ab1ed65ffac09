"""The move itself: start it, watch it from three sides, and say how it ended.

The job belongs to the source host: it goes on when we go away, and its end, not our command's, is
the outcome. So a lost session is no failure: the watcher goes on asking both hosts. Whether Windows
itself carries on is an inference (hyperv.md, section 8): both answers are handled.

    start -> watch ... -> the job ended, or the command failed with no job   -> outcome known
                       -> nobody answers until the limit, or hosts disagree  -> unknown
                       -> it is not known how our command ended, and no job  -> unknown
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from snlm_lib.change.act import Outcome
from snlm_lib.change.phases import JobEnd, job_end
from snlm_lib.change.reconcile import Owner, Whereabouts, latest_job, locate, owner_of
from snlm_lib.change.samples import SampleFiles, describe
from snlm_lib.clock import Clock
from snlm_lib.errors import CommandFailed, RemoteError
from snlm_lib.estate import survey
from snlm_lib.estate.model import CountersFacts, EventFacts, JobFacts, VmStatus
from snlm_lib.estate.survey import Estate

__all__ = [
    "BLACKOUT_EVENTS",
    "LONG_BLACKOUT_EVENT",
    "CommandState",
    "MoveWatch",
    "Watched",
    "blackout",
    "blackout_s",
    "continuity_events",
    "migration_events",
    "outcome_of",
    "whereabouts_or_none",
]

T = TypeVar("T")
POLL_S = 0.25  # between two looks, unless told; a look costs two short pipelines
SETTLE_S = 10.0  # after a lost session, or a command that ended well with no job to be seen
REFUSED_S = 1.0  # after a command that the host refused
CLOCK_SLACK = timedelta(minutes=10)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
BLACKOUT_EVENTS = (20415, 20417, 20418)  # success: with a figure, with a long one, without one
LONG_BLACKOUT_EVENT = 20417
SILENT_S = 60.0  # our command is over and the source has not answered a look for so long: nobody knows more


@dataclass(frozen=True)
class Watched:
    """What the watcher saw last."""

    job: JobFacts | None
    error: RemoteError | None
    limit_reached: bool
    vanished: bool = False  # the source answers, and no longer knows a job that had not ended


CommandState = Callable[[], tuple[bool, RemoteError | None]]
"""Is our own command over, and with which error?"""


class MoveWatch:
    """Watches one machine's move until its job ends; holds no right to start one."""

    def __init__(
        self,
        estate: Estate,
        *,
        vm_id: UUID,
        vm_name: str,
        files: SampleFiles,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._estate = estate
        self._vm_id = vm_id
        self._vm_name = vm_name
        self._files = files
        self._clock = clock
        self._say = say
        self._counters: Future[tuple[datetime, CountersFacts | None]] | None = None
        self._last_counters: CountersFacts | None = None
        self._heard_s = clock.monotonic_s()
        self._job: JobFacts | None = None  # as last seen
        self._gone_s: float | None = None  # since when the source answers and does not list it any more

    def until_ended(
        self, command: CommandState, *, ignore: frozenset[str], limit_s: float, poll_s: float = POLL_S
    ) -> Watched:
        """Look every ``poll_s`` until this move's job ended, or our command did and no job shows up.

        A source that has fallen silent is waited for, but not for ever: then the limit counts as reached.

        ``ignore``: instance ids of jobs that were there before, another move's. ``command`` says how
        our own command stands.
        """
        began_s = self._clock.monotonic_s()
        command_ended_s: float | None = None
        with ThreadPoolExecutor(4, thread_name_prefix="snlm-watch") as pool:
            while True:
                self._look(pool, ignore)
                job = self._job
                over, error = command()
                now_s = self._clock.monotonic_s()
                if over and command_ended_s is None:
                    command_ended_s = now_s
                waited_s = None if command_ended_s is None else now_s - command_ended_s
                if _ended(job) or (waited_s is not None and waited_s > _patience_s(job, error)):
                    return Watched(job, error, limit_reached=False)
                if self._gone_s is not None and now_s - self._gone_s > SETTLE_S:
                    return Watched(job, error, limit_reached=False, vanished=True)
                if now_s - began_s > limit_s or (over and now_s - self._heard_s > SILENT_S):
                    return Watched(job, error, limit_reached=True)
                self._clock.sleep(poll_s)

    def _look(self, pool: ThreadPoolExecutor, ignore: frozenset[str]) -> None:
        """One look from three sides at once; a side that does not answer leaves a hole, not an error."""
        jobs = pool.submit(survey.migration_jobs, self._estate.source, self._vm_id)
        status = pool.submit(survey.vm_status, self._estate.source, self._vm_id)
        self._poll_counters(pool)
        told = _answer(jobs)
        if told is not None:
            self._heard_s = self._clock.monotonic_s()
        job = latest_job(found for found in told or () if found.instance_id not in ignore)
        if told is not None:
            gone = self._job is not None and job is None
            self._gone_s = (self._gone_s or self._heard_s) if gone else None
        self._job = job or self._job
        seen: VmStatus | None = _answer(status)
        now = self._clock.utc_now()
        self._files.progress(now, job, seen, self._last_counters)
        self._say(describe(job, seen, answered=status.exception() is None))

    def _poll_counters(self, pool: ThreadPoolExecutor) -> None:
        """Counters take a second on a real host: asked for beside the looks, never waited for."""
        if self._counters is not None:
            if not self._counters.done():
                return
            read_utc, self._last_counters = _answer(self._counters) or (_LONG_AGO, None)
            if self._last_counters is not None:
                self._files.counters(read_utc, self._last_counters)
        self._counters = pool.submit(self._count)

    def _count(self) -> tuple[datetime, CountersFacts | None]:
        """The counters, and when they were read: they are collected a look later."""
        found = survey.live_counters(self._estate.source, self._vm_name)
        return self._clock.utc_now(), found


def _answer(future: Future[T]) -> T | None:
    try:
        return future.result()
    except RemoteError:
        return None


def _ended(job: JobFacts | None) -> bool:
    return job is not None and job_end(job.job_state) in {JobEnd.DONE, JobEnd.FAILED, JobEnd.CANCELLED}


def _patience_s(job: JobFacts | None, error: RemoteError | None) -> float:
    """How long to go on looking after our own command ended."""
    if job is not None and job_end(job.job_state) is JobEnd.UNDER_WAY:
        return float("inf")  # only the job's end counts, or the limit
    # a refusal before any job exists needs no wait; a lost session may hide a job that is just starting
    return REFUSED_S if isinstance(error, CommandFailed) else SETTLE_S


def outcome_of(watched: Watched, where: Whereabouts | None) -> Outcome:
    """How the move ended, from the job, our command and both hosts; pure.

    The hosts decide where the machine is; the job only says why.
    """
    error_text = str(watched.error) if watched.error else None
    if where is None:
        return Outcome("unknown", "the hosts do not answer; look at both before doing anything")
    owner = owner_of(where)
    facts = {"owner": owner.value, "job_state": watched.job.job_state if watched.job else None}
    if owner is Owner.DESTINATION:
        said = f"; the command itself ended with: {error_text}" if error_text else ""
        return Outcome("done", f"the machine is registered on the destination only{said}", facts)
    if owner is Owner.SOURCE and not watched.limit_reached:
        if watched.job is None and not isinstance(watched.error, CommandFailed):
            why = error_text or "nobody saw how the order ended"
            return Outcome("unknown", f"the machine is on the source and no job of its move shows: {why}", facts)
        reason = _reason(watched) or ("its job vanished" if watched.vanished else error_text)
        reason = reason or "the host gave no reason"
        return Outcome("failed", f"the machine still runs on the source: {reason}", facts)
    if owner is Owner.MOVING:
        return Outcome("unknown", "the move is still under way; it goes on without us", facts)
    return Outcome("unknown", f"the machine is registered: {owner.value}; settle this by hand", facts)


def _reason(watched: Watched) -> str | None:
    if watched.job is None or watched.job.error_text is None:
        return None
    return watched.job.error_text


def whereabouts_or_none(estate: Estate, vm_id: UUID) -> Whereabouts | None:
    """`locate`, or None when a host does not answer."""
    try:
        return locate(estate, vm_id)
    except RemoteError:
        return None


def migration_events(estate: Estate, vm_id: UUID, since_utc: datetime) -> tuple[EventFacts, ...]:
    """The machine's migration events from both hosts; one that does not answer is no error.

    Hosts' clocks differ from ours: ``since_utc`` is taken back by `CLOCK_SLACK`.
    """
    found: list[EventFacts] = []
    for session in (estate.source, estate.destination):
        try:
            found.extend(survey.migration_events(session, vm_id, since_utc - CLOCK_SLACK))
        except RemoteError:
            continue
    return tuple(found)


def continuity_events(estate: Estate, vm_id: UUID, since_utc: datetime) -> tuple[EventFacts, ...] | None:
    """What either host's worker says of a guest that did not run through; None when one does not answer."""
    try:
        return tuple(
            event
            for session in (estate.source, estate.destination)
            for event in survey.continuity_events(session, vm_id, since_utc)
        )
    except RemoteError:
        return None


def blackout(events: Iterable[EventFacts], *, ignore: Collection[EventFacts] = ()) -> EventFacts | None:
    """The last success event among ``events`` that is not in ``ignore`` (an earlier move's).

    ``values[2]`` is the blackout in seconds (20415, 20417); 20418 carries none. Which host logs it is
    not documented, so events of both belong in here.
    """
    known = {(event.host, event.record_id) for event in ignore}
    new = [event for event in events if (event.host, event.record_id) not in known]
    successes = [event for event in new if event.event_id in BLACKOUT_EVENTS]
    return max(successes, key=lambda event: (event.created_utc or _LONG_AGO, event.record_id), default=None)


def blackout_s(event: EventFacts | None) -> float | None:
    """The figure an event carries, in seconds; None when it carries none."""
    if event is None or event.event_id == 20418 or len(event.values) < 3:
        return None
    try:
        return float(event.values[2].replace(",", "."))
    except ValueError:
        return None
