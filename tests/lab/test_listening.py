"""What a scenario says of its wires, as a running lab and its descriptor show it, and a client uses it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import AuthenticationRefused, HostUnreachable, LabError
from snlm_lib.estate.connect import Connection, open_estate
from snlm_lib.lab.__main__ import Lab
from snlm_lib.lab.samba import why_not
from snlm_lib.lab.scenario_file import read_scenario
from snlm_lib.parameters import Parameters, connection_profile
from snlm_lib.remote.commands import get_vm_host

QUICK = "schema: snlm.scenario/1\nbased_on: quick\n"


def lab(text: str, folder: Path) -> Lab:
    return Lab(read_scenario(QUICK + text, "test.yaml"), folder, clock=SystemClock())


def connected(folder: Path) -> Connection:
    """The sessions of a change, as a kernel opens them."""
    profile = connection_profile("lab", {"SNLM_LAB": str(folder / "descriptor.json")})
    return open_estate(profile, Parameters(), clock=SystemClock())


def test_each_host_may_be_spoken_to_in_its_own_way(tmp_path: Path) -> None:
    text = (
        "wire: {scheme: https, auth: certificate, offers: [certificate, basic]}\n"
        "hosts: {HV02: {wire: {scheme: http, auth: credssp, offers: [credssp, negotiate]}}}\n"
    )
    with lab(text, tmp_path):
        connection = connected(tmp_path)
        assert connection.directory is not None
        for session in (connection.source, connection.destination, connection.directory):
            session.open()
        told = connection.protocols
        assert connection.source.invoke(get_vm_host()).objects
        connection.close()

        assert told == {"HV01": "https+certificate", "HV02": "credssp+ntlm", "DC01": "https+certificate"}
    assert not (tmp_path / "operator.pem").exists(), "the key is the lab's alone"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("wire: {scheme: https, certificate: expired}\n", HostUnreachable, "has expired"),
        ("wire: {scheme: https, certificate: early}\n", HostUnreachable, "is not valid yet"),
        ("wire: {scheme: https, certificate: other-name}\n", HostUnreachable, "does not bear that name"),
        ("wire: {scheme: https, certificate: other-authority}\n", HostUnreachable, "not trusted here"),
        ("hosts: {HV01: {wire: {page: true}}}\n", HostUnreachable, "not a WS-Management service"),
        ("hosts: {HV01: {wire: {auth: credssp, offers: [ntlm]}}}\n", AuthenticationRefused, "does not offer credssp"),
        ("domain: {operator_state: locked}\nwire: {auth: credssp}\n", AuthenticationRefused, "the account is locked"),
        ("domain: {operator_state: disabled}\n", AuthenticationRefused, "unknown, locked, disabled"),
    ],
)
def test_a_host_that_was_set_up_badly_is_met_with_a_sentence(
    text: str, kind: type[Exception], said: str, tmp_path: Path
) -> None:
    with lab(text, tmp_path):
        connection = connected(tmp_path)
        with pytest.raises(kind, match=said):
            connection.source.open()
        connection.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wire: {auth: digest}\n", "nobody speaks http with digest"),
        ("wire: {offers: [negotiate, digest]}\n", "nobody speaks http with digest"),
        ("wire: {scheme: ftp}\n", "nobody speaks ftp"),
        ("wire: {auth: basic}\n", "over plain HTTP"),
        ("wire: {offers: [certificate]}\n", "over plain HTTP"),
        ("wire: {scheme: https, certificate: borrowed}\n", "no kind of certificate"),
        ("hosts: {HV01: {wire: {colour: red}}}\n", "HV01.wire: unknown key 'colour'"),
        ("hosts: {HV01: {wire: {auth: certificate}}}\n", "HV01.wire: certificate is shown inside TLS"),
        ("domain: {operator_state: tired}\n", "'tired' is not known here"),
        ("domain: {lock_out_after: often}\n", "lock_out_after"),
    ],
)
def test_what_nobody_could_speak_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        read_scenario(QUICK + text, "test.yaml")


def test_nothing_but_kerberos_needs_a_realm(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="this lab has no realm"), lab("wire: {auth: kerberos}\n", tmp_path):
        pass


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A client names the lab's realm for its process; here that is ours."""
    monkeypatch.setenv("KRB5_CONFIG", os.environ.get("KRB5_CONFIG", ""))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'tickets'}")


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.usefixtures("own_environment")
def test_a_lab_with_a_realm_is_signed_on_to_by_ticket(tmp_path: Path) -> None:
    text = (
        "domain: {directory: samba}\n"
        "wire: {auth: kerberos, offers: [negotiate, kerberos]}\n"
        "hosts: {HV02: {clock_offset_s: 900, wire: {auth: negotiate}}}\n"
    )
    with lab(text, tmp_path):
        connection = connected(tmp_path)
        assert connection.source.invoke(get_vm_host()).objects
        assert connection.protocols["HV01"] == "kerberos"
        with pytest.raises(AuthenticationRefused, match="differ by more than five minutes"):
            connection.destination.open()
        connection.close()
