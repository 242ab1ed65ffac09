"""A helper process: one JSON line each way, and its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snlm_lib.errors import LabError
from snlm_lib.lab.companion import Companion

ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked == {"do": "die"}:
        sys.exit("I was told to")
    print(json.dumps({"heard": asked}), flush=True)
"""


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Companion]:
    made = Companion([sys.executable, "-c", ECHO], log=tmp_path / "helper.log")
    yield made
    made.close()


def test_it_answers_one_question_after_another(helper: Companion) -> None:
    assert [helper.ask({"n": n}) for n in (1, 2)] == [{"heard": {"n": 1}}, {"heard": {"n": 2}}]


def test_one_that_has_ended_is_told_with_its_last_words(helper: Companion) -> None:
    with pytest.raises(LabError, match="a helper of the lab has ended: I was told to"):
        helper.ask({"do": "die"})


def test_it_may_be_ended_twice_and_answers_no_more(helper: Companion) -> None:
    helper.close()
    helper.close()
    with pytest.raises(LabError, match="it said nothing"):
        helper.ask({"n": 1})
