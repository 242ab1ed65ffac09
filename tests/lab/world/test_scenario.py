"""Scenarios: the shipped ones, and what a wrong one is told."""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from snlm_lib.clock import FakeClock
from snlm_lib.errors import LabError
from snlm_lib.lab.directory import DELEGATE_TO, DirectoryRefused, Edit, TicketRequest
from snlm_lib.lab.dirty import PAGE_BYTES, plan_passes
from snlm_lib.lab.scenario import Scenario
from snlm_lib.lab.scenario_file import load_scenario, read_scenario
from snlm_lib.lab.scenario_world import build_world
from snlm_lib.lab.world import World
from snlm_lib.units import GIB, MIB
from tests.lab.world.conftest import SCENARIOS

NAMES = ("rehearsal", "quick", "missing-switch")
QUICK = (SCENARIOS / "quick.yaml").read_text(encoding="utf-8")


def world_of(name: str) -> World:
    return build_world(load_scenario(SCENARIOS / f"{name}.yaml"), clock=FakeClock())


@pytest.mark.parametrize("name", NAMES)
def test_shipped_scenarios_begin_with_something_to_do(name: str) -> None:
    world = world_of(name)
    assert world.name == name
    for host in world.hyperv_hosts():
        assert not host.migration.enabled
        account = world.directory.find(host.name)
        assert account is not None
        assert account.delegate_to == []
        assert not account.any_protocol
    source = world.host("HV01")
    assert source is not None
    assert sorted(vm.name for vm in source.vms.values()) == ["FILE01", "VM01"]
    vm = next(vm for vm in source.vms.values() if vm.name == "VM01")
    assert [disk.size_bytes // GIB for disk in vm.disks] == [40, 60]
    assert vm.memory_bytes == 8 * GIB
    assert world.guest_vms == {vm.vm_id}


def test_only_missing_switch_lacks_the_switch() -> None:
    for name in NAMES:
        destination = world_of(name).host("HV02")
        assert destination is not None
        assert ("LAN" in destination.switches) is (name != "missing-switch")
        assert "Internal" in destination.switches


@pytest.mark.parametrize(
    ("name", "total_s", "blackout_s", "silence_s"),
    [
        ("rehearsal", (12, 15), 0.42, 0.58),
        ("quick", (1.5, 2.5), 0.15, 0.21),
        ("slow-network", (15, 20), 0.54, 0.60),
        ("non-convergence", (6, 9), 4.75, 4.81),
    ],
)
def test_moves_take_the_time_they_promise(
    name: str, total_s: tuple[float, float], blackout_s: float, silence_s: float
) -> None:
    world = world_of(name)
    pace = world.pace
    passes, rest = plan_passes(
        pace.working_sets,
        total_pages=8 * GIB // PAGE_BYTES,
        bytes_per_s=pace.memory_bytes_s,
        threshold_pages=round(pace.threshold_mib * MIB / PAGE_BYTES),
        max_passes=pace.max_passes,
    )
    assert len(passes) >= 4
    blackout = pace.blackout_fixed_wall_s + rest * PAGE_BYTES / pace.memory_bytes_s
    assert blackout == pytest.approx(blackout_s, abs=0.01)
    assert blackout + pace.relearn_wall_s == pytest.approx(silence_s, abs=0.01)
    simulated_s = 23 * GIB / pace.copy_bytes_s + sum(each.length_s for each in passes)
    fixed_s = pace.check_wall_s + pace.mirror_wall_s + pace.relearn_wall_s + pace.cleanup_wall_s
    assert total_s[0] <= simulated_s / pace.time_factor + fixed_s + blackout <= total_s[1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("about:", "abuot:", "x.yaml: unknown key 'abuot'"),
        ("memory_gib: 256", "memroy_gib: 256", "x.yaml.hosts.HV01: unknown key 'memroy_gib'"),
        ("memory_gib: 256", "memory_gib: much", "x.yaml.hosts.HV01.memory_gib: expected a number, found 'much'"),
        ("memory_gib: 256", "memory_gib: -9", "x.yaml.hosts.HV01.memory_gib: expected more than 0, found -9"),
        ("other_used_gib: 62", "other_used_gib: .inf", "other_used_gib: expected 0 or more, found inf"),
        ("enabled: false", "enabled: 0", "hosts.HV01.migration.enabled: expected true or false, found 0"),
        ("processors: 4", "processors: true", "expected a whole number, found True"),
        ("operator: operator", "operator: o, directory: ldap", "x.yaml.domain.directory: 'ldap' is not known here"),
        (
            "operator: operator",
            "operator: o, operator_rights: [all]",
            "domain.operator_rights: 'all' is not known here",
        ),
        ("LAN: External", "LAN: Outside", "hosts.HV01.switches.LAN: 'Outside' is no kind of switch"),
        ("snlm.scenario/1", "snlm.scenario/9", "x.yaml: schema 'snlm.scenario/9' is not snlm.scenario/1"),
        ("  time_factor: 50", "  #", "x.yaml.move: the key 'time_factor' is missing"),
        ("schema:", "schema: [", "x.yaml: not readable as YAML"),
        ("memory_gib: 256", "memory_gib: 256\n    memory_gib: 1", "the key 'memory_gib' stands twice, again at line"),
    ],
)
def test_a_wrong_scenario_is_told_file_and_key(old: str, new: str, says: str) -> None:
    assert old in QUICK
    with pytest.raises(LabError) as told:
        build_world(read_scenario(QUICK.replace(old, new, 1), "x.yaml"), clock=FakeClock())
    assert says in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "word"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="expected a table"):
        read_scenario(text, "x.yaml")


def test_a_base_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(LabError, match=r"no scenario 'quik' to be based on.*quick"):
        read_scenario("based_on: quik\n", "x.yaml")


def test_the_name_of_a_base_that_no_file_can_bear_is_told_in_a_sentence() -> None:
    with pytest.raises(LabError, match="must be the name of a scenario"):
        read_scenario(f"based_on: {'x' * 300}\n", "x.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"none\.yaml"):
        load_scenario(tmp_path / "none.yaml")


def test_delegation_checkpoints_and_images_can_be_set() -> None:
    address = "    address: 10.20.0.11"
    text = QUICK.replace(address, f"    any_protocol: true\n    delegate_to: [cifs/HV02]\n{address}")
    more = "        checkpoints: [before]\n        dvd_path: 'D:\\x.iso'\n        dynamic_memory: true"
    text = text.replace("        guest: true", more)
    world = build_world(read_scenario(text, "x.yaml"), clock=FakeClock())
    account = world.directory.accounts["hv01"]
    assert account.any_protocol
    assert account.delegate_to == ["cifs/HV02"]
    source = world.host("HV01")
    assert source is not None
    vm = next(vm for vm in source.vms.values() if vm.name == "VM01")
    assert [checkpoint.name for checkpoint in vm.checkpoints] == ["before"]
    assert vm.dvd_path == "D:\\x.iso"
    assert vm.memory_maximum_bytes == 16 * GIB
    assert world.guest_vms == set()


def test_a_scenario_based_on_another_says_only_what_differs(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    text = "based_on: quick\nhosts: {HV02: {switches: {LAN: null}}}\nmove: {working_sets: []}\nparameters: {vm: X}\n"
    own.write_text(text, encoding="utf-8-sig")
    quick, found = load_scenario(SCENARIOS / "quick.yaml"), load_scenario(own)

    assert (found.name, found.about, found.parameters) == ("own", "quick, changed", {"vm": "X"})
    assert found.hosts["HV01"] == quick.hosts["HV01"]
    assert list(found.hosts["HV02"].switches) == ["Internal"]
    assert found.move.working_sets == []
    grandchild = tmp_path / "grandchild.yaml"
    grandchild.write_text("based_on: own\nabout: mine\n", encoding="utf-16")
    again = load_scenario(grandchild)
    assert (again.about, again.parameters, list(again.hosts["HV02"].switches)) == ("mine", {}, ["Internal"])


def test_guids_are_the_same_in_every_run_and_in_every_scenario() -> None:
    ids = {
        str(vm.vm_id)
        for name in ("rehearsal", "two-vms-of-one-name")
        for host in world_of(name).hyperv_hosts()
        for vm in host.vms.values()
        if vm.path == "D:\\Hyper-V\\VM01"
    }
    assert ids == {"8a70b304-36cc-5afd-a509-3055d5bf9874"}


def test_a_bomb_is_refused_in_a_short_sentence(tmp_path: Path) -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    bomb = tmp_path / "bomb.yaml"
    bomb.write_text(f"l0: &l0 [lol]\n{layers}based_on: quick\nabout: *l8\n", encoding="utf-8")
    with pytest.raises(LabError) as told:
        load_scenario(bomb)
    assert len(str(told.value)) < 300
    bomb.write_text("# " + "x" * (1 << 20), encoding="utf-8")
    with pytest.raises(LabError, match="longer than a scenario can be"):
        load_scenario(bomb)


def _keys(kind: type) -> set[str]:
    """Every key that a scenario may hold, from the dataclasses themselves."""
    found: set[str] = set()
    for name, hint in get_type_hints(kind).items():
        found.add(name)
        for part in (hint, *get_args(hint)):
            if is_dataclass(part) and isinstance(part, type):
                found |= _keys(part)
    return found


def test_the_readme_explains_every_key() -> None:
    told = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    assert {key for key in _keys(Scenario) if f"`{key}`" not in told.replace("`domain.", "`")} == set()
    names = {path.stem for path in SCENARIOS.glob("*.yaml")}
    assert {name for name in names if f"`{name}`" not in told} == set()


def test_a_scenario_says_what_its_operator_may_and_which_controller_is_asked() -> None:
    more = "operator: operator, operator_rights: [], operator_sensitive: true, stale_replica: true"
    world = build_world(read_scenario(QUICK.replace("operator: operator", more, 1), "x.yaml"), clock=FakeClock())
    account, list_of_two = world.directory.accounts["hv01"], Edit("add", DELEGATE_TO, ("cifs/HV02",))
    with pytest.raises(DirectoryRefused, match="write-property"):
        world.directory.modify(account, [list_of_two], by="CORP\\operator")

    account.delegate_to.append("cifs/HV02")
    request = TicketRequest("CORP\\operator", "HV01", "cifs", "HV02", own_ticket=True)
    assert "sensitive" in str(world.directory.why_no_ticket(request))
    assert world.key_distribution.accounts["hv01"].delegate_to == []
