"""Binding: what PowerShell binds, and what it says about the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from snlm_lib.lab.argument import Unconvertible, convert_argument
from snlm_lib.lab.binder import Binding, Bound, Signature, signature_of
from snlm_lib.lab.pipeline import Invocation
from snlm_lib.lab.values import Credential, EnumValue, PsValue, Terminating

VM_ID = UUID("8a70b304-36cc-5afd-a509-3055d5bf9874")
MACHINE = PsValue(("Microsoft.HyperV.PowerShell.VirtualMachine", "System.Object"), "VM", {"Id": VM_ID}, live=object())


def signature(name: str) -> Signature:
    found = signature_of(name)
    assert found is not None
    return found


def bind(name: str, parameters: dict[str, object] | None = None, *positional: object) -> Bound:
    bound = Binding(signature(name), Invocation(name, parameters or {}, positional)).complete()
    assert bound is not None
    return bound


def pipe(name: str, parameters: dict[str, object], item: object) -> Bound | None:
    return Binding(signature(name), Invocation(name, parameters)).complete(item, piped=True)


def refused(name: str, parameters: dict[str, object], *positional: object) -> str:
    with pytest.raises(Terminating) as told:
        bind(name, parameters, *positional)
    assert told.value.record.command == signature(name).name
    return told.value.record.fq_error_id


def test_names_and_aliases_bind_in_any_case() -> None:
    assert bind("get-vm", {"vmNAME": "A"}).get("Name") == ["A"]
    assert bind("GET-VHD", {"id": str(VM_ID)}).get("VMId") == [VM_ID]


def test_prefixes_do_not_bind() -> None:
    assert refused("Get-VM", {"Nam": "A"}) == "NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM"


@pytest.mark.parametrize(
    ("name", "error_class"),
    [
        ("Move-VM", "Microsoft.HyperV.PowerShell.Commands.MoveVM"),
        ("Get-ADComputer", "Microsoft.ActiveDirectory.Management.Commands.GetADComputer"),
        ("Get-WinEvent", "Microsoft.PowerShell.Commands.GetWinEventCommand"),
        ("Get-CimInstance", "Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand"),
        ("Get-Volume", "Get-Volume"),
        ("Select-Object", "Microsoft.PowerShell.Commands.SelectObjectCommand"),
    ],
)
def test_errors_end_in_the_cmdlets_class(name: str, error_class: str) -> None:
    assert refused(name, {"Nonsense": 1}) == f"NamedParameterNotFound,{error_class}"


def test_parameter_sets_exclude_each_other() -> None:
    assert bind("Get-VM", {"Id": VM_ID}).set_name == "Id"
    assert bind("Get-VM", {}).set_name == "Name"
    assert refused("Get-VM", {"Id": VM_ID, "Name": "A"}).startswith("AmbiguousParameterSet,")
    assert refused("Get-WinEvent", {"LogName": "L", "FilterHashtable": {}}).startswith("AmbiguousParameterSet,")


def test_move_vm_with_storage_excludes_a_list_of_disks() -> None:
    parameters: dict[str, object] = {"DestinationHost": "HV02", "IncludeStorage": True, "Vhds": [{}]}
    with pytest.raises(Terminating) as told:
        pipe("Move-VM", parameters, MACHINE)
    assert told.value.record.fq_error_id.startswith("AmbiguousParameterSet,")


def test_mandatory_parameters_are_named() -> None:
    assert refused("Move-VM", {"DestinationHost": "HV02", "IncludeStorage": True}).startswith(
        "MissingMandatoryParameter,"
    )
    with pytest.raises(Terminating, match="missing mandatory parameters: ClassName"):
        bind("Get-CimInstance", {})


def test_the_same_parameter_twice_is_refused() -> None:
    assert refused("Get-VM", {"Name": "A", "VMName": "B"}).startswith("ParameterAlreadyBound,")


def test_positional_arguments_find_their_place() -> None:
    assert bind("Get-VM", {}, "A").values == {"Name": ["A"]}
    assert bind("Get-CimInstance", {}, "Win32_Processor").get("ClassName") == "Win32_Processor"
    assert refused("Get-VM", {}, "A", "B").startswith("PositionalParameterNotFound,")


def test_common_parameters_are_kept_apart() -> None:
    bound = bind("Get-VM", {"ErrorAction": "Stop", "Verbose": True})
    assert (dict(bound.values), bound.common["ErrorAction"]) == ({}, "Stop")


def test_a_machine_flows_into_vm() -> None:
    bound = pipe("Move-VM", {"DestinationHost": "HV02", "IncludeStorage": True}, MACHINE)
    assert bound is not None
    assert bound.set_name == "VMSingleDestination"
    assert bound.get("VM") is MACHINE
    several = pipe("Get-VMHardDiskDrive", {}, MACHINE)
    assert several is not None
    assert several.get("VM") == [MACHINE]


def test_what_fits_no_parameter_does_not_flow() -> None:
    assert pipe("Get-VMHardDiskDrive", {}, "VM01") is None
    assert pipe("Get-VMHost", {}, MACHINE) is None
    assert pipe("Get-VMHardDiskDrive", {"VMName": "A"}, MACHINE) is None


def test_a_property_of_the_right_name_flows() -> None:
    bound = pipe("Get-VHD", {}, MACHINE)
    assert bound is not None
    assert bound.get("VMId") == [VM_ID]


def test_enum_values_bind_by_name_and_number() -> None:
    name = "VirtualMachineMigrationAuthenticationType"
    assert bind("Set-VMHost", {name: "kerberos"}).get(name) == "Kerberos"
    assert bind("Set-VMHost", {name: 1}).get(name) == "Kerberos"
    assert bind("Set-VMHost", {name: EnumValue("X", "CredSSP", 0)}).get(name) == "CredSSP"
    assert refused("Set-VMHost", {name: "NTLM"}).startswith("ParameterArgumentValidationError,")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("MaximumVirtualMachineMigrations", "many"),
        ("MaximumVirtualMachineMigrations", -1),
        ("MaximumVirtualMachineMigrations", True),
        ("UseAnyNetworkForMigration", "yes"),
        ("VirtualMachinePath", ["a", "b"]),
    ],
)
def test_values_of_another_type_are_refused(parameter: str, value: object) -> None:
    assert refused("Set-VMHost", {parameter: value}).startswith("CannotConvertArgumentNoMessage,")


def test_a_credential_must_be_one() -> None:
    assert refused("Move-VM", {"DestinationCredential": "operator"}).startswith("CannotConvertArgumentNoMessage,")
    given = Credential("CORP\\operator", "secret")
    bound = pipe("Move-VM", {"DestinationHost": "H", "IncludeStorage": True, "DestinationCredential": given}, MACHINE)
    assert bound is not None
    assert bound.get("DestinationCredential") == given
    assert "secret" not in repr(bound)


def test_switches_take_true_and_false() -> None:
    assert bind("Enable-VMMigration", {"Confirm": False}).on("Confirm") is False
    assert bind("Enable-VMMigration", {"Passthru": True}).on("Passthru") is True


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        ("2026-11-23T21:04:00", "DateTime", datetime(2026, 11, 23, 21, 4, tzinfo=UTC)),
        (datetime(2026, 11, 23, 21, 4, tzinfo=UTC), "DateTime", datetime(2026, 11, 23, 21, 4, tzinfo=UTC)),
        ("7", "Int32", 7),
        (7, "String", "7"),
        (str(VM_ID), "Guid", VM_ID),
        ("D", "Char[]", ["D"]),
        ([1, 2], "Int64[]", [1, 2]),
        ({"a": 1}, "Hashtable", {"a": 1}),
        ("HV01", "ADComputer", "HV01"),
    ],
)
def test_conversions(value: object, kind: str, made: object) -> None:
    assert convert_argument(value, kind) == made


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("later", "DateTime"),
        (2**31, "Int32"),
        ("x", "Guid"),
        ("DD", "Char"),
        ("a", "Hashtable"),
        ("VM01", "VirtualMachine"),
    ],
)
def test_impossible_conversions(value: object, kind: str) -> None:
    with pytest.raises(Unconvertible):
        convert_argument(value, kind)


def test_unknown_cmdlets_have_no_signature() -> None:
    assert signature_of("Remove-VM") is None
