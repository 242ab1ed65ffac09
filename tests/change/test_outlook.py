"""From a survey to a forecast's inputs: units, what is not moved, what nobody told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.change.outlook import move_inputs
from snlm_lib.estate.model import LinkFacts
from snlm_lib.measure.forecast.inputs import Source, Transport
from snlm_lib.parameters import Parameters
from snlm_lib.units import GIB, MIB
from tests.builders import host, machine, pair

CARD = LinkFacts("Ethernet", 10_000.0, 9000, True, True, ("10.20.0.11",))


def linked() -> dict[str, object]:
    ends = {"source": "HV01", "destination": "HV02"}
    return {
        key: host(name, "x", links=(CARD,), peer_address="10.20.0.11", active_vm_migrations=1)
        for key, name in ends.items()
    }


def test_sizes_are_mib_and_the_narrower_end_is_the_link() -> None:
    vm = machine(memory_demand_bytes=3 * GIB, disk_write_bytes_s=2.0 * MIB)
    found = move_inputs(pair(vm=vm, **linked()), Parameters())
    assert (found.ram_assigned_mib, found.ram_demand_mib, found.disk_write_mib_s) == (8192, 3072, 2.0)
    assert found.disk_used_mib == 100 * 1024
    assert (found.link_mbit_s, found.mtu, found.simultaneous) == (10_000, 9000, 2)
    assert found.transport is Transport.COMPRESSION


@pytest.mark.parametrize(
    ("performance", "rdma", "transport"),
    [
        ("TCPIP", True, Transport.TCP),
        ("SMB", True, Transport.SMB_DIRECT),
        ("SMB", False, Transport.SMB),
        ("SMB", None, Transport.SMB),
    ],
)
def test_smb_is_direct_only_where_both_ends_have_rdma(
    performance: str, rdma: bool | None, transport: Transport
) -> None:
    card = replace(CARD, rdma=rdma)
    ends = {"source": host("HV01", "x", links=(card,)), "destination": host("HV02", "x", links=(CARD,))}
    wanted = Parameters.model_validate({"performance": performance})
    assert move_inputs(pair(**ends), wanted).transport is transport


def test_disks_that_do_not_travel_are_not_counted_and_one_unknown_size_makes_the_sum_unknown() -> None:
    one, other = machine().disks or ()
    stays = [replace(other, shared=True), replace(other, pass_through=True)]
    for disk in stays:
        assert move_inputs(pair(vm=machine(disks=(one, disk))), Parameters()).disk_used_mib == one.file_bytes / MIB  # type: ignore[operator]
    blind = machine(disks=(one, replace(other, file_bytes=None)))
    assert move_inputs(pair(vm=blind), Parameters()).disk_used_mib is None


def test_what_nobody_told_is_unknown_and_an_inferred_link_says_so() -> None:
    bare = host("HV01", "HV02", active_vm_migrations=None)
    found = move_inputs(
        pair(vm=None, source=bare, destination=host("HV02", "x", active_vm_migrations=None)), Parameters()
    )
    assert (found.machine, found.ram_assigned_mib, found.disk_used_mib, found.link_mbit_s) == (None, None, None, None)
    assert (found.simultaneous, found.window_s, found.pause_limit_s) == (None, None, None)
    assert found.sources == {"link_mbit_s": Source.PRIOR}


def test_the_changes_limits_go_along_in_seconds() -> None:
    found = move_inputs(pair(), Parameters.model_validate({"window_min": 30, "pause_limit_s": 2.5}))
    assert (found.window_s, found.pause_limit_s) == (1800, 2.5)


def test_a_workload_is_a_word_however_it_is_spelt() -> None:
    found = move_inputs(pair(), Parameters.model_validate({"workload": " SQL "}))
    assert found.workload == "sql"
    assert move_inputs(pair(), Parameters()).workload is None
