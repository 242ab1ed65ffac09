"""From a profile to sessions: whose credential goes where, and what a real host's sign-on may not silently become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import AuthenticationRefused, CredentialError, ParameterError
from snlm_lib.estate.connect import AtServer, open_estate
from snlm_lib.parameters import ConnectionProfile, Parameters
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.session import CommandRecord, Endpoint, HostSession

HOSTS = {name: {"address": f"{name}.corp.example"} for name in ("HV01", "HV02", "DC01")}


def profile(folder: Path, **changes: Any) -> ConnectionProfile:
    """Three hosts; the operator's password is "one", the directory's "two"."""
    for name in ("one", "two"):
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    good = {"name": "real", "hosts": HOSTS, "directory": "DC01", "user": "CORP\\op", "secret": f"file:{folder / 'one'}"}
    return ConnectionProfile.model_validate({**good, **changes})


def own(folder: Path) -> dict[str, str]:
    return {"directory_user": "CORP\\ad", "directory_secret": f"file:{folder / 'two'}"}


def test_each_host_gets_its_session_and_the_directory_its_own_credential(tmp_path: Path) -> None:
    connection = open_estate(profile(tmp_path, **own(tmp_path)), Parameters(), clock=SystemClock())

    assert connection.directory is not None
    assert [connection.source.host, connection.destination.host, connection.directory.host] == ["HV01", "HV02", "DC01"]
    assert [connection.source.user, connection.destination.user] == ["CORP\\op", "CORP\\op"]
    assert connection.directory.user == "CORP\\ad"
    assert connection.source.endpoint == Endpoint(
        "HV01", "HV01.corp.example", 5985, "http", "kerberos", allow_ntlm=False
    )
    assert connection.protocols == {"HV01": None, "HV02": None, "DC01": None}


def test_without_one_of_its_own_the_directory_is_asked_as_the_operator(tmp_path: Path) -> None:
    connection = open_estate(profile(tmp_path), Parameters(), clock=SystemClock())

    assert connection.directory is not None
    assert connection.directory.user == "CORP\\op"


def test_without_a_directory_there_is_no_session(tmp_path: Path) -> None:
    connection = open_estate(profile(tmp_path, directory=None), Parameters(), clock=SystemClock())

    assert connection.directory is None
    connection.close()


def test_the_second_hop_is_the_operators(tmp_path: Path) -> None:
    connection = open_estate(profile(tmp_path, **own(tmp_path)), Parameters(), clock=SystemClock())

    assert connection.hop == connection.estate.hop == Credential("CORP\\op", "one")


ENDPOINT = {"configuration_name": "Snlm.Operator", "runs_as": "CORP\\snlm-move$"}


@pytest.mark.parametrize("source", [ENDPOINT, {"auth": "credssp"}], ids=["endpoint", "credssp"])
def test_a_source_that_hops_by_itself_is_given_no_credential(tmp_path: Path, source: dict[str, str]) -> None:
    hosts = {**HOSTS, "HV01": {**HOSTS["HV01"], **source}}
    connection = open_estate(profile(tmp_path, hosts=hosts), Parameters(), clock=SystemClock())

    assert connection.hop is None
    back = Parameters.model_validate({"source": "HV02", "destination": "HV01"})
    assert open_estate(profile(tmp_path, hosts=hosts), back, clock=SystemClock()).hop is not None


def test_the_endpoint_of_the_profile_is_the_one_that_is_opened(tmp_path: Path) -> None:
    hosts = {**HOSTS, "HV01": {**HOSTS["HV01"], **ENDPOINT}}
    connection = open_estate(profile(tmp_path, hosts=hosts), Parameters(), clock=SystemClock())

    assert connection.source.endpoint.configuration_name == "Snlm.Operator"
    assert connection.destination.endpoint.configuration_name == "Microsoft.PowerShell"


def test_who_is_signed_on_opens_sessions_and_makes_no_second_hop(tmp_path: Path) -> None:
    passwordless = profile(tmp_path, secret="signed-on:")

    connection = open_estate(passwordless, Parameters(), clock=SystemClock())

    assert connection.source.user == "CORP\\op"
    assert connection.hop is None


def test_cmdlets_on_a_member_server_are_told_controller_and_credential(tmp_path: Path) -> None:
    through = profile(tmp_path, directory_server="dc01.corp.example", **own(tmp_path))
    directory = open_estate(through, Parameters(), clock=SystemClock()).directory

    assert isinstance(directory, AtServer)
    assert (directory.host, directory.user, directory.server) == ("DC01", "CORP\\ad", "dc01.corp.example")
    assert directory.credential == Credential("CORP\\ad", "two")


@pytest.mark.parametrize(
    ("changes", "allowed"), [({"rehearsal": True}, True), ({"allow_ntlm": True}, True), ({}, False)]
)
def test_only_the_lab_and_who_allows_it_may_end_in_ntlm(tmp_path: Path, changes: dict[str, Any], allowed: bool) -> None:
    connection = open_estate(profile(tmp_path, **changes), Parameters(), clock=SystemClock())

    sessions = (connection.source, connection.destination, connection.directory)
    assert all(isinstance(session, HostSession) for session in sessions)
    assert {session.endpoint.allow_ntlm for session in sessions if isinstance(session, HostSession)} == {allowed}


@pytest.mark.parametrize(
    ("wanted", "changes", "kind", "says"),
    [
        ({"source": "HV09"}, {}, ParameterError, "no host called 'HV09'"),
        ({}, {"hosts": {**HOSTS, "HV02": HOSTS["HV01"]}}, ParameterError, "are one host"),
        ({}, {"secret": "env:SNLM_TEST_UNSET"}, CredentialError, "SNLM_TEST_UNSET"),
        ({}, {"secret": "prompt:"}, CredentialError, "nobody can be asked"),
    ],
)
def test_what_cannot_be_opened_is_said(
    tmp_path: Path, wanted: dict[str, str], changes: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        open_estate(profile(tmp_path, **changes), Parameters.model_validate(wanted), clock=SystemClock())


@pytest.fixture
def place(descriptor: dict[str, Any]) -> dict[str, Any]:
    """Where the lab's HV01 answers."""
    found: dict[str, Any] = descriptor["hosts"]["HV01"]
    return found


def _real(place: dict[str, Any], operator: Credential, auth: str, heard: list[CommandRecord]) -> HostSession:
    endpoint = Endpoint("HV01", place["address"], place["port"], "http", auth, allow_ntlm=False)
    return HostSession(endpoint, operator, clock=SystemClock(), on_command=heard.append)


@pytest.mark.parametrize("act", ["open", "invoke", "start"])
def test_a_host_that_falls_back_to_ntlm_is_sent_no_command(
    place: dict[str, Any], operator: Credential, act: str
) -> None:
    heard: list[CommandRecord] = []
    session = _real(place, operator, "negotiate", heard)
    arguments = () if act == "open" else (commands.get_vm_host(),)
    for _ in range(2):  # asking again makes it no better
        with pytest.raises(AuthenticationRefused, match="took NTLM although negotiate was asked for"):
            getattr(session, act)(*arguments)

    assert heard == []
    assert session.protocol is None


def test_ntlm_that_was_asked_for_by_name_is_used(place: dict[str, Any], operator: Credential) -> None:
    heard: list[CommandRecord] = []
    with _real(place, operator, "ntlm", heard) as session:
        assert session.invoke(commands.get_vm_host()).objects
        assert session.start(commands.get_vm_host()).result().objects
        assert session.protocol == "ntlm"

    assert len(heard) == 4


def test_a_vantage_has_a_session_of_its_own_even_on_a_host_that_is_asked_anyway(tmp_path: Path) -> None:
    connection = open_estate(profile(tmp_path, vantage="HV01"), Parameters(), clock=SystemClock())

    assert connection.vantage is not None
    assert connection.vantage is not connection.source
    assert connection.vantage.endpoint == connection.source.endpoint
    assert open_estate(profile(tmp_path), Parameters(), clock=SystemClock()).vantage is None


def test_a_vantage_where_the_directory_is_asked_is_signed_on_to_as_there(tmp_path: Path) -> None:
    connection = open_estate(profile(tmp_path, vantage="dc01", **own(tmp_path)), Parameters(), clock=SystemClock())

    assert connection.vantage is not None
    assert connection.vantage.user == "CORP\\ad"
