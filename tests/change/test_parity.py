"""Is it the same machine? Rows, differences, proofs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.change.checks.model import Level
from snlm_lib.change.parity import (
    addresses_in,
    continuity_proof,
    differences,
    files_proof,
    identity_rows,
    place_rows,
    proofs,
)
from snlm_lib.change.reconcile import Owner
from snlm_lib.estate.model import EventFacts, VmStatus
from tests import builders

THERE = VmStatus("HV02", "Running", ("Ok",), "Operating normally")


def event(event_id: int, *values: str) -> EventFacts:
    return EventFacts("HV02", event_id, 1, None, values, "")


@pytest.mark.parametrize(
    ("events", "level", "told"),
    [
        ((), Level.PASS, "none on either host"),
        ((event(18514, "VM01", str(builders.VM_ID).upper()),), Level.FAIL, "event 18514 on HV02"),
        (
            (event(18502, "VM01", str(builders.VM_ID)), event(18504)),
            Level.FAIL,
            "event 18502 on HV02, event 18504 on HV02",
        ),
        ((event(18560),), Level.WARN, "whose machine it does not say"),
        (None, Level.WARN, "could not be read"),
    ],
)
def test_a_guest_that_did_not_run_through_is_told(
    events: tuple[EventFacts, ...] | None, level: Level, told: str
) -> None:
    proof = continuity_proof(builders.VM_ID, events)
    assert (proof.level, told in proof.evidence) == (level, True)
    assert bool(proof.remedy) is (level is not Level.PASS)


def levels(**changes: object) -> dict[str, Level]:
    given = {
        "owner": Owner.DESTINATION,
        "destination": THERE,
        "changed": [],
        "addresses": (["10.20.0.51"], ["10.20.0.51", "fe80::1"]),
        **changes,
    }
    found = proofs(
        given["owner"],  # type: ignore[arg-type]
        given["destination"],  # type: ignore[arg-type]
        names=("HV01", "HV02"),
        changed=given["changed"],  # type: ignore[arg-type]
        addresses=given["addresses"],  # type: ignore[arg-type]
    )
    return {item.check_id: item.level for item in found}


def test_a_moved_machine_has_other_folders_and_uptime_and_nothing_else() -> None:
    before = builders.machine()
    disks = tuple(replace(disk, path="E:\\New\\" + disk.path.rsplit("\\", 1)[-1]) for disk in before.disks or ())
    after = replace(before, host="HV02", uptime_s=3.0, disks=disks, configuration_path="E:\\New")
    assert differences(identity_rows(before), identity_rows(after)) == []


def test_what_was_lost_is_named_with_before_and_after() -> None:
    before = builders.machine()
    adapters = tuple(replace(item, mac_address="00155D999999") for item in before.adapters or ())
    after = replace(before, processors=2, adapters=adapters)
    assert differences(identity_rows(before), identity_rows(after)) == [
        {"fact": "virtual processors", "before": "4", "after": "2"},
        {"fact": "Network Adapter: MAC address", "before": "00155D010203", "after": "00155D999999"},
    ]


def test_a_vanished_disk_is_a_difference() -> None:
    before = builders.machine()
    after = replace(before, disks=(before.disks or ())[:1])
    (only,) = differences(identity_rows(before), identity_rows(after))
    assert only == {"fact": "disk SCSI 0:1", "before": "data.vhdx, 100.0 GiB", "after": None}


def test_all_proofs_hold_after_a_good_move() -> None:
    assert set(levels().values()) == {Level.PASS}


def test_each_proof_fails_for_its_own_reason() -> None:
    assert levels(destination=None)["runs-there"] is Level.FAIL
    assert levels(destination=replace(THERE, state="Paused"))["runs-there"] is Level.FAIL
    assert levels(owner=Owner.BOTH)["only-there"] is Level.FAIL
    changed = [{"fact": "name", "before": "a", "after": "b"}]
    assert levels(changed=changed)["same-machine"] is Level.FAIL
    assert levels(addresses=(["10.20.0.51"], ["10.20.0.99"]))["same-address"] is Level.FAIL


@pytest.mark.parametrize(
    ("wanted", "found", "level"),
    [
        ((), (), Level.WARN),
        ((), ("10.20.0.51",), Level.WARN),
        (("10.20.0.51",), (), Level.WARN),
        (("10.20.0.51",), ("10.20.0.99",), Level.FAIL),
        (("10.20.0.51",), ("10.20.0.51", "fe80::1"), Level.PASS),
    ],
)
def test_only_other_addresses_than_before_are_a_failure(
    wanted: tuple[str, ...], found: tuple[str, ...], level: Level
) -> None:
    assert levels(addresses=(wanted, found))["same-address"] is level


def test_addresses_not_yet_reported_leave_the_machine_the_same() -> None:
    before = builders.machine()
    after = replace(before, adapters=tuple(replace(item, ip_addresses=()) for item in before.adapters or ()))
    assert differences(identity_rows(before), identity_rows(after)) == []
    assert (addresses_in(identity_rows(before)), addresses_in(identity_rows(after))) == (["10.20.0.51"], [])


def test_what_was_not_read_before_is_not_compared_and_what_is_not_read_after_is_told() -> None:
    whole, blind = builders.machine(), builders.machine(checkpoints=None, integration=None, disks=None)
    assert differences(identity_rows(blind), identity_rows(whole)) == []
    assert {row["fact"] for row in differences(identity_rows(whole), identity_rows(blind))} == {
        "checkpoints",
        "disk SCSI 0:0",
        "disk SCSI 0:1",
        "integration service Heartbeat",
    }
    unread = files_proof(place_rows(blind), "D:\\VMs\\VM01", "HV02")
    assert (unread.level, unread.evidence) == (Level.FAIL, "disks: unknown")
    assert addresses_in(identity_rows(builders.machine(adapters=None))) == []


def test_files_lie_in_the_folder_they_were_sent_to_and_not_merely_beside_it() -> None:
    places = place_rows(builders.machine())
    assert places[0] == {"fact": "configuration", "value": "D:\\VMs\\VM01"}
    assert files_proof(places, "d:\\vms\\vm01\\", "HV02").level is Level.PASS
    beside = files_proof(places, "D:\\VMs\\VM0", "HV02")
    assert beside.level is Level.FAIL
    assert "disk SCSI 0:1: D:\\VMs\\VM01\\data.vhdx" in beside.evidence
    assert files_proof([], "D:\\VMs", "HV02").level is Level.FAIL
