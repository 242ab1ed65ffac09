"""A pair side by side: what is odd is marked, what is missing is a dash, nothing is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.parameters import Parameters
from snlm_lib.steps import explore
from snlm_lib.steps.explore import Pair
from tests.builders import host, pair

LEFT = {"VM01": "Running", "Old": "Off"}
RIGHT = {"WEB01": "Running", "Old": "Off"}


def looked(**changes: object) -> Pair:
    return Pair(pair(**changes), Parameters(), (LEFT, RIGHT))


def plain(capsys: pytest.CaptureFixture[str]) -> str:
    """Outside a kernel IPython prints the bundle; its plain text has one line a row."""
    return capsys.readouterr().out.replace("\\n", "\n")


def test_hosts_that_are_alike_have_nothing_marked(capsys: pytest.CaptureFixture[str]) -> None:
    explore.hosts(looked())
    told = plain(capsys)
    assert "host | HV01 | HV02" in told
    assert "memory | 128.0 GiB | 128.0 GiB" in told
    assert "* memory" not in told


def test_what_differs_and_should_not_is_marked_and_what_may_differ_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    other = host("HV02", "HV01", cpu_model="EPYC 9354", firewall_enabled={"FPS-SMB-In-TCP": False})
    explore.hosts(looked(destination=other))
    told = plain(capsys)
    assert "* processor | Xeon Gold 6430 | EPYC 9354" in told
    assert "* firewall rule FPS-SMB-In-TCP | yes | no" in told
    assert "* firewall rule VIRT-MIGL-In-TCP-NoScope | yes | -" in told
    assert "* name" not in told


def test_a_switch_or_a_volume_of_one_side_only_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    found = looked(destination=host("HV02", "HV01", switches=("LAN",), volumes=()))
    explore.switches(found)
    explore.storage(found)
    told = plain(capsys)
    assert "* Backup | there | -" in told
    assert "* LAN" not in told
    assert "* D: | 500.0 GiB free of 1000.0 GiB | -" in told


def test_a_machine_on_both_sides_is_marked_and_a_host_that_tells_none_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explore.machines(looked())
    told = plain(capsys)
    assert "* Old | Off | Off" in told
    assert "VM01 | Running | -" in told
    explore.machines(replace(looked(), machines=(LEFT, None)))
    assert "Not readable: HV02" in plain(capsys)


def test_settings_and_checks_are_told_and_refuse_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = looked(vm=None, same_name_source=0)
    explore.settings(found)
    explore.delegation(found)
    explore.checks(found)
    told = plain(capsys)
    assert "authentication | Kerberos | Kerberos | Kerberos" in told
    assert "FAIL | " in told
    assert told.index("FAIL | ") < told.index("PASS | ")
