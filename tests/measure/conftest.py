"""Fixtures of the room measure: fake guests in a thread and in a process, data files, patience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.measure.fake_guest import Eventually, FakeGuest, GuestProcess, serving, wait_until


@pytest.fixture
def guest() -> Iterator[FakeGuest]:
    with serving() as serves:
        yield serves


@pytest.fixture(scope="module")
def guest_process() -> Iterator[GuestProcess]:
    process = GuestProcess()
    yield process
    process.close()


@pytest.fixture
def data() -> Path:
    return Path(__file__).parent / "data"


@pytest.fixture
def eventually() -> Eventually:
    return wait_until
