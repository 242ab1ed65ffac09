"""What every test of the decisions starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.estate.model import PairFacts
from snlm_lib.parameters import Parameters
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.journal import Journal
from tests import builders


@pytest.fixture
def wanted() -> Parameters:
    return Parameters()


@pytest.fixture
def ready() -> PairFacts:
    return builders.pair()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def record(tmp_path: Path, clock: FakeClock) -> Record:
    return create_record(tmp_path, "CHG1", clock=clock, facts={})


@pytest.fixture
def journal(record: Record, clock: FakeClock) -> Journal:
    return record.journal(clock)
