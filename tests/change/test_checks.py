"""Each check on the one thing it is about: spoil it, and exactly that check says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from snlm_lib.change.checks.model import Level
from snlm_lib.change.checks.preflight import ALL_CHECKS, obstacles, preflight, refusal
from snlm_lib.change.delegation import wanted_names
from snlm_lib.estate.model import CheckpointFacts, DirectoryHost, HopFacts, JobFacts, PairFacts, PortFacts, VolumeFacts
from snlm_lib.parameters import Parameters
from snlm_lib.units import GIB
from tests import builders as build


def source(**changes: Any) -> PairFacts:
    facts = build.pair()
    return replace(facts, source=replace(facts.source, **changes))


def destination(**changes: Any) -> PairFacts:
    facts = build.pair()
    return replace(facts, destination=replace(facts.destination, **changes))


def vm(**changes: Any) -> PairFacts:
    return build.pair(vm=build.machine(**changes))


def accounts(**named: Any) -> PairFacts:
    facts = build.pair()
    return replace(facts, delegation={**facts.delegation, **named})


def disabled(facts: PairFacts) -> Any:
    return replace(facts.destination.settings, enabled=False)


def job(state: int) -> JobFacts:
    return JobFacts("HV01", "job-1", build.VM_ID, state, 306, 40, None, None, "HV02", True, None)


def shut(port: int) -> PairFacts:
    """No rule is enabled at the destination, and one port of it does not answer."""
    facts = destination(firewall_enabled={"VIRT-MIGL-In-TCP-NoScope": False})
    ports = tuple(PortFacts("HV02", each, each != port, None) for each in (6600, 445))
    return replace(facts, source=replace(facts.source, ports=ports))


def chained(*, free_gib: int = 500, **changes: Any) -> PairFacts:
    """One disk with a checkpoint: the leaf is small, its parent is not."""
    leaf = {"file_bytes": GIB, "size_bytes": 40 * GIB, "vhd_type": "Differencing", "parent_path": "D:\\a.vhdx"}
    disks = tuple(replace(disk, **{**leaf, **changes}) for disk in (build.machine().disks or ())[:1])
    there = destination(volumes=(VolumeFacts("D", "Data", None, free_gib * GIB),))
    return replace(there, vm=build.machine(disks=disks))


READY = build.pair()
SPOILED: list[tuple[str, PairFacts, Level, str]] = [
    ("same-host", destination(fqdn="HV01.corp.example"), Level.FAIL, "both"),
    ("same-host", destination(fqdn=None), Level.FAIL, "own name"),
    ("domain", destination(domain=None), Level.FAIL, "could not be read"),
    ("domain", destination(in_domain=None), Level.FAIL, "could not be read"),
    ("domain", source(domain="WORKGROUP", in_domain=False), Level.FAIL, "not joined to a domain (workgroup WORKGROUP)"),
    ("domain", destination(domain="other.example"), Level.WARN, "other.example"),
    ("enabled", destination(settings=disabled(READY)), Level.FAIL, "HV02"),
    (
        "authentication",
        source(settings=replace(READY.source.settings, authentication="CredSSP")),
        Level.FAIL,
        "CredSSP",
    ),
    (
        "authentication",
        source(settings=replace(READY.source.settings, authentication="CredSSP")),
        Level.FAIL,
        "Credential Guard runs on HV01",
    ),
    ("rights", destination(fqdn=None, settings=replace(READY.source.settings, enabled=None)), Level.FAIL, "on HV02"),
    ("second-hop", replace(READY, hop=HopFacts(None, "Access is denied (0x80070005).")), Level.FAIL, "without a cred"),
    ("second-hop", replace(READY, hop=HopFacts("CORP\\op", "no (0x8007052E).")), Level.FAIL, "credential of CORP\\op"),
    ("second-hop", replace(READY, hop=None), Level.WARN, "not tried"),
    ("directory-hop", replace(READY, directory_host=DirectoryHost("MGMT01", 3), delegation={}), Level.FAIL, "a member"),
    (
        "directory-hop",
        replace(READY, directory_host=DirectoryHost("DC01", None), delegation={}),
        Level.FAIL,
        "does not",
    ),
    ("directory-hop", replace(READY, directory_host=None), Level.WARN, "no directory"),
    ("clocks", destination(clock_offset_s=301.0), Level.FAIL, "HV02 +301.0 s"),
    ("clocks", source(clock_offset_s=-1.5), Level.WARN, "HV01 -1.5 s"),
    ("clocks", source(clock_offset_s=None), Level.WARN, "does not tell"),
    ("listener", destination(listener_addresses=()), Level.FAIL, "no address"),
    ("slots", destination(active_vm_migrations=2), Level.FAIL, "2 of 2"),
    ("slots", source(active_storage_migrations=5), Level.FAIL, "5 of 2"),
    ("slots", source(active_storage_migrations=None), Level.WARN, "could not be read"),
    ("switch-kind", destination(switch_kinds={"LAN": "Private"}), Level.FAIL, "'lan' is Private there"),
    ("switch-kind", source(switch_kinds={"LAN": "Private"}), Level.WARN, "Private here"),
    ("switch-kind", destination(switch_kinds={}), Level.WARN, "unknown there"),
    ("clustered", vm(clustered=True), Level.FAIL, "cluster"),
    ("clustered", vm(clustered=None), Level.WARN, "could not be read"),
    ("replica", vm(replication="Replicating"), Level.WARN, "Replicating"),
    ("replica", vm(replication=None), Level.WARN, "could not be read"),
    ("performance", source(settings=replace(READY.source.settings, performance="SMB")), Level.WARN, "SMB"),
    ("cpu-vendor", destination(cpu_manufacturer="AuthenticAMD"), Level.FAIL, "AuthenticAMD"),
    ("cpu-vendor", destination(cpu_manufacturer=None), Level.FAIL, "could not be read"),
    ("cpu-model", destination(cpu_model="Xeon Gold 5318Y"), Level.WARN, "5318Y"),
    ("version", destination(supported_versions=("9.0", "10.0")), Level.FAIL, "12.0"),
    ("version", destination(supported_versions=()), Level.WARN, "could not be read"),
    ("delegation", accounts(HV01=build.account("HV01", any_protocol=True)), Level.FAIL, "4 of 4"),
    ("delegation", accounts(HV01=None), Level.FAIL, "could not be read"),
    ("delegation-back", accounts(HV02=build.account("HV02")), Level.WARN, "HV02 lacks 4"),
    (
        "protocol-transition",
        accounts(HV01=build.account("HV01", delegate_to=wanted_names(build.account("HV02")))),
        Level.FAIL,
        "Kerberos only",
    ),
    ("names", source(peer_address=None), Level.FAIL, "HV02"),
    ("port-6600", source(ports=(PortFacts("HV02", 6600, False, None), READY.source.ports[1])), Level.FAIL, "6600"),
    ("port-6600", destination(ports=(PortFacts("HV01", 6600, False, None), READY.source.ports[1])), Level.WARN, "6600"),
    ("port-445", source(ports=(READY.source.ports[0],)), Level.FAIL, "cannot be tried"),
    ("firewall", destination(firewall_enabled={}), Level.WARN, "VIRT-MIGL-In-TCP-NoScope"),
    ("firewall", source(firewall_enabled={"VIRT-MIGL-In-TCP-NoScope": False}), Level.WARN, "not enabled"),
    ("firewall", shut(6600), Level.FAIL, "is not enabled on HV02"),
    ("firewall", shut(445), Level.WARN, "is not enabled on HV02, but TCP 6600 answers at HV02"),
    ("switches", destination(switches=("Internal",)), Level.FAIL, "'LAN'"),
    ("switches", vm(adapters=None), Level.FAIL, "could not be read"),
    ("switch-kind", vm(adapters=None), Level.WARN, "could not be read"),
    ("vm-found", build.pair(vm=None, same_name_source=0), Level.FAIL, "'VM01'"),
    ("vm-found", build.pair(vm=None, same_name_source=2), Level.FAIL, "2 machines"),
    ("vm-found", build.pair(same_name_source=2), Level.WARN, f"{build.VM_ID} is the one meant"),
    ("vm-found", build.pair(same_name_destination=1), Level.WARN, "HV02"),
    ("vm-running", vm(state="Off"), Level.FAIL, "Off"),
    ("vm-running", vm(operational_status=("MergingDisks",)), Level.FAIL, "MergingDisks"),
    ("vm-id-free", build.pair(id_on_destination=True), Level.FAIL, "already"),
    ("vm-id-free", build.pair(planned_on_destination=True), Level.FAIL, "planned VM"),
    ("vm-id-free", build.pair(id_on_destination=None), Level.WARN, "could not be read"),
    ("vm-id-free", build.pair(planned_on_destination=None), Level.FAIL, "could not be read"),
    ("no-move", build.pair(jobs=None), Level.FAIL, "could not be read"),
    ("no-move", build.pair(jobs=(job(4),)), Level.FAIL, "40 %"),
    ("processors", vm(processors=64), Level.FAIL, "64"),
    ("processors", destination(logical_processors=None), Level.FAIL, "could not be read"),
    ("memory", destination(memory_free_bytes=9 * GIB), Level.FAIL, "8.0 GiB"),
    ("disk-space", destination(volumes=(VolumeFacts("D", "Data", None, 90 * GIB),)), Level.FAIL, "100.0 GiB"),
    ("disk-space", destination(volumes=(VolumeFacts("D", "Data", None, 150 * GIB),)), Level.WARN, "200.0 GiB"),
    ("disk-space", destination(volumes=()), Level.FAIL, "no volume D:"),
    ("disk-space", vm(disks=None), Level.FAIL, "sizes could not be read"),
    ("disk-space", chained(free_gib=500), Level.WARN, "needs at least 1.0 GiB, free 500.0 GiB; parents of"),
    ("disk-space", chained(free_gib=30), Level.FAIL, "as large as its disk (40.0 GiB in all)"),
    ("disk-space", chained(free_gib=0), Level.FAIL, "needs at least 1.0 GiB"),
    ("disk-space", chained(size_bytes=None), Level.FAIL, "their size could not be read"),
    ("disk-space", chained(parent_path=None), Level.WARN, "not counted"),
    ("disks-movable", vm(disks=None), Level.FAIL, "could not be read"),
    ("images", vm(images=None), Level.WARN, "could not be read"),
    ("checkpoints", vm(checkpoints=None), Level.WARN, "could not be read"),
    (
        "disks-movable",
        vm(disks=tuple(replace(disk, shared=True) for disk in build.machine().disks or ())),
        Level.FAIL,
        "os.vhdx",
    ),
    ("images", vm(images=("D:\\ISO\\setup.iso",)), Level.WARN, "setup.iso"),
    ("checkpoints", vm(checkpoints=(CheckpointFacts("before update", "Standard", None),)), Level.WARN, "before update"),
]


def test_a_ready_pair_passes_every_check(ready: PairFacts, wanted: Parameters) -> None:
    assert [
        (item.check_id, item.level.value) for item in preflight(ready, wanted) if item.level is not Level.PASS
    ] == []


@pytest.mark.parametrize(("check_id", "facts", "level", "told"), SPOILED, ids=[f"{c}-{t}" for c, _, _, t in SPOILED])
def test_a_spoiled_prerequisite_is_told(
    check_id: str, facts: PairFacts, level: Level, told: str, wanted: Parameters
) -> None:
    found = {item.check_id: item for item in preflight(facts, wanted)}[check_id]
    assert found.level is level
    assert told in found.evidence
    assert found.remedy


def test_every_check_has_a_case_that_it_blocks_or_warns_in() -> None:
    assert {check.check_id for check in ALL_CHECKS} == {case[0] for case in SPOILED}


def test_as_many_names_are_counted_as_are_wanted(wanted: Parameters) -> None:
    short = {name: build.account(name, dns_host_name=None) for name in ("HV01", "HV02")}
    lacking = {item.check_id: item.evidence for item in preflight(accounts(**short), wanted)}
    assert lacking["delegation"].startswith("HV01 lacks 2 of 2 names: cifs/HV02")
    assert lacking["delegation-back"] == "HV02 lacks 2 of 2 names"
    there = replace(short["HV01"], delegate_to=wanted_names(short["HV02"]))
    found = {item.check_id: item for item in preflight(accounts(HV02=short["HV02"], HV01=there), wanted)}
    assert (found["delegation"].level, found["delegation"].evidence) == (
        Level.PASS,
        "HV01 may act at HV02 (2 of 2 names)",
    )
    unread = {item.check_id: item.evidence for item in preflight(accounts(HV01=None), wanted)}
    assert unread["delegation-back"] == "HV02 lacks an unknown number of names"


def test_a_member_server_that_can_hop_is_no_obstacle(wanted: Parameters) -> None:
    facts = replace(READY, directory_host=DirectoryHost("MGMT01", 3))
    found = {item.check_id: item for item in preflight(facts, wanted)}["directory-hop"]
    assert (found.level, found.evidence) == (
        Level.PASS,
        "MGMT01 is a member server; the accounts could be read through it",
    )


def test_credential_guard_is_told_only_where_it_is_in_the_way(wanted: Parameters) -> None:
    kerberos = {item.check_id: item for item in preflight(source(credential_guard=True), wanted)}["authentication"]
    there = destination(settings=replace(READY.source.settings, authentication="CredSSP"))
    assert kerberos.level is Level.PASS
    assert "Guard" not in {item.check_id: item for item in preflight(there, wanted)}["authentication"].evidence


def test_slots_that_01_will_make_and_a_listener_that_01_will_open_are_no_obstacle(wanted: Parameters) -> None:
    few = replace(READY.source.settings, maximum_vm_migrations=1)
    closed = replace(READY.source.settings, use_any_network=False)
    for facts, check_id in (
        (source(active_vm_migrations=1, settings=few), "slots"),
        (source(listener_addresses=(), settings=closed), "listener"),
    ):
        results = preflight(facts, wanted)
        assert [item.check_id for item in obstacles(results)] == [check_id]
        assert obstacles(results, removing=("01",)) == ()


def test_finished_jobs_are_no_obstacle(wanted: Parameters) -> None:
    facts = build.pair(jobs=(job(7), job(10)))
    assert obstacles(preflight(facts, wanted)) == ()


def test_what_01_and_02_remove_is_no_obstacle_for_the_first_gate(wanted: Parameters) -> None:
    off = replace(READY.destination, settings=disabled(READY))
    unheard = replace(READY.source, ports=(PortFacts("HV02", 6600, False, None), READY.source.ports[1]))
    facts = build.pair(
        source=unheard, destination=off, delegation={name: build.account(name) for name in ("HV01", "HV02")}
    )
    results = preflight(facts, wanted)
    assert {item.check_id for item in obstacles(results)} == {
        "enabled",
        "port-6600",
        "delegation",
        "protocol-transition",
    }
    assert obstacles(results, removing=("01", "02")) == ()


def test_a_closed_port_is_an_obstacle_once_the_listener_runs(wanted: Parameters) -> None:
    facts = source(ports=(PortFacts("HV02", 6600, False, None), READY.source.ports[1]))
    assert [item.check_id for item in obstacles(preflight(facts, wanted), removing=("01", "02"))] == ["port-6600"]


def test_an_unreadable_account_is_an_obstacle_that_02_does_not_remove(wanted: Parameters) -> None:
    found = obstacles(preflight(accounts(HV01=None), wanted), removing=("01", "02"))
    assert {item.check_id for item in found} == {"delegation", "protocol-transition"}


def test_a_missing_machine_is_said_once(wanted: Parameters) -> None:
    found = obstacles(preflight(build.pair(vm=None, same_name_source=0), wanted))
    assert [item.check_id for item in found] == ["vm-found"]
    assert str(refusal(found)) == (
        "HV01: no machine called 'VM01'. Correct 'vm', or name the host that runs it (now source: HV01)."
    )


def test_a_machine_that_stands_at_the_destination_may_have_moved_already(wanted: Parameters) -> None:
    found = obstacles(preflight(build.pair(vm=None, same_name_source=0, same_name_destination=1), wanted))
    assert "one of that name is on HV02. If it was moved already there is nothing to do." in str(refusal(found))


def test_a_refusal_names_the_first_obstacle_whole_and_the_others_by_title(wanted: Parameters) -> None:
    facts = replace(destination(switches=("Internal",), cpu_manufacturer="AuthenticAMD"))
    told = str(refusal(obstacles(preflight(facts, wanted))))
    assert told.startswith("HV02: ")
    assert "AuthenticAMD" in told
    assert "1 more obstacle: Virtual switches exist at the destination" in told


def test_switch_names_are_compared_as_windows_does(wanted: Parameters) -> None:
    found = {item.check_id: item for item in preflight(destination(switches=("lan",)), wanted)}["switches"]
    assert found.level is Level.PASS
