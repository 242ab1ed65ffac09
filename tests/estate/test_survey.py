"""The survey: against a session that answers from a table, and against the whole lab."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from snlm_lib.clock import FakeClock, SystemClock
from snlm_lib.errors import CommandFailed, HostUnreachable
from snlm_lib.estate.model import CountersFacts, JobFacts, VmStatus
from snlm_lib.estate.reads import AT_ONCE
from snlm_lib.estate.survey import (
    Estate,
    continuity_events,
    find_vm,
    live_counters,
    migration_events,
    migration_jobs,
    survey_host,
    survey_pair,
    vm_status,
)
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import HostSession

A, B, C = (UUID(int=number) for number in (1, 2, 3))
MACHINES = "Get-VM"
Lab = dict[str, HostSession]


def machines(*known: tuple[UUID, str]) -> list[dict[str, object]]:
    return [{"Id": vm_id, "Name": name, "State": "Running"} for vm_id, name in known]


@pytest.fixture
def pair(table: Any) -> Callable[..., Estate]:
    def make(source: dict[str, Any], destination: dict[str, Any], directory: dict[str, Any] | None = None) -> Estate:
        controller = None if directory is None else table("DC01", directory)
        return Estate(table("HV01", source, takes_s=0.002), table("HV02", destination, takes_s=0.002), controller)

    return make


@pytest.mark.parametrize("wanted", ["DB[1]", "db[1]", str(A), f"{{{A}}}"])
def test_a_machine_is_found_by_name_or_guid(table: Any, wanted: str) -> None:
    session = table("HV01", {"Get-VM": [], "Get-VM -Id": []})
    session.table["Get-VM"] = machines((A, "DB[1]"), (B, "DB1"))
    vm, count = find_vm(session, wanted)
    assert vm is not None
    assert (vm.vm_id, vm.name, vm.host, count) == (A, "DB[1]", "HV01", 1)


@pytest.mark.parametrize("wanted", ["*", "DB?1?", "x'; Remove-VM *", ""])
def test_a_wanted_name_is_only_a_name_and_is_never_sent(table: Any, wanted: str) -> None:
    session = table("HV01", {"Get-VM": machines((A, "DB[1]"), (B, "DB1"))})
    assert find_vm(session, wanted) == (None, 0)
    assert session.heard == ["Get-VM"]


def test_a_name_borne_twice_is_nobodys_but_a_guid_is(table: Any) -> None:
    session = table("HV01", {"Get-VM": machines((A, "VM01"), (B, "vm01"), (C, "VM02"))})
    assert find_vm(session, "VM01") == (None, 2)
    vm, count = find_vm(session, str(B))
    assert vm is not None
    assert (vm.vm_id, count) == (B, 2)


def test_machines_the_host_does_not_list_are_not_known(table: Any, refused: Any) -> None:
    assert find_vm(table("HV01", {"Get-VM": refused()}), "VM01") == (None, None)


def test_what_a_host_refuses_is_unknown_and_the_rest_is_there(table: Any, refused: Any) -> None:
    session = table("HV01", {"Get-Volume": refused(), "Get-VMHost": [{"VirtualMachineMigrationEnabled": True}]})
    host = survey_host(session, "HV02", FakeClock())
    assert host.volumes == ()
    assert host.settings.enabled is True


def test_what_a_host_refuses_about_a_machine_is_unknown_and_not_none(pair: Callable[..., Estate], refused: Any) -> None:
    closed = {MACHINES: machines((A, "VM01")), "Get-VM -Id": refused(), "Get-CimInstance": refused()}
    found = survey_pair(pair(closed, {}), "VM01", FakeClock())
    assert found.vm is not None
    vm = found.vm
    assert (vm.disks, vm.adapters, vm.checkpoints, vm.images, vm.integration) == (None,) * 5
    assert found.jobs is None
    there = survey_pair(pair({MACHINES: machines((A, "VM01"))}, {"Get-CimInstance": refused()}), "VM01", FakeClock())
    assert (there.jobs, there.planned_on_destination) == (None, None)


def test_a_missing_rule_does_not_take_the_others_answer_with_it(table: Any, refused: Any) -> None:
    rule = "Get-NetFirewallRule -Name @('VIRT-MIGL-In-TCP-NoScope'"
    session = table(
        "HV01", {"Get-NetFirewallRule": refused(), rule: [{"Name": "VIRT-MIGL-In-TCP-NoScope", "Enabled": 1}]}
    )
    host = survey_host(session, "HV02", FakeClock())
    assert host.firewall_enabled == {"VIRT-MIGL-In-TCP-NoScope": True, "FPS-SMB-In-TCP": None}


def test_a_host_out_of_reach_is_an_error(pair: Callable[..., Estate]) -> None:
    gone = HostUnreachable("nobody listens", host="HV02")
    with pytest.raises(HostUnreachable):
        survey_pair(pair({MACHINES: machines((A, "VM01"))}, {"Get-VMHost": gone}), "VM01", FakeClock())


def test_a_pair(pair: Callable[..., Estate], refused: Any) -> None:
    job = {"InstanceID": "j", "VirtualSystemName": str(A), "JobState": 4}
    estate = pair(
        {MACHINES: machines((A, "VM01")), "Get-CimInstance -ClassName 'Msvm_MigrationJob'": [job]},
        {
            MACHINES: machines((B, "vm01"), (C, "VM03")),
            "Get-CimInstance -ClassName 'Msvm_Planned": [{"Name": str(A).upper()}],
        },
        {"Get-ADDomain": [{"DNSRoot": "corp.example"}], "Get-ADComputer -Identity 'HV02'": refused()},
    )
    found = survey_pair(estate, "VM01", FakeClock())
    assert found.vm is not None
    assert found.vm.vm_id == A
    assert (found.same_name_source, found.same_name_destination) == (1, 1)
    assert (found.id_on_destination, found.planned_on_destination) == (False, True)
    assert [(each.host, each.instance_id) for each in found.jobs or ()] == [("HV01", "j")]
    assert found.delegation == {"HV01": None}
    assert found.directory_domain == "corp.example"
    assert (found.source.name, found.destination.name) == ("HV01", "HV02")


def test_a_pair_stays_within_the_limit_of_each_session(table: Any) -> None:
    source = table("HV01", {MACHINES: machines((A, "VM01"))}, takes_s=0.01)
    destination = table("HV02", takes_s=0.01)
    survey_pair(Estate(source, destination, None), "VM01", FakeClock())
    assert 1 < source.most_at_once <= AT_ONCE
    assert 1 < destination.most_at_once <= AT_ONCE


def test_a_host_that_does_not_open_is_asked_nothing(table: Any) -> None:
    for name in ("source", "destination", "directory"):
        sessions = {each: table(each) for each in ("source", "destination", "directory")}
        sessions[name].gone = HostUnreachable("nobody listens", host=name)
        with pytest.raises(HostUnreachable, match=name):
            survey_pair(Estate(**sessions), "VM01", FakeClock())
        assert sessions[name].heard == []
        assert sessions[name].opened == 1


def test_a_machine_that_has_left_is_still_looked_for_by_its_guid(pair: Callable[..., Estate]) -> None:
    found = survey_pair(pair({}, {MACHINES: machines((A, "VM01"))}), str(A), FakeClock())
    assert found.vm is None
    assert (found.same_name_source, found.id_on_destination) == (0, True)


def test_without_a_directory_or_a_machine_nothing_is_made_up(pair: Callable[..., Estate], refused: Any) -> None:
    found = survey_pair(pair({MACHINES: refused()}, {MACHINES: refused()}), "VM01", FakeClock())
    assert (found.vm, found.same_name_source, found.same_name_destination) == (None, None, None)
    assert (found.id_on_destination, found.planned_on_destination) == (None, None)
    assert (found.delegation, found.directory_domain, found.jobs) == ({}, None, ())


def test_a_status_is_none_only_when_the_machine_is_not_there(table: Any, refused: Any) -> None:
    for gone in ("ObjectNotFound,X", "InvalidParameter,X"):
        assert vm_status(table("HV01", {"Get-VM": refused(gone)}), A) is None
    with pytest.raises(CommandFailed):
        vm_status(table("HV01", {"Get-VM": refused()}), A)
    assert vm_status(table("HV01", {"Get-VM": machines((A, "VM01"))}), A) == VmStatus("HV01", "Running", (), None)


def test_jobs_of_other_machines_do_not_count(table: Any) -> None:
    answer = [{"VirtualSystemName": str(B)}, {"VirtualSystemName": str(A).upper(), "InstanceID": "mine"}]
    jobs = migration_jobs(table("HV01", {"Get-CimInstance": answer}), A)
    assert [job.instance_id for job in jobs] == ["mine"]


def test_events_of_other_machines_do_not_count_and_the_oldest_is_first(table: Any, refused: Any) -> None:
    found: list[dict[str, object]] = [{"Id": 20415, "RecordId": 9}, {"Id": 20413, "RecordId": 7}]
    found += [{"Id": 20413, "RecordId": 8}, {"Id": 21024, "RecordId": 6}, {"Id": 20413}]
    where = "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-VMMS-Admin' -FilterXPath '*[System[EventRecordID="
    session = table(
        "HV01",
        {
            "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-VMMS-Admin' -FilterXPath '*[System[(EventID=": found,
            f"{where}9": [{"Value": "VM01"}, {"Value": f"{{{str(A).upper()}}}"}, {"Value": "0.5"}],
            f"{where}8": [{"Value": "VM02"}, {"Value": str(B)}],
            f"{where}7": [{"Value": "VM01"}, {"Value": str(A)}],
            f"{where}6": refused(),
        },
    )
    events = migration_events(session, A, FakeClock().utc_now())
    assert [(event.event_id, event.record_id) for event in events] == [(20413, 7), (20415, 9)]
    assert events[1].values[2] == "0.5"
    none = table("HV01", {"Get-WinEvent": refused("NoMatchingEventsFound,X")})
    assert migration_events(none, A, FakeClock().utc_now()) == ()


def test_events_of_a_guest_that_did_not_run_through_also_when_they_do_not_say_whose(table: Any, refused: Any) -> None:
    found = [{"Id": number, "RecordId": place} for place, number in enumerate((18514, 18502, 18504), start=1)]
    where = "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-Worker-Admin' -FilterXPath '*[System[EventRecordID="
    session = table(
        "HV02",
        {
            "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-Worker-Admin' -FilterXPath '*[System[(EventID=": found,
            f"{where}1": [{"Value": "VM01"}, {"Value": str(A).upper()}],
            f"{where}2": [{"Value": "VM02"}, {"Value": str(B)}],
            f"{where}3": refused(),
        },
    )
    events = continuity_events(session, A, FakeClock().utc_now())
    assert [event.event_id for event in events] == [18514, 18504]
    asked = next(text for text in session.heard if "SystemTime" in text)
    assert all(str(number) in asked for number in (18502, 18504, 18512, 18514, 18560))


def test_counters_are_none_when_nothing_moves(table: Any, refused: Any) -> None:
    for fq_error_id in ("CounterApiError,X", "AccessDenied,X"):
        assert live_counters(table("HV01", {"Get-Counter": refused(fq_error_id)}), "VM01") is None
    sample = {
        "Path": "\\\\h\\s(i)\\transfer pass: number",
        "InstanceName": "vm01:vm live migration",
        "CookedValue": 2.0,
    }
    counters = live_counters(table("HV01", {"Get-Counter": [sample]}), "VM01")
    assert counters == CountersFacts(2, None, None, None, None, None)


# --- the whole lab, a process of its own ----------------------------------------------------------


def estate(lab: Lab) -> Estate:
    return Estate(lab["HV01"], lab["HV02"], lab["DC01"])


def test_the_lab_is_surveyed_whole_and_fast(lab: Lab) -> None:
    begun_s = time.monotonic()
    found = survey_pair(estate(lab), "vm01", SystemClock())
    assert time.monotonic() - begun_s < 2
    assert found.vm is not None
    assert (found.vm.name, found.vm.state) == ("VM01", "Running")
    assert found.vm.disks
    assert all(disk.file_bytes and disk.size_bytes for disk in found.vm.disks)
    assert found.vm.adapters
    assert found.vm.adapters[0].ip_addresses
    assert found.vm.integration
    for host in (found.source, found.destination):
        assert (host.computer_name, host.domain, host.in_domain) == (host.name, "corp.example", True)
        assert host.clock_offset_s is not None
        assert abs(host.clock_offset_s) < 1
        assert None not in (host.os_build, host.logical_processors, host.memory_free_bytes, host.default_path)
        assert host.switches
        assert host.volumes
        assert host.peer_address
        assert [port.port for port in host.ports if port.reachable is not None] == [6600, 445]
        assert all(host.firewall_enabled.values())
    assert {name: account is not None for name, account in found.delegation.items()} == {"HV01": True, "HV02": True}
    assert (found.same_name_source, found.same_name_destination, found.id_on_destination) == (1, 0, False)


def test_the_lab_knows_no_such_machine_and_no_such_account(lab: Lab) -> None:
    assert vm_status(lab["HV01"], uuid4()) is None
    assert find_vm(lab["HV01"], "VM*") == (None, 0)
    assert live_counters(lab["HV01"], "VM01") is None
    with pytest.raises(CommandFailed, match="nobody"):
        lab["DC01"].invoke(commands.get_ad_computer("nobody"))


def test_a_move_in_the_lab_is_seen_through_every_reader(lab: Lab, operator: Credential) -> None:
    _make_ready(lab)
    vm, _ = find_vm(lab["HV01"], "VM01")
    assert vm is not None
    begun_utc = SystemClock().utc_now()
    moving = lab["HV01"].start(
        commands.move_vm(vm.vm_id, "HV02", storage_path="D:\\Hyper-V\\VM01", credential=operator)
    )
    jobs, counters, states = _watched(lab["HV01"], vm.vm_id, moving)
    moving.result()
    assert {job.job_type for job in jobs} == {306}
    assert {job.job_state for job in jobs} <= {2, 3, 4, 7}
    assert [job.percent for job in jobs] == sorted(job.percent or 0 for job in jobs)
    assert any(each.bytes_sent for each in counters)
    assert any("MigratingVirtualMachine" in state.operational_status for state in states)
    assert vm_status(lab["HV01"], vm.vm_id) is None
    there = vm_status(lab["HV02"], vm.vm_id)
    assert there is not None
    assert there.state == "Running"
    events = [event for name in ("HV01", "HV02") for event in migration_events(lab[name], vm.vm_id, begun_utc)]
    assert {event.event_id for event in events} == {20413, 20415}
    (done,) = (event for event in events if event.event_id == 20415)
    assert float(done.values[2]) > 0


def _make_ready(lab: Lab) -> None:
    for host, peer in (("HV01", "HV02"), ("HV02", "HV01")):
        lab[host].invoke(commands.enable_vm_migration())
        lab[host].invoke(commands.set_vm_host(authentication="Kerberos", use_any_network=True))
        services = ("cifs", "Microsoft Virtual System Migration Service")
        names = [f"{service}/{name}" for service in services for name in (peer, f"{peer.lower()}.corp.example")]
        lab["DC01"].invoke(commands.add_delegation(host, names))
        lab["DC01"].invoke(commands.set_any_protocol(host, True))


def _watched(
    session: HostSession, vm_id: UUID, moving: Any
) -> tuple[list[JobFacts], list[CountersFacts], list[VmStatus]]:
    jobs: list[JobFacts] = []
    counters: list[CountersFacts] = []
    states: list[VmStatus] = []
    while not moving.wait(0.02):
        jobs += migration_jobs(session, vm_id)
        counters += [seen for seen in [live_counters(session, "VM01")] if seen]
        states += [seen for seen in [vm_status(session, vm_id)] if seen]
    return jobs, counters, states
