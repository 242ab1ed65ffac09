"""Error records as Windows words them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.lab.records import error_record, lab_fault, scripts_not_allowed, unsupported
from tests.lab.toy_host import record


def test_the_facts_stand_where_windows_puts_them() -> None:
    made = error_record(record())
    assert str(made) == "Toy was unable to find it."
    assert made.FullyQualifiedErrorId == "ObjectNotFound,Toy.Commands.GetToy"
    assert made.TargetObject == "VM01"
    assert made.Exception.PSObject.type_names == ["Toy.ToyException", "System.Exception", "System.Object"]
    assert made.Exception.HResult == -2146233088
    assert str(made.CategoryInfo) == "ObjectNotFound: (VM01:String) [Get-Toy], ToyException"


def test_a_long_target_is_shortened_in_the_summary_as_recorded() -> None:
    script = "Set-Item -Path WSMan:\\localhost\\Service\\AllowUnencrypted -Value $false"
    made = error_record(scripts_not_allowed(script))
    assert str(made.CategoryInfo) == "ParserError: (Set-Item -Path ...d -Value $false:String) [], ParseException"
    assert made.CategoryInfo.TargetName == script


def test_details_replace_the_text() -> None:
    made = error_record(replace(record(), details={"Message": "better", "RecommendedAction": "do"}))
    assert made.PSObject.to_string == "better"
    assert (made.ErrorDetails.Message, made.ErrorDetails.RecommendedAction) == ("better", "do")
    assert error_record(record()).ErrorDetails is None


@pytest.mark.parametrize(("category", "name"), [(0, "NotSpecified"), (18, "PermissionDenied"), (99, "NotSpecified")])
def test_a_category_is_a_number(category: int, name: str) -> None:
    assert error_record(replace(record(), category=category)).CategoryInfo.Category.name == name


def test_the_labs_own_refusals_name_themselves() -> None:
    assert lab_fault("ValueError: x").fq_error_id == "LabInternalError"
    assert "not of the simulated host" in lab_fault("ValueError: x").message
    assert unsupported("pipeline input").fq_error_id == "LabNotImplemented"
    assert "pipeline input" in unsupported("pipeline input").message
