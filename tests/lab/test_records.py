"""Error records as Windows words them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.lab.clixml import to_clixml
from snlm_lib.lab.records import (
    error_record,
    informational_record,
    lab_fault,
    pipeline_state,
    pipeline_stopped,
    scripts_not_allowed,
    unsupported,
)
from snlm_lib.lab.values import PsValue
from tests.lab.toy_host import record


def test_the_facts_stand_where_windows_puts_them() -> None:
    made = error_record(record())
    fields = made.properties
    thrown = fields["Exception"]
    assert made.to_string == "Toy was unable to find it."
    assert (fields["FullyQualifiedErrorId"], fields["TargetObject"]) == ("ObjectNotFound,Toy.Commands.GetToy", "VM01")
    assert isinstance(thrown, PsValue)
    assert thrown.type_names == ("Toy.ToyException", "System.Exception", "System.Object")
    assert thrown.properties["HResult"] == -2146233088
    assert fields["ErrorCategory_Message"] == "ObjectNotFound: (VM01:String) [Get-Toy], ToyException"
    assert "writeErrorStream" not in fields
    assert next(iter(error_record(record(), written=True).properties)) == "writeErrorStream"


def test_who_was_called_is_told_and_nobody_where_no_command_ran() -> None:
    called = error_record(record()).properties["InvocationInfo"]
    assert isinstance(called, PsValue)
    assert called.properties["MyCommand"] == "Get-Toy"
    assert error_record(scripts_not_allowed("1")).properties["InvocationInfo"] is None


def test_a_client_that_asks_gets_the_invocation_field_by_field() -> None:
    fields = error_record(record(), written=True, extended=True).properties
    assert fields["SerializeExtendedInfo"] is True
    assert (fields["CommandInfo_Name"], fields["InvocationInfo_InvocationName"]) == ("Get-Toy", "Get-Toy")
    assert "InvocationInfo_MyCommand" not in fields
    assert error_record(record()).properties["SerializeExtendedInfo"] is False


def test_a_long_target_is_shortened_in_the_summary_as_recorded() -> None:
    script = "Set-Item -Path WSMan:\\localhost\\Service\\AllowUnencrypted -Value $false"
    fields = error_record(scripts_not_allowed(script)).properties
    summary = "ParserError: (Set-Item -Path ...d -Value $false:String) [], ParseException"
    assert fields["ErrorCategory_Message"] == summary
    assert fields["ErrorCategory_TargetName"] == script


def test_details_replace_the_text() -> None:
    made = error_record(replace(record(), details={"Message": "better", "RecommendedAction": "do"}))
    assert made.to_string == "better"
    assert made.properties["ErrorDetails_Message"] == "better"
    assert made.properties["ErrorDetails_RecommendedAction"] == "do"
    assert "ErrorDetails_Message" not in error_record(record()).properties


@pytest.mark.parametrize(("category", "number"), [(0, 0), (18, 18), (99, 0), (-1, 0)])
def test_a_category_is_a_number(category: int, number: int) -> None:
    assert error_record(replace(record(), category=category)).properties["ErrorCategory_Category"] == number


def test_records_are_written_two_levels_deep_and_no_deeper() -> None:
    text = to_clixml(error_record(record()), depth=2).decode()
    assert '<Obj N="Exception" RefId="1">' in text
    assert "<T>System.Collections.ListDictionaryInternal</T><T>System.Object</T></TN><DCT /></Obj>" in text
    assert '<S N="CommandOrigin">Internal</S>' in text


def test_the_state_of_a_pipeline_has_no_class() -> None:
    assert to_clixml(pipeline_state(4)) == b'<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>'
    ended = to_clixml(pipeline_state(3, pipeline_stopped()), depth=3).decode()
    assert '<S N="FullyQualifiedErrorId">PipelineStopped</S>' in ended
    assert '<S N="Message">The pipeline has been stopped.</S>' in ended


def test_a_warning_is_its_text() -> None:
    text = to_clixml(informational_record("Warning", "beware")).decode()
    assert text.startswith('<Obj RefId="0"><TN RefId="0"><T>System.Management.Automation.WarningRecord</T>')
    assert '<ToString>beware</ToString><MS><S N="InformationalRecord_Message">beware</S>' in text


def test_the_labs_own_refusals_name_themselves() -> None:
    assert lab_fault("ValueError: x").fq_error_id == "LabInternalError"
    assert "not of the simulated host" in lab_fault("ValueError: x").message
    assert unsupported("command metadata").fq_error_id == "LabNotImplemented"
    assert "command metadata" in unsupported("command metadata").message
