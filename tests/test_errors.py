"""Facts in, one sentence out; and the tree that says whose fault it is."""

from __future__ import annotations

import pytest

from snlm_lib import errors
from snlm_lib.errors import (
    AuthenticationRefused,
    CommandFailed,
    CredentialError,
    HostUnreachable,
    InputError,
    LabError,
    OutcomeUnknown,
    ParameterError,
    RecordError,
    RecordLost,
    Refused,
    RemoteError,
    SessionLost,
    SnlmError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SnlmError("it broke"), "it broke"),
        (SnlmError("it broke", where="HV01"), "HV01: it broke"),
        (SnlmError("it broke", remedy="Mend it."), "it broke. Mend it."),
        (SnlmError("it broke.", where="HV01", remedy="Mend it."), "HV01: it broke. Mend it."),
        (HostUnreachable("nobody answers", host="HV02", remedy="Start it."), "HV02: nobody answers. Start it."),
    ],
)
def test_the_sentence_says_where_what_and_what_to_do(error: SnlmError, sentence: str) -> None:
    assert str(error) == sentence


def test_a_failed_command_carries_numbers_not_only_prose() -> None:
    error = CommandFailed(
        "Zugriff verweigert",
        host="HV01",
        command="Get-VM | Move-VM",
        fq_error_id="AccessDenied",
        category="PermissionDenied",
        hresult="0x80070005",
    )
    assert (error.host, error.where, error.what) == ("HV01", "HV01", "Zugriff verweigert")
    assert (error.fq_error_id, error.category, error.hresult) == ("AccessDenied", "PermissionDenied", "0x80070005")
    assert "Move-VM" not in str(error)


def test_a_failed_command_without_a_number_says_none() -> None:
    assert CommandFailed("no", host="HV01", command="Get-VM").hresult is None


TREE: list[tuple[type, set[type]]] = [
    (InputError, {ParameterError, CredentialError, LabError}),
    (RemoteError, {HostUnreachable, AuthenticationRefused, CommandFailed, SessionLost}),
    (SnlmError, {InputError, Refused, RemoteError, RecordError, RecordLost, OutcomeUnknown}),
]


@pytest.mark.parametrize(("parent", "children"), TREE)
def test_the_tree_stands_as_drawn(parent: type, children: set[type]) -> None:
    assert set(parent.__subclasses__()) == children


def test_every_error_is_told_to_the_world_and_drawn_in_the_docstring() -> None:
    defined = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert defined == set(errors.__all__)
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in errors.__all__)
