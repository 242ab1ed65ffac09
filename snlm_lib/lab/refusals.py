"""Why a move is refused, as tables of (code, condition, text). Looks at the world, changes nothing.

``BEFORE_JOB``: the cmdlet itself says no. ``IN_CHECK``: the job starts and ends below ten percent.
Codes and texts are those of published failures; texts are English, the number is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from snlm_lib.lab.directory import CIFS, MIGRATION_SERVICE, TicketRequest
from snlm_lib.lab.faults import Moment
from snlm_lib.lab.hop import credssp_refused, holds_secret, obstacle
from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT, Caller
from snlm_lib.lab.values import Credential
from snlm_lib.lab.world import LabHost, VirtualMachine, World

__all__ = [
    "BEFORE_JOB",
    "HOP",
    "IN_CHECK",
    "JOB_FAILED",
    "LAB_FAULT",
    "MoveAttempt",
    "MoveRefused",
    "Refusal",
    "fault_met",
    "first_refusal",
]

JOB_FAILED = 32768
_KERBEROS_SKEW_S = 300.0
_NOBODY = Caller("", "ntlm")
_DENIED, _INVALID_OPERATION, _INVALID_ARGUMENT, _NOT_FOUND = 18, 7, 5, 13


@dataclass(frozen=True)
class MoveAttempt:
    """Who wants to move what from where to where."""

    world: World
    vm: VirtualMachine
    source: LabHost
    destination_name: str
    destination: LabHost | None
    storage_path: str | None
    caller: Caller = _NOBODY
    credential: Credential | None = None

    @property
    def obstacle(self) -> str | None:
        """What keeps the cmdlet from the destination."""
        return obstacle(self.world, self.caller, at=self.source, to=self.destination, credential=self.credential)

    @property
    def network_logon(self) -> bool:
        return not holds_secret(self.caller)

    def ticket_request(self, service: str) -> TicketRequest:
        """What the source asks the directory on behalf of whoever acts there."""
        run_as = self.caller.run_as
        user = run_as if run_as and run_as != VIRTUAL_ACCOUNT else self.caller.user
        return TicketRequest(user, self.source.name, service, self.target.name, own_ticket=not self.network_logon)

    @property
    def target(self) -> LabHost:
        """The destination; known once BEFORE_JOB has passed."""
        if self.destination is None:
            raise LookupError(self.destination_name)
        return self.destination

    def new_disk_path(self, file_name: str) -> str:
        """Where ``-DestinationStoragePath`` puts a disk."""
        return f"{self.storage_path or self.target.default_path}\\Virtual Hard Disks\\{file_name}"


Condition = Callable[[MoveAttempt], str | None]


@dataclass(frozen=True)
class Refusal:
    """``applies`` gives the detail for ``{detail}`` in ``text``, or None; ``code``: an HRESULT or ""."""

    identity: str
    code: str
    text: str
    applies: Condition
    category: int = 0
    error_id: str = "OperationFailed"
    job_error_code: int = JOB_FAILED
    side: str = "source"

    def say(self, detail: str) -> str:
        """The sentence, with the HRESULT behind it as Windows writes it."""
        sentence = self.text.format(detail=detail)
        return f"{sentence} ({self.code})." if self.code else f"{sentence}."


class MoveRefused(Exception):
    """A refusal that applies."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(refusal.say(detail))
        self.refusal = refusal


def first_refusal(attempt: MoveAttempt, table: Sequence[Refusal]) -> MoveRefused | None:
    """The first row that applies, in the order of the table."""
    for refusal in table:
        detail = refusal.applies(attempt)
        if detail is not None:
            return MoveRefused(refusal, detail)
    return None


def fault_met(attempt: MoveAttempt, *moments: Moment, job: bool = True, disk: str = "") -> MoveRefused | None:
    """The failure that the world's fault raises at one of ``moments``; ``job`` False: the cmdlet asks, no job runs."""
    fault = attempt.world.fault
    if fault is None or not fault.raised or fault.moment not in moments or fault.no_job is job:
        return None
    switch = next((each.switch_name for each in attempt.vm.adapters if each.switch_name), "")
    told = fault.text.format(
        vm=attempt.vm.name, source=attempt.source.name, destination=attempt.destination_name, switch=switch, disk=disk
    )
    side = "destination" if fault.place == "destination" else "source"
    words = Refusal(fault.id, fault.hresult, "{detail}", _machine, job_error_code=fault.job_error_code, side=side)
    return MoveRefused(words, told)


def _when(condition: Callable[[MoveAttempt], bool], detail: Callable[[MoveAttempt], str]) -> Condition:
    return lambda attempt: detail(attempt) if condition(attempt) else None


def _source(attempt: MoveAttempt) -> str:
    return attempt.source.name


def _wanted(attempt: MoveAttempt) -> str:
    return attempt.destination_name


def _machine(attempt: MoveAttempt) -> str:
    return attempt.vm.name


def _hop(identity: str, code: str, text: str, *, category: int, error_id: str = "AccessDenied") -> Refusal:
    """What `hop.obstacle` calls by this identity."""

    def applies(attempt: MoveAttempt) -> str | None:
        return attempt.destination_name if attempt.obstacle == identity else None

    return Refusal(identity, code, text, applies, category=category, error_id=error_id)


def _under_way(attempt: MoveAttempt) -> bool:
    jobs = attempt.source.jobs
    return any(job.vm_id == attempt.vm.vm_id and not job.ended for job in jobs)


def _host_without_listener(attempt: MoveAttempt) -> str | None:
    closed = [host.name for host in (attempt.source, attempt.target) if not host.listener_addresses]
    return closed[0] if closed else None


LAB_FAULT = Refusal("lab-fault", "0x8000FFFF", "The lab itself failed while it moved '{detail}'", _machine)
"""A bug of ours: the job must end, or whoever waits for it waits for ever."""

_ON = "The operation on computer '{detail}' failed: "

HOP: tuple[Refusal, ...] = (
    _hop(
        "destination-unreachable",
        "0x800706BA",
        _ON + "The RPC server is unavailable",
        category=_NOT_FOUND,
        error_id="ObjectNotFound",
    ),
    _hop("remote-second-hop-denied", "0x80070005", _ON + "Access is denied", category=_DENIED),
    _hop("wrong-credential", "0x8007052E", _ON + "The user name or password is incorrect", category=_DENIED),
    _hop(
        "operator-not-authorised",
        "",
        "You do not have the required permission to complete this task. Contact the administrator of the "
        "authorization policy for the computer '{detail}'",
        category=_DENIED,
    ),
)
"""What stops any cmdlet that manages another host, not a move alone."""

BEFORE_JOB: tuple[Refusal, ...] = (
    *HOP,
    Refusal(
        "same-host",
        "",
        "The destination host '{detail}' is the host the virtual machine already runs on",
        _when(lambda a: a.destination is a.source, _wanted),
        category=_INVALID_ARGUMENT,
        error_id="InvalidParameter",
    ),
    Refusal(
        "clustered-vm",
        "",
        "The operation is not supported in clustered VM '{detail}'",
        _when(lambda a: a.vm.clustered, _machine),
        category=_INVALID_OPERATION,
        error_id="InvalidOperation",
    ),
    Refusal(
        "move-under-way",
        "",
        "The virtual machine '{detail}' is being migrated; the operation cannot be performed in its current state",
        _when(_under_way, _machine),
        category=_INVALID_OPERATION,
        error_id="InvalidState",
    ),
    Refusal(
        "migration-not-enabled",
        "",
        "Virtual machine migration is not enabled, or no migration network is configured, on host '{detail}'",
        _host_without_listener,
        category=_INVALID_OPERATION,
        error_id="InvalidOperation",
    ),
)


def _credssp_refused(attempt: MoveAttempt) -> str | None:
    if attempt.source.migration.authentication == "Kerberos":
        return None
    return credssp_refused(attempt.caller, credential_guard=attempt.source.credential_guard)


def _no_delegation(attempt: MoveAttempt) -> bool:
    if attempt.source.migration.authentication != "Kerberos":
        return _credssp_refused(attempt) == "no-delegation"
    refused = attempt.world.key_distribution.why_no_ticket
    return any(refused(attempt.ticket_request(service)) is not None for service in (MIGRATION_SERVICE, CIFS))


def _types_differ(attempt: MoveAttempt) -> bool:
    return attempt.source.migration.authentication != attempt.target.migration.authentication


def _busy_host(attempt: MoveAttempt) -> str | None:
    for host in (attempt.source, attempt.target):
        limits = (host.migration.maximum_vm_migrations, host.migration.maximum_storage_migrations)
        if host.active_moves > min(limits):  # this move already counts
            return host.name
    return None


def _missing_switch(attempt: MoveAttempt) -> str | None:
    there = {name.casefold() for name in attempt.target.switches}
    wanted = (adapter.switch_name for adapter in attempt.vm.adapters if adapter.switch_name)
    return next((name for name in wanted if name.casefold() not in there), None)


def _missing_volume(attempt: MoveAttempt) -> str | None:
    path = attempt.storage_path or attempt.target.default_path
    return path if attempt.target.volume_of(path) is None else None


def _skewed(attempt: MoveAttempt) -> bool:
    return any(abs(host.clock_offset_s) > _KERBEROS_SKEW_S for host in (attempt.source, attempt.target))


def _stale_cache(attempt: MoveAttempt) -> bool:
    """The file alone: a planned machine that is still registered, Move-VM deletes together with its file."""
    return attempt.vm.vm_id in attempt.target.stale_cache


def _bound_disk(attempt: MoveAttempt) -> bool:
    return any(disk.disk_number is not None for disk in attempt.vm.disks)


def _image_missing(attempt: MoveAttempt) -> str | None:
    path = attempt.vm.dvd_path
    return path if path and path not in attempt.target.files else None


_HEAD = "The Virtual Machine Management Service failed to establish a connection for a Virtual Machine migration "

IN_CHECK: tuple[Refusal, ...] = (
    Refusal(
        "clock-skew",
        "0x80090324",
        _HEAD + "with host '{detail}': The clocks on the client and server machines are skewed",
        _when(_skewed, _wanted),
    ),
    Refusal(
        "credentials-not-recognized",
        "0x8009030D",
        _HEAD + "with host '{detail}': The credentials supplied to the package were not recognized",
        _when(_types_differ, _wanted),
    ),
    Refusal(
        "credential-guard-blocks-credssp",
        "0x8009030E",  # [assumed]: no published text names this cause
        _HEAD + "with host '{detail}': No credentials are available in the security package",
        _when(lambda a: _credssp_refused(a) == "credential-guard-blocks-credssp", _wanted),
    ),
    Refusal(
        "no-delegation",
        "0x8009030E",
        _HEAD + "with host '{detail}': No credentials are available in the security package",
        _when(_no_delegation, _wanted),
    ),
    Refusal(
        "peer-timeout",
        "0x8007274C",
        _HEAD + "with host '{detail}': A connection attempt failed because the connected party did not properly "
        "respond after a period of time",
        _when(lambda a: not a.target.accepts(6600), _wanted),
    ),
    Refusal(
        "migration-limit",
        "",
        "The virtual machine migration limit on host '{detail}' was reached",
        _busy_host,
    ),
    Refusal(
        "switch-missing",
        "",
        "Could not find Ethernet switch '{detail}'",
        _missing_switch,
        job_error_code=33012,
        side="destination",
    ),
    Refusal(
        "cpu-vendor",
        "",
        "The virtual machine '{detail}' is using processor-specific features not supported on the physical computer, "
        "and is not compatible with the hardware requirements of the destination",
        _when(lambda a: a.source.cpu_manufacturer != a.target.cpu_manufacturer, _machine),
        side="destination",
    ),
    Refusal(
        "config-version",
        "",
        "The configuration version {detail} is not supported by the destination",
        _when(lambda a: a.vm.version not in a.target.supported_versions, lambda a: a.vm.version),
        side="destination",
    ),
    Refusal(
        "memory-short",
        "0x8007000E",
        "'{detail}' could not initialize memory: Ran out of memory",
        _when(lambda a: a.vm.assigned_bytes > a.target.memory_free_bytes, _machine),
        side="destination",
    ),
    Refusal(
        "path-missing-on-destination",
        "0x80070003",
        "The system cannot find the path specified: '{detail}'",
        _missing_volume,
        side="destination",
    ),
    Refusal(
        "planned-vm-exists",
        "",
        "Failed to create Planned Virtual Machine '{detail}': The object already exists",
        _when(_stale_cache, _machine),
        side="destination",
    ),
    Refusal(
        "device-not-movable",
        "",  # no published text
        "The virtual machine '{detail}' uses a physical disk of this computer",
        _when(_bound_disk, _machine),
    ),
    Refusal(
        "iso-on-host-path",
        "0xC03A0014",
        "A virtual disk support provider for the specified file was not found: '{detail}'",
        _image_missing,
        side="destination",
    ),
)
