"""What is kept when a record cannot be written any more, and that the place is only named when it exists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.record.folder import Record, create_record
from snlm_lib.record.result import StepResult, Verdict
from snlm_lib.rescue import rescue

NOW = "2026-11-23T21:04:00.000Z"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return create_record(tmp_path / "outputs", "CHG1", clock=FakeClock(), facts={})


def test_results_and_what_is_left_of_the_record_are_kept(record: Record) -> None:
    result = StepResult(step="01_x", verdict=Verdict.PASSED, reason="", started_utc=NOW, ended_utc=NOW)
    place = rescue(record, [result], "disk full")
    assert place is not None
    known = json.loads((place / "known.json").read_text(encoding="utf-8"))
    copied = (place / "record" / "change.json").read_bytes() == record.change_json.read_bytes()
    shutil.rmtree(place)

    assert copied
    assert (known["problem"], known["record"]) == ("disk full", str(record.path))
    assert [one["step"] for one in known["results"]] == ["01_x"]


def test_a_record_that_is_gone_still_leaves_what_is_known(record: Record) -> None:
    shutil.rmtree(record.path)
    place = rescue(record, [], "deleted")
    assert place is not None
    left = sorted(path.name for path in place.iterdir())
    shutil.rmtree(place)

    assert left == ["known.json"]
