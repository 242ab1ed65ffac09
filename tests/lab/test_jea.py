"""Roles and endpoints: what the shipped files allow, and that it is the vocabulary and no more."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

import snlm_lib
from snlm_lib.errors import LabError
from snlm_lib.lab.binder import Binding, signature_of
from snlm_lib.lab.jea import Endpoint, Role, Rule, read_role, shipped_endpoint
from snlm_lib.lab.pipeline import VIRTUAL_ACCOUNT, Invocation
from snlm_lib.lab.values import Credential as LabCredential
from snlm_lib.lab.values import Terminating
from snlm_lib.remote import commands
from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Command, Pipeline
from tests.remote.test_commands import EVERYTHING

FILES = Path(snlm_lib.__file__).parent / "jea"
KINDS = ("HyperVHost", "DomainController")
PIPED = frozenset({"VM", "InputObject"})  # come down the pipeline, never by name
HARMLESS = frozenset({"ComputerName", "DriveLetter", "Identity"})  # stand for "no parameter at all"


def endpoint(kind: str, name: str) -> Endpoint:
    found = shipped_endpoint(kind, name)
    assert found is not None
    return found


def role(kind: str, name: str) -> Role:
    (only,) = endpoint(kind, name).roles.values()
    return only


def takes(role: Role, command: Command) -> bool:
    """Would this role's command bind these parameters?"""
    signature = signature_of(command.name)
    assert signature is not None
    narrowed = role.narrowed(signature)
    if narrowed is None:
        return False
    sent = {
        name: LabCredential(value.user, str(value.password)) if isinstance(value, Credential) else value
        for name, value in command.parameters.items()
    }
    try:
        Binding(narrowed, Invocation(command.name, sent))
    except Terminating:
        return False
    return True


def allowed(name: str, pipeline: Pipeline) -> bool:
    return any(all(takes(role(kind, name), command) for command in pipeline.commands) for kind in KINDS)


# What a cmdlet on a member server needs to reach the controller; an endpoint runs as an account that reaches it.
@pytest.mark.parametrize("sentence", sorted(set(EVERYTHING) - {"at_server"}))
def test_the_operators_role_takes_the_whole_vocabulary_and_the_survey_takes_what_only_looks(sentence: str) -> None:
    pipeline = EVERYTHING[sentence]
    assert allowed("Snlm.Operator", pipeline)
    assert allowed("Snlm.Survey", pipeline) is not pipeline.changes


def test_every_setting_and_its_undo_pass() -> None:
    whole = commands.set_vm_host(
        authentication="CredSSP",
        performance="TCPIP",
        maximum_vm_migrations=2,
        maximum_storage_migrations=10,
        use_any_network=False,
    )
    assert allowed("Snlm.Operator", whole)
    assert allowed("Snlm.Operator", commands.set_any_protocol("HV01", False))
    assert allowed("Snlm.Survey", commands.get_event_values(7, log=commands.WORKER_LOG))


def test_the_vocabulary_hands_no_instance_back_which_a_session_without_language_may_not_take() -> None:
    """Not settled for Windows (hyperv.md, section 12, 70 %): right either way, since it never tries."""
    used = {command.name for pipeline in EVERYTHING.values() for command in pipeline.commands}
    assert not {name for name in used if name.startswith("Invoke-")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Snlm.Operator", "Snlm.Survey"])
def test_a_role_lists_no_more_than_the_vocabulary_uses(kind: str, name: str) -> None:
    used: dict[str, set[str]] = {}
    for pipeline in EVERYTHING.values():
        for command in pipeline.commands:
            used.setdefault(command.name, set()).update(command.parameters)
    for sent in (commands.set_vm_host(performance="SMB", maximum_vm_migrations=1, maximum_storage_migrations=1),):
        used["Set-VMHost"] |= set(sent.commands[0].parameters)
    for command_name, rules in role(kind, name).commands.items():
        assert command_name in used
        spare = set(rules) - used[command_name] - PIPED
        assert spare <= (HARMLESS if not used[command_name] & set(rules) else set()), command_name


def test_the_survey_changes_nothing() -> None:
    for kind in KINDS:
        assert set(role(kind, "Snlm.Survey").commands) <= commands.READS


@pytest.mark.parametrize(
    ("kind", "name", "run_as"),
    [
        ("HyperVHost", "Snlm.Operator", "CORP\\snlm-move$"),
        ("HyperVHost", "Snlm.Survey", VIRTUAL_ACCOUNT),
        ("DomainController", "Snlm.Operator", "CORP\\snlm-delegate$"),
        ("DomainController", "Snlm.Survey", "CORP\\snlm-read$"),
    ],
)
def test_as_whom_they_run(kind: str, name: str, run_as: str) -> None:
    assert endpoint(kind, name.upper()).run_as == run_as
    group = "corp\\snlm-operators" if name.endswith("Operator") else "corp\\snlm-readers"
    assert endpoint(kind, name).role_of(frozenset({"corp\\others", group})) is not None
    assert endpoint(kind, name).role_of(frozenset({"corp\\others"})) is None


def test_no_other_endpoint_is_shipped() -> None:
    assert shipped_endpoint("HyperVHost", "Snlm.Other") is None
    assert {path.stem for path in FILES.glob("*/*.pssc")} == {"Snlm.Operator", "Snlm.Survey"}


def test_every_shipped_role_belongs_to_an_endpoint() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES.glob("*/*.pssc")]
    roles = {path.stem for path in FILES.glob("Snlm/RoleCapabilities/*.psrc")}
    assert {name for name in roles if any(f"'{name}'" in text for text in texts)} == roles


def test_the_page_names_every_file_and_the_caution() -> None:
    page = (FILES / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in FILES.glob("*/*.pssc") if f"`{path.parent.name}/{path.name}`" not in page} == set()
    accounts = {endpoint(kind, name).run_as for kind in KINDS for name in ("Snlm.Operator", "Snlm.Survey")}
    assert {account for account in accounts - {VIRTUAL_ACCOUNT} if f"`{account}`" not in page} == set()
    assert "restarts WinRM" in page


@pytest.mark.parametrize(
    "query",
    [
        "*",
        "*[System[EventRecordID=1]] or *",
        "*[System[(EventID=1) and TimeCreated[@SystemTime>='2026-11-23T21:04:00.000Z' or '']]]",
        "<QueryList><Query><Select Path='file://\\\\hv09\\c$\\a.evtx'>*</Select></Query></QueryList>",
    ],
)
@pytest.mark.parametrize("name", ["Snlm.Operator", "Snlm.Survey"])
def test_events_are_read_by_number_and_time_from_two_logs_and_from_no_file(name: str, query: str) -> None:
    hosts = role("HyperVHost", name)
    sent = {"LogName": commands.ADMIN_LOG, "FilterXPath": query}
    assert not takes(hosts, Command("Get-WinEvent", sent))
    for other in ({"Path": "\\\\hv09\\c$\\a.evtx"}, {"FilterHashtable": {"Path": "a.evtx"}}, {"LogName": "Security"}):
        assert not takes(hosts, Command("Get-WinEvent", other))


@pytest.mark.parametrize("name", ["10.0.0.9", "0x0A000009", "2886794753", "\\\\hv09\\c$", "fe80::1", "http://hv09"])
def test_the_other_host_is_asked_by_a_name_alone(name: str) -> None:
    hosts = role("HyperVHost", "Snlm.Survey")
    assert takes(hosts, Command("Get-VMHost", {"ComputerName": "hv02.corp.example"}))
    assert not takes(hosts, Command("Get-VMHost", {"ComputerName": name}))


# -- what a role refuses ---------------------------------------------------------------------------

ROLE = Role({"Get-VM": {"Id": Rule(pattern="^[0-9a-f-]{36}$")}, "get-counter": {"MaxSamples": Rule(("1",))}})
VM_ID = UUID("5b1a3f0e-8f0c-4a53-9c51-2f3d7c1f0a11")


def bind(name: str, *positional: object, **parameters: object) -> Binding:
    signature = signature_of(name)
    assert signature is not None
    narrowed = ROLE.narrowed(signature)
    assert narrowed is not None
    return Binding(narrowed, Invocation(name, parameters, positional))


@pytest.mark.parametrize(
    ("name", "positional", "parameters", "error_id"),
    [
        ("Get-VM", (), {"Name": "VM01"}, "NamedParameterNotFound,Get-VM"),
        ("Get-VM", (), {"ComputerName": "HV02"}, "NamedParameterNotFound,Get-VM"),
        ("Get-VM", ("VM01",), {}, "ParameterArgumentValidationError,Get-VM"),
        ("Get-VM", (), {"Id": "*"}, "ParameterArgumentValidationError,Get-VM"),
        ("Get-Counter", (), {"MaxSamples": 2}, "ParameterArgumentValidationError,Get-Counter"),
        ("Get-Counter", (), {"Counter": "\\Memory\\*"}, "NamedParameterNotFound,Get-Counter"),
    ],
)
def test_what_the_role_does_not_name_is_refused_as_windows_refuses_it(
    name: str, positional: tuple[object, ...], parameters: dict[str, object], error_id: str
) -> None:
    with pytest.raises(Terminating) as refused:
        bind(name, *positional, **parameters)
    assert refused.value.record.fq_error_id == error_id


def test_what_the_role_names_passes_with_its_common_parameters() -> None:
    bind("Get-VM", Id=VM_ID, ErrorAction="Stop")
    bind("Get-Counter", MaxSamples=1)


def test_a_refused_value_is_told_with_what_would_do() -> None:
    with pytest.raises(Terminating) as refused:
        bind("Get-Counter", MaxSamples=2)
    assert refused.value.record.message == (
        'Cannot validate argument on parameter \'MaxSamples\'. The argument "2" does not belong to the set "1" '
        "specified by the ValidateSet attribute. Supply an argument that is in the set and then try the command again."
    )


def test_every_value_of_a_list_must_pass() -> None:
    rule = Rule(("A", "B"))
    assert rule.refusal(["a", "b"]) is None
    assert '"C"' in str(rule.refusal(["a", "C"]))


def test_an_invisible_command_does_not_exist() -> None:
    signature = signature_of("Move-VM")
    assert signature is not None
    assert ROLE.narrowed(signature) is None


RANGED = "@{ VisibleCmdlets = @{ Name = 'Get-VM'; Parameters = @{ Name = 'Id'; ValidateRange = 1 } } }"
ENTRY = "@{ Name = 'Invoke-CimMethod'; Parameters = @{ Name = 'ClassName'; ValidateSet = 'X' }%s }"
PINNED = ", @{ Name = 'Namespace'; ValidateSet = 'r' }, @{ Name = 'MethodName'; ValidateSet = 'M' }"


@pytest.mark.parametrize(
    ("role_text", "what"),
    [
        ("@{ VisibleAliases = 'x' }", "VisibleAliases"),
        ("@{ VisibleCmdlets = 'Get-VM' }", "a hashtable is wanted"),
        ("@{ VisibleCmdlets = @{ Name = 'Get-VM' } }", "lists no parameter"),
        (
            "@{ VisibleCmdlets = @{ Name = 'Get-VM'; Parameters = @{ Name = 'Id'; ValidateRange = 1 } } }",
            "ValidateRange",
        ),
        ("@{ VisibleCmdlets = " + ENTRY % "" + " }", "Invoke-CimMethod needs"),
    ],
)
def test_a_role_that_would_let_too_much_pass_or_is_not_understood_is_refused(role_text: str, what: str) -> None:
    with pytest.raises(LabError, match=what):
        read_role(role_text, where="x.psrc")


def test_a_pinned_method_is_taken() -> None:
    assert "Invoke-CimMethod" in read_role("@{ VisibleCmdlets = " + ENTRY % PINNED + " }", where="x").commands
