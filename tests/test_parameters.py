"""The schema of a change: closed, one sentence for each wrong thing, and a page that cannot disagree with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from snlm_lib.connections import Auth
from snlm_lib.connections_page import WAYS, connections_markdown
from snlm_lib.errors import CredentialError, LabError, ParameterError
from snlm_lib.parameters import (
    ConnectionProfile,
    Parameters,
    connection_profile,
    lab_descriptor_path,
    load_parameters,
    outputs_root,
    parameters_markdown,
    project_root,
    rehearsal_parameters,
    validate,
)
from snlm_lib.yaml_file import read_mapping

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTOR = {
    "schema": "snlm.lab/1",
    "hosts": {"HV01": {"address": "127.0.0.1", "port": 40001}, "DC01": {"address": "127.0.0.1", "port": 40003}},
    "directory": "DC01",
    "user": "CORP\\operator",
    "secret": "file:secret.txt",
    "guests": {"VM01": {"address": "127.0.0.1", "udp_port": 40010, "tcp_port": 40011, "ips": ["10.20.0.51"]}},
    "truth_dir": "truth",
    "time_factor": 7,
}
PROFILE = "hosts: {HV01: {address: hv01.corp.example}}\nuser: CORP\\op\nsecret: env:SNLM_PASSWORD\n"


def _file(folder: Path, text: str) -> Path:
    path = folder / "change.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_generated_page_is_up_to_date() -> None:
    assert (ROOT / "parameters" / "README.md").read_text(encoding="utf-8") == parameters_markdown()


def test_the_page_lists_every_parameter_once() -> None:
    rows = [line for line in parameters_markdown().splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == list(Parameters.model_fields)


def test_the_rehearsal_says_nothing_but_the_defaults() -> None:
    told = load_parameters(ROOT / "parameters" / "rehearsal.yaml").model_dump(exclude={"reason"})

    assert told == Parameters().model_dump(exclude={"reason"})


def test_the_defaults_point_at_the_lab() -> None:
    assert Parameters().connection == "lab"
    assert (Parameters().apply_settings, Parameters().apply_delegation) == ("lab", "lab")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vmm: VM02\n", ["unknown parameter 'vmm'", "Did you mean 'vm'?"]),
        ("colour: red\n", ["unknown parameter 'colour'", "Known are", "destination_path"]),
        ("baseline_s: fast\n", ["'baseline_s'", "'fast'", "number"]),
        ("use_any_network: 1\n", ["'use_any_network'", "boolean"]),
        ("probe_interval_ms: 5\n", ["'probe_interval_ms' is 5", "greater than or equal to 10"]),
        ("change_id: 'CHG 1/2'\n", ["'change_id'", "letters, digits"]),
        ("destination_path: /srv/vm\n", ["'destination_path'", "drive letter"]),
        ("vm: VM01\nvm: VM02\n", ["'vm' stands twice"]),
        ("vm: [\n", ["not valid YAML in line 2"]),
        ("- vm\n", ["must be a list of 'name: value' lines"]),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        load_parameters(_file(tmp_path, text))

    assert "change.yaml" in str(caught.value)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("key", ["password", "vm_password", "secret", "api_key", "Token"])
def test_a_secret_in_clear_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(ParameterError, match="secret in clear") as caught:
        load_parameters(_file(tmp_path, f"{key}: hunter2\n"))

    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no such file"):
        load_parameters(tmp_path / "none.yaml")


def test_subset_gives_plain_values_of_the_names_asked_for() -> None:
    assert validate({"vm": "DB[1]"}, where="test").subset(["vm", "baseline_s"]) == {"vm": "DB[1]", "baseline_s": 3.0}


def test_the_lab_is_reached_through_its_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "descriptor.json"
    path.write_text(json.dumps(DESCRIPTOR), encoding="utf-8")
    profile = connection_profile("lab", {"SNLM_LAB": str(path)})
    assert profile.time_factor == 7

    assert profile.rehearsal
    assert (profile.host("hv01").auth, profile.host("HV01").port) == ("ntlm", 40001)
    assert profile.guests["VM01"].ips == ["10.20.0.51"]
    with pytest.raises(ParameterError, match="no host called 'HV09'"):
        profile.host("HV09")


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_without_a_running_lab_it_says_how_to_get_one(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "descriptor.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(LabError, match=r"snlm rehearse|Start the lab again"):
        connection_profile("lab", {"SNLM_LAB": str(path)})


def test_environment_variables_move_outputs_and_lab(tmp_path: Path) -> None:
    assert outputs_root({"SNLM_OUTPUTS": str(tmp_path)}) == tmp_path
    assert outputs_root({}) == project_root() / "outputs"
    assert lab_descriptor_path({"SNLM_LAB": str(tmp_path)}) == tmp_path
    assert lab_descriptor_path({}).name == "lab.json"


def test_an_unknown_connection_is_named() -> None:
    with pytest.raises(ParameterError, match=r"nosuch\.yaml: no such file"):
        connection_profile("nosuch")


def _profile(folder: Path, text: str) -> ConnectionProfile:
    (folder / "real.yaml").write_text(text, encoding="utf-8")
    return connection_profile("real", {"SNLM_CONNECTIONS": str(folder)})


def _profile_error(folder: Path, text: str) -> str:
    with pytest.raises(ParameterError) as caught:
        _profile(folder, text)
    return str(caught.value)


def _validated(values: dict[str, Any]) -> Parameters:
    return validate(values, where="test")


def test_values_are_frozen() -> None:
    parameters = _validated({"vm": "VM02"})

    with pytest.raises(ValueError, match="frozen"):
        parameters.vm = "VM03"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("rehearsal: true\n", "only the lab may call itself a rehearsal"),
        ("time_factor: 7\n", "only the lab may call itself a rehearsal"),
        ("colour: red\n", "unknown parameter 'colour'"),
    ],
)
def test_a_profile_of_real_hosts_is_closed_too(tmp_path: Path, change: str, words: str) -> None:
    assert words in _profile_error(tmp_path, PROFILE + change)


def test_the_example_of_a_connection_is_valid() -> None:
    text = (ROOT / "parameters" / "connections" / "README.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]

    assert (
        ConnectionProfile.model_validate({"name": "example", **yaml.safe_load("\n".join(lines))}).host("hv02").port
        == 5985
    )


def test_the_page_of_connections_is_fresh_and_explains_every_key_and_way() -> None:
    page = connections_markdown()

    assert (ROOT / "parameters" / "connections" / "README.md").read_text(encoding="utf-8") == page
    assert "| None |" not in page
    assert set(WAYS) == set(get_args(Auth))


def test_files_are_looked_for_beside_the_profile(tmp_path: Path) -> None:
    absolute = (tmp_path / "elsewhere" / "ca.pem").as_posix()
    https = ", scheme: https, port: 5986, auth: certificate, certificate: keys/me.pem, ca: "
    beside = _profile(tmp_path, _host(f"{https}ca.pem")).host("HV01")
    named = _profile(tmp_path, _host(f"{https}'{absolute}'")).host("HV01")

    assert Path(beside.ca or "").name == "ca.pem"
    assert Path(beside.ca or "").is_absolute()
    assert Path(beside.certificate or "") == Path(beside.ca or "").parent / "keys" / "me.pem"
    assert beside.certificate_key is None
    assert Path(named.ca or "") == Path(absolute)


def _host(extra: str, address: str = "hv01.corp.example") -> str:
    return PROFILE.replace("{address: hv01.corp.example}", f"{{address: '{address}'{extra}}}")


def test_a_weak_protocol_to_a_real_host_is_refused(tmp_path: Path) -> None:
    assert "plain HTTP" in _profile_error(tmp_path, _host(", auth: ntlm"))


@pytest.mark.parametrize("address", ["10.20.0.11", "fe80::1", "[fe80::1]"])
def test_hosts_have_names_where_tickets_are_wanted(tmp_path: Path, address: str) -> None:
    https = ", scheme: https, port: 5986, auth: "

    assert "tickets to names only" in _profile_error(tmp_path, _host("", address))
    assert "tickets to names only" in _profile_error(tmp_path, _host(https + "negotiate", address))
    assert _profile(tmp_path, _host(https + "basic", address)).host("HV01").address == address
    assert _profile(tmp_path, _host(https + "negotiate", address) + "allow_ntlm: true\n").allow_ntlm


def test_who_is_signed_on_cannot_carry_a_move_and_the_ways_are_listed(tmp_path: Path) -> None:
    with pytest.raises(CredentialError) as caught:
        _profile(tmp_path, PROFILE.replace("env:SNLM_PASSWORD", "'signed-on:'"))

    assert "second hop" in str(caught.value)
    assert [
        way
        for way in ("keyring:", "-DestinationCredential", "console or RDP", "runs_as")
        if way not in str(caught.value)
    ] == []


def test_who_is_signed_on_may_move_through_endpoints_that_run_as_an_account(tmp_path: Path) -> None:
    signed_on = PROFILE.replace("env:SNLM_PASSWORD", "'signed-on:'")
    endpoint = "corp.example, configuration_name: Snlm.Operator, runs_as: 'CORP\\snlm-move$'"
    through = signed_on.replace("hv01.corp.example", f"hv01.{endpoint}")

    assert _profile(tmp_path, through).hops_alone("hv01")
    with pytest.raises(CredentialError, match="and basic needs one"):
        _profile(tmp_path, through.replace("{address: hv01", "{scheme: https, auth: basic, address: hv01"))


def test_an_account_belongs_to_an_endpoint_of_its_own(tmp_path: Path) -> None:
    assert "belongs to a 'configuration_name'" in _profile_error(tmp_path, _host(", runs_as: 'CORP\\snlm-move$'"))
    assert "configuration_name" in _profile_error(tmp_path, _host(", configuration_name: 'a b'"))


def test_the_directory_may_have_a_credential_of_its_own(tmp_path: Path) -> None:
    own = "directory_user: CORP\\ad\ndirectory_secret: keyring:snlm/ad\n"

    assert _profile(tmp_path, PROFILE).sign_ons == (("CORP\\op", "env:SNLM_PASSWORD"),)
    assert _profile(tmp_path, PROFILE + own).sign_ons[1] == ("CORP\\ad", "keyring:snlm/ad")


def test_two_names_of_one_host_are_no_pair(tmp_path: Path) -> None:
    two = (
        "hosts: {A: {address: hv.corp.example}, B: {address: HV.corp.example}, C: {address: hv.corp.example, port: 1}}"
    )
    profile = _profile(tmp_path, PROFILE.replace("hosts: {HV01: {address: hv01.corp.example}}", two))

    profile.refuse_one_host("a", "c")
    with pytest.raises(ParameterError, match="are one host"):
        profile.refuse_one_host("a", "b")
    with pytest.raises(ParameterError, match="no host called 'D'"):
        profile.refuse_one_host("a", "D")


def test_a_scenarios_own_parameters_overlay_the_shared_ones(tmp_path: Path) -> None:
    base, scenario = tmp_path / "base.yaml", tmp_path / "scenario.yaml"
    base.write_text("vm: VM01\nsource: HV02\ndestination: HV01\n", encoding="utf-8")
    scenario.write_text("about: x\nparameters: {vm: VM02}\n", encoding="utf-8")
    found = rehearsal_parameters(base, scenario)
    assert (found.vm, found.source) == ("VM02", "HV02")

    for own, says in (("[vm]", "'name: value' lines"), ("{vmm: x}", "Did you mean 'vm'?")):
        scenario.write_text(f"parameters: {own}\n", encoding="utf-8")
        with pytest.raises(ParameterError, match=says) as caught:
            rehearsal_parameters(base, scenario)
        assert caught.value.where == str(scenario)


@pytest.mark.parametrize("text", ["base: &b {HV01: {address: a.example}}\nhosts: *b\n", "x: [&a 1, *a, *a]\n"])
def test_a_few_aliases_are_fine(tmp_path: Path, text: str) -> None:
    assert len(read_mapping(_file(tmp_path, text))) in (1, 2)


@pytest.mark.parametrize(
    ("part", "address"), [("hosts", "192.0.2.2"), ("hosts", "hv01.corp.example"), ("guests", "10.0.0.5")]
)
def test_a_lab_that_is_not_on_this_machine_is_no_lab(tmp_path: Path, part: str, address: str) -> None:
    places = {"hosts": "127.0.0.1", "guests": "127.0.0.1", part: address}
    raw = {
        "hosts": {"HV01": {"address": places["hosts"], "port": 5985}},
        "guests": {"VM01": {"address": places["guests"], "udp_port": 7}},
        **{"directory": "HV01", "user": "CORP\\operator", "secret": "env:LAB", "truth_dir": str(tmp_path)},
    }
    (tmp_path / "lab.json").write_text(json.dumps(raw), encoding="utf-8")

    with pytest.raises(LabError, match="is not this machine"):
        connection_profile("lab", {"SNLM_LAB": str(tmp_path / "lab.json")})
