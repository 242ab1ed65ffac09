"""The AD cmdlets and the move in a real domain: what is written is what the KDC decides by."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from snlm_lib.lab.samba import SambaDomain
from tests.lab.domain import put
from tests.lab.world.conftest import Lab

LIST = "msDS-AllowedToDelegateTo"
ANY = ("Set-ADAccountControl", {"Identity": "HV01", "TrustedToAuthForDelegation": True})


@pytest.fixture
def joined(ready: Lab, realm: SambaDomain) -> Lab:
    """A lab in which a move may go, but for delegation: its domain is Samba's, and nothing is set there."""
    for host in ("HV01", "HV02"):
        put(realm.directory, host)
    ready.world.use_directory(realm.directory)
    return ready


def listed(peer: str) -> Sequence[str]:
    services = ("cifs", "Microsoft Virtual System Migration Service")
    return [f"{service}/{form}" for service in services for form in (peer, f"{peer.lower()}.corp.example")]


def add(lab: Lab, host: str, values: Sequence[str]) -> list[str]:
    return lab.ask("DC01", ("Set-ADComputer", {"Identity": host, "Add": {LIST: list(values)}})).fq_error_ids


def test_the_kdc_refuses_the_way_that_is_not_set(joined: Lab) -> None:
    assert add(joined, "HV02", listed("HV01")) == []
    assert joined.ask("DC01", ANY).fq_error_ids == []

    joined.move()

    job = joined.host("HV01").jobs[-1]
    assert "0x8009030E" in job.error_text
    assert joined.vm("VM01").vm_id in joined.host("HV01").vms


def test_the_kdc_refuses_the_list_without_any_protocol(joined: Lab) -> None:
    assert add(joined, "HV01", listed("HV02")) == []

    joined.move()

    assert "0x8009030E" in joined.host("HV01").jobs[-1].error_text


def test_the_move_goes_when_both_are_written_by_the_cmdlets(joined: Lab) -> None:
    assert add(joined, "HV01", listed("HV02")) == []
    assert joined.ask("DC01", ANY).fq_error_ids == []
    wanted = {"Identity": "HV01", "Properties": [LIST, "TrustedToAuthForDelegation"]}
    shown = joined.ask("DC01", ("Get-ADComputer", wanted))
    assert sorted(shown.column(LIST)[0]) == sorted(listed("HV02"))  # type: ignore[call-overload]
    assert shown.column("TrustedToAuthForDelegation") == [True]

    joined.move()

    assert joined.vm("VM01").vm_id in joined.host("HV02").vms


def test_a_stale_replica_refuses_what_has_been_written(joined: Lab, realm: SambaDomain) -> None:
    joined.world.use_directory(realm.directory, stale_replica=True)
    put(realm.directory, "HV01", listed("HV02"), any_protocol=True)

    joined.move()

    assert "0x8009030E" in joined.host("HV01").jobs[-1].error_text


@pytest.mark.parametrize(
    ("change", "code"),
    [({"Add": {LIST: ["cifs/HV02"]}}, 8323), ({"Remove": {LIST: ["cifs/HV09"]}}, 8325)],
)
def test_what_the_server_refuses_is_told_as_in_memory(joined: Lab, change: dict[str, object], code: int) -> None:
    assert add(joined, "HV01", ["cifs/HV02"]) == []

    told = joined.ask("DC01", ("Set-ADComputer", {"Identity": "HV01", **change}))

    assert told.fq_error_ids == [
        f"ActiveDirectoryServer:{code},Microsoft.ActiveDirectory.Management.Commands.SetADComputer"
    ]
