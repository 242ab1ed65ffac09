"""Stream records as they come over the wire, made plain."""

from __future__ import annotations

import pytest
from pypsrp.complex_objects import ObjectMeta
from pypsrp.messages import ErrorRecordMessage

from snlm_lib.remote.clixml import PlainSerializer, PsEnum, PsObject, PsOdd
from snlm_lib.remote.pipeline import Command, Pipeline
from snlm_lib.remote.records import (
    ErrorRecord,
    Progress,
    Result,
    error_record,
    failure,
    hresult_in,
    progress_record,
    unexpected,
    unread_texts,
    warning_text,
)

KERBEROS = "The Virtual Machine Management Service failed (0x8009030e). General access denied error 0x80070005"
PIPELINE = Pipeline((Command("Get-VM"), Command("Move-VM")))


def raw(**properties: object) -> PsObject:
    return PsObject(("System.Management.Automation.ErrorRecord",), "as text", properties)


def error(fq_error_id: str, number: int | None = 0) -> ErrorRecord:
    return ErrorRecord("no\n good", fq_error_id, "", number, "", "", None)


def test_an_error_record_that_cannot_be_read_is_an_error_all_the_same() -> None:
    told = error_record(PlainSerializer().deserialize("<Obj", ObjectMeta("Obj", object=ErrorRecordMessage)))
    assert told.message.startswith("The host's record cannot be read: it is not XML")
    assert unexpected([told], ["ObjectNotFound"]) is told


def test_what_could_not_be_read_is_warned_of_and_kept() -> None:
    objects = (PsObject(), PsOdd("it is not XML", "<"), "text")
    assert unread_texts(objects) == ("one object of the answer cannot be read: it is not XML",)
    assert len(Result(objects).bags) == 2


def test_an_error_record_with_everything() -> None:
    told = error_record(
        raw(
            Exception=PsObject(to_string="long", properties={"Message": KERBEROS}),
            FullyQualifiedErrorId="OperationFailed,Microsoft.HyperV.PowerShell.Commands.MoveVM",
            ErrorCategory_Category=18,
            ErrorCategory_TargetName="VM01",
            ErrorCategory_Activity="Move-VM",
        )
    )
    assert told.message == KERBEROS
    assert told.hresult == "0x8009030E"
    assert (told.category, told.category_number) == ("PermissionDenied", 18)
    assert (told.target, told.activity) == ("VM01", "Move-VM")


def test_details_come_before_the_exception_and_text_comes_last() -> None:
    thrown = PsObject(properties={"Message": "inner 0x80070070"})
    told = error_record(raw(Exception=thrown, ErrorDetails_Message="outer"))
    assert (told.message, told.hresult) == ("outer", "0x80070070")
    assert error_record(raw()).message == "as text"
    assert error_record("words").message == "words"
    assert error_record(raw(ErrorCategory_Category=99)).category == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [("0x8009030e.", "0x8009030E"), ("0x8009030E0", None), ("0x123", None), ("", None), ("(0X80070005)", None)],
)
def test_the_hresult_in_a_text(text: str, found: str | None) -> None:
    assert hresult_in(text) == found


def test_an_error_is_unexpected_unless_its_id_begins_as_accepted() -> None:
    errors = [error("ObjectNotFound,A"), error("AccessDenied,B")]
    assert unexpected(errors, ()) is errors[0]
    assert unexpected(errors, ("objectnotfound",)) is errors[1]
    assert unexpected(errors, ("ObjectNotFound", "AccessDenied")) is None
    assert unexpected([], ()) is None


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        (error("CommandNotFoundException"), "does not offer this cmdlet"),
        (error("ScriptsNotAllowed"), "cmdlets only"),
        (error("X", 18), "an account that may"),
        (error("X"), "host's own words"),
    ],
)
def test_a_failure_is_one_sentence_with_a_remedy(found: ErrorRecord, remedy: str) -> None:
    raised = failure(found, PIPELINE, host="HV01")
    assert str(raised).startswith("HV01: Move-VM failed: no good. ")
    assert remedy in str(raised)
    assert raised.command == "Get-VM | Move-VM"


def test_progress() -> None:
    kind = PsEnum(("T",), "Completed", 1)
    assert progress_record(raw(Activity="Moving", StatusDescription="x", PercentComplete=7)) == Progress(
        "Moving", "x", 7, False
    )
    assert progress_record(raw(PercentComplete=-1, Type=kind)) == Progress("", "", None, True)
    assert progress_record(None) == Progress("", "", None, False)


def test_a_warning() -> None:
    assert warning_text(raw(InformationalRecord_Message="mind")) == "mind"
    assert warning_text(raw()) == "as text"
    assert warning_text("mind") == "mind"


def test_bags_are_the_objects_with_properties() -> None:
    bag = PsObject()
    assert Result((1, bag, "x")).bags == (bag,)
