"""What a host shows of its work: events, migration jobs, counters. Knows no cmdlet and no wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from uuid import UUID

__all__ = [
    "JOB_LINGERS_S",
    "VMMS_ADMIN",
    "VMMS_OPERATIONAL",
    "WORKER_ADMIN",
    "HostEvent",
    "JobState",
    "MigrationCounters",
    "MigrationJob",
    "MoveTruth",
]

VMMS_ADMIN = "Microsoft-Windows-Hyper-V-VMMS-Admin"
VMMS_OPERATIONAL = "Microsoft-Windows-Hyper-V-VMMS-Operational"
WORKER_ADMIN = "Microsoft-Windows-Hyper-V-Worker-Admin"
JOB_LINGERS_S = 300.0  # TimeBeforeRemoval: five minutes


class JobState(IntEnum):
    """Msvm_MigrationJob.JobState."""

    NEW = 2
    STARTING = 3
    RUNNING = 4
    COMPLETED = 7
    TERMINATED = 8
    EXCEPTION = 10


@dataclass(frozen=True)
class HostEvent:
    """One event; ``values`` are the UserData parameters in order."""

    record_id: int
    log: str
    event_id: int
    level: int
    created_utc: datetime
    values: tuple[str, ...]
    message: str


@dataclass
class MigrationJob:
    """One Msvm_MigrationJob (JobType 306, MigrationType 32771); ``ended_s`` is monotonic."""

    instance_id: str
    vm_id: UUID
    vm_name: str
    destination: str
    owner: str
    started_utc: datetime
    started_s: float
    state: JobState = JobState.NEW
    percent: int = 0
    changed_utc: datetime | None = None
    ended_s: float | None = None
    error_code: int = 0
    error_text: str = ""
    error_summary: str = ""
    new_path: str = ""
    interrupted: bool = False  # the service that carried it has gone
    cancelled: bool = False

    @property
    def ended(self) -> bool:
        return self.ended_s is not None

    def visible(self, now_s: float) -> bool:
        """Jobs stay for five minutes after their end."""
        return self.ended_s is None or now_s - self.ended_s < JOB_LINGERS_S


@dataclass
class MigrationCounters:
    """Counter set "Hyper-V VM Live Migration" of one machine; present in the memory phase only."""

    pass_number: int = 0
    is_blackout: bool = False
    dirty_pages: int = 0
    bytes_sent: int = 0
    compressed_bytes_sent: int = 0
    bytes_per_s: int = 0
    compressed_bytes_per_s: int = 0
    cpu_cap_percent: int = 0


@dataclass
class MoveTruth:
    """What really happened in one move, as the lab itself measured it."""

    vm: str
    vm_id: str
    source: str
    destination: str
    outcome: str = "running"
    error: str | None = None
    blackout_s: float | None = None
    silence_s: float | None = None
    quarantine_s: float | None = None  # the last part of it, where the long connection went on
    passes: int = 0
    storage_bytes: int = 0
    memory_bytes: int = 0
    duration_s: float | None = None
    transport: str = "Compression"
    pages_by_pass: list[int] = field(default_factory=list)
