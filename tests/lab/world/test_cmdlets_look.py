"""CIM classes, volumes, rules, names and ports, counters and events."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.telemetry import VMMS_ADMIN, MigrationCounters
from snlm_lib.lab.values import PsValue
from snlm_lib.units import GIB, iso_utc
from tests.lab.world.conftest import Lab, RecordingSink

V2 = "root\\virtualization\\v2"
LIVE = "\\Hyper-V VM Live Migration(*)\\*"
COUNTER_ERROR = "CounterApiError,Microsoft.PowerShell.Commands.GetCounterCommand"
WIN_EVENT = "Microsoft.PowerShell.Commands.GetWinEventCommand"


def cim(lab: Lab, class_name: str, host: str = "HV01", **more: object) -> RecordingSink:
    return lab.ask(host, ("Get-CimInstance", {"ClassName": class_name, **more}))


# --- CIM ------------------------------------------------------------------------------------------


def test_the_system_classes_describe_the_host(lab: Lab) -> None:
    computer = cim(lab, "win32_computersystem").one.properties
    assert (computer["Name"], computer["Domain"]) == ("HV01", "corp.example")
    assert computer["TotalPhysicalMemory"] == 256 * GIB
    system = cim(lab, "Win32_OperatingSystem").one.properties
    assert system["BuildNumber"] == "20348"
    assert system["FreePhysicalMemory"] == (256 - 8 - 8 - 4) * GIB // 1024
    assert system["LocalDateTime"] == lab.world.clock.utc_now()
    processors = cim(lab, "Win32_Processor")
    assert processors.column("Manufacturer") == ["GenuineIntel"] * 2
    assert processors.column("NumberOfLogicalProcessors") == [32, 32]


def test_the_listener_and_the_slots_show_in_the_migration_service(ready: Lab) -> None:
    service = cim(ready, "Msvm_VirtualSystemMigrationService", Namespace="ROOT/virtualization/v2").one.properties
    assert service["MigrationServiceListenerIPAddressList"] == ["10.20.0.11"]
    ready.host("HV01").active_moves = 1
    again = cim(ready, "Msvm_VirtualSystemMigrationService", Namespace=V2).one.properties
    assert again["ActiveVirtualSystemMigrationCount"] == 1


def test_jobs_are_found_by_guid_with_numbers_of_windows(ready: Lab) -> None:
    ready.move()
    guid = str(ready.vm("VM01").vm_id)
    job = cim(
        ready, "Msvm_MigrationJob", Namespace=V2, Filter=f"VirtualSystemName='{guid}' AND JobState=7"
    ).one.properties
    assert (job["JobState"], job["JobType"], job["MigrationType"], job["PercentComplete"]) == (7, 306, 32771, 100)
    assert job["VirtualSystemName"] == guid.upper()
    assert job["TimeBeforeRemoval"] == timedelta(minutes=5)
    assert cim(ready, "Msvm_MigrationJob", Namespace=V2, Filter=f"Name='{uuid4()}'").output_values == []
    clock = ready.world.clock
    assert isinstance(clock, FakeClock)
    clock.advance(301)
    assert cim(ready, "Msvm_MigrationJob", Namespace=V2).output_values == []


def test_planned_machines_are_found_by_guid(lab: Lab) -> None:
    left = uuid4()
    lab.host("HV02").planned[left] = "GHOST"
    found = cim(lab, "Msvm_PlannedComputerSystem", "HV02", Namespace=V2, Filter=f'Name="{str(left).upper()}"').one
    assert found.properties["ElementName"] == "GHOST"


def test_property_leaves_the_others_empty(lab: Lab) -> None:
    properties = cim(lab, "Win32_ComputerSystem", Property=["Name"]).one.properties
    assert (properties["Name"], properties["Domain"]) == ("HV01", None)


@pytest.mark.parametrize(
    ("class_name", "host", "more", "hresult"),
    [
        ("Win32_Nothing", "HV01", {}, "0x80041010"),
        ("Msvm_MigrationJob", "HV01", {}, "0x80041010"),
        ("Msvm_MigrationJob", "DC01", {"Namespace": V2}, "0x8004100e"),
        ("Win32_Processor", "HV01", {"Filter": "Name LIKE 'x%'"}, "0x80041017"),
    ],
)
def test_wrong_questions_get_wmis_codes(
    lab: Lab, class_name: str, host: str, more: dict[str, object], hresult: str
) -> None:
    answer = cim(lab, class_name, host, **more)
    suffix = "Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand"
    assert answer.fq_error_ids == [f"HRESULT {hresult},{suffix}"]


# --- volumes, rules, names, ports -----------------------------------------------------------------


def test_volumes(lab: Lab) -> None:
    assert lab.ask("HV01", ("Get-Volume", {})).column("DriveLetter") == ["C", "D"]
    one = lab.ask("HV01", ("Get-Volume", {"DriveLetter": "d"})).one.properties
    assert one["SizeRemaining"] == lab.host("HV01").free_bytes("D")
    assert lab.ask("HV01", ("Get-Volume", {"DriveLetter": "X"})).errors[0].category == 13


def test_rules_by_name(lab: Lab) -> None:
    lab.host("HV01").firewall["FPS-SMB-In-TCP"].enabled = False
    names = ["VIRT-MIGL-In-TCP-NoScope", "FPS-SMB-In-TCP", "NO-RULE"]
    answer = lab.ask("HV01", ("Get-NetFirewallRule", {"Name": names}))
    assert [str(each) for each in answer.column("Enabled")] == ["True", "False"]
    assert answer.fq_error_ids == ["CmdletizationQuery_NotFound_InstanceID,Get-NetFirewallRule"]


def test_names_resolve(lab: Lab) -> None:
    record = lab.ask("HV01", ("Resolve-DnsName", {"Name": "hv02", "Type": "A"})).one.properties
    assert (record["Name"], record["IPAddress"]) == ("hv02.corp.example", "10.20.0.12")
    wrong = lab.ask("HV01", ("Resolve-DnsName", {"Name": "HV09", "Type": "A"}))
    assert wrong.fq_error_ids == ["DNS_ERROR_RCODE_NAME_ERROR,Microsoft.DnsClient.Commands.ResolveDnsName"]
    assert lab.ask("HV01", ("Resolve-DnsName", {"Name": "HV02", "Type": "MX"})).errors[0].category == 11


@pytest.mark.parametrize(("peer", "port", "open_"), [("HV02", 6600, True), ("HV02", 445, True), ("HV02", 81, False)])
def test_ports(ready: Lab, peer: str, port: int, open_: bool) -> None:
    answer = ready.ask("HV01", ("Test-NetConnection", {"ComputerName": peer, "Port": port}))
    assert answer.one.properties["TcpTestSucceeded"] is open_
    assert answer.one.properties["RemoteAddress"] == "10.20.0.12"
    assert bool(answer.warnings) is not open_


def test_a_port_of_an_unknown_host(lab: Lab) -> None:
    answer = lab.ask("HV01", ("Test-NetConnection", {"ComputerName": "HV09", "Port": 445}))
    assert answer.one.properties["NameResolutionSucceeded"] is False
    assert answer.warnings == ["Name resolution of HV09 failed"]


# --- counters -------------------------------------------------------------------------------------


def test_counters_exist_only_while_memory_moves(lab: Lab) -> None:
    none = lab.ask("HV01", ("Get-Counter", {"Counter": LIVE, "MaxSamples": 1}))
    assert (none.failure, none.fq_error_ids) == (None, [COUNTER_ERROR])
    lab.host("HV01").counters["VM01"] = MigrationCounters(3, True, 21_000, 5 * GIB, 2 * GIB)
    answer = lab.ask(
        "HV01", ("Get-Counter", {"Counter": LIVE}), ("Select-Object", {"ExpandProperty": "CounterSamples"})
    )
    values = {
        str(row.properties["Path"]).rpartition("\\")[2]: row.properties["CookedValue"] for row in answer.output_values
    }
    assert values["transfer pass: number"] == 3.0
    assert values["transfer pass: is blackout"] == 1.0
    assert values["transfer pass: dirty page count"] == 21_000.0
    assert values["memory walker: uncompressed bytes sent"] == 5.0 * GIB
    assert values["compressor: compressed bytes sent"] == 2.0 * GIB
    assert set(answer.column("InstanceName")) == {"vm01:vm live migration"}
    assert str(answer.column("Path")[0]).startswith("\\\\hv01\\hyper-v vm live migration(vm01:vm live migration)\\")


def test_one_counter_and_a_foreign_set(lab: Lab) -> None:
    lab.host("HV01").counters["VM01"] = MigrationCounters(pass_number=2)
    path = "\\Hyper-V VM Live Migration(VM01:*)\\Transfer Pass: Number"
    samples = lab.ask("HV01", ("Get-Counter", {"Counter": path})).one.properties["CounterSamples"]
    assert isinstance(samples, list)
    assert len(samples) == 1
    foreign = lab.ask("HV01", ("Get-Counter", {"Counter": "\\Processor(*)\\*"}))
    assert foreign.fq_error_ids == [COUNTER_ERROR]


# --- events ---------------------------------------------------------------------------------------


def log_three(lab: Lab) -> None:
    clock = lab.world.clock
    assert isinstance(clock, FakeClock)
    for event_id in (20413, 20415, 21024):
        lab.world.log(lab.host("HV01"), event_id, level=4, values=("VM01", "GUID", "0.4"), message=f"event {event_id}")
        clock.advance(60)


def events(lab: Lab, table: dict[str, object], **more: object) -> RecordingSink:
    return lab.ask("HV01", ("Get-WinEvent", {"FilterHashtable": {"LogName": VMMS_ADMIN, **table}, **more}))


def test_events_come_newest_first_filtered_by_id_and_time(lab: Lab) -> None:
    start = lab.world.clock.utc_now()
    log_three(lab)
    assert events(lab, {}).column("Id") == [21024, 20415, 20413]
    assert events(lab, {}, Oldest=True).column("Id") == [20413, 20415, 21024]
    assert events(lab, {"ID": [20413, 20415]}).column("Id") == [20415, 20413]
    since = start + timedelta(seconds=30)
    assert events(lab, {"StartTime": since}).column("Id") == [21024, 20415]
    assert events(lab, {"StartTime": since.isoformat(), "EndTime": since + timedelta(seconds=60)}).column("Id") == [
        20415
    ]
    assert events(lab, {}, MaxEvents=1).column("Id") == [21024]


def test_the_values_of_one_event_in_order(lab: Lab) -> None:
    log_three(lab)
    record_id = events(lab, {"Id": 20415}).one.properties["RecordId"]
    query = f"*[System[EventRecordID={record_id}]]"
    answer = lab.ask(
        "HV01",
        ("Get-WinEvent", {"LogName": VMMS_ADMIN, "FilterXPath": query}),
        ("Select-Object", {"ExpandProperty": "Properties"}),
    )
    assert answer.column("Value") == ["VM01", "GUID", "0.4"]


def test_xpath_of_several_numbers(lab: Lab) -> None:
    log_three(lab)
    query = "*[System[(EventID=20413) or (EventID=21024)]]"
    answer = lab.ask("HV01", ("Get-WinEvent", {"LogName": VMMS_ADMIN, "FilterXPath": query}))
    assert answer.column("Id") == [21024, 20413]
    wrong = lab.ask("HV01", ("Get-WinEvent", {"LogName": VMMS_ADMIN, "FilterXPath": "*[UserData[x='y']]"}))
    assert wrong.failure is not None


def test_xpath_of_numbers_since_a_moment(lab: Lab) -> None:
    start = lab.world.clock.utc_now()
    log_three(lab)

    def found(since: str) -> RecordingSink:
        query = f"*[System[(EventID=20413 or EventID=21024) and TimeCreated[@SystemTime>='{since}']]]"
        return lab.ask("HV01", ("Get-WinEvent", {"LogName": VMMS_ADMIN, "FilterXPath": query}))

    assert found(iso_utc(start)).column("Id") == [21024, 20413]
    assert found(iso_utc(start + timedelta(seconds=30))).column("Id") == [21024]
    assert found(iso_utc(start + timedelta(hours=1))).fq_error_ids == [f"NoMatchingEventsFound,{WIN_EVENT}"]
    assert found("yesterday").failure is not None


def test_no_event_is_an_error_that_does_not_end_the_pipeline(lab: Lab) -> None:
    answer = events(lab, {"Id": 20415})
    assert answer.failure is None
    assert answer.fq_error_ids == [f"NoMatchingEventsFound,{WIN_EVENT}"]
    assert answer.errors[0].category == 13


def test_an_unknown_log_and_an_unknown_key(lab: Lab) -> None:
    log_three(lab)
    assert events(lab, {"LogName": "System"}).fq_error_ids[0] == f"NoMatchingLogsFound,{WIN_EVENT}"
    unknown = events(lab, {"Keywords": 1}).failure
    assert unknown is not None
    assert "keywords" in unknown.message
    assert events(lab, {"Id": "many"}).failure is not None


def test_an_event_carries_its_message_and_provider(lab: Lab) -> None:
    log_three(lab)
    event = events(lab, {"Id": 20413}).one
    assert event.properties["Message"] == "event 20413"
    assert str(event.properties["ProviderId"]).upper() == "6066F867-7CA1-4418-85FD-36E3F9C0600C"
    values = event.properties["Properties"]
    assert isinstance(values, list)
    assert all(isinstance(value, PsValue) for value in values)
