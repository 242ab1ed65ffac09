"""Module Microsoft.PowerShell.Diagnostics: Get-Counter and Get-WinEvent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from uuid import UUID

from snlm_lib.lab.argument import Unconvertible, convert_argument
from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.objects import build
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.cmdlets.wildcard import matches
from snlm_lib.lab.language import counter_name
from snlm_lib.lab.telemetry import VMMS_ADMIN, VMMS_OPERATIONAL, WORKER_ADMIN, HostEvent, MigrationCounters
from snlm_lib.lab.values import PsValue, Terminating
from snlm_lib.units import parse_utc

__all__: list[str] = []

_SET, _INSTANCE = "Hyper-V VM Live Migration", "VM Live Migration"
_PATH = re.compile(r"^\\(?P<set>[^\\(]+)(?:\((?P<instance>.*)\))?\\(?P<counter>.+)$")
_VMMS = ("Microsoft-Windows-Hyper-V-VMMS", UUID("6066F867-7CA1-4418-85FD-36E3F9C0600C"))
_WORKER = ("Microsoft-Windows-Hyper-V-Worker", UUID("51DDFA29-D5C8-4803-BE4B-2ECB715570FE"))  # GUID from memory
_INVALID_ARGUMENT, _INVALID_RESULT, _NOT_FOUND = 5, 8, 13
_LEVELS = {1: "Critical", 2: "Error", 3: "Warning", 4: "Information"}
_SINCE = r"(?:\band\s+TimeCreated\[@SystemTime\s*>=\s*'(?P<since>[^']+)'\]\s*)?"
_QUERY = re.compile(rf"^\*\[System\[\s*(?P<terms>.+?)\s*{_SINCE}\]\]$")
_TERM = re.compile(r"^\(?\s*(?P<name>EventRecordID|EventID|Level)\s*=\s*(?P<number>\d+)\s*\)?$")
_KEYS = ("logname", "id", "starttime", "endtime", "level", "providername")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # FILETIME


@cache
def _counter_fields() -> dict[str, str | None]:
    text = files("snlm_lib.lab.cmdlets").joinpath("counters.json").read_text(encoding="utf-8")
    fields: dict[str, str | None] = json.loads(text)["counters"]
    return fields


# --- Get-Counter ----------------------------------------------------------------------------------


@cmdlet("Get-Counter", honours=("Counter", "MaxSamples"))
def get_counter(context: Context, bound: Bound) -> Iterator[object]:
    samples: list[PsValue] = []
    for path in bound.get("Counter", []):
        found = _PATH.match(path)
        known = counter_name(context.host.locale, _SET).casefold()  # on a German host no English name is found
        if found is None or found["set"].casefold() != known:
            text = "The specified object was not found on the computer. (0xC0000BB8)"
            _no_counter(context, path, text)
            continue
        matching = list(_samples(context, found["instance"] or "*", found["counter"]))
        if not matching:
            _no_counter(context, path, "The specified instance is not present. (0x800007D1)")
        samples += matching
    if samples:
        now = context.world.clock.utc_now()
        lines = "\n".join(f"{sample.properties['Path']} :\n{sample.properties['CookedValue']}\n" for sample in samples)
        values: dict[str, object] = {"Timestamp": now, "CounterSamples": samples, "Readings": lines}
        yield build("PerformanceCounterSampleSet", values)


def _no_counter(context: Context, path: str, text: str) -> None:
    """No live migration, no instance: PowerShell reports it and goes on."""
    context.error(context.record(text, "CounterApiError", _INVALID_RESULT, target=path, exception="System.Exception"))


def _samples(context: Context, instance: str, counter: str) -> Iterator[PsValue]:
    for vm_name, state in context.host.counters.items():
        name = f"{vm_name}:{counter_name(context.host.locale, _INSTANCE)}"
        if not matches(instance, name):
            continue
        for english, attribute in _counter_fields().items():
            title = counter_name(context.host.locale, english)
            if matches(counter, title):
                yield _sample(context, name, title, _read(state, attribute))


def _read(state: MigrationCounters, attribute: str | None) -> int:
    return int(getattr(state, attribute)) if attribute else 0


def _sample(context: Context, instance: str, title: str, number: int) -> PsValue:
    now = context.world.clock.utc_now()
    known = counter_name(context.host.locale, _SET)
    path = f"\\\\{context.host.name}\\{known}({instance})\\{title}".lower()
    values: dict[str, object] = {
        "Path": path,
        "InstanceName": instance.lower(),
        "CookedValue": float(number),
        "RawValue": number,
        "SecondValue": 0,
        "MultipleCount": 1,
        "CounterType": "NumberOfItems64",
        "Timestamp": now,
        "Timestamp100NSec": int((now - _EPOCH).total_seconds() * 10**7),
        "Status": 0,
        "DefaultScale": 0,
        "TimeBase": 10**7,
    }
    return build("PerformanceCounterSample", values)


# --- Get-WinEvent ---------------------------------------------------------------------------------


@cmdlet("Get-WinEvent", honours=("LogName", "FilterHashtable", "FilterXPath", "MaxEvents", "Oldest"))
def get_win_event(context: Context, bound: Bound) -> Iterator[object]:
    tests = [_by_table(context, table) for table in bound.get("FilterHashtable", [])]
    if "LogName" in bound:
        tests += [_by_log(context, pattern, bound.get("FilterXPath", "*")) for pattern in bound.get("LogName")]
    events = [event for event in context.host.events if any(test(event) for test in tests)]
    events = events if bound.on("Oldest") else events[::-1]
    events = events[: bound.get("MaxEvents", len(events))]
    if not events:
        text = "No events were found that match the specified selection criteria."
        error_id = "NoMatchingEventsFound"
        context.error(context.record(text, error_id, _NOT_FOUND, exception="System.Exception"))
    for event in events:
        yield _event_object(context, event)


Test = Callable[[HostEvent], bool]


def _by_table(context: Context, table: Mapping[object, object]) -> Test:
    keys = {str(key).casefold(): value for key, value in table.items()}
    unknown = sorted(set(keys) - set(_KEYS))
    if unknown:
        raise _bad_query(context, f"The lab does not simulate the key {unknown[0]} of -FilterHashtable.")
    try:
        logs = convert_argument(keys.get("logname", VMMS_ADMIN), "String[]")
        ids = convert_argument(keys["id"], "Int64[]") if "id" in keys else None
        levels = convert_argument(keys["level"], "Int64[]") if "level" in keys else None
        providers = convert_argument(keys.get("providername", "*"), "String[]")
        since = convert_argument(keys["starttime"], "DateTime") if "starttime" in keys else None
        until = convert_argument(keys["endtime"], "DateTime") if "endtime" in keys else None
    except Unconvertible as wrong:
        raise _bad_query(context, str(wrong)) from wrong
    _known_log(context, _patterns(logs))
    return lambda event: (
        any(matches(pattern, event.log) for pattern in _patterns(logs))
        and any(matches(pattern, _provider(event)[0]) for pattern in _patterns(providers))
        and (not isinstance(ids, list) or event.event_id in ids)
        and (not isinstance(levels, list) or event.level in levels)
        and (not isinstance(since, datetime) or event.created_utc >= since)
        and (not isinstance(until, datetime) or event.created_utc <= until)
    )


def _provider(event: HostEvent) -> tuple[str, UUID]:
    return _WORKER if event.log == WORKER_ADMIN else _VMMS


def _patterns(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _known_log(context: Context, patterns: list[str]) -> None:
    for pattern in patterns:
        if not any(matches(pattern, log) for log in (VMMS_ADMIN, VMMS_OPERATIONAL, WORKER_ADMIN)):
            text = f'There is not an event log on the {context.host.name} computer that matches "{pattern}".'
            record = context.record(text, "NoMatchingLogsFound", _NOT_FOUND, exception="System.Exception")
            context.error(record)


def _by_log(context: Context, pattern: str, query: str) -> Test:
    """``*[System[(EventID=7 or EventID=8) and TimeCreated[@SystemTime>='...']]]``; only numbers joined by "or", with
    or without a moment after them, are understood."""
    _known_log(context, [pattern])
    if query.strip() == "*":
        return lambda event: matches(pattern, event.log)
    outer = _QUERY.match(query.strip())
    terms = [_TERM.match(part.strip()) for part in re.split(r"\bor\b", outer["terms"])] if outer else [None]
    wanted = {(hit["name"], int(hit["number"])) for hit in terms if hit}
    if not wanted or None in terms:
        raise _bad_query(context, "The specified query is invalid")
    since = _moment(context, outer["since"]) if outer else None
    return lambda event: (
        matches(pattern, event.log) and bool(_numbers(event) & wanted) and (since is None or event.created_utc >= since)
    )


def _moment(context: Context, text: str | None) -> datetime | None:
    try:
        return parse_utc(text) if text else None
    except ValueError as wrong:
        raise _bad_query(context, "The specified query is invalid") from wrong


def _numbers(event: HostEvent) -> set[tuple[str, int]]:
    return {("EventRecordID", event.record_id), ("EventID", event.event_id), ("Level", event.level)}


def _bad_query(context: Context, text: str) -> Terminating:
    exception = "System.Diagnostics.Eventing.Reader.EventLogException"
    return Terminating(context.record(text, exception, _INVALID_ARGUMENT, exception=exception))


def _event_object(context: Context, event: HostEvent) -> PsValue:
    values: dict[str, object] = {
        "Message": event.message,
        "Id": event.event_id,
        "Version": 0,
        "Level": event.level,
        "Task": 0,
        "Opcode": 0,
        "Keywords": -9223372036854775808,
        "RecordId": event.record_id,
        "ProviderName": _provider(event)[0],
        "ProviderId": _provider(event)[1],
        "LogName": event.log,
        "MachineName": context.host.fqdn,
        "UserId": "S-1-5-18",
        "TimeCreated": event.created_utc,
        "ContainerLog": event.log.lower(),
        "MatchedQueryIds": [],
        "LevelDisplayName": _LEVELS.get(event.level, ""),
        "KeywordsDisplayNames": [],
        "Properties": [build("EventProperty", {"Value": value}) for value in event.values],
    }
    return build("EventLogRecord", values, live=event)
