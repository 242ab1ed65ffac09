"""Which record a notebook works in, and with which parameters."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import ParameterError, RecordError
from snlm_lib.opening import by_hand, find_record, move_begun, parameter_names
from snlm_lib.parameters import Parameters
from snlm_lib.process import identity_of
from snlm_lib.record.folder import create_record, read_change

WANTED = Parameters()
CLOCK = FakeClock()


US = identity_of()


def lab(tmp_path: Path, later_s: float = 0.0) -> None:
    """A descriptor of a lab that runs: this very process; started later, it counts as another."""
    hosts = {name: {"address": "127.0.0.1", "port": 1} for name in ("HV01", "HV02", "DC01")}
    text = {"hosts": hosts, "directory": "DC01", "user": "CORP\\operator", "secret": "env:LAB", "guests": {}}
    told = {**text, "truth_dir": str(tmp_path), "pid": US.pid, "process_started": US.started + later_s}
    (tmp_path / "lab.json").write_text(json.dumps(told), encoding="utf-8")


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNLM_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("SNLM_LAB", str(tmp_path / "lab.json"))
    monkeypatch.setenv("SNLM_RECORD", "")
    lab(tmp_path)
    return tmp_path / "outputs"


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["import x", 'vm: str = "VM01"  # help\nbaselin_s: float = 3.0'], ["vm", "baselin_s"]),
        (['vm: str = "VM01"', "# Parameters\nvm = 'FILE01'\nreasn = 'x'\n"], ["vm", "vm", "reasn"]),
        (["# Parameters\nbaselin_s = 5\n"], ["baselin_s"]),
        (["# Parameters\nold = 1", "# Parameters\nvm = 'VM01'\n"], ["vm"]),
        (["# Parameters\ncarrier = -1\nnames = ['a', 'b']\nnothing = None"], ["carrier", "names", "nothing"]),
        (["count = 3\nlines = [1]"], []),  # an engineer's own cell
        (["vm = find_vm()\nother = 1"], []),
        (["%matplotlib inline", "vm = 'x'; print(vm)"], []),
        ([], []),
    ],
)
def test_parameters_are_told_from_an_engineers_own_variables(cells: list[str], names: list[str]) -> None:
    assert parameter_names(cells) == names


def test_a_change_goes_on_in_its_open_record(outputs: Path) -> None:
    first = find_record(WANTED, CLOCK)
    assert find_record(WANTED, CLOCK) == first
    assert by_hand()


@pytest.mark.parametrize(
    "changed", [{"vm": "FILE01"}, {"source": "HV02", "destination": "HV01"}, {"destination": "HV09"}]
)
def test_a_record_of_another_move_is_not_written_into(changed: dict[str, str]) -> None:
    record = find_record(WANTED, CLOCK)
    with pytest.raises(ParameterError, match="the open record is of VM01, HV01 to HV02") as caught:
        find_record(WANTED.model_copy(update=changed), CLOCK)
    assert f"snlm report {record.path}" in str(caught.value)
    assert all(value in str(caught.value) for value in changed.values())


def test_names_are_compared_as_windows_does() -> None:
    record = find_record(WANTED, CLOCK)
    assert find_record(WANTED.model_copy(update={"vm": "vm01", "source": "hv01"}), CLOCK) == record


def test_each_lab_is_a_world_of_its_own(tmp_path: Path) -> None:
    first = find_record(WANTED, CLOCK)
    lab(tmp_path, later_s=0.25)
    second = find_record(WANTED, CLOCK)
    assert second != first
    assert read_change(first)["lab"] != read_change(second)["lab"]
    assert find_record(WANTED, CLOCK) == second


def test_a_rehearsal_beside_us_keeps_its_record_to_itself(outputs: Path) -> None:
    facts = {"rehearsal": True, "parameters": WANTED.model_dump(mode="json")}
    theirs = create_record(outputs, "REHEARSAL", clock=CLOCK, facts=facts)
    assert find_record(WANTED, CLOCK) != theirs


def test_a_change_that_a_runner_carries_out_is_not_joined() -> None:
    record = find_record(WANTED, CLOCK)
    record.journal(CLOCK).append("run-started", None, {"steps": [], "runner": asdict(identity_of())})
    with pytest.raises(RecordError, match="is running this change"):
        find_record(WANTED, CLOCK)


def test_a_dead_runners_record_can_be_taken_up_by_hand() -> None:
    record = find_record(WANTED, CLOCK)
    record.journal(CLOCK).append("run-started", None, {"steps": [], "runner": {"pid": 1, "started": 0.0}})
    assert find_record(WANTED, CLOCK) == record


def test_a_record_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNLM_RECORD", str(tmp_path))
    with pytest.raises(RecordError, match="unset that variable"):
        find_record(WANTED, CLOCK)
    assert not by_hand()


def test_a_move_that_failed_may_be_prepared_again() -> None:
    journal = find_record(WANTED, CLOCK).journal(CLOCK)
    assert move_begun(journal.entries()) is None
    begun = journal.append("intent", "05_move_vm", {"intent_id": "i1"})
    assert move_begun(journal.entries()) == begun
    journal.append("outcome", "05_move_vm", {"intent_id": "i1", "result": "failed"})
    assert move_begun(journal.entries()) is None
