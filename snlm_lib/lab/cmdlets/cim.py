"""Module CimCmdlets: Get-CimInstance over the classes the lab knows, with simple filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.objects import build
from snlm_lib.lab.cmdlets.ping import pinged
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.language import LANGUAGES, spoken
from snlm_lib.lab.links import NetworkLink
from snlm_lib.lab.telemetry import JOB_LINGERS_S, JobState, MigrationJob
from snlm_lib.lab.values import PsValue

__all__: list[str] = []

Rows = Iterator[dict[str, object]]
_CIM_EXCEPTION = "Microsoft.Management.Infrastructure.CimException"
_INVALID_ARGUMENT, _METADATA = 5, 10
_TERM = re.compile(r"^\s*(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|(\d+|true|false))\s*$", re.IGNORECASE)
_JOB_STATUS = {
    JobState.COMPLETED: "Job is completed",
    JobState.TERMINATED: "Job was cancelled",
    JobState.EXCEPTION: "Job failed",
}
_OK = 2
_UP, _DOWN, _IPV4 = 1, 2, 2


def _computer_system(context: Context) -> Rows:
    host = context.host
    yield {
        "Name": host.name,
        "DNSHostName": host.name,
        "Domain": host.fqdn.partition(".")[2],
        "PartOfDomain": True,
        "DomainRole": 5 if host.is_controller else 3,
        "Manufacturer": "Simulated",
        "Model": "snlm lab",
        "SystemType": "x64-based PC",
        "NumberOfProcessors": host.sockets,
        "NumberOfLogicalProcessors": host.logical_processors,
        "HypervisorPresent": host.hyperv,
        "TotalPhysicalMemory": host.memory_bytes,
    }


def _operating_system(context: Context) -> Rows:
    host = context.host
    yield {
        "Name": f"{host.os_caption}|C:\\Windows|",
        "CSName": host.name,
        "Caption": host.os_caption,
        "Version": f"10.0.{host.os_build}",
        "BuildNumber": str(host.os_build),
        "OSArchitecture": "64-bit",
        "OSLanguage": LANGUAGES[host.locale],
        "LastBootUpTime": host.booted_utc,
        "LocalDateTime": context.world.clock.utc_now() + timedelta(seconds=host.clock_offset_s),
        "CurrentTimeZone": 0,
        "TotalVisibleMemorySize": host.memory_bytes // 1024,
        "FreePhysicalMemory": host.memory_free_bytes // 1024,
    }


def _processors(context: Context) -> Rows:
    host = context.host
    threads = host.logical_processors // host.sockets
    for number in range(host.sockets):
        yield {
            "DeviceID": f"CPU{number}",
            "Name": host.cpu_model,
            "Manufacturer": host.cpu_manufacturer,
            "SocketDesignation": f"CPU {number}",
            "AddressWidth": 64,
            "Architecture": 9,
            "NumberOfCores": max(threads // 2, 1),
            "NumberOfEnabledCore": max(threads // 2, 1),
            "NumberOfLogicalProcessors": threads,
            "VirtualizationFirmwareEnabled": not host.hyperv,  # false once the hypervisor owns it
        }


def _migration_service(context: Context) -> Rows:
    host = context.host
    yield {
        "Caption": "Virtual System Migration Service",
        "ElementName": "Hyper-V Virtual System Migration Service",
        "Name": "vmms",
        "SystemName": host.name,
        "MigrationServiceListenerIPAddressList": host.listener_addresses,
        "ActiveVirtualSystemMigrationCount": host.active_moves,
        "ActiveStorageMigrationCount": host.active_moves,
    }


def _migration_jobs(context: Context) -> Rows:
    now_s = context.world.clock.monotonic_s()
    for job in context.host.jobs:
        if job.visible(now_s):
            yield _job_row(job, now_s, context.host.locale)


def _job_row(job: MigrationJob, now_s: float, locale: str) -> dict[str, object]:
    moving = spoken(locale, "Moving Virtual Machine and Storage")
    failed = job.state is JobState.EXCEPTION
    ran_s = (job.ended_s if job.ended_s is not None else now_s) - job.started_s
    return {
        "InstanceID": job.instance_id,
        "Caption": spoken(locale, "Migration Job"),
        "Description": moving,
        "ElementName": moving,
        "Name": moving,
        "OperationalStatus": [6 if failed else _OK],
        "Status": "Error" if failed else "OK",
        "HealthState": 25 if failed else 5,
        "JobStatus": spoken(locale, _JOB_STATUS.get(job.state, "Job is running")),
        "StartTime": job.started_utc,
        "TimeSubmitted": job.started_utc,
        "TimeOfLastStateChange": job.changed_utc,
        "ElapsedTime": timedelta(seconds=ran_s),
        "TimeBeforeRemoval": timedelta(seconds=JOB_LINGERS_S),
        "Notify": "",
        "Owner": job.owner,
        "PercentComplete": job.percent,
        "DeleteOnCompletion": True,
        "ErrorCode": job.error_code,
        "ErrorDescription": spoken(locale, job.error_text),
        "ErrorSummaryDescription": spoken(locale, job.error_summary),
        "JobState": int(job.state),
        "Cancellable": not job.ended,
        "MigrationType": 32771,
        "VirtualSystemName": str(job.vm_id).upper(),
        "DestinationHost": job.destination,
        "NewSystemSettingData": f"ConfigurationDataRoot = {job.new_path}",
        "JobType": 306,
    }


def _planned(context: Context) -> Rows:
    for vm_id, name in context.host.planned.items():
        yield {
            "Caption": "Planned Virtual Machine",
            "Description": "Microsoft Planned Virtual Machine",
            "ElementName": name,
            "Name": str(vm_id).upper(),
            "CreationClassName": "Msvm_PlannedComputerSystem",
            "EnabledState": 3,
            "HealthState": 5,
            "OperationalStatus": [_OK],
        }


def _device_guard(context: Context) -> Rows:
    yield {
        "InstanceIdentifier": "4ff40742-2649-41b8-bdd1-e80fad1cce80",
        "Version": "1.0",
        "SecurityServicesConfigured": [1] if context.host.credential_guard else [0],
        "SecurityServicesRunning": [1] if context.host.credential_guard else [0],
        "VirtualizationBasedSecurityStatus": 2 if context.host.credential_guard else 0,
    }


def _card(index: int, link: NetworkLink) -> dict[str, object]:
    """What each class says of a network card."""
    return {
        "InstanceID": f"{{{link.name}}}",
        "Name": link.name,
        "InterfaceDescription": f"Simulated adapter {index}",
    }


def _adapters(context: Context) -> Rows:
    for index, link in enumerate(context.host.links, 1):
        yield {
            **_card(index, link),
            "InterfaceIndex": index,
            "InterfaceOperationalStatus": _UP if link.up else _DOWN,
            "HardwareInterface": True,
            "Virtual": False,
            "Speed": link.bits_s,
            "TransmitLinkSpeed": link.bits_s if link.up else 0,
            "ReceiveLinkSpeed": link.bits_s if link.up else 0,
            "MtuSize": link.mtu_bytes,
        }


def _adapters_rdma(context: Context) -> Rows:
    for index, link in enumerate(context.host.links, 1):
        yield {**_card(index, link), "Enabled": link.rdma}


def _addresses(context: Context) -> Rows:
    for index, link in enumerate(context.host.links, 1):
        if link.address is not None:
            yield {
                "IPAddress": link.address,
                "InterfaceAlias": link.name,
                "InterfaceIndex": index,
                "AddressFamily": _IPV4,
                "PrefixLength": 24,
            }


def _nothing(context: Context) -> Rows:
    """What is there without being asked for by a filter."""
    yield from ()


_PING = "Win32_PingStatus"
_V2, _CIMV2, _GUARD = "root/virtualization/v2", "root/cimv2", "root/microsoft/windows/deviceguard"
_STANDARD = "root/standardcimv2"
_CLASSES: dict[tuple[str, str], tuple[str, Callable[[Context], Rows]]] = {
    (space, name.casefold()): (name, rows)
    for space, name, rows in (
        (_CIMV2, "Win32_ComputerSystem", _computer_system),
        (_CIMV2, "Win32_OperatingSystem", _operating_system),
        (_CIMV2, "Win32_Processor", _processors),
        (_CIMV2, _PING, _nothing),
        (_GUARD, "Win32_DeviceGuard", _device_guard),
        (_STANDARD, "MSFT_NetAdapter", _adapters),
        (_STANDARD, "MSFT_NetAdapterRdmaSettingData", _adapters_rdma),
        (_STANDARD, "MSFT_NetIPAddress", _addresses),
        (_V2, "Msvm_VirtualSystemMigrationService", _migration_service),
        (_V2, "Msvm_MigrationJob", _migration_jobs),
        (_V2, "Msvm_PlannedComputerSystem", _planned),
    )
}


@cmdlet("Get-CimInstance", honours=("ClassName", "Namespace", "Filter", "Property"), blocking=True)  # a ping waits
def get_cim_instance(context: Context, bound: Bound) -> Iterator[object]:
    space = str(bound.get("Namespace", _CIMV2)).replace("\\", "/").strip("/").casefold()
    if space == _V2 and not context.host.hyperv:
        _complain(context, "Invalid namespace", "HRESULT 0x8004100e", target=space)
        return
    found = _CLASSES.get((space, str(bound.get("ClassName")).casefold()))
    if found is None:
        _complain(context, "Invalid class", "HRESULT 0x80041010", target=str(bound.get("ClassName")))
        return
    terms = _parse(str(bound.get("Filter", "")))
    if terms is None:
        _complain(context, "Invalid query", "HRESULT 0x80041017", target=str(bound.get("Filter")))
        return
    name, rows = found
    if name == _PING:
        told = pinged(context.world, context.host, {term.casefold(): value for term, value in terms})
    else:
        with context.world.lock:
            told = tuple(rows(context))
    instances = [build(name, row, to_string=f"{name}") for row in told]
    yield from (_only(each, bound.get("Property")) for each in instances if _fits(each, terms))


def _complain(context: Context, text: str, error_id: str, *, target: str) -> None:
    category = _INVALID_ARGUMENT if text == "Invalid query" else _METADATA
    context.error(context.record(f"{text} ", error_id, category, target=target, exception=_CIM_EXCEPTION))


def _parse(text: str) -> list[tuple[str, str]] | None:
    """``Name='x' AND JobState=4`` -> pairs; None for anything richer."""
    if not text.strip():
        return []
    matched = [_TERM.match(part) for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE)]
    terms = [(hit[1], next(group for group in hit.groups()[1:] if group is not None)) for hit in matched if hit]
    return terms if len(terms) == len(matched) else None


def _fits(instance: PsValue, terms: list[tuple[str, str]]) -> bool:
    values = {name.casefold(): value for name, value in instance.properties.items()}
    return all(str(values.get(name.casefold())).casefold() == wanted.casefold() for name, wanted in terms)


def _only(instance: PsValue, names: list[str] | None) -> PsValue:
    """With -Property the others come back empty."""
    if names is None:
        return instance
    wanted = {name.casefold() for name in names}
    kept = {name: value if name.casefold() in wanted else None for name, value in instance.properties.items()}
    return PsValue(instance.type_names, instance.to_string, kept)
