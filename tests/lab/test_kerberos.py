"""Naming a realm for the process, and the bytes of a refusal; the library's reading of them is in test_sign_on."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.lab.kerberos import SKEW, Kerberos, error_token

NAMES = ("KRB5_CONFIG", "KRB5_KTNAME", "KRB5RCACHENAME")
REALM = Kerberos("CORP.EXAMPLE", Path("krb5.conf"), Path("hosts.keytab"))


def test_a_realm_is_named_while_it_is_in_force_and_what_was_there_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", "mine.conf")
    monkeypatch.delenv("KRB5_KTNAME", raising=False)
    monkeypatch.delenv("KRB5RCACHENAME", raising=False)
    with REALM.in_force():
        assert [os.environ[name] for name in NAMES] == ["krb5.conf", "FILE:hosts.keytab", "none:"]

    assert [os.environ.get(name) for name in NAMES] == ["mine.conf", None, None]


def test_what_somebody_named_since_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", "mine.conf")
    with REALM.in_force():
        os.environ["KRB5_CONFIG"] = "theirs.conf"

    assert os.environ["KRB5_CONFIG"] == "theirs.conf"


def test_a_refusal_is_der_with_the_number_in_it() -> None:
    clock = FakeClock(datetime(2026, 11, 23, 21, 4, 5, 67, tzinfo=UTC))
    token = error_token(SKEW, realm="CORP.EXAMPLE", host="HV01", clock=clock)

    assert token[:2] == bytes((0x60, len(token) - 2))
    assert token[2:15] == bytes.fromhex("06092a864886f712010202") + b"\x03\x00"
    assert token[15] == 0x7E  # [APPLICATION 30]
    assert bytes((0xA6, 3, 0x02, 1, SKEW)) in token
    assert b"20261123210405Z" in token
    assert bytes((0xA9, 14, 0x1B, 12)) + b"CORP.EXAMPLE" in token


def test_a_long_name_has_a_long_length() -> None:
    token = error_token(SKEW, realm="R" * 200, host="HV01", clock=FakeClock())

    assert token[1] == 0x82
    assert int.from_bytes(token[2:4], "big") == len(token) - 4
