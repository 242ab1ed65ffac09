"""The simulated move, a job of the host: storage, memory passes, blackout, hand-over, clean-up.

It runs in a thread of its own and goes on when the client goes away. Rates are simulated; one wall
second stands for ``MovePace.time_factor`` simulated ones, so bytes are true and the wait is short.
The blackout and the relearn are wall time, since the guest really is silent for that long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import NAMESPACE_OID, uuid5

from snlm_lib.lab.absence import Absence
from snlm_lib.lab.dirty import PAGE_BYTES, MemoryPass, plan_passes
from snlm_lib.lab.faults import Fault, Moment
from snlm_lib.lab.refusals import IN_CHECK, LAB_FAULT, MoveAttempt, MoveRefused, Refusal, fault_met, first_refusal
from snlm_lib.lab.telemetry import VMMS_ADMIN, WORKER_ADMIN, JobState, MigrationCounters, MigrationJob, MoveTruth
from snlm_lib.lab.world import Disk, LabHost
from snlm_lib.units import MIB

__all__ = ["Migration", "start_move"]

_DISK_FULL = Refusal(
    "disk-full",
    "0x80070070",
    "There is not enough space on the disk: '{detail}'",
    lambda attempt: None,  # met while copying, never asked beforehand: Hyper-V is not known to check it
    side="destination",
)
_FILE_EXISTS = Refusal(
    "destination-file-exists",
    "0x80070050",
    "The file exists: '{detail}'",
    lambda attempt: None,  # met when the copy would begin
    side="destination",
)
_INTERRUPTED = Refusal(
    "interrupted",
    "0x800703E3",  # ERROR_OPERATION_ABORTED: assumed, no source says how Windows ends such a move
    "The management service was restarted while '{detail}' was being moved",
    lambda attempt: None,
)
_CANCELLED = Refusal(
    "cancelled",
    "0x800704C7",  # ERROR_CANCELLED: assumed
    "The migration of '{detail}' was cancelled",
    lambda attempt: None,
)
_STORAGE_FROM, _MEMORY_FROM, _BLACKOUT_AT, _HANDED_OVER_AT = 10, 70, 96, 98
_COMPRESSION, _TCP = "Compression", "TCPIP"
_SUCCESS, _SUCCESS_LONG, _SUCCESS_NO_FIGURE, _STARTED, _FAILED = 20415, 20417, 20418, 20413, 21024


class Migration:
    """One move. ``run`` does it in the calling thread; `start_move` gives it a thread."""

    def __init__(self, attempt: MoveAttempt, *, owner: str) -> None:
        world, vm = attempt.world, attempt.vm
        self.attempt, self.pace = attempt, world.pace
        self.world, self.clock = world, world.clock
        self.vm, self.source, self.target = vm, attempt.source, attempt.target
        self.disks = [disk for disk in vm.disks if not disk.shared]  # the others are skipped: Move-VM warns
        self.transport = _transport(attempt)
        self.truth = MoveTruth(vm.name, str(vm.vm_id), self.source.name, self.target.name, transport=self.transport)
        self.job = MigrationJob(
            instance_id=str(uuid5(NAMESPACE_OID, f"{vm.vm_id}/{len(world.moves)}")).upper(),
            vm_id=vm.vm_id,
            vm_name=vm.name,
            destination=attempt.destination_name,
            owner=owner,
            started_utc=self.clock.utc_now(),
            started_s=self.clock.monotonic_s(),
            new_path=attempt.storage_path or self.target.default_path,
        )
        self._old_files: list[str] = []
        self._last_pages = 0

    def enter(self) -> None:
        """Become visible: the job, the truth, the counts of both hosts, the start event."""
        with self.world.lock:
            self.world.moves.append(self.truth)
            self.source.jobs.append(self.job)
            self.source.active_moves += 1
            self.target.active_moves += 1
            self._job(JobState.STARTING, 0)
            self._status("CheckingCompatibility", "Checking compatibility")
            text = f"Virtual machine migration of '{self.vm.name}' was initiated."
            self._log(self.source, _STARTED, level=4, text=text)

    def run(self) -> None:
        """Do the move to its end; a failure leaves the machine running on the source."""
        try:
            self._check()
            self._copy_storage()
            self._send_memory()
            self._switch_over()
            self._clean_up()
        except MoveRefused as refused:
            self._fail(refused)
        except Exception:  # a bug of ours must not leave a job that runs for ever
            self._fail(MoveRefused(LAB_FAULT, self.vm.name))
            raise
        else:
            self._complete()

    # -- phases -------------------------------------------------------------------------------

    def _check(self) -> None:
        self._job(JobState.RUNNING, 1)
        self._wait(self.pace.check_wall_s, lambda done: self._percent(1, _STORAGE_FROM - 1, done))
        with self.world.lock:
            refused = fault_met(self.attempt, Moment.PREFLIGHT, Moment.START)
            refused = refused or first_refusal(self.attempt, IN_CHECK)
            if refused is not None:
                raise refused
            self.target.planned[self.vm.vm_id] = self.vm.name

    def _copy_storage(self) -> None:
        self._status("StorageMigrationPhaseOne", "Migrating storage")
        self._percent(_STORAGE_FROM, _STORAGE_FROM, 1.0)
        total = sum(disk.file_bytes for disk in self.disks) or 1
        before = 0
        for disk in self.disks:
            self._copy_disk(disk, before=before, total=total)
            self._meet(Moment.STORAGE, disk=disk.path)
            before += disk.file_bytes
        self._status("StorageMigrationPhaseTwo", "Migrating storage")
        self._wait(self.pace.mirror_wall_s, lambda done: None)

    def _copy_disk(self, disk: Disk, *, before: int, total: int) -> None:
        path = self.attempt.new_disk_path(disk.file_name)
        wall_s = disk.file_bytes / self.pace.copy_bytes_s / self.pace.time_factor

        def grow(done: float) -> None:
            self._grow(path, round(disk.file_bytes * done))
            self._percent(_STORAGE_FROM, _MEMORY_FROM, (before + disk.file_bytes * done) / total)

        self._refuse_occupied(path)
        grow(0.0)
        self._wait(wall_s, grow)
        with self.world.lock:
            self.truth.storage_bytes += disk.file_bytes + self._mirrored_bytes(wall_s)

    def _refuse_occupied(self, path: str) -> None:
        with self.world.lock:
            if path.casefold() in (there.casefold() for there in self.target.files):
                raise MoveRefused(_FILE_EXISTS, path)

    def _grow(self, path: str, size: int) -> None:
        with self.world.lock:
            more = size - self.target.files.get(path, 0)
            if more > self.target.free_bytes(path[:1]):
                raise MoveRefused(_DISK_FULL, path)
            self.target.files[path] = size

    def _mirrored_bytes(self, wall_s: float) -> int:
        """What the running guest wrote to both sides in ``wall_s``."""
        return round(self.pace.disk_write_mib_s * MIB * wall_s * self.pace.time_factor)

    def _send_memory(self) -> None:
        self._status("MigratingVirtualMachine", "Migrating virtual machine")
        passes, self._last_pages = plan_passes(
            self.pace.working_sets,
            total_pages=self.vm.memory_bytes // PAGE_BYTES,
            bytes_per_s=self.pace.memory_bytes_s,
            threshold_pages=round(self.pace.threshold_mib * MIB / PAGE_BYTES),
            max_passes=self.pace.max_passes,
        )
        planned = sum(each.pages for each in passes) * PAGE_BYTES
        for each in passes:
            self._send_pass(each, planned=planned)
            self._meet(Moment.MEMORY)

    def _send_pass(self, each: MemoryPass, *, planned: int) -> None:
        wall_s = each.length_s / self.pace.time_factor
        before = self.truth.memory_bytes
        length = each.pages * PAGE_BYTES

        def send(done: float) -> None:
            self._count(each.number, pages=each.pages, sent=before + round(length * done))
            self._percent(_MEMORY_FROM, _BLACKOUT_AT, (before + length * done) / planned)

        send(0.0)
        self._wait(wall_s, send)
        with self.world.lock:
            self.truth.passes = each.number
            self.truth.pages_by_pass.append(each.pages)
            self.truth.memory_bytes = before + length
            self.truth.storage_bytes += self._mirrored_bytes(wall_s)

    def _switch_over(self) -> None:
        self._meet(Moment.CUTOVER)
        absence = Absence(self.world, self.vm.vm_id)
        began_s = self.clock.monotonic_s()
        absence.begin()
        sent = self.truth.memory_bytes
        last = self._last_pages * PAGE_BYTES
        self._count(self.truth.passes + 1, pages=self._last_pages, sent=sent, blackout=True)
        self._percent(_BLACKOUT_AT, _BLACKOUT_AT, 1.0)
        self._wait(self.pace.blackout_fixed_wall_s + last / self.pace.memory_bytes_s, lambda done: None)
        self._hand_over()
        self._log_guest()
        blackout_s = self.clock.monotonic_s() - began_s
        self._wait(self.pace.relearn_wall_s, lambda done: None)
        absence.end(self.truth, back=absence.seen and self._meet_after())
        with self.world.lock:
            self.truth.memory_bytes = sent + last
            self.truth.blackout_s = blackout_s

    def _log_guest(self) -> None:
        """What the new worker says of its guest, where the scenario lets it go off instead of on."""
        event_id = self.pace.guest_event
        if event_id is not None:
            text = f"The guest of '{self.vm.name}' did not run through (event {event_id})."
            self._log(self.target, event_id, level=3, text=text, channel=WORKER_ADMIN)

    def _hand_over(self) -> None:
        """Registered there, gone here, a new worker process: the uptime starts again."""
        with self.world.lock:
            old = list(self.vm.configuration_files()) + [disk.path for disk in self.disks]
            del self.source.vms[self.vm.vm_id]
            self.target.planned.pop(self.vm.vm_id, None)
            self.vm.path = self.job.new_path
            for disk in self.disks:
                disk.path = self.attempt.new_disk_path(disk.file_name)
            self.vm.started_s = self.clock.monotonic_s()
            self.vm.operational_status, self.vm.status_text = ("Ok",), "Operating normally"
            self.target.vms[self.vm.vm_id] = self.vm
            self.target.files.update(self.vm.configuration_files())
            self.target.files.update({disk.path: disk.file_bytes for disk in self.disks})
            self._old_files = old
            self._drop_counters()
        self._percent(_HANDED_OVER_AT, _HANDED_OVER_AT, 1.0)

    def _clean_up(self) -> None:
        self._wait(self.pace.cleanup_wall_s, lambda done: None)
        with self.world.lock:
            for path in self._old_files:
                self.source.files.pop(path, None)

    # -- faults -------------------------------------------------------------------------------

    def _meet(self, moment: Moment, *, disk: str = "") -> None:
        """What the world's fault does at this moment: nothing, an end by its own words, or no end at all."""
        fault = self.world.fault
        if fault is not None and fault.stalls and fault.moment is moment:
            threading.Event().wait()
        refused = fault_met(self.attempt, moment, disk=disk)
        if refused is not None:
            raise refused

    def _meet_after(self) -> bool:
        """Will the guest be heard again? A network that leads elsewhere leaves it alone, and an event."""
        fault = self.world.fault
        if fault is None or fault.moment is not Moment.AFTER:
            return True
        self._log_fault(fault, self.target, f"The virtual machine '{self.vm.name}' lost its network connection.")
        return False

    def _log_fault(self, fault: Fault, host: LabHost, text: str) -> None:
        if fault.event is not None:
            channel, event_id = fault.event
            code = f" ({fault.hresult.removeprefix('0x')})" if fault.hresult else ""
            values = (self.vm.name, str(self.vm.vm_id).upper())
            self.world.log(host, event_id, level=2, values=values, message=f"{text}{code}", channel=channel)

    # -- ends ---------------------------------------------------------------------------------

    def _complete(self) -> None:
        blackout_s = self.truth.blackout_s or 0.0
        figure = f"{blackout_s:.1f}"
        name = self.vm.name
        if not self.pace.blackout_in_event:
            self._log(self.target, _SUCCESS_NO_FIGURE, level=4, text=f"Migration of '{name}' completed successfully.")
        else:
            long = blackout_s > self.pace.long_blackout_wall_s
            text = f"Migration of '{name}' completed successfully with blackout time {figure} seconds."
            self._log(self.target, _SUCCESS_LONG if long else _SUCCESS, level=3 if long else 4, text=text, last=figure)
        self._end("completed", None)
        self._job(JobState.COMPLETED, 100)

    def _fail(self, refused: MoveRefused) -> None:
        place = self.source if refused.refusal.side == "source" else self.target
        vm_id = str(self.vm.vm_id).upper()
        head = (
            f"Virtual machine migration operation for '{self.vm.name}' failed at migration {refused.refusal.side} "
            f"'{place.name}'. (Virtual machine ID {vm_id})"
        )
        with self.world.lock:
            self.vm.operational_status, self.vm.status_text = ("Ok",), "Operating normally"
            self._drop_counters()
            self.job.error_code = refused.refusal.job_error_code
            self.job.error_summary, self.job.error_text = head, f"{head}\n{refused}"
            if self.world.fault is not None:
                self._log_fault(self.world.fault, place, head)
            self._log(self.source, _FAILED, level=2, text=head)
            self._end("failed", f"{refused}")
            self._job(JobState.TERMINATED if self.job.cancelled else JobState.EXCEPTION, self.job.percent)

    def _end(self, outcome: str, error: str | None) -> None:
        with self.world.lock:
            self.source.active_moves -= 1
            self.target.active_moves -= 1
            self.truth.outcome, self.truth.error = outcome, error
            self.truth.duration_s = self.clock.monotonic_s() - self.job.started_s

    # -- small steps --------------------------------------------------------------------------

    def _wait(self, wall_s: float, tick: Callable[[float], None]) -> None:
        """Wait by an absolute deadline, telling ``tick`` the fraction done; the last call is 1.0."""
        began_s = self.clock.monotonic_s()
        while (left_s := began_s + wall_s - self.clock.monotonic_s()) > 0:
            tick(max(0.0, 1.0 - left_s / wall_s))
            if self.vm.vm_id in self.source.vms:
                self._end_early()
            self.clock.sleep(min(self.pace.tick_wall_s, left_s))
        tick(1.0)

    def _end_early(self) -> None:
        """A job that somebody ended; once the machine has gone over, nobody can."""
        if self.job.interrupted:
            raise MoveRefused(_INTERRUPTED, self.vm.name)
        if self.job.cancelled:
            self._sweep()
            raise MoveRefused(_CANCELLED, self.vm.name)

    def _sweep(self) -> None:
        """Cancelling is orderly: nothing remains at the destination (hyperv.md, section 8)."""
        with self.world.lock:
            self.target.planned.pop(self.vm.vm_id, None)
            for disk in self.disks:
                self.target.files.pop(self.attempt.new_disk_path(disk.file_name), None)

    def _percent(self, low: int, high: int, done: float) -> None:
        """Never back, never 100 before the end."""
        wanted = min(int(low + (high - low) * done), 99)
        if wanted > self.job.percent:
            self._job(JobState.RUNNING, wanted)

    def _job(self, state: JobState, percent: int) -> None:
        with self.world.lock:
            if state != self.job.state:
                self.job.changed_utc = self.clock.utc_now()
            self.job.state, self.job.percent = state, percent
            if state in (JobState.COMPLETED, JobState.TERMINATED, JobState.EXCEPTION):
                self.job.ended_s = self.clock.monotonic_s()

    def _status(self, name: str, text: str) -> None:
        with self.world.lock:
            self.vm.operational_status, self.vm.status_text = ("InService", name), text

    def _count(self, number: int, *, pages: int, sent: int, blackout: bool = False) -> None:
        """Counters grow as fast as the wall clock sees them: the simulated rate times the factor."""
        rate = 0 if blackout else round(self.pace.memory_bytes_s * self.pace.time_factor)
        squeezed = self.pace.compressed_fraction if self.transport == _COMPRESSION else 0.0
        counters = MigrationCounters(
            pass_number=number,
            is_blackout=blackout,
            dirty_pages=pages,
            bytes_sent=sent,
            compressed_bytes_sent=round(sent * squeezed),
            bytes_per_s=rate,
            compressed_bytes_per_s=round(rate * squeezed),
        )
        with self.world.lock:
            for host in (self.source, self.target):
                host.counters[self.vm.name] = counters

    def _drop_counters(self) -> None:
        for host in (self.source, self.target):
            host.counters.pop(self.vm.name, None)

    def _log(
        self, host: LabHost, event_id: int, *, level: int, text: str, last: str | None = None, channel: str = VMMS_ADMIN
    ) -> None:
        values = (self.vm.name, str(self.vm.vm_id).upper()) + ((last,) if last is not None else ())
        self.world.log(host, event_id, level=level, values=values, message=text, channel=channel)


def _transport(attempt: MoveAttempt) -> str:
    """The performance option of both hosts; plain TCP where they differ, which is no failure (hyperv.md, section 5)."""
    source, target = attempt.source.migration.performance, attempt.target.migration.performance
    return source if source == target else _TCP


def start_move(attempt: MoveAttempt, *, owner: str) -> Migration:
    """Enter the job and run it in a thread that belongs to the host, not to the caller."""
    migration = Migration(attempt, owner=owner)
    migration.enter()
    threading.Thread(target=migration.run, name=f"move-{attempt.vm.name}", daemon=True).start()
    return migration
