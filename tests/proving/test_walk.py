"""The walk: every known failure is met by the toolkit, which ends as the table says, names a remedy, seals a record.

Each row meets step 05 on hosts prepared for a move, over the real wire: its gate is the whole preflight. Whole runs,
notebooks and all: a handful here, every row by `make proving-ground`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from snlm_lib.change.checks.preflight import ALL_CHECKS
from snlm_lib.clock import SystemClock
from snlm_lib.errors import SnlmError
from snlm_lib.explain.catalogue import load_catalogue
from snlm_lib.lab.__main__ import Lab
from snlm_lib.lab.faults import FAULTS, Fault, Remains
from snlm_lib.lab.scenario import Scenario
from snlm_lib.lab.scenario_file import load_scenario
from snlm_lib.lab.world import World
from snlm_lib.parameters import project_root
from snlm_lib.record.folder import Record
from snlm_lib.record.report import build_report
from snlm_lib.record.result import StepResult, Verdict, read_result
from snlm_lib.record.seal import seal, verify
from snlm_lib.step import begin
from snlm_lib.steps import move
from snlm_lib.yaml_file import read_mapping

MOVE = "05_move_vm"
READY = """
schema: snlm.scenario/1
based_on: quick
move: {time_factor: 4000, check_wall_s: 0.01, mirror_wall_s: 0.01, blackout_fixed_wall_s: 0.01, relearn_wall_s: 0.01,
  cleanup_wall_s: 0.01, tick_wall_s: 0.005}
hosts:
  HV01:
    migration: &ready {enabled: true, authentication: Kerberos, use_any_network: true}
    delegate_to:
      - cifs/HV02
      - cifs/hv02.corp.example
      - Microsoft Virtual System Migration Service/HV02
      - Microsoft Virtual System Migration Service/hv02.corp.example
    any_protocol: true
  HV02: {migration: *ready}
"""
ROWS = {failure.id: failure for failure in load_catalogue().failures}
KNOWN = {check.check_id for check in ALL_CHECKS}


class Hurried(SystemClock):
    """A clock on which ten seconds pass in a tenth of one: for a move that nobody waits for."""

    def monotonic_s(self) -> float:
        return super().monotonic_s() * 100

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 100)


@dataclass(frozen=True)
class Met:
    """How a change ended that met a fault."""

    result: StepResult
    record: Record
    world: World

    def rows(self, *verdicts: str) -> dict[str, str]:
        """Check to remedy, of those verdicts."""
        return {row.id: row.remedy for row in self.result.checks if row.verdict in verdicts}


SIDE_EFFECTS = {  # the hosts' state, how 05 ends, what warns, what the reason names
    "{HV02: {stale_cache: [VM01]}}": ("failed", "", "snlm explain planned-vm-exists"),
    "{HV02: {migration: {performance: SMB}}}": ("passed", "performance", ""),
    "{HV02: {planned: [VM01]}}": ("refused", "", "Remove the planned VM first."),
    "{HV01: {vms: {VM01: {disks: [{file: a.vhdx, size_gib: 1, file_gib: 1, shared: true}]}}}}": (
        "refused",
        "",
        "Detach",
    ),
}


def without_guests(scenario: Scenario) -> Scenario:
    """No processes that answer probes: nobody probes here."""
    bare = {
        name: replace(host, vms={key: replace(vm, guest=False) for key, vm in host.vms.items()})
        for name, host in scenario.hosts.items()
    }
    return replace(scenario, hosts=bare)


@contextmanager
def prepared(own: str, folder: Path) -> Iterator[World]:
    """A lab whose hosts are ready for a move, but for what ``own`` says."""
    for name, text in {"ready": READY, "own": f"based_on: ready\n{own}\n"}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with Lab(without_guests(load_scenario(folder / "own.yaml")), folder / "lab") as lab:
        yield lab.world


def own_parameters(fault: Fault) -> dict[str, object]:
    """What the fault's scenario asks of the change."""
    file = project_root() / "parameters" / "scenarios" / "faults" / f"{fault.id}.yaml"
    own = read_mapping(file).get("parameters")
    return own if isinstance(own, dict) else {}


def meet(state: str, folder: Path, *, hurry: bool = False, **own: object) -> Met:
    """05 by hand, as in its notebook; only a sentence of ours may end it."""
    with prepared(state, folder) as world:
        step = begin(MOVE)
        step.parameters = step.parameters.model_copy(update={"poll_ms": 20, **own})
        try:
            facts = step.survey()
            step.clock = Hurried() if hurry else step.clock  # after the sessions, whose patience is real
            move.gate(step, facts)
            move.tell(step, step.change(move.order(step, facts)))
            step.finish()
        except SnlmError as error:
            step.ended_by(error)
        build_report(step.record)
        seal(step.record, SystemClock())
        result = read_result(step.record, MOVE)
        assert result is not None
        return Met(result, step.record, world)


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab" / "descriptor.json"))
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_RECORD", "")
    return tmp_path


def test_every_row_names_a_check_of_ours_or_one_that_is_still_to_be_written_or_that_none_can_see_it() -> None:
    assert set(FAULTS) == set(ROWS)
    for fault in FAULTS.values():
        assert (fault.check in KNOWN) is (bool(fault.check) and fault.check_exists), fault.id
        assert fault.check or not ROWS[fault.id].foreseeable, fault.id
        if fault.check_exists and fault.check:
            assert fault.check in ROWS[fault.id].checks, fault.id


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.id)
def test_a_known_failure_ends_as_the_table_says_and_leaves_a_whole_record(fault: Fault, outputs: Path) -> None:
    met = meet(f"fault: {fault.id}", outputs, hurry=fault.stalls, **own_parameters(fault))
    reason = met.result.reason
    ends = "passed" if fault.remains is Remains.MOVED and fault.ends == "failed" else fault.ends  # 06 tells that one

    assert met.result.verdict == ends, reason
    assert "a fault of snlm" not in reason
    assert verify(met.record.path).state == "sealed"
    assert (met.record.path / "report.html").exists()
    assert len(met.world.moves) <= 1
    if ends == "refused":
        assert met.rows("FAIL")[fault.check]
        assert met.rows("FAIL")[next(iter(met.rows("FAIL")))] in reason
        assert met.world.moves == []
        assert met.result.changes == []
    elif ends == "failed":
        assert fault.hresult in reason
        warned = list(met.rows("WARN").values())
        assert ROWS[fault.id].remedy in reason or any(remedy in reason for remedy in warned)
        assert ("A planned machine of it stays on HV02" in reason) is (fault.remains is Remains.LEFTOVERS)
    elif ends == "unknown":
        assert "Look at both hosts" in reason
    if fault.check_exists and fault.check and fault.world and ends in ("failed", "passed"):
        assert fault.check in met.rows("WARN")


@pytest.mark.parametrize("state", SIDE_EFFECTS)
def test_side_effects_that_bite_are_told_for_what_they_are(state: str, outputs: Path) -> None:
    ends, warns, names = SIDE_EFFECTS[state]
    met = meet(f"hosts: {state}", outputs)

    assert met.result.verdict == ends, met.result.reason
    assert names in met.result.reason
    assert not warns or warns in met.rows("WARN")


def test_the_verdicts_are_those_of_the_exit_codes() -> None:
    assert {fault.ends for fault in FAULTS.values()} == {verdict.value for verdict in Verdict}
