"""Every refusal of the tables: it applies, it says its code, and without its cause it does not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.lab.pipeline import Caller
from snlm_lib.lab.refusals import BEFORE_JOB, IN_CHECK, MoveAttempt, first_refusal
from snlm_lib.lab.telemetry import JobState, MigrationJob
from snlm_lib.lab.values import Credential
from tests.lab.world.conftest import OPERATOR, Lab

CASES = json.loads(Path(__file__).with_name("refusals.json").read_text(encoding="utf-8"))


def attempt(lab: Lab, **more: Any) -> MoveAttempt:
    facts: dict[str, Any] = {
        "world": lab.world,
        "vm": lab.vm("VM01"),
        "source": lab.host("HV01"),
        "destination_name": "HV02",
        "destination": lab.host("HV02"),
        "storage_path": "D:\\Hyper-V\\VM01",
        "credential": OPERATOR,
        "caller": Caller(OPERATOR.user, more.pop("protocol", "ntlm"), more.pop("run_as", "")),
    }
    return MoveAttempt(**(facts | more))


def spoil(lab: Lab, case: dict[str, Any]) -> None:
    for name, changes in case.get("change", {}).items():
        for path, value in changes.items():
            *way, last = path.split(".")
            owner: object = lab.host(name)
            for step in way:
                owner = getattr(owner, step)
            setattr(owner, last, value)
    for name, rule in case.get("firewall", {}).items():
        lab.host(name).firewall[rule].enabled = False
    for name, switch in case.get("drop_switch", {}).items():
        del lab.host(name).switches[switch]
    for name, letter in case.get("drop_volume", {}).items():
        del lab.host(name).volumes[letter]
    if "stale_cache" in case:
        lab.host(case["stale_cache"]).stale_cache.append(lab.vm("VM01").vm_id)
    lab.vm("VM01").disks[0].disk_number = case.get("disk_number")
    lab.vm("VM01").dvd_path = case.get("dvd")
    for name in ("HV01", "HV02"):  # a move that has entered counts itself
        lab.host(name).active_moves += 1


def test_a_ready_lab_refuses_nothing(ready: Lab) -> None:
    spoil(ready, {})
    assert first_refusal(attempt(ready), BEFORE_JOB) is None
    assert first_refusal(attempt(ready), IN_CHECK) is None


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_refusals_of_the_check(ready: Lab, case: dict[str, Any]) -> None:
    spoil(ready, case)
    refused = first_refusal(attempt(ready), IN_CHECK)
    assert refused is not None
    assert (refused.refusal.identity, refused.refusal.side) == (case["identity"], case["side"])
    assert (case["hresult"] or "0x") in str(refused) or case["hresult"] is None
    assert str(refused).endswith(".")


def test_every_refusal_of_the_check_has_a_case() -> None:
    covered = {case["identity"] for case in CASES} | {"no-delegation", "credential-guard-blocks-credssp"}
    assert covered == {refusal.identity for refusal in IN_CHECK}


DELEGATIONS: list[tuple[list[str], bool, str, bool]] = [
    (["cifs/HV02", "Microsoft Virtual System Migration Service/HV02"], True, "ntlm", True),
    (["cifs/HV02", "Microsoft Virtual System Migration Service/hv02.corp.example"], True, "kerberos", True),
    (["cifs/HV02", "Microsoft Virtual System Migration Service/HV02"], False, "kerberos", False),
    (["cifs/HV02", "Microsoft Virtual System Migration Service/HV02"], False, "credssp", True),
    (["cifs/HV02"], True, "ntlm", False),
    (["Microsoft Virtual System Migration Service/HV02"], True, "ntlm", False),
    ([], True, "ntlm", False),
]


@pytest.mark.parametrize(("values", "any_protocol", "protocol", "goes"), DELEGATIONS)
def test_delegation_decides(ready: Lab, values: list[str], any_protocol: bool, protocol: str, goes: bool) -> None:
    account = ready.world.directory.accounts["hv01"]
    account.delegate_to = values
    account.set_flag(0x1000000, any_protocol)
    refused = first_refusal(attempt(ready, protocol=protocol), IN_CHECK)
    assert (refused is None) is goes
    if refused is not None:
        assert refused.refusal.code == "0x8009030E"
        assert "No credentials are available in the security package" in str(refused)


def test_credssp_needs_a_session_that_carries_the_secret(ready: Lab) -> None:
    for name in ("HV01", "HV02"):
        ready.host(name).migration.authentication = "CredSSP"
    refused = first_refusal(attempt(ready, protocol="kerberos"), IN_CHECK)
    assert refused is not None
    assert refused.refusal.identity == "no-delegation"
    assert first_refusal(attempt(ready, protocol="credssp"), IN_CHECK) is None
    assert first_refusal(attempt(ready, run_as="CORP\\snlm-move$"), IN_CHECK) is None


@pytest.mark.parametrize("protocol", ["kerberos", "credssp", "console"])
def test_credential_guard_stops_credssp_whoever_asks_and_kerberos_not(ready: Lab, protocol: str) -> None:
    ready.host("HV01").credential_guard = True
    assert first_refusal(attempt(ready, protocol=protocol), IN_CHECK) is None
    for name in ("HV01", "HV02"):
        ready.host(name).migration.authentication = "CredSSP"
    refused = first_refusal(attempt(ready, protocol=protocol), IN_CHECK)
    assert refused is not None
    assert refused.refusal.identity == "credential-guard-blocks-credssp"


def test_credential_guard_on_the_destination_matters_not(ready: Lab) -> None:
    ready.host("HV02").credential_guard = True
    for name in ("HV01", "HV02"):
        ready.host(name).migration.authentication = "CredSSP"
    assert first_refusal(attempt(ready, protocol="credssp"), IN_CHECK) is None


@pytest.mark.parametrize(
    ("more", "identity"),
    [
        ({"destination": None, "destination_name": "HV09"}, "destination-unreachable"),
        ({"credential": None}, "remote-second-hop-denied"),
        ({"credential": None, "protocol": "kerberos"}, "remote-second-hop-denied"),
        ({"credential": Credential("CORP\\operator", "wrong")}, "wrong-credential"),
        ({"credential": None, "protocol": "credssp"}, None),
        ({"credential": None, "run_as": "CORP\\snlm-move$"}, None),
        ({"credential": None, "run_as": "CORP\\a-stranger$"}, "operator-not-authorised"),
        ({"credential": None, "run_as": "virtual"}, "operator-not-authorised"),
    ],
)
def test_what_stops_a_move_before_any_job(ready: Lab, more: dict[str, Any], identity: str | None) -> None:
    refused = first_refusal(attempt(ready, **more), BEFORE_JOB)
    assert (refused.refusal.identity if refused else None) == identity


def test_the_domain_controller_is_no_destination(ready: Lab) -> None:
    refused = first_refusal(attempt(ready, destination=ready.host("DC01")), BEFORE_JOB)
    assert refused is not None
    assert refused.refusal.identity == "destination-unreachable"


def test_same_host_clustered_and_under_way(ready: Lab) -> None:
    source, vm = ready.host("HV01"), ready.vm("VM01")
    same = first_refusal(attempt(ready, destination=source), BEFORE_JOB)
    vm.clustered = True
    clustered = first_refusal(attempt(ready), BEFORE_JOB)
    vm.clustered = False
    moment = ready.world.clock.utc_now()
    job = MigrationJob("1", vm.vm_id, vm.name, "HV02", "me", moment, 0.0, state=JobState.RUNNING)
    source.jobs.append(job)
    running = first_refusal(attempt(ready), BEFORE_JOB)
    job.ended_s = 1.0
    assert [each.refusal.identity for each in (same, clustered, running) if each is not None] == [
        "same-host",
        "clustered-vm",
        "move-under-way",
    ]
    assert first_refusal(attempt(ready), BEFORE_JOB) is None


@pytest.mark.parametrize("host", ["HV01", "HV02"])
def test_migration_must_be_enabled_on_both(ready: Lab, host: str) -> None:
    ready.host(host).migration.enabled = False
    refused = first_refusal(attempt(ready), BEFORE_JOB)
    assert refused is not None
    assert refused.refusal.identity == "migration-not-enabled"
    assert f"'{host}'" in str(refused)


def test_no_secret_in_any_text(ready: Lab) -> None:
    made = attempt(ready, credential=Credential("CORP\\operator", "wr0ng-secret"))
    assert "wr0ng-secret" not in repr(made)
    assert "wr0ng-secret" not in str(first_refusal(made, BEFORE_JOB))


def test_refusals_are_data() -> None:
    identities = [refusal.identity for refusal in (*BEFORE_JOB, *IN_CHECK)]
    assert len(set(identities)) == len(identities)
    for refusal in (*BEFORE_JOB, *IN_CHECK):
        assert dataclasses.is_dataclass(refusal)
        assert "{detail}" in refusal.text
        assert refusal.side in ("source", "destination")
