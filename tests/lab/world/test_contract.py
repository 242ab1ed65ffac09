"""The contract: every object a cmdlet emits has its class's properties, in order, of their types."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from snlm_lib.lab.clixml import to_clixml
from snlm_lib.lab.cmdlets.catalogue import names_on
from snlm_lib.lab.cmdlets.objects import build, convert, enum_number, enum_of, property_types, type_names
from snlm_lib.lab.cmdlets.table import TABLE, cmdlet
from snlm_lib.lab.telemetry import MigrationCounters
from snlm_lib.lab.values import I64, U8, U16, U32, U64, EnumValue, PsValue
from snlm_lib.lab.world import Checkpoint
from tests.lab.world.conftest import OPERATOR, Command, Lab

V2 = {"Namespace": "root\\virtualization\\v2"}
STANDARD = {"Namespace": "root\\StandardCimv2"}
ONE_MACHINE: Command = ("Get-VM", {"Name": "VM01"})
TO_HV02 = {"DestinationHost": "HV02", "DestinationCredential": OPERATOR, "DestinationStoragePath": "D:\\VM01"}
QUESTIONS: list[tuple[str, str, tuple[Command, ...]]] = [
    ("VMHost", "HV01", (("Get-VMHost", {}),)),
    ("VMSwitch", "HV01", (("Get-VMSwitch", {}),)),
    ("VMMigrationNetwork", "HV01", (("Get-VMMigrationNetwork", {}),)),
    ("VMHostSupportedVersion", "HV01", (("Get-VMHostSupportedVersion", {}),)),
    ("VirtualMachine", "HV01", (("Get-VM", {}),)),
    ("HardDiskDrive", "HV01", (ONE_MACHINE, ("Get-VMHardDiskDrive", {}))),
    ("VMNetworkAdapter", "HV01", (ONE_MACHINE, ("Get-VMNetworkAdapter", {}))),
    ("DvdDrive", "HV01", (ONE_MACHINE, ("Get-VMDvdDrive", {}))),
    ("VMSnapshot", "HV01", (ONE_MACHINE, ("Get-VMSnapshot", {}))),
    ("VMIntegrationComponent", "HV01", (ONE_MACHINE, ("Get-VMIntegrationService", {}))),
    ("VMCompatibilityReport", "HV01", (ONE_MACHINE, ("Compare-VM", TO_HV02))),
    (
        "VMCompatibilityError",
        "HV01",
        (ONE_MACHINE, ("Compare-VM", TO_HV02), ("Select-Object", {"ExpandProperty": "Incompatibilities"})),
    ),
    ("VMProcessor", "HV01", (ONE_MACHINE, ("Get-VMProcessor", {}))),
    ("VMMemory", "HV01", (ONE_MACHINE, ("Get-VMMemory", {}))),
    ("VMMeteringReportForVirtualMachine", "HV01", (ONE_MACHINE, ("Measure-VM", {}))),
    ("VirtualHardDisk", "HV01", (ONE_MACHINE, ("Select-Object", {"Property": ["Id"]}), ("Get-VHD", {}))),
    ("Win32_ComputerSystem", "HV01", (("Get-CimInstance", {"ClassName": "Win32_ComputerSystem"}),)),
    ("Win32_OperatingSystem", "DC01", (("Get-CimInstance", {"ClassName": "Win32_OperatingSystem"}),)),
    ("Win32_Processor", "HV02", (("Get-CimInstance", {"ClassName": "Win32_Processor"}),)),
    (
        "Win32_PingStatus",
        "DC01",
        (("Get-CimInstance", {"ClassName": "Win32_PingStatus", "Filter": "Address='10.20.0.51' and Timeout=500"}),),
    ),
    (
        "Win32_DeviceGuard",
        "HV01",
        (
            (
                "Get-CimInstance",
                {"ClassName": "Win32_DeviceGuard", "Namespace": "root\\Microsoft\\Windows\\DeviceGuard"},
            ),
        ),
    ),
    ("MSFT_NetAdapter", "HV01", (("Get-CimInstance", {"ClassName": "MSFT_NetAdapter", **STANDARD}),)),
    (
        "MSFT_NetAdapterRdmaSettingData",
        "HV01",
        (("Get-CimInstance", {"ClassName": "MSFT_NetAdapterRdmaSettingData", **STANDARD}),),
    ),
    ("MSFT_NetIPAddress", "HV01", (("Get-CimInstance", {"ClassName": "MSFT_NetIPAddress", **STANDARD}),)),
    (
        "Msvm_VirtualSystemMigrationService",
        "HV01",
        (("Get-CimInstance", {"ClassName": "Msvm_VirtualSystemMigrationService", **V2}),),
    ),
    ("Msvm_MigrationJob", "HV01", (("Get-CimInstance", {"ClassName": "Msvm_MigrationJob", **V2}),)),
    ("Msvm_PlannedComputerSystem", "HV02", (("Get-CimInstance", {"ClassName": "Msvm_PlannedComputerSystem", **V2}),)),
    ("MSFT_Volume", "HV01", (("Get-Volume", {}),)),
    ("MSFT_NetFirewallRule", "HV01", (("Get-NetFirewallRule", {}),)),
    ("DnsRecord_A", "HV01", (("Resolve-DnsName", {"Name": "HV02", "Type": "A"}),)),
    ("NetConnectionResults", "HV01", (("Test-NetConnection", {"ComputerName": "HV02", "Port": 6600}),)),
    ("PerformanceCounterSampleSet", "HV01", (("Get-Counter", {"Counter": "\\Hyper-V VM Live Migration(*)\\*"}),)),
    (
        "PerformanceCounterSample",
        "HV01",
        (
            ("Get-Counter", {"Counter": "\\Hyper-V VM Live Migration(*)\\*"}),
            ("Select-Object", {"ExpandProperty": "CounterSamples"}),
        ),
    ),
    ("EventLogRecord", "HV01", (("Get-WinEvent", {"LogName": "Microsoft-Windows-Hyper-V-VMMS-Admin"}),)),
    (
        "EventProperty",
        "HV01",
        (
            ("Get-WinEvent", {"LogName": "Microsoft-Windows-Hyper-V-VMMS-Admin"}),
            ("Select-Object", {"ExpandProperty": "Properties"}),
        ),
    ),
    ("ADDomain", "DC01", (("Get-ADDomain", {}),)),
    ("ADComputer", "DC01", (("Get-ADComputer", {"Identity": "HV01", "Properties": ["*"]}),)),
]
PYTHON_TYPES: dict[str, type] = {
    "System.String": str,
    "System.Version": str,
    "string": str,
    "System.Boolean": bool,
    "boolean": bool,
    "System.Int16": int,
    "System.Int32": int,
    "sint16": int,
    "System.Int64": I64,
    "System.Byte": U8,
    "uint8": U8,
    "System.UInt16": U16,
    "uint16": U16,
    "System.UInt32": U32,
    "uint32": U32,
    "System.UInt64": U64,
    "uint64": U64,
    "System.Double": float,
    "System.Guid": UUID,
    "System.DateTime": datetime,
    "System.TimeSpan": timedelta,
}


@pytest.fixture
def busy(ready: Lab) -> Lab:
    """A lab in which every question has an answer: one move done, one failed half-way, one under way."""
    ready.move()
    source, target = ready.host("HV01"), ready.host("HV02")
    source.migration_networks.append("10.20.0.0/24")
    target.planned[uuid4()] = "GHOST"
    source.counters["FILE01"] = MigrationCounters(pass_number=2, bytes_sent=5)
    vm = ready.vm("VM01")
    vm.metered_s = 3600.0
    vm.checkpoints.append(Checkpoint("before", uuid4(), "Standard", datetime(2026, 11, 1, tzinfo=UTC)))
    del target.vms[vm.vm_id]
    source.vms[vm.vm_id] = vm
    return ready


def fits(value: object, kind: str) -> bool:
    """Is ``value`` of the declared type? Written apart from the builder, so that it can contradict it."""
    if value is None:
        return True
    inner = re.fullmatch(r"System\.Nullable<(.+)>", kind)
    if inner:
        return fits(value, inner[1])
    several = re.fullmatch(r"(.+)\[\]|System\.Collections\.Generic\.\w+<(.+)>", kind)
    if several:
        return isinstance(value, list) and all(fits(item, several[1] or several[2]) for item in value)
    if kind == "datetime":
        return isinstance(value, datetime | timedelta)
    if kind in PYTHON_TYPES:
        return type(value) is PYTHON_TYPES[kind]
    return (isinstance(value, EnumValue) and value.type_name == kind) or isinstance(value, PsValue)


@pytest.mark.parametrize(("class_name", "host", "commands"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_objects_are_what_their_class_says(
    busy: Lab, class_name: str, host: str, commands: tuple[Command, ...]
) -> None:
    answer = busy.ask(host, *commands)
    assert answer.fq_error_ids == []
    assert answer.output_values
    types = property_types(class_name)
    for value in answer.output_values:
        assert value.type_names == type_names(class_name)
        assert list(value.properties) == list(types)
        wrong = [name for name, kind in types.items() if not fits(value.properties[name], kind)]
        assert wrong == []
        assert b"<TN" in to_clixml(value)


def test_every_reading_cmdlet_is_under_the_contract() -> None:
    asked = {name for _, _, commands in QUESTIONS for name, _ in commands}
    changing = {name for name in (each.signature.name for each in TABLE.values()) if name.split("-")[0] in CHANGING}
    assert asked | changing == {each.signature.name for each in TABLE.values()}


CHANGING = ("Set", "Enable", "Disable", "Move")


def test_each_computer_has_its_modules_only(lab: Lab) -> None:
    on_host, on_controller = names_on(lab.host("HV01")), names_on(lab.host("DC01"))
    assert "Move-VM" in on_host
    assert "Get-ADComputer" not in on_host
    assert "Get-ADComputer" in on_controller
    assert "Get-VM" not in on_controller
    assert {"Get-CimInstance"} <= set(on_host) & set(on_controller)


def test_the_builder_refuses_what_the_table_lacks() -> None:
    with pytest.raises(KeyError, match="Colour"):
        build("VMSwitch", {"Colour": "red"})
    with pytest.raises(KeyError):
        build("VMSwitch", {"SwitchType": "Sideways"})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "System.String"),
        ("1", "System.Int64"),
        (True, "System.Int32"),
        (1, "System.Double"),
        ("a", "System.String[]"),
        (1, "System.Nullable<System.Guid>"),
        ({}, "Microsoft.HyperV.PowerShell.VMComPort"),
    ],
)
def test_the_builder_refuses_another_type(value: object, kind: str) -> None:
    with pytest.raises(TypeError):
        convert(value, kind)


def test_enums_carry_name_and_number() -> None:
    state = enum_of("Microsoft.HyperV.PowerShell.VMOperationalStatus", "StorageMigrationPhaseOne")
    assert (state.name, state.number, str(state)) == ("StorageMigrationPhaseOne", 32778, "StorageMigrationPhaseOne")
    assert enum_number("VMState", 2) == "Running"
    assert enum_number("VMState", "running") == "Running"
    assert enum_number("VMState", "Sleeping") is None
    assert enum_number("NoSuchType", 2) is None


def test_a_cmdlet_must_have_a_signature_and_honour_only_its_parameters() -> None:
    with pytest.raises(LookupError, match="Remove-Moon has no signature"):
        cmdlet("Remove-Moon")
    with pytest.raises(LookupError, match="Get-VM has no parameter Colour"):
        cmdlet("Get-VM", honours=("Name", "Colour"))
