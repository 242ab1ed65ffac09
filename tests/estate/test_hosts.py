"""A host's answers as one model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snlm_lib.estate.hosts import Answers, host_facts, host_questions
from snlm_lib.estate.model import HostFacts, MigrationSettings
from snlm_lib.remote.clixml import PsObject

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def facts(**answers: list[dict[str, object]] | None) -> HostFacts:
    bags: Answers = {
        key.replace("_port", "port "): None if answer is None else tuple(PsObject(properties=bag) for bag in answer)
        for key, answer in answers.items()
    }
    return host_facts(bags, host="HV01", peer="HV02", asked_utc=NOON, read_utc=NOON + timedelta(seconds=1))


def test_every_question_only_looks() -> None:
    assert not any(pipeline.changes for pipeline in host_questions("HV02").values())


def test_a_host_that_refused_everything_is_not_known() -> None:
    host = facts(**dict.fromkeys((*host_questions("HV02"), "operating_system")))
    assert (host.name, host.read_utc) == ("HV01", NOON + timedelta(seconds=1))
    assert host.settings == MigrationSettings(None, None, None, None, None, None)
    assert host.clock_offset_s is None
    assert host.logical_processors is None
    assert host.memory_free_bytes is None
    assert (host.switches, host.volumes, host.listener_addresses) == ((), (), ())
    assert set(host.firewall_enabled.values()) == {None}
    assert [(port.port, port.reachable) for port in host.ports] == [(6600, None), (445, None)]


def test_a_workgroup_is_told_by_windows_in_the_place_of_a_domain() -> None:
    host = facts(computer_system=[{"Domain": "WORKGROUP", "PartOfDomain": False}])
    assert (host.domain, host.in_domain) == ("WORKGROUP", False)


def test_free_memory_is_told_in_kib_and_the_clock_by_the_middle_of_the_question() -> None:
    told = {"FreePhysicalMemory": 1024, "LocalDateTime": NOON + timedelta(seconds=2), "BuildNumber": "20348"}
    host = facts(operating_system=[told])
    assert host.memory_free_bytes == 1024**2
    assert host.clock_offset_s == 2.0
    assert host.os_build == 20348


@pytest.mark.parametrize(
    ("processors", "computer", "vm_host", "count"),
    [
        ([{"NumberOfLogicalProcessors": 32}] * 2, [], [], 64),
        ([{"NumberOfLogicalProcessors": 32}, {}], [{"NumberOfLogicalProcessors": 48}], [], 48),
        ([], [], [{"LogicalProcessorCount": 16}], 16),
        ([], [], [], None),
    ],
)
def test_logical_processors(
    processors: list[dict[str, object]],
    computer: list[dict[str, object]],
    vm_host: list[dict[str, object]],
    count: int | None,
) -> None:
    assert facts(processors=processors, computer_system=computer, host=vm_host).logical_processors == count


def test_lists_and_single_values() -> None:
    host = facts(
        service=[{"MigrationServiceListenerIPAddressList": "10.20.0.11", "ActiveVirtualSystemMigrationCount": 1}],
        versions=[{"Version": "9.0"}, {"Version": "10.0"}, {}],
        networks=[{"Subnet": "10.20.0.0/16"}],
        switches=[{"Name": "LAN"}],
        peer=[{"IPAddress": "10.20.0.12"}],
        _port6600=[{"TcpTestSucceeded": True}],
    )
    assert host.listener_addresses == ("10.20.0.11",)
    assert host.active_vm_migrations == 1
    assert host.supported_versions == ("9.0", "10.0")
    assert (host.migration_networks, host.switches) == (("10.20.0.0/16",), ("LAN",))
    assert host.peer_address == "10.20.0.12"
    assert [port.reachable for port in host.ports] == [True, None]
