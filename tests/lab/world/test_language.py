"""A host that speaks German: texts and counters change, numbers, codes, rule Names and enumerations do not."""

from __future__ import annotations

import pytest

from snlm_lib.lab.language import counter_name, spoken
from snlm_lib.lab.telemetry import MigrationCounters
from tests.lab.world.conftest import Lab, RecordingSink

COUNTERS = "\\{}(*)\\*"


@pytest.fixture
def german(ready: Lab) -> Lab:
    for name in ("HV01", "HV02"):
        ready.host(name).locale = "de-DE"
    ready.host("HV01").counters["VM01"] = MigrationCounters(pass_number=2, bytes_sent=5)
    return ready


def counters(lab: Lab, name: str) -> RecordingSink:
    asked = {"Counter": COUNTERS.format(name)}
    return lab.ask("HV01", ("Get-Counter", asked), ("Select-Object", {"ExpandProperty": "CounterSamples"}))


def test_a_failed_move_says_it_in_german_with_the_same_code_guid_and_events(german: Lab) -> None:
    german.world.directory.accounts["hv01"].delegate_to.clear()
    told = german.move().errors[0]

    assert 'an der Migrationsquelle "HV01"' in told.message
    assert "Im Sicherheitspaket sind keine Anmeldeinformationen verfügbar (0x8009030E)" in told.message
    assert str(german.vm("VM01").vm_id).upper() in told.message
    assert told.fq_error_id.startswith("OperationFailed,")
    assert [event.event_id for event in german.host("HV01").events] == [20413, 21024]


def test_counters_are_found_by_their_own_names_only(german: Lab) -> None:
    assert counters(german, "Hyper-V VM Live Migration").fq_error_ids[0].startswith("CounterApiError")
    paths = counters(german, "Hyper-V-Livemigration virtueller Computer").column("Path")
    assert (
        "\\\\hv01\\hyper-v-livemigration virtueller computer(vm01:livemigration)\\übertragungsdurchlauf: nummer"
        in paths
    )
    assert not any("transfer pass" in str(path) for path in paths)


def test_a_success_is_told_with_a_comma_and_keeps_its_figure(german: Lab) -> None:
    german.move()
    event = german.host("HV02").events[-1]
    assert event.message == 'Die Migration von "VM01" wurde mit einer Unterbrechung von 0,1 Sekunden abgeschlossen.'
    assert (event.event_id, event.values[2]) == (20415, "0.1")


def test_states_rules_and_jobs_speak_german_and_keep_names_and_numbers(german: Lab) -> None:
    machine = german.ask("HV01", ("Get-VM", {"Name": "VM01"})).one.properties
    rule = german.ask("HV01", ("Get-NetFirewallRule", {"Name": ["VIRT-MIGL-In-TCP-NoScope"]})).one.properties
    system = german.ask("HV01", ("Get-CimInstance", {"ClassName": "Win32_OperatingSystem"})).one.properties

    assert (machine["Status"], str(getattr(machine["State"], "name", ""))) == ("Normaler Betrieb", "Running")
    assert (rule["Name"], rule["DisplayName"]) == ("VIRT-MIGL-In-TCP-NoScope", "Regel VIRT-MIGL-In-TCP-NoScope")
    assert system["OSLanguage"] == 1031


@pytest.mark.parametrize("text", ["something that nobody translated", ""])
def test_what_is_not_translated_stays_as_it_is(text: str) -> None:
    assert spoken("de-DE", text) == text
    assert counter_name("de-DE", text) == text
    assert spoken("en-US", "Operating normally") == "Operating normally"
