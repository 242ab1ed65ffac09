"""The schema of a change: closed, one sentence for each wrong thing, and a page that cannot disagree with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from snlm_lib.errors import LabError, ParameterError
from snlm_lib.parameters import (
    ConnectionProfile,
    Parameters,
    connection_profile,
    lab_descriptor_path,
    load_parameters,
    outputs_root,
    parameters_markdown,
    project_root,
    validate,
)

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTOR = {
    "schema": "snlm.lab/1",
    "hosts": {"HV01": {"address": "127.0.0.1", "port": 40001}, "DC01": {"address": "127.0.0.1", "port": 40003}},
    "directory": "DC01",
    "user": "CORP\\operator",
    "secret": "file:secret.txt",
    "guests": {"VM01": {"address": "127.0.0.1", "udp_port": 40010, "tcp_port": 40011, "ips": ["10.20.0.51"]}},
    "truth_dir": "truth",
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
        ("probe_interval_ms: 5\n", ["'probe_interval_ms' is 5", "greater than or equal to 20"]),
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


def _profile_error(name: str, text: str) -> str:
    folder = project_root() / "parameters" / "connections"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        with pytest.raises(ParameterError) as caught:
            connection_profile(name)
    finally:
        path.unlink()
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
        ("colour: red\n", "unknown parameter 'colour'"),
    ],
)
def test_a_profile_of_real_hosts_is_closed_too(change: str, words: str) -> None:
    assert words in _profile_error("test-profile", PROFILE + change)


def test_the_example_of_a_connection_is_valid() -> None:
    text = (ROOT / "parameters" / "connections" / "README.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]

    assert (
        ConnectionProfile.model_validate({"name": "example", **yaml.safe_load("\n".join(lines))}).host("hv02").port
        == 5985
    )


def test_a_weak_protocol_to_a_real_host_is_refused() -> None:
    text = PROFILE.replace("{address: hv01.corp.example}", "{address: hv01.corp.example, auth: ntlm}")

    assert "plain HTTP" in _profile_error("test-weak", text)
