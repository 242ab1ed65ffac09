"""Commands as data and as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum

import pytest

from snlm_lib.remote.credentials import Credential
from snlm_lib.remote.pipeline import Command, Pipeline, literal


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "$null"),
        (True, "$true"),
        (False, "$false"),
        (2**40, "1099511627776"),
        (1.5, "1.5"),
        ("plain", "'plain'"),
        ("x'; Remove-VM *", "'x''; Remove-VM *'"),
        ("\u2019", "'\u2019\u2019'"),
        (["a", 1], "@('a',1)"),
        ((), "@()"),
        ({"k'": ["v"]}, "@{'k'''=@('v')}"),
        (Colour.RED, "'RED'"),
        (timedelta(seconds=90), "'90 s'"),
        (datetime(2026, 11, 23, tzinfo=UTC), "'2026-11-23T00:00:00.000Z'"),
        (Credential("u", "geheim"), "***"),
        ({"c": [Credential("u", "geheim")]}, "@{'c'=@(***)}"),
    ],
)
def test_a_value_as_it_would_be_typed(value: object, text: str) -> None:
    assert literal(value) == text


def test_a_command_keeps_what_it_was_given() -> None:
    given = {"Name": "a"}
    command = Command("Get-Toy", given)
    given["Name"] = "b"
    assert command.parameters["Name"] == "a"
    with pytest.raises(TypeError):
        command.parameters["Name"] = "c"  # type: ignore[index]


def test_a_pipeline_is_named_after_its_last_command() -> None:
    pipeline = Pipeline((Command("Get-A"), Command("Get-B", {"Force": True})))
    assert pipeline.name == "Get-B"
    assert pipeline.text() == "Get-A | Get-B -Force:$true"
    assert not pipeline.changes


def test_no_repr_shows_a_secret() -> None:
    pipeline = Pipeline((Command("Get-A", {"Credential": Credential("CORP\\u", "geheim")}),))
    assert "geheim" not in repr(pipeline) + pipeline.text()
