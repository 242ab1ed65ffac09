"""Rehearsals side by side, started in one second: each in a record of its own, none mixed, nothing left running."""

from __future__ import annotations

from pathlib import Path

from benchmarks.many import look, play, summary


def test_two_at_once_end_well_and_mix_nothing(tmp_path: Path) -> None:
    ended = play(2, "quick", tmp_path)
    told = summary(ended)

    assert [one.said for one in ended] == [""] * 2
    assert (told["good"], told["records"], told["codes"]) == (2, 2, {"0": 2})


def test_a_run_that_named_no_record_is_not_good() -> None:
    ended = look("snlm: the lab did not start\n", 2, 1.0)

    assert (ended.good, ended.record, ended.said) == (False, "", "snlm: the lab did not start")
