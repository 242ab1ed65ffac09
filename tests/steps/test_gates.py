"""The gates of 01 and 02: a run that cannot reach the move changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snlm_lib.errors import Refused
from snlm_lib.estate.model import PairFacts
from snlm_lib.step import Step, begin
from snlm_lib.steps import gates
from tests import builders


@pytest.fixture
def guests() -> dict[str, Any]:
    return {"VM01": {"address": "127.0.0.1", "udp_port": 7, "ips": []}}


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guests: dict[str, Any]) -> Step:
    hosts = {name: {"address": "127.0.0.1", "port": 1} for name in ("HV01", "HV02", "DC01")}
    lab = {"hosts": hosts, "directory": "DC01", "user": "CORP\\operator", "secret": "env:LAB", "guests": guests}
    (tmp_path / "lab.json").write_text(json.dumps({**lab, "truth_dir": str(tmp_path)}), encoding="utf-8")
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    monkeypatch.setenv("SNLM_RECORD", "")
    return begin("01_enable_live_migration")


def told_to(step: Step, **parameters: str) -> Step:
    step.parameters = step.parameters.model_copy(update=parameters)
    return step


def disabled() -> PairFacts:
    facts = builders.pair()
    return replace(facts, source=replace(facts.source, settings=replace(facts.source.settings, enabled=False)))


def undelegated(facts: PairFacts) -> PairFacts:
    return replace(facts, delegation={name: builders.account(name) for name in ("HV01", "HV02")})


def test_what_both_steps_will_remove_is_no_obstacle(step: Step) -> None:
    gates.before_settings(step, undelegated(disabled()))
    assert {row.verdict for row in step.checks} == {"PASS", "WARN"}


def test_01_changes_no_host_when_02_may_not_remove_the_rest(step: Step) -> None:
    with pytest.raises(Refused, match="lacks 4 of 4 names"):
        gates.before_settings(told_to(step, apply_delegation="never"), undelegated(disabled()))


def test_01_that_has_nothing_to_change_leaves_the_judgement_to_03(step: Step) -> None:
    gates.before_settings(told_to(step, apply_delegation="never"), undelegated(builders.pair()))
    gates.before_settings(told_to(step, apply_settings="never"), undelegated(disabled()))
    assert "FAIL" not in {row.verdict for row in step.checks}
    (told,) = {row.remedy for row in step.checks if row.id == "enabled" and row.verdict == "WARN"}
    assert told == "01 only shows it (apply_settings: never): apply its list, or allow the step to."


@pytest.mark.parametrize("guests", [{}])
def test_a_missing_probe_target_is_told_before_anything_is_changed(step: Step) -> None:
    with pytest.raises(Refused, match="lists none for 'VM01'"):
        gates.before_settings(step, builders.pair())


def test_02_changes_no_account_while_the_settings_stand_in_the_way(step: Step) -> None:
    with pytest.raises(Refused, match="not enabled on HV01"):
        gates.before_delegation(step, undelegated(disabled()))
    gates.before_delegation(step, undelegated(builders.pair()))


def test_02_that_only_shows_asks_for_readable_accounts_and_no_more(step: Step) -> None:
    gates.before_delegation(told_to(step, apply_delegation="never"), undelegated(disabled()))
    with pytest.raises(Refused, match="cannot be read"):
        gates.before_delegation(step, replace(builders.pair(), delegation={"HV01": None, "HV02": None}))
