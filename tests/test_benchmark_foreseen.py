"""The benchmark of whole rehearsals: its machines are the lab's, and its table counts strictly."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.foreseen import PARTS, Part, Row, meet, read_row, summary, tally
from benchmarks.strangers import LONGEST_PAUSE_S, strangers
from snlm_lib.clock import FakeClock
from snlm_lib.lab.dirty import PAGE_BYTES, plan_passes
from snlm_lib.lab.scenario_file import read_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.record.folder import create_record
from snlm_lib.units import MIB


def _row(turn: str, was: float | None, *, high: float = 40.0, ended: str = "passed", sealed: bool = True) -> Row:
    parts = dict.fromkeys(PARTS, Part(10.0, 20.0, high, was))
    return Row("stranger-1-1", turn, "", ended, sealed, "not known", 0, parts, None if was is None else 1.01)


@pytest.mark.parametrize(("was", "inside"), [(9.9, False), (10.0, True), (40.0, True), (40.1, False), (None, False)])
def test_outside_is_outside_and_what_is_unknown_was_not_foreseen(was: float | None, inside: bool) -> None:
    assert Part(10.0, 20.0, 40.0, was).inside is inside


def test_the_middle_is_off_by_the_same_factor_above_and_below() -> None:
    assert Part(1, 20, 90, 40).miss == pytest.approx(2)
    assert Part(1, 20, 90, 10).miss == pytest.approx(2)
    assert Part(1, 20, 90, None).miss is None


def test_a_tally_counts_moves_without_a_forecast_as_moves() -> None:
    none = replace(_row("first", 20), parts={})
    told = tally([_row("first", 20), _row("first", 80), _row("first", None, high=20.0), none])

    assert (told["moves"], told["total_s"]["inside"], told["pause_s"]["inside"]) == (4, 1, 1)
    assert told["total_s"]["width_median"] == 4.0
    assert told["total_s"]["miss_median"] == pytest.approx(2.5)
    assert tally([])["total_s"] == {"inside": 0, "width_median": None, "miss_median": None}


def test_the_object_tells_turns_apart_and_is_json() -> None:
    rows = [_row("first", 20), _row("again", 80), _row("again", 20, sealed=False), _row("first", 20, ended="failed")]
    told = json.loads(json.dumps(summary(rows, seed=7, refused=3)))

    assert (told["seed"], told["moves"], told["good"], told["too_long_for_the_lab"]) == (7, 4, 2, 3)
    assert (told["first"]["total_s"]["inside"], told["again"]["total_s"]["inside"]) == (2, 1)
    assert told["measured_off_percent_max"] == pytest.approx(1.0)
    assert told["rows"][1]["parts"]["total_s"] == {"low": 10, "mid": 20, "high": 40, "was": 80, "inside": False}


def test_a_time_that_looking_alone_moved_inside_is_not_truly_inside() -> None:
    seen = replace(_row("first", 40.0), measured=0.9)
    assert seen.parts["total_s"].inside
    assert not seen.truly_inside
    assert replace(seen, measured=1.1).truly_inside
    assert not replace(seen, measured=None).truly_inside


def test_the_same_seed_meets_the_same_machines() -> None:
    assert strangers(5, 3) == strangers(5, 3)
    assert strangers(5, 3) != strangers(5, 4)
    assert all(each.course.pause_s <= LONGEST_PAUSE_S for each in strangers(40, 3)[0])


@pytest.mark.parametrize("number", range(6))
def test_the_lab_takes_the_scenario_and_goes_the_course_by_its_own_arithmetic(number: int) -> None:
    who = strangers(6, 11)[0][number]
    world = build_world(read_scenario(who.scenario(), who.name), clock=FakeClock())
    pace, (vm,) = world.pace, [vm for host in world.hosts.values() for vm in host.vms.values() if vm.name == "VM01"]
    passes, rest = plan_passes(
        pace.working_sets,
        total_pages=vm.memory_bytes // PAGE_BYTES,
        bytes_per_s=pace.memory_bytes_s,
        threshold_pages=round(pace.threshold_mib * MIB / PAGE_BYTES),
        max_passes=pace.max_passes,
    )
    pause_s = pace.blackout_fixed_wall_s + rest * PAGE_BYTES / pace.memory_bytes_s
    copied_s = sum(disk.file_bytes for disk in vm.disks) / pace.copy_bytes_s

    assert who.course.pause_s == pytest.approx(pause_s)
    assert who.course.memory_s == pytest.approx(sum(each.length_s for each in passes) + pause_s)
    assert who.course.setup_s == pytest.approx(pace.check_wall_s * pace.time_factor)
    assert who.course.storage_s == pytest.approx(copied_s + pace.mirror_wall_s * pace.time_factor)
    assert (vm.metered_s is not None) == who.metered


def test_another_day_changes_secrets_and_nothing_that_a_survey_reads() -> None:
    (who,), _ = strangers(1, 5)
    other = who.again(random.Random(1))

    assert replace(other, secret=who.secret) == who
    assert other.secret != who.secret


def test_a_record_without_a_forecast_is_a_row_without_parts(tmp_path: Path) -> None:
    record = create_record(tmp_path, "REHEARSAL", clock=FakeClock(), facts={"parameters": {}})
    row = read_row(record, "stranger-1-1", "first", ended="passed")

    assert (row.parts, row.sealed, row.good) == ({}, False, False)


def test_a_rehearsal_that_never_began_is_told_in_its_own_words(tmp_path: Path) -> None:
    (who,), _ = strangers(1, 5)
    (row,) = meet(replace(who, performance="carrier pigeon"), 1, tmp_path, turns=("first",))

    assert not row.good
    assert "carrier pigeon" in row.ended or "performance" in row.ended
